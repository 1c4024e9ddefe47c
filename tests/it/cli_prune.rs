//! Backups that nothing needs any more, as operators remove them.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli_commit::{backups, with_run};
use crate::cli_program::Home;

/// A cluster that lives in a folder of its own, so that runs follow each other.
const SPEC: &str = "--cluster sim:1x1@v1.29.4 --sim-dir lab -y";

fn fates(home: &Home, words: &str) -> Vec<(String, String)> {
    let text = home.must(words);
    let row = |line: &str| -> (String, String) {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("run"), text("fate"))
    };
    text.lines().map(row).collect()
}

fn all_there(files: &[PathBuf]) -> bool {
    files.iter().all(|file| file.is_file())
}

fn none_there(files: &[PathBuf]) -> bool {
    !files.is_empty() && files.iter().all(|file| !file.exists())
}

fn on_node(home: &Home, run: &str, node: &str) -> PathBuf {
    home.path(&format!("lab/disk/{node}/var/lib/kup/backups/{run}"))
}

#[test]
fn what_went_back_goes_when_the_retention_is_over() {
    let home = Home::new();
    home.must(&format!("start v1.30.1 {SPEC}"));
    let run = home.runs().remove(0);
    home.must(&format!("rollback {run} -y"));
    let files = backups(&home, &run);
    assert_eq!(fates(&home, "backup prune -y -o json"), [(run.clone(), "stays".to_owned())]);
    assert!(all_there(&files));
    let ran = home.run("backup prune --older-than 0h --dry-run");
    assert!(ran.stdout.contains("GOES") && ran.stderr.contains("nothing was changed"));
    assert_eq!(home.run("backup prune --older-than 0h").code, Some(2), "nobody can be asked");
    assert!(all_there(&files));
    let mut command = home.command("backup prune -y --nodes");
    assert!(command.env("KUP_RETENTION", "0h").output().unwrap().status.success());
    assert!(none_there(&files));
    assert!(!on_node(&home, &run, "cp1").exists() && !on_node(&home, &run, "w1").exists());
    assert_eq!(home.history(&run).pop().unwrap()["type"], "BackupsFreed");
    assert!(home.must("doctor --nodes").contains("0 problems, 0 notes"));
    assert_eq!(home.must("backup prune -y"), "There are no backups.\n");
}

#[test]
fn what_may_go_on_or_back_stays_whatever_is_said() {
    let home = Home::new();
    home.run(&format!("start v1.30.1 --until control-plane {SPEC}"));
    let run = home.runs().remove(0);
    let files = backups(&home, &run);
    let words = "backup prune --older-than 0h --commit-older-than 0h --nodes -y";
    assert!(home.must(words).contains("it is not over"));
    assert!(all_there(&files) && on_node(&home, &run, "cp1").exists());
    home.must(&format!("resume {run}"));
    let said = home.must("backup prune --older-than 0h --nodes -y");
    assert!(said.contains("it can be rolled back"), "{said}");
    let files = backups(&home, &run);
    assert!(all_there(&files) && on_node(&home, &run, "w1").exists());
    home.must(&format!("rollback {run} -y"));
}

#[test]
fn runs_that_have_succeeded_are_committed_only_when_that_is_said() {
    let (home, run) = with_run();
    let files = backups(&home, &run);
    home.must("backup prune --commit-older-than 1d -y");
    assert!(all_there(&files));
    home.must("backup prune --commit-older-than 0h -y");
    assert!(none_there(&files));
    let last = home.history(&run).pop().unwrap();
    assert_eq!(last["type"], "RunCommitted");
    assert!(last["reason"].as_str().unwrap().starts_with("kup backup prune: succeeded "));
}

#[test]
fn a_damaged_journal_hides_no_other_run_and_keeps_its_own_backups() {
    let (home, damaged) = with_run();
    let files = backups(&home, &damaged);
    let mut bytes = std::fs::read(home.journal(&damaged)).unwrap();
    bytes[300] ^= 1;
    std::fs::write(home.journal(&damaged), bytes).unwrap();
    let ran = home.run("backup prune --older-than 0h --commit-older-than 0h -y");
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("The backups of run {damaged} are left alone: ")));
    assert!(all_there(&files));
}

/// What kubeadm and others have left on a machine, added to the simulated one by hand.
fn add_files(home: &Home, names: &[&str]) {
    let path = home.path("lab/machines/cp1.json");
    let mut machine: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let files = machine["files"].as_object_mut().unwrap();
    for name in names {
        let path = format!("/etc/kubernetes/tmp/{name}");
        files.insert(path, json!({ "text": "old", "mode": 0o600 }));
    }
    std::fs::write(&path, serde_json::to_vec(&machine).unwrap()).unwrap();
}

/// Names the files of the machine.
fn in_tmp(home: &Home) -> String {
    let machine = std::fs::read(home.path("lab/machines/cp1.json")).unwrap();
    let machine: Value = serde_json::from_slice(&machine).unwrap();
    let files = machine["files"].as_object().unwrap();
    files.keys().map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_kubeadm_has_left_goes_only_when_it_was_asked_for_and_no_run_needs_it() {
    let home = Home::new();
    home.run(&format!("start v1.30.1 --until control-plane {SPEC}"));
    let run = home.runs().remove(0);
    add_files(&home, &["kubeadm-backup-etcd-2020/db", "mine/notes"]);
    let ran = home.run("backup prune --kubeadm-tmp -y");
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not over"), "{}", ran.stderr);
    home.must(&format!("resume {run}"));
    home.must("backup prune -y");
    assert!(in_tmp(&home).contains("kubeadm-backup-etcd-2020"));
    let said = home.must("backup prune --kubeadm-tmp --dry-run");
    assert!(said.contains("kubeadm-backup-etcd-2020") && !said.contains("mine"), "{said}");
    assert!(in_tmp(&home).contains("kubeadm-backup-etcd-2020"));
    home.must("backup prune --kubeadm-tmp -y");
    let left = in_tmp(&home);
    assert!(
        !left.contains("/etc/kubernetes/tmp/kubeadm-") && left.contains("mine/notes"),
        "{left}"
    );
}
