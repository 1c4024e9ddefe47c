//! `swap-back`, run for real: the old manifests go back one at a time, each waited for, and what an interrupted kubeadm has broken goes first.

use kup_steps::script::SWAP_BACK;

use super::Node;

/// A runtime in which a container of a component is named by the manifest that is there now, for those that come up.
const CRICTL: &str = "#!/bin/sh\nwhile [ \"$1\" != --name ]; do shift; done\ncat \"$ROOT/up-$2\" 2>/dev/null || cat \"$ROOT/etc/kubernetes/manifests/$2.yaml\" 2>/dev/null; exit 0\n";
/// The wait goes by at once.
const SLEEP: &str = "#!/bin/sh\nexit 0\n";
const PRE_IMAGE: &str = "/pre-image.tar";
const COMPONENTS: [&str; 3] = ["kube-scheduler", "kube-controller-manager", "kube-apiserver"];

fn manifest(component: &str) -> String {
    format!("/etc/kubernetes/manifests/{component}.yaml")
}

/// A control plane whose static pods are new, with a pre-image in which they are old.
fn upgraded() -> Node {
    let node = Node::new();
    node.install("crictl", CRICTL);
    node.install("sleep", SLEEP);
    for component in COMPONENTS {
        node.write(&manifest(component), "old");
    }
    node.write("/var/lib/kubelet/config.yaml", "old");
    let folders =
        ["/etc/kubernetes", "/var/lib/kubelet"].map(|it| node.path(it).display().to_string());
    let image = node.path(PRE_IMAGE).display().to_string();
    assert_eq!(
        node.sh("tar -cPf \"$1\" \"$2\" \"$3\"", &[&image, &folders[0], &folders[1]], "").0,
        0
    );
    for component in COMPONENTS {
        node.write(&manifest(component), "new");
    }
    node.write("/var/lib/kubelet/config.yaml", "new");
    node
}

fn swap(node: &Node) -> (i32, String) {
    let image = node.path(PRE_IMAGE).display().to_string();
    let file = node.path("/var/lib/kubelet/config.yaml").display().to_string();
    let args = [&[image.as_str()][..], &COMPONENTS[..], &["--", &file][..]].concat();
    node.run(SWAP_BACK.1, &args, "")
}

#[test]
fn static_pods_go_back_in_the_order_given_then_files() {
    let node = upgraded();
    let (status, said) = swap(&node);
    assert_eq!(status, 0, "{said}");
    let places: Vec<usize> =
        COMPONENTS.iter().map(|it| said.find(&format!("{it} runs anew")).unwrap()).collect();
    assert!(places.is_sorted(), "{said}");
    for component in COMPONENTS {
        assert_eq!(node.read(&manifest(component)), "old");
    }
    assert_eq!(node.read("/var/lib/kubelet/config.yaml"), "old");
}

#[test]
fn what_comes_after_a_component_that_does_not_come_up_is_not_touched() {
    let node = upgraded();
    node.write("/up-kube-controller-manager", "the same container as before\n");
    let (status, said) = swap(&node);
    assert_eq!(status, 70, "{said}");
    assert_eq!(node.read(&manifest("kube-scheduler")), "old");
    assert_eq!(node.read(&manifest("kube-apiserver")), "new");
    assert_eq!(node.read("/var/lib/kubelet/config.yaml"), "new");
}

#[test]
fn a_second_time_nothing_is_swapped() {
    let node = upgraded();
    assert_eq!(swap(&node).0, 0);
    let (status, said) = swap(&node);
    assert_eq!((status, said.as_str()), (0, ""));
}

#[test]
fn what_was_not_there_before_goes_away() {
    let node = upgraded();
    node.write("/etc/kubernetes/manifests/etcd.yaml", "new");
    let image = node.path(PRE_IMAGE).display().to_string();
    let (status, said) = node.run(SWAP_BACK.1, &[&image, "etcd", "--"], "");
    assert_eq!(status, 0, "{said}");
    assert!(!node.path("/etc/kubernetes/manifests/etcd.yaml").exists());
    assert_eq!(node.run(SWAP_BACK.1, &[&image, "../x", "--"], "").0, 64);
}
