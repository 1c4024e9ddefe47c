//! What is in a backup, written out for people.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::cli_backup_create::listed;
use crate::cli_program::Home;

fn with_backups() -> (Home, String, Vec<Value>) {
    let home = Home::new();
    home.must("backup create --cluster sim:1x1@v1.29.4");
    let run = home.runs().remove(0);
    let all = listed(&home, &run);
    (home, run, all)
}

fn id<'a>(all: &'a [Value], target: &str, what: &str) -> &'a str {
    let found = all
        .iter()
        .find(|it| it["target"] == target && it["what"].as_str().unwrap().starts_with(what));
    found.unwrap()["id"].as_str().unwrap()
}

#[test]
fn files_go_into_a_new_private_folder_and_nowhere_else() {
    let (home, _, all) = with_backups();
    let id = id(&all, "cp1", "/etc");
    home.must(&format!("backup restore {id} --to out"));
    let file = home.path("out/etc/kubernetes/manifests/kube-apiserver.yaml");
    assert!(std::fs::read_to_string(&file).unwrap().contains("v1.29.4"));
    let mode = |path: &str| home.path(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("out"), mode("out/etc/kubernetes")), (0o700, 0o700));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let ran = home.run(&format!("backup restore {id} --to out"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    home.must(&format!("backup restore {id} --to one --file /etc/kubernetes/admin.conf"));
    assert!(home.path("one/etc/kubernetes/admin.conf").is_file());
    assert!(!home.path("one/etc/kubernetes/manifests").exists());
    let ran = home.run(&format!("backup restore {id} --to none --file /srv"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(!home.path("none").exists());
}

#[test]
fn objects_are_written_one_by_one() {
    let (home, _, all) = with_backups();
    home.must(&format!("backup restore {} --to addons", id(&all, "cluster", "CoreDNS")));
    let text = std::fs::read_to_string(home.path("addons/DaemonSet.kube-proxy.json")).unwrap();
    let object: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["kind"], "DaemonSet");
    assert!(object.get("status").is_none());
}

#[test]
fn etcds_snapshot_is_written_as_one_private_file_with_what_to_do_with_it() {
    let (home, run, all) = with_backups();
    let id = id(&all, "cluster", "snapshot of etcd");
    let ran = home.run(&format!("backup restore {id} --to out"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("etcdutl snapshot restore"), "{}", ran.stderr);
    let (there, here) =
        (home.path("out/snapshot.db"), home.path(&format!("state/runs/{run}/blobs/{id}")));
    assert_eq!(there.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read(&there).unwrap() == std::fs::read(here).unwrap());
    let ran = home.run(&format!("backup restore {id} --to out"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn what_is_damaged_foreign_or_missing_is_refused_before_anything_is_written() {
    let (home, run, all) = with_backups();
    let id = id(&all, "cp1", "/etc");
    let file = home.path(&format!("state/runs/{run}/blobs/{id}"));
    let ran = home.run(&format!("backup restore {id} --to out --of-cluster https://other:6443"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("not of https://other:6443"), "{}", ran.stderr);
    let ran = home.run(&format!("backup restore {} --to out", "ab".repeat(32)));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let ran = home.run(&format!("backup restore {id} --to out"));
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    std::fs::remove_file(&file).unwrap();
    let ran = home.run(&format!("backup restore {id} --to out"));
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    assert!(!home.path("out").exists());
}
