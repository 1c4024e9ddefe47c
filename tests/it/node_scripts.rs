//! The programs that run on nodes, run here: their texts with the node's folders (`/var/lib/kup`, `/etc/kubernetes`, `/proc`) replaced by folders of a
//! test's own, and stand-ins for `kubeadm`, `openssl` and `sync` first in the path. What they do to real nodes is shown on the lab.
#![allow(clippy::disallowed_methods, reason = "the scripts are run by a real shell")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kup_steps::script::{KUBEADM_APPLY, KUBEADM_NODE};

const ATTEMPT: &str = include_str!("../../steps/src/node/attempt.sh");
const CLAIM: &str = include_str!("../../steps/src/node/claim.sh");
const FACTS: &str = include_str!("../../steps/src/node/facts.sh");
const KEEP: &str = include_str!("../../steps/src/node/keep.sh");

const RUN: &str = "20261123-aaaaaaa";
const OTHER: &str = "20261123-bbbbbbb";
const FOLDERS: [&str; 4] = ["/var/lib/kup", "/var/lib/kubelet", "/etc/kubernetes", "/proc"];

/// A stand-in prints what it was told into the log that all share, so that the order of things can be seen.
const SYNC: &str = "#!/bin/sh\nwhat=\nif [ \"$1\" = -f ]; then what='of all beside '; shift; fi\nfor file; do echo \"sync $what${file##*/}\" >>\"$LOG\"; done\n";
const KUBEADM: &str = "#!/bin/sh\necho \"kubeadm $* with $(ls \"$ROOT/etc/kubernetes/manifests\" | tr '\\n' ' ')\" >>\"$LOG\"\n";
/// A key and a certificate belong together when they say the same.
const OPENSSL: &str = "#!/bin/sh\nwhile [ \"$1\" != -in ]; do shift; done\ncat \"$2\"\n";

mod keep_files;
mod phase;
mod put_back;
mod restore;
mod swap_back;
mod tidy;

pub(crate) struct Node(tempfile::TempDir);

