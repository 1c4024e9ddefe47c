//! Are the API server and etcd healthy, and does every control plane have its manifests and key pairs?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K104",
    name: "control-plane-healthy",
    question: "Are the API servers and etcd ready, and has every control plane its manifests and matching key pairs?",
    why: "kubeadm waits for pods of every control plane and rolls back when one is missing; a key without its certificate stops a component at its next start (kubeadm phases/upgrade/staticpods.go).",
    remedy: "repair it first: `kubectl get --raw /readyz?verbose`, and see /etc/kubernetes/tmp for kubeadm's copies",
    overruling: Overruling::Allowed,
};

const COMPONENTS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let unready =
        inventory.unready_checks.iter().map(|check| format!("/readyz says {check} is not ok"));
    let pods =
        inventory.unready_pods.iter().map(|pod| format!("pod kube-system/{pod} is not ready"));
    let nodes = inventory.nodes.iter().filter(|n| n.node.control_plane);
    let stacked = nodes.clone().any(|node| !node.control_plane.image("etcd").is_empty());
    let wrong: Vec<String> =
        unready.chain(pods).chain(nodes.flat_map(|node| on_node(node, stacked))).collect();
    if wrong.is_empty() {
        super::pass("the API server and etcd answer; manifests and key pairs are whole")
    } else {
        let remedy = "repair it first: `kubectl get --raw /readyz?verbose`, and see /etc/kubernetes/tmp for kubeadm's copies";
        super::block(wrong.join("; "), remedy)
    }
}

fn on_node(node: &NodeInventory, stacked: bool) -> Vec<String> {
    let (name, state) = (&node.node.name, &node.control_plane);
    let components = COMPONENTS.into_iter().chain(stacked.then_some("etcd"));
    let missing = components.filter(|c| state.image(c).is_empty());
    let missing = missing.map(|c| format!("{name} has no manifest of {c}"));
    let broken = state.broken_pairs().into_iter();
    let broken = broken.map(|pair| format!("key and certificate of {pair} on {name} differ"));
    let stray = state.stray.iter();
    let stray = stray.map(|file| {
        format!("{name} has {file} in /etc/kubernetes/manifests: the kubelet runs it too")
    });
    missing.chain(broken).chain(stray).collect()
}
