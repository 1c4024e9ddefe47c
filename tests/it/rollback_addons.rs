//! CoreDNS and kube-proxy in a rollback: back as they were, unless somebody has changed them since.

use std::collections::BTreeMap;

use kup_steps::cluster::ObjectName;
use kup_steps::sim::SimWorld;
use serde_json::json;

use crate::cli_program::{Home, newborn, wall_clock};

const SPEC: &str = "sim:2x1@v1.29.4";

fn finished(target: &str, spec: &str) -> (Home, String) {
    let home = Home::new();
    home.must(&format!("start {target} --cluster {spec} -y"));
    let run = home.runs().remove(0);
    (home, run)
}

fn world(home: &Home, run: &str) -> SimWorld {
    SimWorld::open(&home.path(&format!("state/runs/{run}/sim")), wall_clock()).unwrap()
}

fn kube_proxy() -> ObjectName {
    ObjectName {
        api_version: "apps/v1".to_owned(),
        kind: "DaemonSet".to_owned(),
        namespace: "kube-system".to_owned(),
        name: "kube-proxy".to_owned(),
    }
}

#[test]
fn images_of_the_addons_go_back_with_kubeadms_phases_and_without() {
    for (target, spec) in [("v1.30.1", SPEC), ("v1.36.2", "sim:2x1@v1.35.6")] {
        let (home, run) = finished(target, spec);
        assert!(home.picture(&run).contains(&format!("kube-proxy:{target}")), "{spec}");
        let shown = home.must(&format!("rollback {run} --dry-run"));
        assert!(shown.contains("put CoreDNS and kube-proxy back"), "{shown}");
        assert!(!shown.contains("keep their new images"), "{shown}");
        home.must(&format!("rollback {run} -y"));
        assert_eq!(home.picture(&run), newborn(spec));
    }
}

#[tokio::test]
async fn a_corefile_that_somebody_has_changed_since_is_only_written_over_on_a_word() {
    let (home, run) = finished("v1.30.1", SPEC);
    let data = BTreeMap::from([("Corefile".to_owned(), "mine".to_owned())]);
    world(&home, &run).cluster().put_config_map("coredns", &data, None).await.unwrap();
    let refused = home.run(&format!("rollback {run} -y"));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stdout.contains("ConfigMap kube-system/coredns"), "{}", refused.stdout);
    home.must(&format!("rollback {run} -y --overwrite-changes"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}

#[tokio::test]
async fn a_kube_proxy_of_somebody_elses_is_named_before_it_is_written_over() {
    let (home, run) = finished("v1.30.1", SPEC);
    let containers = json!([{"name": "kube-proxy", "image": "mine:1"}]);
    let mine = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    world(&home, &run).cluster().put_object(&kube_proxy(), &mine).await.unwrap();
    let refused = home.run(&format!("rollback {run} -y"));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stdout.contains("DaemonSet kube-system/kube-proxy"), "{}", refused.stdout);
    assert!(home.picture(&run).contains("mine:1"));
    home.must(&format!("rollback {run} -y --overwrite-changes"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}
