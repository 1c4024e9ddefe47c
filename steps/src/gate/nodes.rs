//! Is every node Ready, without pressure, and open for pods?

use kup_core::event::Verdict;

use super::findings::some;
use super::{About, Overruling, Question};
use crate::cluster::Node;

pub(super) const ABOUT: About = About {
    code: "K103",
    name: "nodes-ready",
    question: "Is every node Ready, free of pressure and open for pods?",
    why: "A drain moves pods to the other nodes, and kubeadm refuses control planes that are not Ready (kubeadm phases/upgrade/health.go).",
    remedy: "look with `kubectl describe node NODE` and `journalctl -u kubelet` on it; where a node was cordoned on purpose and is to take pods again: `kubectl uncordon NODE`",
    overruling: Overruling::Allowed,
};

/// What `status.conditions` say that takes room for pods away.
const PRESSURES: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let nodes = || inventory.nodes.iter().map(|node| &node.node);
    let told = |node: &Node| format!("{} ({})", node.name, node.conditions.join(", "));
    let away: Vec<String> = nodes().filter(|node| !node.ready).map(told).collect();
    if !away.is_empty() {
        let remedy = "look with `kubectl describe node NODE` and `journalctl -u kubelet` on it, and wait until it is Ready";
        return super::block(format!("not Ready: {}", some(&away)), remedy);
    }
    let pressed: Vec<String> = nodes().filter(|node| is_pressed(node)).map(told).collect();
    if !pressed.is_empty() {
        let remedy = "see what fills it with `kubectl describe node NODE`: a node under pressure evicts pods and takes none";
        return super::block(format!("under pressure: {}", some(&pressed)), remedy);
    }
    let shut = nodes().filter(|node| node.unschedulable);
    let shut: Vec<String> = shut.map(cordon).collect();
    if !shut.is_empty() {
        let remedy = "kup leaves a cordon that is not its own as it is; where the node is to take pods again: `kubectl uncordon NODE`";
        return super::warn(format!("takes no pods: {}", some(&shut)), remedy);
    }
    super::pass(format!("all {} nodes are Ready and take pods", inventory.nodes.len()))
}

fn is_pressed(node: &Node) -> bool {
    node.conditions.iter().any(|it| PRESSURES.iter().any(|pressure| it.contains(pressure)))
}

fn cordon(node: &Node) -> String {
    match &node.cordoned_by {
        Some(run) => format!("{} (cordoned by run {run})", node.name),
        None => format!("{} (cordoned by hand)", node.name),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    #[test]
    fn a_node_that_is_not_ready_or_under_pressure_blocks_until_it_is_well() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let node = inventory.node_mut("w2");
        (node.node.ready, node.node.conditions) = (false, vec!["KubeletNotReady".to_owned()]);
        blocks(ask(check, &inventory, &["v1.36.2"]), &["w2 (KubeletNotReady)", "journalctl"]);
        let node = inventory.node_mut("w2");
        (node.node.ready, node.node.conditions) = (true, vec!["DiskPressure".to_owned()]);
        blocks(ask(check, &inventory, &["v1.36.2"]), &["w2 (DiskPressure)", "describe"]);
        inventory.node_mut("w2").node.conditions.clear();
        passes(ask(check, &inventory, &["v1.36.2"]));
    }

    #[test]
    fn a_cordoned_node_warns_until_it_takes_pods_again() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w1").node.unschedulable = true;
        warns(ask(check, &inventory, &["v1.36.2"]), &["w1 (cordoned by hand)", "uncordon"]);
        inventory.node_mut("w1").node.unschedulable = false;
        passes(ask(check, &inventory, &["v1.36.2"]));
    }
}
