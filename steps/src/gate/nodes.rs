//! Is every node Ready?

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use crate::inventory::Inventory;

pub(super) fn check(inventory: &Inventory, _: &BTreeMap<String, String>) -> Verdict {
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
