//! Pods of a simulated cluster: eviction under budgets, and what the controllers and the scheduler make of it.

use std::collections::BTreeMap;

use kup_core::clock::Timestamp;

use super::agenda::{Agenda, Chore};
use super::api::{Api, Budget, SimPod};
use super::troubles;
use crate::cluster::{Eviction, Pod};

/// Milliseconds from an accepted eviction until the pod is gone.
const GOING: u64 = 120;
/// Milliseconds from a pod's creation until the scheduler looks at it.
const SCHEDULING: u64 = 30;
/// Milliseconds from binding until a pod is ready.
const STARTING: u64 = 100;

/// Answers an eviction of exactly this pod.
pub(super) fn evict(api: &mut Api, agenda: &mut Agenda, now: Timestamp, asked: &Pod) -> Eviction {
    if asked.mirror {
        // The kubelet creates the mirror anew at once: nothing changes.
        let mirrors = api.nodes.get(&asked.node).map(|node| node.mirror_pods(&asked.node));
        let is_there = mirrors.unwrap_or_default().iter().any(|mirror| mirror.uid == asked.uid);
        return if is_there { Eviction::Accepted } else { Eviction::Gone };
    }
    let named = |pod: &&SimPod| pod.name == asked.name && pod.namespace == asked.namespace;
    let Some(pod) = api.pods.get(&asked.uid).filter(named) else { return Eviction::Gone };
    if pod.terminating {
        return Eviction::Accepted;
    }
    if let Some(refusal) = refusal(api, pod) {
        return refusal;
    }
    if let Some(pod) = api.pods.get_mut(&asked.uid) {
        pod.terminating = true;
        pod.ready = false;
        agenda.add(now, GOING, Chore::Gone { uid: asked.uid.clone() });
    }
    Eviction::Accepted
}

fn refusal(api: &Api, pod: &SimPod) -> Option<Eviction> {
    if pod.node.is_empty() {
        return None;
    }
    let of_pod = |budget: &&Budget| budget.namespace == pod.namespace && budget.app == pod.app;
    let budgets: Vec<&Budget> = api.budgets.iter().filter(of_pod).collect();
    match budgets.as_slice() {
        [] => None,
        [budget] => blocked_by(api, budget),
        [_, _, ..] => Some(Eviction::Refused {
            why: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
                .to_owned(),
        }),
    }
}

fn blocked_by(api: &Api, budget: &Budget) -> Option<Eviction> {
    let healthy = api.pods.values().filter(|pod| {
        pod.namespace == budget.namespace && pod.app == budget.app && is_ready(api, pod)
    });
    let (healthy, needed) = (healthy.count(), budget.min_available);
    (healthy <= needed).then(|| Eviction::Blocked {
        why: format!(
            "Cannot evict pod as it would violate the pod's disruption budget. The disruption budget {} needs {needed} healthy pods and has {healthy} currently",
            budget.name
        ),
    })
}

/// Removes a pod that was being deleted and lets its controller replace it.
pub(super) fn gone(api: &mut Api, agenda: &mut Agenda, now: Timestamp, uid: &str) {
    let Some(mut pod) = api.pods.remove(uid) else { return };
    let Some((kind, _)) = &pod.controller else { return };
    let stays = kind == "DaemonSet";
    let new = agenda.fresh_uid();
    pod.name = successor_name(&pod, &new);
    pod.terminating = false;
    if stays {
        agenda.add(now, STARTING, Chore::PodReady { uid: new.clone() });
    } else {
        pod.node.clear();
        agenda.add(now, SCHEDULING, Chore::Schedule);
    }
    api.pods.insert(new, pod);
}

/// Returns the name of the pod that replaces another: a StatefulSet keeps it, other controllers make up a new one.
pub(super) fn successor_name(pod: &SimPod, uid: &str) -> String {
    match &pod.controller {
        Some((kind, _)) if kind == "StatefulSet" => pod.name.clone(),
        Some((_, name)) => format!("{name}-{}", uid.get(..5).unwrap_or_default()),
        None => pod.name.clone(),
    }
}

/// Binds pods without a node, each to the schedulable node with the fewest pods; where there is none they stay Pending.
pub(super) fn schedule(api: &mut Api, agenda: &mut Agenda, now: Timestamp) {
    let pending = api.pods.iter().filter(|(_, pod)| pod.node.is_empty() && !pod.terminating);
    let pending: Vec<String> = pending.map(|(uid, _)| uid.clone()).collect();
    if pending.is_empty() {
        return;
    }
    let mut loads = loads(api);
    for uid in pending {
        let Some(pod) = api.pods.get_mut(&uid) else { continue };
        let tolerates = pod.app == "kube-dns";
        let fits = loads.iter_mut().filter(|(_, load)| tolerates || !load.tainted);
        if let Some((node, load)) = fits.min_by_key(|(_, load)| (load.tainted, load.pods)) {
            load.pods = load.pods.saturating_add(1);
            pod.node.clone_from(node);
            agenda.add(now, STARTING, Chore::PodReady { uid });
        }
    }
}

struct Load {
    tainted: bool,
    pods: usize,
}

fn loads(api: &Api) -> BTreeMap<String, Load> {
    let open = api.nodes.iter().filter(|(_, node)| node.status.ready && !node.unschedulable);
    let empty = |tainted| Load { tainted, pods: 0 };
    let mut loads: BTreeMap<String, Load> =
        open.map(|(name, node)| (name.clone(), empty(node.control_plane))).collect();
    for pod in api.pods.values() {
        if let Some(load) = loads.get_mut(&pod.node) {
            load.pods = load.pods.saturating_add(1);
        }
    }
    loads
}

/// Returns whether a pod counts as ready: its own containers and its node.
fn is_ready(api: &Api, pod: &SimPod) -> bool {
    pod.ready && !pod.terminating && api.is_ready(&pod.node)
}

/// Returns the pods, mirror pods among them, whose node and namespace are wanted.
pub(super) fn all(api: &Api, wanted: impl Fn(&str, &str) -> bool) -> Vec<Pod> {
    let kept = api.pods.iter().filter(|(_, pod)| wanted(&pod.node, &pod.namespace));
    let kept = kept.map(|(uid, pod)| to_pod(api, uid, pod));
    let mirrors = api.nodes.iter().filter(|(name, _)| wanted(name, "kube-system"));
    let pods = kept.chain(mirrors.flat_map(|(name, node)| node.mirror_pods(name))).collect();
    troubles::pods(api, pods, |pod| wanted(&pod.node, &pod.namespace))
}

/// Returns a pod in the port's words.
pub(super) fn to_pod(api: &Api, uid: &str, pod: &SimPod) -> Pod {
    let label = if pod.namespace == "kube-system" { "k8s-app" } else { "app" };
    Pod {
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        uid: uid.to_owned(),
        node: pod.node.clone(),
        phase: if pod.node.is_empty() { "Pending" } else { "Running" }.to_owned(),
        ready: is_ready(api, pod),
        terminating: pod.terminating,
        controller: pod.controller.clone(),
        mirror: false,
        tolerates_cordon: false,
        empty_dirs: pod.empty_dirs.clone(),
        claims: Vec::new(),
        labels: [(label.to_owned(), pod.app.clone())].into(),
        images: vec![pod.image.clone()],
    }
}
