//! Are the API server and etcd healthy, and does every control plane have its manifests and key pairs?

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use crate::inventory::{Inventory, NodeInventory};

const COMPONENTS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

pub(super) fn check(inventory: &Inventory, _: &BTreeMap<String, String>) -> Verdict {
    let unready =
        inventory.unready_checks.iter().map(|check| format!("/readyz says {check} is not ok"));
    let nodes = inventory.nodes.iter().filter(|n| n.node.control_plane);
    let wrong: Vec<String> = unready.chain(nodes.flat_map(on_node)).collect();
    if wrong.is_empty() {
        super::pass("the API server and etcd answer; manifests and key pairs are whole")
    } else {
        let remedy = "repair it first: `kubectl get --raw /readyz?verbose`, and see /etc/kubernetes/tmp for kubeadm's copies";
        super::block(wrong.join("; "), remedy)
    }
}

fn on_node(node: &NodeInventory) -> Vec<String> {
    let name = &node.node.name;
    let missing = COMPONENTS.iter().filter(|c| node.control_plane.image(c).is_empty());
    let missing = missing.map(|c| format!("{name} has no manifest of {c}"));
    let broken = node.control_plane.broken_pairs().into_iter();
    missing
        .chain(broken.map(|pair| format!("key and certificate of {pair} on {name} differ")))
        .collect()
}
