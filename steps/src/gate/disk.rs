//! Have the nodes room for packages, images, kubeadm's copy of etcd's data and kup's backups?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K109",
    name: "disk-room",
    question: "Have the nodes room for packages, images, kubeadm's copy of etcd's data and kup's backups?",
    why: "kubeadm copies etcd's whole data directory below /etc/kubernetes/tmp before it upgrades etcd, and never removes old copies (k/k#125357); a kubelet that runs out of room evicts pods and removes the images that were just pulled.",
    remedy: "make room: old copies of kubeadm with `rm -r /etc/kubernetes/tmp/kubeadm-backup-*` once they are of no use, packages with `apt-get clean`, images with `crictl rmi --prune`",
    overruling: Overruling::Allowed,
};

const MIB: u64 = 1024;
/// For each folder, in MiB: programs that are unpacked; what the package manager remembers of its lists; packages that are fetched
/// beforehand, copies of the node's files and attempts' outputs; manifests.
const NEEDED_MIB: [(&str, u64); 4] =
    [("/usr/bin", 512), ("/var/cache/apt", 64), ("/var/lib/kup", 384), ("/etc/kubernetes", 64)];
/// Packages that are fetched beforehand for one more hop.
const MORE_PACKAGES_MIB: u64 = 128;
/// The images of one hop: four of a control plane and the addons, or the addons alone.
const CONTROL_PLANE_IMAGES_MIB: u64 = 1024;
const WORKER_IMAGES_MIB: u64 = 384;
/// Images, packages and copies are some thousands of files.
const INODES: u64 = 20_000;
/// So many old copies are worth a word.
const MANY_COPIES: usize = 20;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    for node in &inventory.nodes {
        for (path, needed_mib) in needed(question, node) {
            room(node, (path, needed_mib), &mut findings);
        }
        inodes(node, &mut findings);
        old_copies(node, &mut findings);
    }
    findings.verdict(format!("all {} nodes have room", inventory.nodes.len()))
}

/// Returns how much a node needs, by folder.
fn needed(question: &Question<'_>, node: &NodeInventory) -> Vec<(&'static str, u64)> {
    let hops = u64::try_from(question.hops.len().max(1)).unwrap_or(u64::MAX);
    let images = match node.node.control_plane {
        true => CONTROL_PLANE_IMAGES_MIB,
        false => WORKER_IMAGES_MIB,
    };
    let more = |path: &str| match path {
        // kubeadm copies etcd's whole data directory at every hop that upgrades etcd.
        "/etc/kubernetes" => node.facts.etcd_kib.saturating_mul(hops).div_ceil(MIB),
        "/var/lib/kup" => MORE_PACKAGES_MIB.saturating_mul(hops - 1),
        _ => 0,
    };
    let folders = NEEDED_MIB.iter().map(|(path, mib)| (*path, mib.saturating_add(more(path))));
    // Container runtimes keep images where kubelets keep pods, as far as anybody can tell from outside.
    folders.chain([("/var/lib/kubelet", images.saturating_mul(hops))]).collect()
}

fn room(node: &NodeInventory, (path, needed_mib): (&str, u64), findings: &mut Findings) {
    let name = &node.node.name;
    match node.facts.free_kib.get(path) {
        None => findings
            .unread(&format!("how much room {path} has on {name}"), "the machine did not say"),
        Some(free) if free / MIB < needed_mib => {
            let free = free / MIB;
            let told = format!("{name}: {path} has {free} MiB free, {needed_mib} MiB are needed");
            findings.block(told, ABOUT.remedy);
        }
        Some(_) => {}
    }
}

/// Not every filesystem has a limit; one that has none is not named.
fn inodes(node: &NodeInventory, findings: &mut Findings) {
    let name = &node.node.name;
    for (path, free) in node.survey.free_inodes.iter().filter(|(_, free)| **free < INODES) {
        let told = format!("{name}: {path} has {free} inodes left, {INODES} are needed");
        let remedy = "find what has so many files: `du --inodes -x / | sort -n | tail`; images that nobody uses: `crictl rmi --prune`";
        findings.block(told, remedy);
    }
}

