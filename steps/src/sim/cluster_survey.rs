//! What the API of a simulated cluster tells beyond nodes: its pods, what keeps and protects them, and what kubeadm has stored.

use std::collections::BTreeMap;

use super::api::{self, Api};
use super::pods;
use crate::cluster::Pod;
use crate::cluster::survey::{Budget, ClusterSurvey, Selector, Workload};

/// Returns what there is. What the model does not know of, there is none of.
pub(super) fn of(api: &Api) -> ClusterSurvey {
    let mut pods = pods::all(api, |_, _| true);
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    ClusterSurvey {
        workloads: Ok(workloads(&pods)),
        budgets: Ok(api.budgets.iter().map(|budget| guarded(budget, &pods)).collect()),
        pods: Ok(pods),
        config_maps: Ok(config_maps(api)),
        ..ClusterSurvey::empty()
    }
}

fn config_maps(api: &Api) -> BTreeMap<String, BTreeMap<String, String>> {
    api.config_maps.iter().map(|(name, map)| (name.clone(), map.data.clone())).collect()
}

fn guarded(budget: &api::Budget, pods: &[Pod]) -> Budget {
    let labels = BTreeMap::from([("app".to_owned(), budget.app.clone())]);
    let selector = Selector { labels, conditions: Vec::new() };
    let covered = pods
        .iter()
        .filter(|pod| pod.namespace == budget.namespace && selector.selects(&pod.labels));
    let (expected, healthy) = count(covered);
    let desired = i64::try_from(budget.min_available).unwrap_or(i64::MAX);
    Budget {
        namespace: budget.namespace.clone(),
        name: budget.name.clone(),
        selector,
        min_available: Some(budget.min_available.to_string()),
        max_unavailable: None,
        allowed: healthy.saturating_sub(desired).max(0),
        healthy,
        desired,
        expected,
        is_current: true,
        lets_unhealthy_go: false,
    }
}

/// Returns how many there are and how many of them are ready.
fn count<'a>(pods: impl Iterator<Item = &'a Pod>) -> (i64, i64) {
    pods.fold((0_i64, 0_i64), |(all, ready), pod| {
        (all.saturating_add(1), ready.saturating_add(i64::from(pod.ready)))
    })
}

/// Returns the controllers of pods, and of ReplicaSets the Deployments.
fn workloads(pods: &[Pod]) -> Vec<Workload> {
    let mut by_controller: BTreeMap<(&str, &str, &str), Vec<&Pod>> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| !pod.mirror) {
        if let Some((kind, name)) = &pod.controller {
            by_controller.entry((kind, &pod.namespace, name)).or_default().push(pod);
        }
    }
    let mut workloads = Vec::new();
    for ((kind, namespace, name), pods) in by_controller {
        let controller = (kind == "ReplicaSet").then(|| deployment(name));
        let set = workload((kind, namespace, name), controller.clone(), &pods);
        let above = controller.map(|(kind, name)| workload((&kind, namespace, &name), None, &pods));
        workloads.extend([Some(set), above].into_iter().flatten());
    }
    workloads
}

fn deployment(replica_set: &str) -> (String, String) {
    let name = replica_set.rsplit_once('-').map_or(replica_set, |(name, _)| name);
    ("Deployment".to_owned(), name.to_owned())
}

fn workload(
    (kind, namespace, name): (&str, &str, &str),
    controller: Option<(String, String)>,
    pods: &[&Pod],
) -> Workload {
    let (wanted, ready) = count(pods.iter().copied());
    let mut images: Vec<String> = pods.iter().flat_map(|pod| pod.images.clone()).collect();
    images.sort();
    images.dedup();
    let (kind, namespace) = (kind.to_owned(), namespace.to_owned());
    Workload { kind, namespace, name: name.to_owned(), controller, wanted, ready, images }
}
