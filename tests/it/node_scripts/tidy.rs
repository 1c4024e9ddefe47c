//! The programs that look at copies on nodes and take away what nothing needs: they touch nothing else.

use std::os::unix::fs::symlink;

use kup_steps::script::{FORGET, KEPT, KUBEADM_TMP, KUBEADM_TMP_REMOVE};

use super::{KEEP, Node, OTHER, RUN};

const BYTES: &str = "the bytes of a copy";

/// Keeps a copy for a run as kup does, and returns its path.
fn keep(node: &Node, run: &str) -> String {
    let hash = node.sh("sha256sum | cut -d ' ' -f 1", &[], BYTES).1;
    let (status, path) = node.run(KEEP, &[run, "step.tar", hash.trim()], BYTES);
    assert_eq!(status, 0);
    path.trim().to_owned()
}

#[test]
fn copies_are_told_by_hash_and_those_that_are_gone_are_left_out() {
    let node = Node::new();
    let path = keep(&node, RUN);
    let hash = node.sh("sha256sum | cut -d ' ' -f 1", &[], BYTES).1;
    let gone = path.replace("step.tar", "gone.tar");
    let told = node.run(KEPT.1, &[&path, &gone], "");
    assert_eq!(told, (0, format!("sha256:{path}={hash}")));
    for wrong in ["/etc/passwd", &path.replace("step.tar", "../../../etc/passwd"), "step.tar"] {
        assert_eq!(node.run(KEPT.1, &[wrong], "").0, 64, "{wrong}");
    }
}

#[test]
fn only_the_copies_of_the_runs_that_are_named_are_forgotten() {
    let node = Node::new();
    let (path, other) = (keep(&node, RUN), keep(&node, OTHER));
    for wrong in ["", ".", "..", "*", "20261123-aaaaaaa/..", "20261123-aaaaaa", "20261123-AAAAAAA"]
    {
        assert_eq!(node.run(FORGET.1, &[RUN, wrong], "").0, 64, "{wrong}");
    }
    assert!(std::fs::exists(&path).unwrap());
    let (status, told) = node.run(FORGET.1, &[RUN, "20261123-ccccccc"], "");
    assert!(status == 0 && told.starts_with(&format!("freed:{RUN}=")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(!node.path(&format!("/var/lib/kup/backups/{RUN}")).exists());
    assert!(std::fs::exists(&other).unwrap());
    assert_eq!(node.run(FORGET.1, &[RUN], ""), (0, String::new()));
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let node = Node::new();
    keep(&node, OTHER);
    node.write("/elsewhere/file", "precious");
    let link = node.path(&format!("/var/lib/kup/backups/{RUN}"));
    symlink(node.path("/elsewhere"), link).unwrap();
    assert_eq!(node.run(FORGET.1, &[RUN], "").0, 65);
    assert_eq!(node.read("/elsewhere/file"), "precious");
}

fn with_leftovers() -> Node {
    let node = Node::new();
    for file in ["kubeadm-backup-etcd-2020-01-01/db", "kubeadm-upgraded-manifests1/a", "mine/b"] {
        node.write(&format!("/etc/kubernetes/tmp/{file}"), "old");
    }
    node
}

#[test]
fn what_kubeadm_has_left_is_listed_and_nothing_else() {
    let node = with_leftovers();
    let (status, told) = node.run(KUBEADM_TMP.1, &[], "");
    let names: Vec<&str> = told.lines().map(|line| line.split_once('=').unwrap().0).collect();
    let expected = ["folder:kubeadm-backup-etcd-2020-01-01", "folder:kubeadm-upgraded-manifests1"];
    assert_eq!((status, names), (0, expected.to_vec()));
    assert_eq!(Node::new().run(KUBEADM_TMP.1, &[], ""), (0, String::new()));
}

#[test]
fn only_folders_of_kubeadm_are_removed() {
    let node = with_leftovers();
    for wrong in ["mine", "..", "kubeadm-backup-etcd-2020-01-01/../mine", "/etc", "*"] {
        let ended = node.run(KUBEADM_TMP_REMOVE.1, &["kubeadm-upgraded-manifests1", wrong], "");
        assert_eq!(ended.0, 64, "{wrong}");
    }
    let (status, told) = node.run(
        KUBEADM_TMP_REMOVE.1,
        &["kubeadm-upgraded-manifests1", "kubeadm-backup-etcd-gone"],
        "",
    );
    assert!(status == 0 && told.starts_with("removed:kubeadm-upgraded-manifests1="), "{told}");
    assert_eq!(told.lines().count(), 1);
    assert_eq!(node.read("/etc/kubernetes/tmp/mine/b"), "old");
    assert_eq!(node.read("/etc/kubernetes/tmp/kubeadm-backup-etcd-2020-01-01/db"), "old");
}

#[test]
fn what_may_still_be_needed_is_not_removed() {
    let removes = |node: &Node, name: &str| node.run(KUBEADM_TMP_REMOVE.1, &[name], "").0;
    let name = "kubeadm-backup-etcd-2020-01-01";
    let node = with_leftovers();
    node.write("/var/lib/kup/owner", "cluster=x run=y\n");
    assert_eq!(removes(&node, name), 75);
    node.write("/var/lib/kup/owner", "");
    node.write("/proc/17/comm", "kubeadm\n");
    assert_eq!(removes(&node, name), 75);
    node.write("/proc/17/comm", "sh\n");
    let manifests = "kubeadm-backup-manifests-2020-01-01";
    node.write(&format!("/etc/kubernetes/tmp/{manifests}/kube-apiserver.yaml"), "the only one");
    assert_eq!(removes(&node, manifests), 75);
    node.write("/etc/kubernetes/manifests/kube-apiserver.yaml", "a newer one");
    assert_eq!(removes(&node, manifests), 0);
    assert_eq!(removes(&node, name), 0);
}
