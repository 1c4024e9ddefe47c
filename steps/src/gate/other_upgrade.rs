//! Is anybody else at work: another kup, a kubeadm by hand, a package manager?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K121",
    name: "no-other-upgrade",
    question: "Is anybody else at work: another kup, a kubeadm by hand, a package manager?",
    why: "Two that change the same packages or manifests leave neither's result.",
    remedy: "let it end, or repair it with `dpkg --configure -a`, then try again",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let busy: Vec<String> = inventory.nodes.iter().flat_map(on_node).collect();
    if busy.is_empty() {
        super::pass(
            "no kubeadm and no package manager runs on any node; no package is half installed",
        )
    } else {
        super::block(
            busy.join("; "),
            "let it end, or repair it with `dpkg --configure -a`, then try again",
        )
    }
}

fn on_node(node: &NodeInventory) -> Vec<String> {
    let name = &node.node.name;
    let mut busy = Vec::new();
    if !node.facts.other_upgrade.is_empty() {
        busy.push(format!("{name} runs {}", node.facts.other_upgrade.join(", ")));
    }
    if let Some(mess) = node.packages.interrupted(&["kubeadm", "kubelet", "kubectl"]) {
        busy.push(format!("{name}: {mess}"));
    }
    busy
}
