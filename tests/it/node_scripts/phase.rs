//! The script around kubeadm's phases.

use std::fs;

use kup_steps::script::KUBEADM_PHASE;

use super::{MANIFESTS, Node, control_plane};

const PHASE: &str = KUBEADM_PHASE.1;
const CALL: [&str; 4] = ["upgrade", "node", "phase", "control-plane"];

/// Calls a phase and returns the status.
fn call(node: &Node, pre_image: &str, care: &str, config: &str) -> (i32, String) {
    let args: Vec<&str> = [pre_image, care, config].into_iter().chain(CALL).collect();
    node.run(PHASE, &args, "")
}

fn program(node: &Node, name: &str, text: &str) {
    let path = format!("/bin/{name}");
    node.write(&path, text);
    assert_eq!(node.sh(&format!("chmod +x {}", node.path(&path).display()), &[], "").0, 0);
}

fn without_api_server() -> (Node, String) {
    let (node, pre_image) = control_plane();
    fs::remove_file(node.path(&format!("{MANIFESTS}/kube-apiserver.yaml"))).unwrap();
    (node, pre_image)
}

#[test]
fn a_lost_manifest_is_back_before_a_phase_is_called() {
    let (node, pre_image) = without_api_server();
    assert_eq!(call(&node, &pre_image, "control-plane", "").0, 0);
    let log = node.read("/log");
    let whole = "etcd.yaml kube-apiserver.yaml kube-controller-manager.yaml kube-scheduler.yaml";
    let called = format!("kubeadm upgrade node phase control-plane with {whole}");
    assert!(log.lines().any(|line| line.trim_end() == called), "{log}");
}

#[test]
fn no_phase_is_called_on_a_control_plane_that_looks_like_a_worker() {
    for care in ["control-plane", "etcd"] {
        let (node, _) = without_api_server();
        assert_eq!(call(&node, "-", care, "").0, 65, "{care}");
        assert!(!node.read("/log").contains("kubeadm"), "kubeadm was called");
    }
    let (node, _) = without_api_server();
    assert_eq!(call(&node, "-", "worker", "").0, 0);
}

#[test]
fn a_file_is_written_for_its_call_only_and_its_question_is_answered() {
    let (node, _) = control_plane();
    program(
        &node,
        "kubeadm",
        "#!/bin/sh\nread -r answer\nwhile [ \"$1\" != --config ]; do shift; done\n{ echo \"answered $answer\"; cat \"$2\"; stat -c 'mode %a' \"$2\"; } >>\"$LOG\"\n",
    );
    assert_eq!(call(&node, "-", "control-plane", "apply:\n  etcdUpgrade: false").0, 0);
    let log = node.read("/log");
    assert!(log.ends_with("answered y\napply:\n  etcdUpgrade: false\nmode 600\n"), "{log}");
    let left = fs::read_dir(node.path("/var/lib/kup")).unwrap().count();
    assert_eq!(left, 0, "its folder is gone");
}

/// An etcdctl in the container of the process 77, which says who leads; a move is logged.
fn etcd(node: &Node, leader: &str) {
    node.write("/proc/77/comm", "etcd\n");
    node.write(&format!("{MANIFESTS}/etcd.yaml"), "    - --name=cp1\n");
    let says = format!(
        "#!/bin/sh\nroot=$1\nshift 6\ncase \"$*\" in\n*'endpoint status'*) printf '\"MemberID\" : 11\\n\"Leader\" : {leader}\\n' ;;\n\
         *'member list'*) printf 'b, started, cp1, https://1:2380, https://1:2379, false\\n1f, started, cp2, https://2:2380, https://2:2379, true\\n2a, started, cp3, https://3:2380, https://3:2379, false\\n' ;;\n\
         *) echo \"${{root##*/proc/}} $*\" >>\"$LOG\" ;;\nesac\n"
    );
    program(node, "chroot", &says);
}

#[test]
fn leadership_moves_to_a_member_that_votes_before_etcd_is_replaced() {
    let (node, _) = control_plane();
    etcd(&node, "11");
    let (status, said) = call(&node, "-", "etcd", "");
    assert_eq!(status, 0);
    assert!(said.contains("moved the leadership of etcd to member 2a"), "{said}");
    let log = node.read("/log");
    let order: Vec<&str> = log.lines().filter(|line| !line.starts_with("sync")).collect();
    assert!(order[0].contains("77/root") && order[0].ends_with("move-leader 2a"), "{log}");
    assert!(order[1].starts_with("kubeadm upgrade node phase control-plane"), "{log}");
}

#[test]
fn a_member_that_does_not_lead_or_cannot_hand_over_is_replaced_all_the_same() {
    for (leader, word) in [("22", "does not lead"), ("", "does not lead")] {
        let (node, _) = control_plane();
        etcd(&node, leader);
        let (status, said) = call(&node, "-", "etcd", "");
        assert!(status == 0 && said.contains(word), "{said}");
        assert!(node.read("/log").contains("kubeadm upgrade node"));
    }
    let (node, _) = control_plane();
    let (status, said) = call(&node, "-", "etcd", "");
    assert!(status == 0 && said.contains("no etcd runs here"), "{said}");
}
