//! etcd is patched before its minor changes, one member at a time, and kubeadm chooses it again afterwards.

use std::sync::{Arc, Mutex};

use kup_core::event::Event;
use kup_tests::walk::life::Will;
use kup_tests::walk::process::{Cue, Director, Moment, Process};
use kup_tests::walk::site::{Route, Site};

use super::{Fate, SUCCEEDED, forward, lives, recovers};

fn route() -> Route {
    Route::new("sim:3x0@v1.33.3", "v1.34.1")
}

/// Looks at the cluster when the tag has gone away again.
struct Look(Site, Mutex<Option<String>>);

impl Director for Look {
    fn at(&self, _: &Process, _: &Moment) -> Cue {
        let is_back = |event: &Event| matches!(event, Event::StepCompleted(it) if it.step.as_str() == "etcd-image-tag-back.cluster");
        let mut seen = self.1.lock().unwrap();
        if seen.is_none() && self.0.judge().entries().iter().any(|it| is_back(&it.event)) {
            *seen = Some(self.0.world.picture().unwrap());
        }
        Cue::GoOn
    }
}

#[tokio::test]
async fn every_member_is_patched_before_the_first_one_changes_its_minor() {
    let site = Site::new(&route()).await;
    let look = Arc::new(Look(site.clone(), Mutex::default()));
    assert_eq!(lives(&site, look.clone(), Will::Go).await, SUCCEEDED);
    let patched = look.1.lock().unwrap().clone().unwrap();
    let (after, tag) = (site.picture(), "registry.k8s.io/etcd:3.5.26-0");
    for node in ["cp1", "cp2", "cp3"] {
        assert!(patched.contains(&format!("{node}: etcd up with {tag}")), "{patched}");
        assert!(
            patched.contains(&format!(
                "{node}: kube-apiserver up with registry.k8s.io/kube-apiserver:v1.33.3"
            )),
            "{patched}"
        );
        assert!(
            after.contains(&format!("{node}: etcd up with registry.k8s.io/etcd:3.6.")),
            "{after}"
        );
    }
    let map = site.world.cluster().config_map("kubeadm-config").await.unwrap().unwrap();
    assert!(!map.data["ClusterConfiguration"].contains("imageTag"), "{:?}", map.data);
}

#[tokio::test]
async fn a_run_that_patches_etcd_survives_deaths() {
    let walk = forward(&route(), 41).await;
    for shot in &walk.shots {
        recovers(&walk, (shot, Fate::AtOnce), 0).await;
        recovers(&walk, (shot, Fate::UnitsKilled), 0).await;
    }
}
