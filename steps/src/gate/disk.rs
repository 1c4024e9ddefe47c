//! Have the nodes room for packages, images, kubeadm's copy of etcd's data and kup's backups?

use kup_core::event::Verdict;

use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K109",
    name: "disk-room",
    question: "Have the nodes room for packages, images, kubeadm's copy of etcd's data and kup's backups?",
    why: "kubeadm copies etcd's whole data directory below /etc/kubernetes/tmp before it upgrades etcd, and never removes old copies (k/k#125357).",
    remedy: "make room; kubeadm's own old copies lie in /etc/kubernetes/tmp and are never removed by it",
    overruling: Overruling::Allowed,
};

const MIB: u64 = 1024;
/// For each folder, in MiB: packages and their unpacking, manifests and backups, attempts' outputs.
const NEEDED_MIB: [(&str, u64); 4] =
    [("/usr/bin", 512), ("/var/cache/apt", 256), ("/var/lib/kup", 128), ("/etc/kubernetes", 64)];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let short: Vec<String> = inventory.nodes.iter().flat_map(shortages).collect();
    if short.is_empty() {
        super::pass(format!("all {} nodes have room", inventory.nodes.len()))
    } else {
        let remedy = "make room; kubeadm's own old copies lie in /etc/kubernetes/tmp and are never removed by it";
        super::block(short.join("; "), remedy)
    }
}

fn shortages(node: &NodeInventory) -> Vec<String> {
    // kubeadm copies etcd's whole data directory below /etc/kubernetes/tmp before it upgrades etcd.
    let copy = |path: &str| if path == "/etc/kubernetes" { node.facts.etcd_kib } else { 0 };
    let short = |(path, mib): &(&str, u64)| {
        let (needed, free) = (mib * MIB + copy(path), node.facts.free_kib.get(*path)?);
        let (name, free_mib, needed_mib) = (&node.node.name, free / MIB, needed.div_ceil(MIB));
        (*free < needed)
            .then(|| format!("{name}: {path} has {free_mib} MiB free, {needed_mib} MiB are needed"))
    };
    NEEDED_MIB.iter().filter_map(short).collect()
}
