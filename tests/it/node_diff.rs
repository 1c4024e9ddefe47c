//! The program that asks a newer kubeadm what it would change, run here: with stand-ins for the package manager and for kubeadm, and the node's
//! folders replaced by folders of the test's own. Its own view of mounts is real.
#![allow(clippy::disallowed_methods, reason = "the script is run by a real shell")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const DIFF: &str = include_str!("../../steps/src/node/deed/diff.sh");

/// What a package manager's part of a script offers, for a package that is a program as it is.
const MANAGER: &str = "set -eu
open_room() { room=$1; mkdir -p \"$room\"; }
refresh_room() { [ -z \"${UNREADABLE-}\" ] || { echo 'no such repository'; return 1; }; }
fetch() { cp \"$ROOT/kubeadm\" \"$room/kubeadm\"; }
package_file() { printf '%s\\n' \"$room/kubeadm\"; }
program_in() { cat \"$1\"; }
";

/// Leaves in its tmp what kubeadm leaves, tries to change what it must not, and says what it was told.
const KUBEADM: &str = "#!/bin/sh
echo \"told: $*\"
read -r answer && echo \"answered: $answer\"
for word; do case $word in *.yaml) cat \"$word\" ;; esac; done
mkdir -p \"$ROOT/etc/kubernetes/tmp/kubeadm-upgrade-dryrun1\" \"$ROOT/etc/kubernetes/tmp/kubeadm-kubelet-config2\" || echo 'no tmp'
for file in etc/kubernetes/manifests/etcd.yaml etc/kubernetes/new var/lib/kubelet/config.yaml; do
    if (echo changed >\"$ROOT/$file\") 2>/dev/null; then echo \"changed $file\"; fi
done
if [ -n \"${STAYS-}\" ]; then touch \"$ROOT/scratch/stays\"; exec sleep 60; fi
if [ -n \"${REFUSES-}\" ]; then echo 'W1125 10:00:00.1 1 x.go:1] noise' >&2; echo 'preflight: no' >&2; exit 1; fi
";

struct Node(tempfile::TempDir);

impl Node {
    fn new() -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        for folder in ["etc/kubernetes/manifests", "var/lib/kubelet", "scratch"] {
            fs::create_dir_all(node.path(folder)).unwrap();
        }
        fs::write(node.path("kubeadm"), KUBEADM).unwrap();
        node
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Ok(found) = fs::read_dir(self.path(folder)) else { return vec!["(none)".to_owned()] };
        let mut names: Vec<String> =
            found.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command(&self, args: &[&str], variable: &str) -> Command {
        let root = self.0.path().display();
        let text = format!("{MANAGER}{DIFF}");
        let text = text.replace("/etc/kubernetes", &format!("{root}/etc/kubernetes"));
        let text = text.replace("/var/lib/kubelet", &format!("{root}/var/lib/kubelet"));
        let mut command = Command::new("unshare");
        // Whoever runs this may mount in a world of his own.
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &text, "kup"]);
        command.args(args).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        command.env("ROOT", self.0.path()).env("TMPDIR", self.path("scratch")).env(variable, "yes");
        command
    }

    /// Runs the program and returns its status and all that it says.
    fn run(&self, args: &[&str], variable: &str) -> (i32, String) {
        let output = self.command(args, variable).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    /// Nothing is there that was not there before.
    fn is_as_it_was(&self) {
        let folders = ["etc/kubernetes", "etc/kubernetes/manifests", "var/lib/kubelet", "scratch"];
        let there = folders.map(|folder| self.list(folder));
        assert_eq!(there, [vec!["manifests".to_owned()], vec![], vec![], vec![]]);
    }
}

const APPLY: [&str; 7] =
    ["v1.30", "kubeadm=1.30.5-1.1", "", "upgrade", "apply", "v1.30.5", "--patches=/p"];

#[test]
fn kubeadm_is_asked_and_can_change_nothing() {
    let node = Node::new();
    let (status, said) = node.run(&APPLY, "NOTHING");
    let admin = node.path("etc/kubernetes/admin.conf").display().to_string();
    let told = format!(
        "told: upgrade apply v1.30.5 --patches=/p --dry-run --kubeconfig {admin}\nanswered: y\n"
    );
    assert_eq!((status, said), (0, told));
    node.is_as_it_was();
}

#[test]
fn a_configuration_comes_as_a_file() {
    let node = Node::new();
    let args = ["v1.30", "kubeadm=1", "kind: UpgradeConfiguration", "upgrade", "apply", "v1.30.5"];
    let (status, said) = node.run(&args, "NOTHING");
    assert!(status == 0 && said.contains("/upgrade.yaml --dry-run "), "{status} {said}");
    assert!(said.contains("\nkind: UpgradeConfiguration\n"), "{said}");
    node.is_as_it_was();
}

#[test]
fn what_others_have_left_stays() {
    let node = Node::new();
    let theirs = ["kubeadm-backup-etcd-1", "kubeadm-upgrade-dryrun0"];
    for name in theirs {
        fs::create_dir_all(node.path("etc/kubernetes/tmp").join(name)).unwrap();
    }
    assert_eq!(node.run(&APPLY, "NOTHING").0, 0);
    assert_eq!(node.list("etc/kubernetes/tmp"), theirs);
}

#[test]
fn a_kubeadm_that_refuses_says_why_and_leaves_nothing() {
    let node = Node::new();
    let (status, said) = node.run(&APPLY, "REFUSES");
    assert!(status == 1 && said.ends_with("answered: y\npreflight: no\n"), "{status} {said}");
    let (status, said) = node.run(&APPLY, "UNREADABLE");
    assert!(status == 69 && said.contains("no such repository"), "{status} {said}");
    let plan = ["v1.30", "kubeadm=1", "", "upgrade", "plan", "v1.30.5"];
    for wrong in [&APPLY[..5], &plan] {
        assert_eq!(node.run(wrong, "NOTHING").0, 64);
    }
    node.is_as_it_was();
}

#[test]
fn an_interrupted_question_leaves_nothing() {
    let node = Node::new();
    let mut command = node.command(&APPLY, "STAYS");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while !node.path("scratch/stays").exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "kubeadm does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_file(node.path("scratch/stays")).unwrap();
    assert_eq!(node.list("etc/kubernetes/tmp"), Vec::<String>::new(), "nobody else sees it");
    let group = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &group]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    node.is_as_it_was();
}