impl Node {
    pub(crate) fn new() -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        for folder in FOLDERS.into_iter().chain(["/bin", "/proc/sys/kernel/random"]) {
            fs::create_dir_all(node.path(folder)).unwrap();
        }
        node.write("/proc/sys/kernel/random/boot_id", "this-boot\n");
        for (name, text) in [("sync", SYNC), ("kubeadm", KUBEADM), ("openssl", OPENSSL)] {
            node.install(name, text);
        }
        node
    }

    /// Puts a stand-in first into the path.
    pub(crate) fn install(&self, name: &str, text: &str) {
        let path = format!("/bin/{name}");
        self.write(&path, text);
        let path = self.path(&path);
        assert_eq!(self.sh("chmod +x \"$1\"", &[&path.display().to_string()], "").0, 0);
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Runs a text and returns its status and what it printed on stdout.
    fn sh(&self, text: &str, args: &[&str], stdin: &str) -> (i32, String) {
        self.write("/stdin", stdin);
        let path = format!("{}:/usr/bin:/bin", self.path("/bin").display());
        let mut command = Command::new("sh");
        command.args(["-c", text, "kup"]).args(args).env_clear().env("PATH", path);
        command.env("ROOT", self.0.path()).env("LOG", self.path("/log"));
        let output = command.stdin(fs::File::open(self.path("/stdin")).unwrap()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    /// Runs a program of kup's as if this were the node.
    pub(crate) fn run(&self, text: &str, args: &[&str], stdin: &str) -> (i32, String) {
        let here = |text: String, folder: &&str| {
            text.replace(folder, &self.path(folder).display().to_string())
        };
        self.sh(&FOLDERS.iter().fold(text.to_owned(), here), args, stdin)
    }

    fn claim(&self, run: &str, epoch: &str) -> i32 {
        self.run(CLAIM, &["cluster", run, epoch, "me@here", ""], "").0
    }

    /// Delivers the start of an attempt of the owner's run, whose script leaves a line in the log.
    fn attempt(&self, run: &str, epoch: &str) -> i32 {
        let order = format!("/var/lib/kup/attempts/{run}/step.1.order-{epoch}");
        self.write(&format!("{order}/script"), "echo 'the effect' >>\"$LOG\"; exit 3");
        self.run(ATTEMPT, &[run, "step", "1", epoch, "7"], "").0
    }

    fn left(&self, ending: &str) -> bool {
        self.path(&format!("/var/lib/kup/attempts/{RUN}/step.1.{ending}")).exists()
    }

    fn n_effects(&self) -> usize {
        self.read("/log").lines().filter(|line| *line == "the effect").count()
    }
}

#[test]
fn an_attempt_leaves_its_intent_then_has_its_effect_on_the_disk_then_leaves_its_outcome() {
    let node = Node::new();
    assert_eq!(node.claim(RUN, "1"), 0);
    fs::remove_file(node.path("/log")).unwrap();
    assert_eq!(node.attempt(RUN, "1"), 0);
    let log = node.read("/log");
    let lines: Vec<&str> = log.lines().map(|line| line.split(".intent.").next().unwrap()).collect();
    let expected = [
        "sync ",
        &format!("sync {RUN}"),
        "the effect",
        "sync of all beside ",
        "sync of all beside kubernetes",
        "sync of all beside usr",
        "sync of all beside lib",
        "sync of all beside kubelet",
        "sync step.1.out",
        "sync step.1.exit.tmp",
        &format!("sync {RUN}"),
    ];
    assert_eq!(lines, expected);
    assert!(
        node.read(&format!("/var/lib/kup/attempts/{RUN}/step.1.exit"))
            .starts_with("status=3\nboot=this-boot\n")
    );
    assert!(
        node.read(&format!("/var/lib/kup/attempts/{RUN}/step.1.intent"))
            .starts_with("epoch=1\nseq=7\n")
    );
}

#[test]
fn an_attempt_has_its_effect_once_however_often_it_is_delivered() {
    let node = Node::new();
    assert_eq!(node.claim(RUN, "1"), 0);
    for _ in 0..3 {
        assert_eq!(node.attempt(RUN, "1"), 0);
    }
    assert_eq!(node.n_effects(), 1);
}

#[test]
fn a_start_of_a_lower_epoch_is_refused() {
    let node = Node::new();
    assert_eq!(node.claim(RUN, "2"), 0);
    assert_eq!(node.attempt(RUN, "1"), 0);
    assert!(node.left("refused") && !node.left("intent") && !node.left("exit"));
    assert_eq!(node.n_effects(), 0);
}

#[test]
fn a_start_of_another_run_or_without_an_owner_is_refused() {
    let node = Node::new();
    node.attempt(RUN, "1");
    assert!(node.left("refused"));
    assert_eq!(node.claim(OTHER, "1"), 0);
    node.attempt(RUN, "9");
    assert!(node.left("refused") && !node.left("intent"));
    assert_eq!(node.n_effects(), 0);
}

#[test]
fn a_node_belongs_to_one_run_and_to_its_highest_epoch() {
    let node = Node::new();
    assert_eq!(node.claim(RUN, "2"), 0);
    assert_eq!(node.claim(RUN, "1"), 67);
    assert_eq!(node.claim(OTHER, "9"), 67);
    assert!(node.read("/var/lib/kup/owner").contains("epoch=2 "));
    assert_eq!(
        node.run(CLAIM, &["cluster", OTHER, "1", "me@here", RUN], "").0,
        0,
        "one that is over gives way"
    );
}

#[test]
fn what_is_kept_is_kept_once_and_whole() {
    let node = Node::new();
    let first = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // of "abc"
    assert_eq!(node.run(KEEP, &[RUN, "step.tar", first], "abc").0, 0);
    let second = "cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34"; // of "def"
    assert_eq!(node.run(KEEP, &[RUN, "step.tar", second], "def").0, 0);
    assert_eq!(node.read(&format!("/var/lib/kup/backups/{RUN}/step.tar")), "abc");
    assert_eq!(node.run(KEEP, &[RUN, "torn.tar", first], "ab").0, 74);
    assert!(!node.path(&format!("/var/lib/kup/backups/{RUN}/torn.tar")).exists());
}

#[test]
fn a_kubeadm_that_an_abandoned_run_has_left_is_somebody_at_work() {
    let node = Node::new();
    let unit = format!("0::/system.slice/kup-{RUN}-kubeadm-node.w1-1.service\n");
    for (process, name) in [("7", "kubeadm\n"), ("8", "dpkg\n"), ("9", "sh\n")] {
        node.write(&format!("/proc/{process}/comm"), name);
        node.write(&format!("/proc/{process}/cgroup"), &unit);
    }
    let (status, facts) = node.run(FACTS, &[], "");
    assert_eq!(status, 0);
    assert!(facts.lines().any(|line| line == "other_upgrade=dpkg,kubeadm"), "{facts}");
}

const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// Returns a control plane with a pre-image of it.
fn control_plane() -> (Node, String) {
    let node = Node::new();
    for component in ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        node.write(&format!("{MANIFESTS}/{component}.yaml"), "from before");
    }
    node.write("/etc/kubernetes/pki/apiserver.crt", "one");
    node.write("/etc/kubernetes/pki/apiserver.key", "one");
    let pre_image = node.path("/pre-image.tar").display().to_string();
    // Within the archive the files have the names that the shifted script looks for.
    let files =
        [MANIFESTS, "/etc/kubernetes/pki"].map(|path| node.path(path).display().to_string());
    assert_eq!(
        node.sh("tar -cPf \"$1\" \"$2\" \"$3\"", &[&pre_image, &files[0], &files[1]], "").0,
        0
    );
    (node, pre_image)
}

#[test]
fn a_manifest_that_was_lost_between_two_renames_is_back_before_kubeadm_is_called() {
    for (script, second, called) in [
        (KUBEADM_NODE, "control-plane", "kubeadm upgrade node"),
        (KUBEADM_APPLY, "v1.20.2", "kubeadm upgrade apply v1.20.2 -y"),
    ] {
        let (node, pre_image) = control_plane();
        fs::remove_file(node.path(&format!("{MANIFESTS}/kube-apiserver.yaml"))).unwrap();
        node.write(&format!("{MANIFESTS}/etcd.yaml"), "upgraded");
        assert_eq!(node.run(script.1, &[&pre_image, second], "").0, 0);
        let whole =
            "etcd.yaml kube-apiserver.yaml kube-controller-manager.yaml kube-scheduler.yaml";
        let log = node.read("/log");
        assert!(
            log.lines().any(|line| line.trim_end() == format!("{called} with {whole}")),
            "{log}"
        );
        assert_eq!(node.read(&format!("{MANIFESTS}/etcd.yaml")), "upgraded", "what is there stays");
    }
}

#[test]
fn a_control_plane_without_its_api_server_is_never_taken_for_a_worker() {
    let (node, pre_image) = control_plane();
    fs::remove_file(node.path(&format!("{MANIFESTS}/kube-apiserver.yaml"))).unwrap();
    let empty = node.path("/empty.tar").display().to_string();
    assert_eq!(node.sh("tar -cf \"$1\" -T /dev/null", &[&empty], "").0, 0);
    assert_eq!(node.run(KUBEADM_NODE.1, &[&empty, "control-plane"], "").0, 65);
    assert!(!node.read("/log").contains("kubeadm"), "kubeadm was called");
    assert_eq!(node.run(KUBEADM_NODE.1, &[&pre_image, "control-plane"], "").0, 0);
}

#[test]
fn a_broken_pair_goes_back_and_a_whole_one_stays() {
    let (node, pre_image) = control_plane();
    let pair = |ending: &str| node.read(&format!("/etc/kubernetes/pki/apiserver.{ending}"));
    node.write("/etc/kubernetes/pki/apiserver.key", "two");
    assert_eq!(node.run(KUBEADM_NODE.1, &[&pre_image, "control-plane"], "").0, 0);
    assert_eq!((pair("crt"), pair("key")), ("one".to_owned(), "one".to_owned()));
    node.write("/etc/kubernetes/pki/apiserver.crt", "three");
    node.write("/etc/kubernetes/pki/apiserver.key", "three");
    assert_eq!(node.run(KUBEADM_NODE.1, &[&pre_image, "control-plane"], "").0, 0);
    assert_eq!((pair("crt"), pair("key")), ("three".to_owned(), "three".to_owned()));
}