fn old_copies(node: &NodeInventory, findings: &mut Findings) {
    let (name, n_copies) = (&node.node.name, node.survey.kubeadm_leftovers.len());
    if n_copies > MANY_COPIES {
        let remedy = "look at what they are worth: `du -sh /etc/kubernetes/tmp/*`, then remove all but the newest; kubeadm never does";
        findings.warn(
            format!("{name} has {n_copies} old copies of kubeadm in /etc/kubernetes/tmp"),
            remedy,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{MIB, check};
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    #[test]
    fn too_little_room_blocks_until_there_is_enough() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let free = |it: &mut crate::inventory::Inventory, node: &str, path: &str, mib: u64| {
            it.node_mut(node).facts.free_kib.insert(path.to_owned(), mib * MIB);
        };
        free(&mut inventory, "w1", "/usr/bin", 511);
        blocks(
            ask(check, &inventory, &["v1.36.2"]),
            &["w1: /usr/bin has 511 MiB", "512 MiB", "apt-get clean"],
        );
        free(&mut inventory, "w1", "/usr/bin", 512);
        passes(ask(check, &inventory, &["v1.36.2"]));
        free(&mut inventory, "w1", "/var/lib/kubelet", 384);
        passes(ask(check, &inventory, &["v1.36.2"]));
        blocks(ask(check, &inventory, &["v1.36.2", "v1.37.0"]), &["/var/lib/kubelet", "768 MiB"]);
    }

    #[test]
    fn every_hop_copies_the_data_of_etcd() {
        let mut inventory = healthy(1, 1, "v1.35.6");
        inventory.node_mut("cp1").facts.free_kib.insert("/etc/kubernetes".to_owned(), 164 * MIB);
        passes(ask(check, &inventory, &["v1.36.2"]));
        blocks(
            ask(check, &inventory, &["v1.36.2", "v1.37.0"]),
            &["/etc/kubernetes has 164 MiB", "264 MiB"],
        );
    }

    #[test]
    fn what_is_fetched_lies_with_kup_and_not_with_the_package_manager() {
        let mut inventory = healthy(1, 1, "v1.35.6");
        let free = &mut inventory.node_mut("w1").facts.free_kib;
        free.insert("/var/cache/apt".to_owned(), 64 * MIB);
        free.insert("/var/lib/kup".to_owned(), 384 * MIB);
        passes(ask(check, &inventory, &["v1.36.2"]));
        let evidence = ["w1: /var/lib/kup has 384 MiB free, 512 MiB"];
        blocks(ask(check, &inventory, &["v1.36.2", "v1.37.0"]), &evidence);
    }

    #[test]
    fn room_without_inodes_is_no_room() {
        let mut inventory = healthy(1, 1, "v1.35.6");
        let inodes = &mut inventory.node_mut("w1").survey.free_inodes;
        inodes.insert("/var/lib/kubelet".to_owned(), 19_999);
        blocks(ask(check, &inventory, &["v1.36.2"]), &["w1", "19999 inodes", "du --inodes"]);
        inventory.node_mut("w1").survey.free_inodes.clear();
        passes(ask(check, &inventory, &["v1.36.2"]));
    }

    #[test]
    fn what_a_machine_does_not_say_and_heaps_of_old_copies_warn() {
        let mut inventory = healthy(1, 1, "v1.35.6");
        inventory.node_mut("w1").facts.free_kib.remove("/var/cache/apt");
        warns(ask(check, &inventory, &["v1.36.2"]), &["/var/cache/apt", "w1"]);
        let mut inventory = healthy(1, 1, "v1.35.6");
        let copy = |n: usize| format!("kubeadm-backup-etcd-2026-01-{n:02}-10-00-00");
        inventory.node_mut("cp1").survey.kubeadm_leftovers = (1..22).map(copy).collect();
        warns(ask(check, &inventory, &["v1.36.2"]), &["cp1 has 21 old copies", "du -sh"]);
    }
}
