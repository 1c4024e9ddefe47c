//! The script that puts manifests back which a kubeadm by hand, interrupted between its two renames, has taken away.

use std::fs;

use kup_steps::script::PUT_BACK;

use super::{MANIFESTS, Node, control_plane};

const LOST: &str = "kube-scheduler";

fn copy(node: &Node, day: u32, text: &str) {
    let folder = format!("/etc/kubernetes/tmp/kubeadm-backup-manifests-2026-11-{day}-10-00-00");
    node.write(&format!("{folder}/{LOST}.yaml"), text);
}

fn manifest(name: &str) -> String {
    format!("{MANIFESTS}/{name}.yaml")
}

/// Returns a control plane without the manifest of its scheduler, of which kubeadm has left two copies and an empty one.
fn interrupted() -> Node {
    let (node, _) = control_plane();
    fs::remove_file(node.path(&manifest(LOST))).unwrap();
    copy(&node, 20, "    image: old\n");
    copy(&node, 21, "    image: newest\n");
    copy(&node, 22, "");
    node
}

#[test]
fn a_lost_manifest_comes_back_from_kubeadms_newest_whole_copy_and_others_stay() {
    let node = interrupted();
    let before = node.read(&manifest("kube-apiserver"));
    assert_eq!(node.run(PUT_BACK.1, &[LOST, "kube-apiserver"], "").0, 0);
    assert_eq!(node.read(&manifest(LOST)), "    image: newest\n");
    assert_eq!(node.read(&manifest("kube-apiserver")), before);
    let log = node.read("/log");
    assert!(log.contains("sync .kup.kube-scheduler.yaml"), "it was renamed unsynced: {log}");
    assert_eq!(node.run(PUT_BACK.1, &[LOST], "").0, 0, "it may be done again");
}

#[test]
fn etcd_comes_back_only_from_a_copy_that_is_younger_than_the_api_servers_manifest() {
    let (node, _) = control_plane();
    let copy = |year: u32| {
        let folder = format!("/etc/kubernetes/tmp/kubeadm-backup-manifests-{year}-01-01-10-00-00");
        node.write(&format!("{folder}/etcd.yaml"), "    image: etcd\n");
    };
    copy(2020);
    fs::remove_file(node.path(&manifest("etcd"))).unwrap();
    assert_eq!(node.run(PUT_BACK.1, &["etcd"], "").0, 65);
    assert!(!node.path(&manifest("etcd")).exists(), "it is of an earlier upgrade");
    copy(2999);
    assert_eq!(node.run(PUT_BACK.1, &["etcd"], "").0, 0);
    assert_eq!(node.read(&manifest("etcd")), "    image: etcd\n");
}

#[test]
fn without_a_copy_or_beside_a_kubeadm_nothing_is_put_back() {
    let (node, _) = control_plane();
    fs::remove_file(node.path(&manifest(LOST))).unwrap();
    assert_eq!(node.run(PUT_BACK.1, &[LOST], "").0, 65);
    let node = interrupted();
    node.write("/proc/77/comm", "kubeadm\n");
    assert_eq!(node.run(PUT_BACK.1, &[LOST], "").0, 75);
    assert!(!node.path(&manifest(LOST)).exists());
    assert_eq!(node.run(PUT_BACK.1, &["../shadow"], "").0, 64);
}
