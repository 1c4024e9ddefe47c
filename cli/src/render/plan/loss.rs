//! What a node loses while it is visited, and for how long.

use std::time::Duration;

use kup_core::plan::{Stage, StepSpec};
use kup_steps::cluster::Pod;
use kup_steps::drain::{Disposition, DrainOptions, classify};
use serde::Serialize;

use super::Facts;
use crate::estimate::all;

/// What a node loses while it is visited, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Loss {
    /// Pods that move to other nodes; `None` where nobody could tell, and 0 where nothing is drained.
    pub(super) pods: Option<usize>,
    /// Pods that no drain with these options moves.
    pub(super) stuck: Vec<String>,
    /// Whether its static pods are replaced.
    pub(super) control_plane: bool,
    /// For how long it takes no pods.
    pub(super) away_seconds: u64,
}

impl Loss {
    pub(super) fn of(stage: &Stage, facts: &Facts<'_>) -> Self {
        let drain = stage.steps.iter().find(|step| step.activity == "drain");
        let pods = drain.map_or(Some((0, Vec::new())), |drain| pods(stage, drain, facts));
        let (count, stuck) = match pods {
            Some((count, stuck)) => (Some(count), stuck),
            None => (None, Vec::new()),
        };
        Self {
            pods: count,
            stuck,
            control_plane: stage.steps.iter().any(|step| replaces_static_pods(step)),
            away_seconds: away(stage, facts).as_secs(),
        }
    }
}

fn pods(stage: &Stage, drain: &StepSpec, facts: &Facts<'_>) -> Option<(usize, Vec<String>)> {
    let yes = |name: &str| drain.params.get(name).is_some_and(|value| value == "yes");
    let options = DrainOptions {
        delete_emptydir_data: yes("delete-emptydir-data"),
        force: yes("force"),
        grace_period: None,
    };
    let all = facts.inventory.survey.pods.as_ref().ok()?;
    let here = all.iter().filter(|pod| pod.node == stage.target);
    let (mut count, mut stuck) = (0, Vec::new());
    for pod in here {
        match classify(pod, true, &options) {
            Disposition::Evict => count += 1,
            Disposition::Leave(_) => {}
            Disposition::Refuse { why, .. } => stuck.push(named(pod, &why)),
        }
    }
    Some((count, stuck))
}

fn named(pod: &Pod, why: &str) -> String {
    format!("{}/{} {why}", pod.namespace, pod.name)
}

/// Steps of a control plane that replace its static pods; those of a worker, and the closing run, leave them.
fn replaces_static_pods(step: &StepSpec) -> bool {
    match step.activity.as_str() {
        "kubeadm-apply" | "kubeadm-control-plane" | "kubeadm-etcd" => true,
        "kubeadm-node" => step.params.get("role").is_some_and(|role| role == "control-plane"),
        _ => false,
    }
}

/// From the cordon to the uncordon.
fn away(stage: &Stage, facts: &Facts<'_>) -> Duration {
    let cordoned = stage.steps.iter().skip_while(|step| step.activity != "cordon");
    let cordoned = cordoned.take_while(|step| step.activity != "uncordon");
    all(cordoned.map(|step| facts.durations.step(&stage.target, step))).time
}
