//! What a node loses while it is visited, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use kup_core::plan::{Stage, StepSpec};
use kup_steps::drain::forecast::{Draining, NodeForecast};
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
    /// What the drain waits for, and pods that are away until the node is back.
    pub(super) waits: Vec<String>,
    /// Whether its static pods are replaced.
    pub(super) control_plane: bool,
    /// For how long it takes no pods.
    pub(super) away_seconds: u64,
}

/// What is known of the drains of a plan, by node.
pub(super) type Forecasts = BTreeMap<String, NodeForecast>;

/// Forecasts the drains of all nodes at once; nothing where nobody can tell.
pub(super) fn forecasts(facts: &Facts<'_>) -> Forecasts {
    let draining = Draining::of_plan(facts.plan, facts.inventory);
    let forecast = draining.forecast().map(|forecast| forecast.nodes).unwrap_or_default();
    forecast.into_iter().map(|node| (node.node.clone(), node)).collect()
}

impl Loss {
    pub(super) fn of(stage: &Stage, facts: &Facts<'_>, forecasts: &Forecasts) -> Self {
        let drains = stage.steps.iter().any(|step| step.activity == "drain");
        let forecast = forecasts.get(&stage.target).filter(|_| drains);
        let pods = match drains {
            false => Some(0),
            true => forecast.map(|forecast| forecast.leaving.len()),
        };
        Self {
            pods,
            stuck: forecast.map(stuck).unwrap_or_default(),
            waits: forecast.map(waits).unwrap_or_default(),
            control_plane: stage.steps.iter().any(replaces_static_pods),
            away_seconds: away(stage, facts).as_secs(),
        }
    }
}

fn stuck(forecast: &NodeForecast) -> Vec<String> {
    let doubly = forecast.doubly_covered.iter();
    let doubly =
        doubly.map(|(pod, budgets)| format!("{pod} has the budgets {}", budgets.join(" and ")));
    forecast.refusals_in_words().chain(doubly).collect()
}

fn waits(forecast: &NodeForecast) -> Vec<String> {
    let away = forecast.away().map(|(pod, why)| format!("{pod} is away meanwhile: {why}"));
    forecast.waits_in_words().chain(away).collect()
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
