//! The backups of runs, as operators list, look at and prove them.

use std::path::PathBuf;

use kup_steps::sim::SimWorld;
use serde_json::Value;

use crate::cli_program::{Home, wall_clock};

/// A home with a finished run.
fn with_run() -> (Home, String) {
    let home = Home::new();
    home.must("start v1.36.2 --cluster sim:1x1@v1.35.6 -y");
    let run = home.runs().remove(0);
    (home, run)
}

fn listed(home: &Home, words: &str) -> Vec<Value> {
    home.must(words).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn file(home: &Home, run: &str, id: &str) -> PathBuf {
    home.path(&format!("state/runs/{run}/blobs/{id}"))
}

#[test]
fn every_backup_that_the_history_names_is_listed_once_with_its_step_and_file() {
    let (home, run) = with_run();
    let all = listed(&home, "backup list -o json");
    let history = home.history(&run);
    let named: usize = history.iter().filter_map(|it| it["backups"].as_array()).map(Vec::len).sum();
    assert_eq!(all.len(), named);
    assert!(named > 5, "{named}");
    for kept in &all {
        let path = file(&home, &run, kept["id"].as_str().unwrap());
        assert_eq!(path.metadata().unwrap().len(), kept["size"].as_u64().unwrap());
        assert_eq!((&kept["from"], &kept["to"]), (&"v1.35.6".into(), &"v1.36.2".into()));
    }
    let of_cp1 = all.iter().find(|it| it["step"] == "kubeadm-control-plane.cp1").unwrap();
    assert_eq!(of_cp1["target"], "cp1");
    assert!(of_cp1["on_node"].as_str().unwrap().starts_with("/var/lib/kup/backups/"));
    assert_eq!(listed(&home, &format!("backup list {run} -o json")), all);
}

#[test]
fn a_backup_is_shown_with_the_names_of_what_is_in_it_and_never_with_its_contents() {
    let (home, run) = with_run();
    let all = listed(&home, "backup list -o json");
    let kept = all.iter().find(|it| it["step"] == "kubeadm-control-plane.cp1").unwrap();
    let id = kept["id"].as_str().unwrap();
    let text = home.must(&format!("backup show {}", &id[..12]));
    for words in
        [id, "of cp1", "/etc/kubernetes/manifests/kube-apiserver.yaml (", ": good", run.as_str()]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("image:") && !text.contains("BEGIN"), "{text}");
    assert!(text.contains("  /etc/apt/sources.list.d/kubernetes.list ("), "{text}");
    let of_config = |what: &str| {
        let is_of = |it: &&Value| it["step"] == "kubeadm-upload-config.cp1" && it["what"] == what;
        all.iter().find(is_of).unwrap()
    };
    let addons = of_config("CoreDNS and kube-proxy of kube-system");
    let text = home.must(&format!("backup show {}", addons["id"].as_str().unwrap()));
    assert!(text.contains("  DaemonSet/kube-proxy\n") && !text.contains("image"), "{text}");
    let maps = of_config("ConfigMaps of kube-system");
    let text = home.must(&format!("backup show {}", maps["id"].as_str().unwrap()));
    assert!(text.contains("  kubeadm-config\n") && !text.contains("kubernetesVersion"), "{text}");
}

#[test]
fn etcds_snapshot_is_shown_with_its_revision_its_versions_and_its_members() {
    let home = Home::new();
    home.must("start v1.36.2 --cluster sim:3x0@v1.35.6 -y");
    let all = listed(&home, "backup list -o json");
    let snapshots: Vec<&Value> = all.iter().filter(|it| it["kind"] == "etcd-snapshot").collect();
    let [kept] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    assert_eq!(kept["step"], "etcd-snapshot.cp1");
    assert_eq!(
        (&kept["etcd"]["version"], &kept["etcd"]["member"]),
        (&"3.6.6".into(), &"cp1".into())
    );
    assert!(kept["etcd"]["revision"].as_i64().unwrap() > 1000, "{kept}");
    let text = home.must(&format!("backup show {}", kept["id"].as_str().unwrap()));
    for words in ["snapshot of etcd 3.6.6 at revision 1", ": good", "  cp3 (https://"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("kubernetesVersion"), "{text}");
    let others = all.iter().filter(|it| it["kind"] == "copy");
    assert!(others.into_iter().all(|it| it["etcd"].is_null()));
}

#[test]
fn a_run_without_a_snapshot_of_etcd_is_warned_of() {
    let home = Home::new();
    let words = "start v1.36.2 --cluster sim:1x0@v1.35.6 -y --no-etcd-snapshot";
    let ran = home.run(words);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("no R3") || ran.stderr.contains("no R3"), "{}", ran.stderr);
    let all = listed(&home, "backup list -o json");
    assert!(all.iter().all(|it| it["kind"] == "copy"), "{all:?}");
}

