//! Do the repositories of every node offer every release on the way?

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::upstream;
use crate::inventory::NodeInventory;
use crate::version::Version;

pub(super) const ABOUT: About = About {
    code: "K118",
    name: "packages-offered",
    question: "Do the repositories of every node offer kubeadm, kubelet and kubectl of every release on the way?",
    why: "There is one repository for each minor since 1.24 (kubernetes.io, change-package-repository), mirrors lag behind, and the keys of old repositories have ended (kubernetes/release#3818): a node whose repository lacks a version would be found in the middle of the run.",
    remedy: "see what the node is offered: `apt-get update`, `apt-cache madison kubeadm`; let the mirror fetch the version, or name another target",
    overruling: Overruling::Never,
};

const PACKAGES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];

/// How many releases that are offered instead are named.
const NAMED: usize = 3;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    // What many nodes lack is said once.
    let mut lacking: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for node in &question.inventory.nodes {
        for hop in hops_of(question, node) {
            if let Some((what, why)) = lacks(node, hop) {
                let file = node.offers.repository.clone();
                lacking
                    .entry((format!("{what}{why}"), file))
                    .or_default()
                    .push(node.node.name.clone());
            }
        }
    }
    for ((what, file), nodes) in lacking {
        let told = format!("{}: {file} does not offer {what}", nodes.join(", "));
        findings.block(told, ABOUT.remedy);
    }
    let n_nodes = question.inventory.nodes.len();
    let hops: Vec<String> = question.hops.iter().map(ToString::to_string).collect();
    findings.verdict(format!("{n_nodes} nodes are offered {}", hops.join(" and ")))
}

/// Workers that leave hops out need the last one only.
fn hops_of(question: &Question<'_>, node: &NodeInventory) -> Vec<Version> {
    match question.says("workers-skip-hops") && !node.node.control_plane {
        true => question.hops.last().copied().into_iter().collect(),
        false => question.hops.clone(),
    }
}

/// Returns what a node is not offered of a release, and why where that is known.
fn lacks(node: &NodeInventory, hop: Version) -> Option<(String, String)> {
    let has = |name: &&str| upstream(node.packages.version(name)) == Some(hop);
    let offered = |name: &&str| !node.offers.version(name, hop).is_empty();
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|it| !has(it) && !offered(it)).collect();
    let minor = node.offers.minors.get(&hop.minor_name());
    let why = minor.and_then(|minor| minor.unreadable.clone());
    let why = why.map_or_else(|| instead(node, hop), |why| format!(" ({why})"));
    (!missing.is_empty()).then(|| (format!("{} {}", missing.join(", "), hop.bare()), why))
}

/// Says what else of a release's minor a node is offered.
fn instead(node: &NodeInventory, hop: Version) -> String {
    let minor = hop.minor_name();
    let offered: Vec<String> = node.offers.releases(&minor).iter().map(Version::bare).collect();
    match offered.len() {
        0 => format!(", and nothing else of {minor}"),
        1..=NAMED => format!(", but {}", offered.join(", ")),
        more => {
            let newest = offered.get(..NAMED).unwrap_or_default().join(", ");
            format!(", but {newest} and {} more", more - NAMED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, ask_with, blocks, healthy, params, passes};

    #[test]
    fn what_a_node_is_not_offered_blocks_until_it_is() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let minors = inventory.nodes[0].offers.minors.clone();
        for name in ["w1", "w2"] {
            inventory.node_mut(name).offers.minors.get_mut("v1.36").unwrap().packages.clear();
        }
        let words = [
            "w1, w2",
            "kubeadm, kubelet, kubectl 1.36.2, and nothing else of v1.36",
            "apt-cache madison",
        ];
        blocks(ask(check, &inventory, &["v1.36.2", "v1.37.0"]), &words);
        let mut skipping = params(&inventory, &["v1.36.2", "v1.37.0"]);
        skipping.insert("workers-skip-hops".to_owned(), "yes".to_owned());
        passes(ask_with(check, &inventory, &skipping));
        for name in ["w1", "w2"] {
            inventory.node_mut(name).offers.minors.clone_from(&minors);
        }
        passes(ask(check, &inventory, &["v1.36.2", "v1.37.0"]));
        blocks(
            ask(check, &inventory, &["v1.36.99"]),
            &["cp1, cp2, cp3, w1, w2", "1.36.99", "but 1.36."],
        );
        let lacking =
            &mut inventory.node_mut("w2").offers.minors.get_mut("v1.36").unwrap().packages;
        lacking.values_mut().for_each(|versions| versions.retain(|it| it.starts_with("1.36.1-")));
        let words = ["w2: ", "does not offer kubeadm, kubelet, kubectl 1.36.2, but 1.36.1"];
        blocks(ask(check, &inventory, &["v1.36.2"]), &words);
    }

    #[test]
    fn a_repository_that_cannot_be_read_says_why() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let minor = inventory.node_mut("cp1").offers.minors.get_mut("v1.36").unwrap();
        minor.packages.clear();
        minor.unreadable = Some("EXPKEYSIG 234654DA9A296436".to_owned());
        blocks(ask(check, &inventory, &["v1.36.2"]), &["cp1", "EXPKEYSIG"]);
    }

    #[test]
    fn what_is_installed_already_need_not_be_offered() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("cp1").offers.minors.clear();
        passes(ask(check, &inventory, &["v1.35.6"]));
    }
}
