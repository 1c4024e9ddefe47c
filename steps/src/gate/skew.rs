//! Is every component near enough to the target? Source: the version skew policy of Kubernetes.

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use crate::inventory::{Inventory, NodeInventory};
use crate::version::Version;

/// How many minors a kubelet may be behind the API server: two before 1.28 (policy of 1.25 and older kubelets), then three.
fn most_behind(target: Version) -> u32 {
    if target.minor < 28 { 2 } else { 3 }
}

/// The load balancer shows one API server; the manifests show them all.
fn static_pods(node: &NodeInventory, version: Version) -> Vec<String> {
    let components = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
    let tag = |c: &str| node.control_plane.image(c).rsplit_once(':').map(|(_, tag)| tag.to_owned());
    let wrong = components.into_iter().filter_map(|c| Some((c, tag(c)?)));
    let wrong = wrong.filter(|(_, tag)| *tag != version.to_string());
    let name = &node.node.name;
    wrong
        .map(|(c, tag)| format!("{c} of {name} is at {tag}, kubeadm-config at {version}"))
        .collect()
}

pub(super) fn check(inventory: &Inventory, params: &BTreeMap<String, String>) -> Verdict {
    let Some(target) = params.get("target").and_then(|target| target.parse::<Version>().ok())
    else {
        return super::block("the plan names no target", "make a new plan with `kup plan`");
    };
    let mut wrong = Vec::new();
    if inventory.server_version.minor != inventory.version.minor {
        wrong.push(format!(
            "the API server is at {}, kubeadm-config at {}",
            inventory.server_version, inventory.version
        ));
    }
    for node in &inventory.nodes {
        let name = &node.node.name;
        wrong.extend(static_pods(node, inventory.version));
        match node.node.kubelet_version.split('+').next().unwrap_or_default().parse::<Version>() {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(kubelet) if kubelet.minor + most_behind(target) < target.minor => {
                wrong.push(format!("{name} runs kubelet {kubelet}, too old beside {target}"));
            }
            Ok(kubelet) if kubelet > target => {
                wrong.push(format!("{name} runs kubelet {kubelet}, newer than {target}"));
            }
            Ok(_) => {}
        }
    }
    if wrong.is_empty() {
        super::pass(format!("{} nodes are near enough to {target}", inventory.nodes.len()))
    } else {
        super::block(wrong.join("; "), "finish the earlier upgrade first, then try again")
    }
}