#[test]
fn bytes_that_are_others_or_gone_are_told_apart_from_good_ones() {
    let (home, run) = with_run();
    let n_all = listed(&home, "backup list -o json").len();
    let proven = home.must("backup verify");
    assert!(proven.contains(&format!("\n{n_all} of {n_all} are as they were kept\n")), "{proven}");
    assert!(proven.contains("The nodes were not asked for their "), "{proven}");
    let mut ids: Vec<String> = listed(&home, "backup list -o json")
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    let [other, gone, ..] = ids.as_slice() else { panic!("{ids:?}") };
    let mut bytes = std::fs::read(file(&home, &run, other)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(file(&home, &run, other), bytes).unwrap();
    std::fs::remove_file(file(&home, &run, gone)).unwrap();
    let ran = home.run(&format!("backup verify {run}"));
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    for (id, word) in [(other, "DAMAGED"), (gone, "MISSING")] {
        let line = ran.stdout.lines().find(|line| line.starts_with(&id[..12])).unwrap();
        assert!(line.contains(word), "{line}");
        assert_eq!(home.run(&format!("backup show {id}")).code, Some(12));
    }
    assert!(ran.stdout.contains("A rollback refuses ConfigMaps that are not"), "{}", ran.stdout);
}

#[test]
fn copies_on_nodes_are_asked_for_and_told_apart() {
    let (home, run) = with_run();
    let copies: Vec<String> = listed(&home, "backup list -o json")
        .iter()
        .filter(|it| it["target"] == "cp1")
        .filter_map(|it| it["on_node"].as_str().map(str::to_owned))
        .collect();
    let [good, other, gone, ..] = copies.as_slice() else { panic!("{copies:?}") };
    let said = home.must("backup verify --nodes");
    assert!(said.contains(" copies on nodes are as they were kept\n"), "{said}");
    assert!(!said.contains("not asked"), "{said}");
    let disk = home.path(&format!("state/runs/{run}/sim/disk/cp1"));
    let copy = |path: &str| disk.join(path.trim_start_matches('/'));
    std::fs::write(copy(other), "something else").unwrap();
    std::fs::remove_file(copy(gone)).unwrap();
    let ran = home.run("backup verify --nodes -o json");
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    let proven: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (path, word) in [(good, "good"), (other, "damaged"), (gone, "missing")] {
        let of_path = |it: &&Value| it["target"] == "cp1" && it["on_node"] == path.as_str();
        let proven = proven.iter().find(of_path).unwrap();
        assert_eq!((&proven["node_proof"], &proven["proof"]), (&word.into(), &"good".into()));
    }
    let maps = proven.iter().find(|it| it["what"] == "ConfigMaps of kube-system").unwrap();
    assert_eq!((&maps["on_node"], &maps["node_proof"]), (&Value::Null, &"none".into()));
}

#[test]
fn a_node_that_does_not_answer_is_no_damage_and_no_proof() {
    let (home, run) = with_run();
    let sim = home.path(&format!("state/runs/{run}/sim"));
    SimWorld::open(&sim, wall_clock()).unwrap().cut("w1").unwrap();
    let ran = home.run("backup verify --nodes");
    assert_eq!(ran.code, Some(9), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("UNREADABLE: cannot reach w1"), "{}", ran.stdout);
}

#[test]
fn one_damaged_journal_does_not_hide_the_backups_of_other_runs() {
    let (home, damaged) = with_run();
    home.must("start v1.36.2 --cluster sim:1x1@v1.35.6 -y");
    let other = home.runs().into_iter().find(|run| *run != damaged).unwrap();
    let mut bytes = std::fs::read(home.journal(&damaged)).unwrap();
    bytes[300] ^= 1;
    std::fs::write(home.journal(&damaged), bytes).unwrap();
    for words in ["backup list", "backup verify", "backup verify --nodes"] {
        let ran = home.run(words);
        assert_eq!(ran.code, Some(12), "kup {words}: {}", ran.stderr);
        assert!(ran.stdout.contains(&other) && !ran.stdout.contains(&damaged), "{}", ran.stdout);
        let named = format!("The backups of run {damaged} are not among these: ");
        assert!(ran.stderr.contains(&named), "kup {words}: {}", ran.stderr);
    }
    assert_eq!(home.run(&format!("backup list {other}")).code, Some(0));
    assert_eq!(home.run(&format!("backup list {damaged}")).code, Some(12));
}

#[test]
fn what_names_no_backup_is_refused() {
    let (home, _) = with_run();
    for (words, why) in
        [("backup show zz", "there is no backup `zz`"), ("backup list zz", "there is no run `zz`")]
    {
        let ran = home.run(words);
        assert_eq!(ran.code, Some(2), "kup {words}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "kup {words}: {}", ran.stderr);
    }
    assert_eq!(Home::new().must("backup list"), "There are no backups yet.\n");
}

#[test]
fn the_backups_of_a_run_that_went_back_are_those_of_the_way_forward() {
    let home = Home::new();
    home.must("start v1.30.1 --cluster sim:1x1@v1.29.4 -y");
    let run = home.runs().remove(0);
    let before = listed(&home, "backup list -o json");
    home.must(&format!("rollback {run} -y"));
    assert_eq!(listed(&home, "backup list -o json"), before);
    home.must("backup verify --nodes");
}
