//! Is every component near enough to the target? Source: the version skew policy of Kubernetes.

use kup_core::event::Verdict;

use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;
use crate::planner::standing;
use crate::version::Version;

pub(super) const ABOUT: About = About {
    code: "K102",
    name: "version-skew",
    question: "Is every component near enough to the target, at every hop?",
    why: "Kubernetes supports kubelets up to three minors (two before 1.28) behind the API server and none ahead of it (version skew policy).",
    remedy: "finish the earlier upgrade first, then try again",
    overruling: Overruling::Never,
};

/// Returns how many minors a kubelet may be behind the API server: two where the kubelet is older than 1.25, then three.
#[must_use]
pub fn most_behind(kubelet: Version) -> u32 {
    if kubelet.minor < 25 { 2 } else { 3 }
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

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let target = question.target();
    let first = question.hops.first().copied().unwrap_or(target);
    let is_planned = standing(inventory).unfinished.is_some_and(|it| question.hops.contains(&it));
    let mut wrong = Vec::new();
    if inventory.server_version.minor != inventory.version.minor {
        wrong.push(format!(
            "the API server is at {}, kubeadm-config at {}",
            inventory.server_version, inventory.version
        ));
    }
    for node in &inventory.nodes {
        let name = &node.node.name;
        if !is_planned {
            wrong.extend(static_pods(node, inventory.version));
        }
        match node.node.kubelet_version.split('+').next().unwrap_or_default().parse::<Version>() {
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(kubelet) if kubelet.minor + most_behind(kubelet) < first.minor => {
                wrong.push(format!("{name} runs kubelet {kubelet}, too old beside {first}"));
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
