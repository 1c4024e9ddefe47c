//! Is every node Ready?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K103",
    name: "nodes-ready",
    question: "Is every node Ready and free of pressure?",
    why: "A drain moves pods to the other nodes, and kubeadm refuses control planes that are not Ready (kubeadm phases/upgrade/health.go).",
    remedy: "look with `kubectl describe node NODE` and `journalctl -u kubelet` on it",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let nodes = inventory.nodes.iter().map(|n| &n.node);
    let away: Vec<String> = nodes
        .filter(|n| !n.ready)
        .map(|n| format!("{} ({})", n.name, n.conditions.join(", ")))
        .collect();
    if away.is_empty() {
        super::pass(format!("all {} nodes are Ready", inventory.nodes.len()))
    } else {
        let remedy = "look with `kubectl describe node NODE` and `journalctl -u kubelet` on it";
        super::block(format!("not Ready: {}", away.join(", ")), remedy)
    }
}
