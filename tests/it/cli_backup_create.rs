//! Backups outside of an upgrade, and what operators get out of them.

use serde_json::Value;

use crate::cli_commit::backups;
use crate::cli_program::Home;

const REACH: &str = "--cluster sim:1x1@v1.29.4 --sim-dir lab";

fn only(home: &Home, known: &[String]) -> String {
    let mut runs = home.runs();
    runs.retain(|run| !known.contains(run));
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

pub(crate) fn listed(home: &Home, run: &str) -> Vec<Value> {
    let text = home.must(&format!("backup list {run} -o json"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_backup_run_copies_every_node_and_the_objects_and_changes_nothing() {
    let home = Home::new();
    let ran = home.run(&format!("backup create {REACH}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = only(&home, &[]);
    let of = |it: &Value| {
        (it["target"].as_str().unwrap().to_owned(), it["what"].as_str().unwrap().to_owned())
    };
    let all: Vec<(String, String)> = listed(&home, &run).iter().map(of).collect();
    for (target, what) in [
        ("cluster", "ConfigMaps of kube-system"),
        ("cluster", "CoreDNS and kube-proxy of kube-system"),
        ("cluster", "snapshot of etcd"),
        ("cp1", "/etc/kubernetes/manifests /etc/kubernetes/pki"),
        ("w1", "/etc/kubernetes/manifests"),
    ] {
        assert!(all.iter().any(|(of, it)| of == target && it.starts_with(what)), "{all:?}");
    }
    assert!(home.must("backup verify --nodes").contains("2 of 2 copies on nodes are as they were"));
    assert!(home.must("history").contains("succeeded"));
    assert!(home.must(&format!("show {run}")).contains(&format!("kup backup list {run}")));
    let ran = home.run(&format!("rollback {run} -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("there is nothing to roll back"), "{}", ran.stderr);
    let ran = home.run(&format!("commit {run} -y"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn a_backup_run_stands_in_the_way_of_no_upgrade_and_of_no_rollback() {
    let home = Home::new();
    home.must(&format!("backup create {REACH}"));
    let before = home.runs();
    home.must(&format!("start v1.30.1 {REACH} -y"));
    let run = only(&home, &before);
    home.must(&format!("backup create {REACH}"));
    home.must(&format!("rollback {run} -y"));
}

#[test]
fn a_killed_backup_run_is_resumed() {
    let home = Home::new();
    let run = home.killed_run(&format!("backup create {REACH}"), 2);
    home.must(&format!("resume {run}"));
    assert!(listed(&home, &run).len() >= 4);
    assert!(home.must("backup verify --nodes").contains("2 of 2 copies on nodes are as they were"));
}

#[test]
fn the_newest_backup_stays_and_older_ones_go() {
    let home = Home::new();
    home.must(&format!("backup create {REACH}"));
    let old = home.runs();
    home.must(&format!("backup create {REACH}"));
    let new = only(&home, &old);
    let files = backups(&home, &old[0]);
    assert!(files.len() == 5 && files.iter().all(|file| file.is_file()));
    home.must("backup prune --older-than 0h --nodes -y");
    assert!(files.iter().all(|file| !file.exists()));
    let said = home.must(&format!("backup verify {new} --nodes"));
    assert!(said.contains("5 of 5 are as they were kept"), "{said}");
    assert!(said.contains("2 of 2 copies on nodes are as they were"), "{said}");
}

#[test]
fn the_keys_that_secrets_are_encrypted_with_are_copied_from_wherever_they_are() {
    let home = Home::new();
    home.must(&format!("backup create {REACH}"));
    let before = home.runs();
    let path = home.path("lab/machines/cp1.json");
    let mut machine: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let files = machine["files"].as_object_mut().unwrap();
    let manifest = &mut files["/etc/kubernetes/manifests/kube-apiserver.yaml"]["text"];
    let flag = "    - kube-apiserver\n    - --encryption-provider-config=/srv/keys/enc.yaml\n";
    let text = manifest.as_str().unwrap().replacen("    - kube-apiserver\n", flag, 1);
    *manifest = text.into();
    let keys = serde_json::json!({ "text": "the keys", "mode": 0o600 });
    files.insert("/srv/keys/enc.yaml".to_owned(), keys);
    std::fs::write(&path, serde_json::to_vec(&machine).unwrap()).unwrap();
    home.must(&format!("backup create {REACH}"));
    let all = listed(&home, &only(&home, &before));
    let of_cp1 = all.iter().find(|it| it["target"] == "cp1").unwrap();
    let text = home.must(&format!("backup show {}", of_cp1["id"].as_str().unwrap()));
    assert!(text.contains("  /srv/keys/enc.yaml ("), "{text}");
}
