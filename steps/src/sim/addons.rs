//! kubeadm's addons: from 1.28 on they wait until every API server has the new image, so the last control plane brings them.

use kup_core::clock::Timestamp;

use super::act::{Reach, Then};
use super::agenda::{Agenda, Chore};
use super::api::Api;
use super::release;
use crate::version::Version;

/// The first minor whose addons wait for the last control plane.
const WAITS_SINCE: u32 = 28;
/// Milliseconds until a new pod of an addon is ready.
const READY: u64 = 100;

/// Brings CoreDNS to a version.
pub(super) fn core_dns(reach: &mut Reach<'_>, version: &Version) -> Then {
    if let Some(waiting) = waiting_for(reach, version) {
        reach.say(format!("[upgrade/addon] Skipping upgrade of addons because control plane instances {waiting:?} have not been upgraded"));
        return Then::Next;
    }
    let world = (&mut **reach.api, &mut **reach.agenda, reach.now);
    replace_pods(world, "kube-dns", &release::image("coredns", version));
    reach.say("[addons] Applied essential addon: CoreDNS");
    Then::Next
}

/// Brings kube-proxy to a version.
pub(super) fn kube_proxy(reach: &mut Reach<'_>, version: &Version) -> Then {
    if waiting_for(reach, version).is_some() {
        return Then::Next;
    }
    let image = release::image("kube-proxy", version);
    replace_pods((&mut **reach.api, &mut **reach.agenda, reach.now), "kube-proxy", &image);
    reach.api.daemon_sets.insert("kube-system/kube-proxy".to_owned(), image);
    reach.say("[addons] Applied essential addon: kube-proxy");
    Then::Next
}

fn waiting_for(reach: &Reach<'_>, version: &Version) -> Option<Vec<String>> {
    let image = release::image("kube-apiserver", version);
    // Only pods that there are count (kubeadm: phases/upgrade/postupgrade.go, unupgradedControlPlaneInstances).
    let has_other = |mirror: &super::api::Mirror| mirror.image != image;
    let waiting = reach
        .api
        .control_planes()
        .filter(|(_, node)| node.status.mirrors.get("kube-apiserver").is_some_and(has_other));
    let waiting: Vec<String> = waiting.map(|(name, _)| name.clone()).collect();
    (version.minor >= WAITS_SINCE && !waiting.is_empty()).then_some(waiting)
}

/// Gives every pod of an app that has another image a successor on the same node.
pub(super) fn replace_pods(
    (api, agenda, now): (&mut Api, &mut Agenda, Timestamp),
    app: &str,
    image: &str,
) {
    let old = api.pods.iter().filter(|(_, pod)| pod.app == app && pod.image != image);
    let old: Vec<String> = old.map(|(uid, _)| uid.clone()).collect();
    for uid in old {
        let Some(mut pod) = api.pods.remove(&uid) else { continue };
        let new = agenda.fresh_uid();
        pod.name = super::pods::successor_name(&pod, &new);
        image.clone_into(&mut pod.image);
        pod.ready = false;
        api.pods.insert(new.clone(), pod);
        agenda.add(now, READY, Chore::PodReady { uid: new });
    }
}
