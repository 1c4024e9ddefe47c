//! What is done is found done: a run over a cluster that is at its target changes nothing.

use std::sync::Arc;

use kup_core::event::{Event, RunStarted};
use kup_core::plan::{Plan, Stage, Wave};
use kup_tests::walk::life::Will;
use kup_tests::walk::process::Undisturbed;

use super::{SUCCEEDED, and_back, count, forward, forward_route, lives};

/// Steps that no look at the world tells done afterwards: they leave no mark, only read, or are taken back by another step.
const UNMARKED: [&str; 10] = [
    "etcd-snapshot",
    "upgrade-plan",
    "kubeadm-node",
    "kubeadm-phase",
    "kubeadm-etcd",
    "kubeadm-kubelet-config",
    "kubeadm-closing",
    "kubelet-restart",
    "cordon",
    "drain",
];

/// Returns the plan with one step, and with those without which it makes no sense: a drain stands between a cordon and its end.
fn alone(plan: &Plan, wave: &Wave, stage: &Stage, n: usize) -> Plan {
    let named = |name: &'static str| stage.steps.iter().filter(move |step| step.activity == name);
    let (before, after) = match stage.steps[n].activity.as_str() {
        "drain" => (Some("cordon"), Some("uncordon")),
        "cordon" => (None, Some("uncordon")),
        _ => (None, None),
    };
    let before = before.into_iter().flat_map(named);
    let after = after.into_iter().flat_map(named);
    let steps = before.chain(&stage.steps[n..=n]).chain(after).cloned().collect();
    let stage = Stage { steps, ..stage.clone() };
    Plan { waves: vec![Wave { stages: vec![stage], ..wave.clone() }], ..plan.clone() }
}

#[tokio::test]
async fn a_step_that_is_done_is_found_done_and_changes_nothing() {
    for route in [forward_route(), and_back()] {
        let walk = forward(&route, 0).await;
        let plan = walk.site.plan();
        let wholes =
            plan.waves.iter().flat_map(|wave| wave.stages.iter().map(move |it| (wave, it)));
        for (wave, stage) in wholes {
            for (n, step) in stage.steps.iter().enumerate() {
                let started =
                    RunStarted { plan: alone(&plan, wave, stage, n), ..walk.site.state().started };
                let site = walk.site.anew(started);
                let end = lives(&site, Arc::new(Undisturbed), Will::Go).await;
                assert_eq!(end, SUCCEEDED, "{}: {:#?}", step.id, site.last_entries());
                walk.judge(&site, step.id.as_str());
                let is_tried = |event: &Event| matches!(event, Event::AttemptStarted(it) if it.step == step.id);
                let was_tried = site.entries().iter().any(|entry| is_tried(&entry.event));
                let is_marked = !UNMARKED.contains(&step.activity.as_str());
                assert!(!(was_tried && is_marked), "{} was done again", step.id);
                let how = if was_tried { "done again, changed nothing" } else { "found done" };
                count("a step is repeated after the run", "every step", how);
            }
        }
    }
}
