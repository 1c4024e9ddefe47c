//! The program that asks a newer kubeadm what it would change, run here: with stand-ins for the package manager and for kubeadm, and `/etc/kubernetes`
//! replaced by a folder of the test's own.
#![allow(clippy::disallowed_methods, reason = "the script is run by a real shell")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

const DIFF: &str = include_str!("../../steps/src/node/deed/diff.sh");

/// What a package manager's part of a script offers, for a package that is a program as it is.
const MANAGER: &str = "set -eu
open_room() { room=$1; mkdir -p \"$room\"; }
refresh_room() { [ -z \"${UNREADABLE-}\" ] || { echo 'no such repository'; return 1; }; }
fetch() { cp \"$ROOT/kubeadm\" \"$room/kubeadm\"; }
package_file() { printf '%s\\n' \"$room/kubeadm\"; }
program_in() { cat \"$1\"; }
";

/// Leaves what kubeadm leaves, and says what it was told.
const KUBEADM: &str = "#!/bin/sh
echo \"told: $*\"
mkdir -p \"$ROOT/etc/kubernetes/tmp/kubeadm-upgrade-apply-dryrun1\" \"$KUBEADM_UPGRADE_DRYRUN_DIR/x\"
if [ -n \"${REFUSES-}\" ]; then echo 'preflight: no' >&2; exit 1; fi
";

struct Node(tempfile::TempDir);

impl Node {
    fn new() -> Self {
        let node = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(node.path("etc/kubernetes")).unwrap();
        fs::create_dir_all(node.path("scratch")).unwrap();
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

    /// Runs the program and returns its status and all that it says.
    fn run(&self, args: &[&str], variable: &str) -> (i32, String) {
        let folder = self.path("etc/kubernetes").display().to_string();
        let text = format!("{MANAGER}{}", DIFF.replace("/etc/kubernetes", &folder));
        let mut command = Command::new("sh");
        command.args(["-c", &text, "kup"]).args(args).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("ROOT", self.0.path()).env("TMPDIR", self.path("scratch")).env(variable, "yes");
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

const APPLY: [&str; 5] =
    ["v1.30", "kubeadm=1.30.5-1.1", "apply", "v1.30.5", "--ignore-preflight-errors=x"];

#[test]
fn kubeadm_is_asked_in_a_folder_that_is_gone_afterwards() {
    let node = Node::new();
    let (status, said) = node.run(&APPLY, "NOTHING");
    let admin = node.path("etc/kubernetes/admin.conf").display().to_string();
    let told = format!(
        "told: upgrade apply v1.30.5 --dry-run -y --kubeconfig {admin} --ignore-preflight-errors=x\n"
    );
    assert_eq!((status, said), (0, told));
    assert_eq!(
        (node.list("etc/kubernetes/tmp"), node.list("scratch")),
        (vec!["(none)".to_owned()], vec![])
    );
}

#[test]
fn what_others_have_left_stays() {
    let node = Node::new();
    let theirs = "etc/kubernetes/tmp/kubeadm-upgrade-dryrun0";
    fs::create_dir_all(node.path(theirs)).unwrap();
    fs::create_dir_all(node.path("etc/kubernetes/tmp/kubeadm-backup-etcd-1")).unwrap();
    assert_eq!(node.run(&APPLY, "NOTHING").0, 0);
    assert_eq!(
        node.list("etc/kubernetes/tmp"),
        ["kubeadm-backup-etcd-1", "kubeadm-upgrade-dryrun0"]
    );
}

#[test]
fn a_kubeadm_that_refuses_says_why_and_leaves_nothing() {
    let node = Node::new();
    let (status, said) = node.run(&APPLY, "REFUSES");
    assert!(status == 1 && said.ends_with("preflight: no\n"), "{status} {said}");
    let (status, said) = node.run(&APPLY, "UNREADABLE");
    assert!(status == 69 && said.contains("no such repository"), "{status} {said}");
    for wrong in [&APPLY[..3], &["v1.30", "kubeadm=1", "plan", "v1.30.5"]] {
        assert_eq!(node.run(wrong, "NOTHING").0, 64);
    }
    assert_eq!(
        (node.list("etc/kubernetes/tmp"), node.list("scratch")),
        (vec!["(none)".to_owned()], vec![])
    );
}
