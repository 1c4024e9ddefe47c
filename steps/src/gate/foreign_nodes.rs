//! Are there nodes with other systems, which kup leaves as they are?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::skew::most_behind;
use super::{About, Overruling, Question};
use crate::cluster::Node;
use crate::version::Version;

pub(super) const ABOUT: About = About {
    code: "K132",
    name: "foreign-nodes",
    question: "Are there nodes with other systems than Linux, which kup leaves as they are?",
    why: "kup upgrades Linux nodes; the kubelet of a Windows node stays as it is and must not fall too far behind the API servers (version skew policy).",
    remedy: "upgrade them by hand, after the control plane and before the next minor: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/upgrading-windows-nodes/",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    for node in &question.inventory.foreign {
        one(question, node, &mut findings);
    }
    findings.verdict("every node runs Linux")
}

fn one(question: &Question<'_>, node: &Node, findings: &mut Findings) {
    let (name, os, target) = (&node.name, &node.os, question.target());
    let at = &node.kubelet_version;
    match at.split('+').next().unwrap_or_default().parse::<Version>() {
        Ok(kubelet) if kubelet.minor + most_behind(kubelet) < target.minor => {
            let told = format!(
                "{name} ({os}) runs kubelet {at}, too old beside {target}, and kup does not upgrade it"
            );
            let remedy = format!(
                "upgrade {name} by hand first, or go fewer minors: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/upgrading-windows-nodes/"
            );
            findings.block(told, remedy);
        }
        Ok(_) => findings.warn(format!("{name} ({os}) stays at kubelet {at}"), ABOUT.remedy),
        Err(error) => findings.block(format!("{name} ({os}): {error}"), ABOUT.remedy),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    fn with_windows(kubelet: &str) -> Inventory {
        let mut inventory = healthy(3, 3, "v1.35.6");
        let mut node = inventory.nodes.pop().unwrap().node;
        (node.os, node.kubelet_version) = ("windows".to_owned(), kubelet.to_owned());
        inventory.foreign.push(node);
        inventory
    }

    #[test]
    fn a_windows_node_warns_by_name_and_blocks_where_it_would_fall_too_far_behind() {
        warns(
            ask(check, &with_windows("v1.33.2"), &["v1.36.2"]),
            &["w3 (windows)", "v1.33.2", "by hand"],
        );
        let two_hops = ["v1.36.2", "v1.37.0"];
        blocks(
            ask(check, &with_windows("v1.33.2"), &two_hops),
            &["w3 (windows)", "too old beside v1.37.0"],
        );
        blocks(ask(check, &with_windows("?"), &two_hops), &["w3"]);
        warns(ask(check, &with_windows("v1.35.6"), &two_hops), &["w3"]);
        passes(ask(check, &healthy(3, 3, "v1.35.6"), &["v1.36.2"]));
    }
}
