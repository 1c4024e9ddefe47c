//! What is not the run's is respected: a control plane is left alone while another one is away, and somebody else's cordon stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kup_core::engine::Rest;
use kup_core::event::{Event, PauseReason};
use kup_core::state::StepState;
use kup_tests::walk::life::{End, Will};
use kup_tests::walk::process::{Cue, Director, Moment, Process, Undisturbed};
use kup_tests::walk::site::{Route, Site};

use super::{SUCCEEDED, count, forward, lives};

/// Takes the power from a control plane once the first one is done.
struct PowerOff(Site, AtomicBool);

impl Director for PowerOff {
    fn at(&self, process: &Process, _: &Moment) -> Cue {
        let is_done = |event: &Event| matches!(event, Event::StepCompleted(it) if it.step.as_str() == "kubeadm-bootstrap-token.cp1");
        let entries = self.0.judge().entries();
        if entries.iter().any(|it| is_done(&it.event)) && !self.1.swap(true, Ordering::SeqCst) {
            process.judge().struck("cp3");
            self.0.world.kill_machine("cp3").unwrap();
        }
        Cue::GoOn
    }
}

#[tokio::test]
async fn no_control_plane_is_replaced_while_another_one_is_away() {
    let walk = forward(&Route::new("sim:3x0@v1.35.6", "v1.36.2"), 0).await;
    let site = Site::new(&Route::new("sim:3x0@v1.35.6", "v1.36.2")).await;
    let director = Arc::new(PowerOff(site.clone(), AtomicBool::new(false)));
    let steps = vec!["kubeadm-preflight.cp2".parse().unwrap()];
    let end = lives(&site, director, Will::Go).await;
    let asks = PauseReason::Blocked { steps: steps.clone() };
    assert_eq!(end, End::Rest(Rest::Paused(asks)), "{:#?}", site.last_entries());
    let state = site.state();
    let StepState::Blocked(error) = &state.step(&steps[0]).unwrap().state else {
        panic!("{state:?}")
    };
    assert!(error.message.contains("other control planes do not serve: cp3"), "{error}");
    let survey = site.survey();
    let attempts = survey.nodes["cp2"].attempts.keys();
    assert!(attempts.into_iter().all(|name| !name.contains("kubeadm-preflight")), "{survey:?}");

    site.world.boot_machine("cp3").unwrap();
    site.forward(Duration::from_secs(10));
    let end = lives(&site, Arc::new(Undisturbed), Will::Retry(steps)).await;
    assert_eq!(end, SUCCEEDED, "{:#?}", site.last_entries());
    walk.judge(&site, "after a control plane was away");
    count(
        "a control plane away",
        "before the next one is replaced",
        "asked, tried again, succeeded",
    );
}

/// Reboots the only control plane when a worker's turn with kubeadm comes.
struct ApiAway(Site, AtomicBool);

impl Director for ApiAway {
    fn at(&self, process: &Process, _: &Moment) -> Cue {
        let begins = |event: &Event| matches!(event, Event::AttemptStarted(it) if it.step.as_str() == "kubeadm-node.w1");
        let entries = self.0.judge().entries();
        if entries.iter().any(|it| begins(&it.event)) && !self.1.swap(true, Ordering::SeqCst) {
            process.judge().struck("cp1");
            self.0.world.kill_machine("cp1").unwrap();
            self.0.world.boot_machine("cp1").unwrap();
        }
        Cue::GoOn
    }
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for_before_a_workers_kubeadm() {
    let site = Site::new(&Route::new("sim:1x1@v1.35.6", "v1.36.2")).await;
    let director = Arc::new(ApiAway(site.clone(), AtomicBool::new(false)));
    let end = lives(&site, director, Will::Go).await;
    assert_eq!(end, SUCCEEDED, "{:#?}", site.last_entries());
    let retries = site.entries().into_iter().filter(
        |entry| matches!(&entry.event, Event::RetryScheduled(it) if it.step.as_str() == "kubeadm-node.w1"),
    );
    assert_eq!(retries.count(), 0, "an attempt was spent on an API server that was away");
}

#[tokio::test]
async fn a_cordon_that_is_somebody_elses_stays() {
    let site = Site::new(&Route::new("sim:1x1@v1.35.6", "v1.36.2")).await;
    let cluster = site.world.cluster();
    assert!(cluster.cordon("w1", "somebody-else").await.unwrap());
    let end = lives(&site, Arc::new(Undisturbed), Will::Go).await;
    assert_eq!(end, SUCCEEDED, "{:#?}", site.last_entries());
    let is_away = |name| {
        let cluster = site.world.cluster();
        async move { cluster.node(name).await.unwrap().unwrap().unschedulable }
    };
    assert!(is_away("w1").await, "its cordon was lifted");
    assert!(!is_away("cp1").await);
}
