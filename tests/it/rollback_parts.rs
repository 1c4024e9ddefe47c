//! `kup rollback` part of the way, over what somebody else has changed, and with backups that are not whole.

#![allow(clippy::disallowed_methods, reason = "copies are damaged on purpose")]

use std::fs;

use kup_steps::sim::SimWorld;
use serde_json::Value;

use crate::cli_program::{Home, newborn, wall_clock};

const SPEC: &str = "sim:1x2@v1.29.4";
const CONFIG: &str = "/var/lib/kubelet/config.yaml";

/// A home with a finished run.
fn finished() -> (Home, String) {
    let home = Home::new();
    home.must(&format!("start v1.30.1 --cluster {SPEC} -y"));
    let run = home.runs().remove(0);
    (home, run)
}

fn world(home: &Home, run: &str) -> SimWorld {
    let dir = home.path(&format!("state/runs/{run}/sim"));
    SimWorld::open(&dir, wall_clock()).unwrap()
}

/// Returns the pre-image of a step: its file here, and the one on its node.
fn copies(home: &Home, run: &str, step: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let all = home.must(&format!("backup list {run} -o json"));
    let all = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let kept = all.into_iter().find(|it| it["step"] == step).unwrap();
    let (id, place) = (kept["id"].as_str().unwrap(), kept["on_node"].as_str().unwrap());
    let node = kept["target"].as_str().unwrap();
    let here = home.path(&format!("state/runs/{run}/blobs/{id}"));
    (here, home.path(&format!("state/runs/{run}/sim/disk/{node}{place}")))
}

#[test]
fn one_worker_goes_back_and_then_the_rest() {
    let (home, run) = finished();
    let shown = home.must(&format!("rollback {run} --node w1 --dry-run"));
    assert!(shown.contains("Rests after rollback-workers of w1"), "{shown}");
    home.must(&format!("rollback {run} --node w1 -y"));
    let inventory = home.must(&format!("show {run}"));
    assert!(inventory.contains("rollback-workers of w1"), "{inventory}");
    let between = home.picture(&run);
    assert_ne!(between, newborn(SPEC));
    let again = home.run(&format!("rollback {run} --node w2 -y"));
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    home.must(&format!("rollback {run} -y"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}

#[test]
fn a_run_goes_back_to_a_step_and_then_the_rest() {
    let (home, run) = finished();
    let inside = home.run(&format!("rollback {run} --to kubelet-packages.cp1 -y"));
    assert_eq!(inside.code, Some(2), "{}", inside.stderr);
    assert!(inside.stderr.contains("a kubelet goes back as a whole"), "{}", inside.stderr);
    let unknown = home.run(&format!("rollback {run} --to nothing.cp1 -y"));
    assert!(unknown.stderr.contains("has no step `nothing.cp1`"), "{}", unknown.stderr);
    home.must(&format!("rollback {run} --to kubeadm-apply.cp1 -y"));
    assert_ne!(home.picture(&run), newborn(SPEC));
    home.must(&format!("rollback {run} -y"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}

#[test]
fn a_control_plane_alone_is_refused_while_kubelets_are_newer() {
    let (home, run) = finished();
    let refused = home.run(&format!("rollback {run} --node cp1 -y"));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("while kubelets are newer: w1, w2"), "{}", refused.stderr);
    let unknown = home.run(&format!("rollback {run} --node w9 -y"));
    assert!(unknown.stderr.contains("the run has no node `w9`"), "{}", unknown.stderr);
}

#[test]
fn what_somebody_else_has_changed_is_named_and_only_written_over_on_a_word() {
    let (home, run) = finished();
    world(&home, &run).foreign_file("w1", CONFIG, Some("mine: yes\n")).unwrap();
    let changed = home.picture(&run);
    let refused = home.run(&format!("rollback {run} -y"));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    let named = format!("{CONFIG} on w1");
    assert!(refused.stdout.contains(&named), "{}", refused.stdout);
    assert_eq!(home.picture(&run), changed);
    home.must(&format!("rollback {run} -y --overwrite-changes"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}

#[test]
fn a_copy_that_a_node_has_lost_or_damaged_is_brought_again() {
    for damage in
        [|path| fs::remove_file(path).unwrap(), |path| fs::write(path, "another").unwrap()]
            as [fn(&std::path::Path); 2]
    {
        let (home, run) = finished();
        for step in ["kubeadm-apply.cp1", "kubeadm-node.w1"] {
            damage(&copies(&home, &run, step).1);
        }
        home.must(&format!("rollback {run} -y"));
        assert_eq!(home.picture(&run), newborn(SPEC));
    }
}

#[test]
fn backups_that_are_whole_nowhere_are_refused_before_anything_is_touched() {
    let (home, run) = finished();
    let (here, there) = copies(&home, &run, "kubeadm-apply.cp1");
    let bytes = fs::read(&here).unwrap();
    fs::remove_file(&there).unwrap();
    let before = home.picture(&run);
    let (foreign, _) = copies(&home, &run, "kubeadm-node.w1");
    let foreign = fs::read(foreign).unwrap();
    for damaged in [None, Some(&bytes[..100]), Some(&foreign[..])] {
        match damaged {
            None => fs::remove_file(&here).unwrap(),
            Some(bytes) => fs::write(&here, bytes).unwrap(),
        }
        for words in ["--dry-run", "-y"] {
            let refused = home.run(&format!("rollback {run} {words}"));
            assert_eq!(refused.code, Some(12), "{}", refused.stderr);
            assert!(refused.stderr.contains("rollback.kubeadm-apply.cp1"), "{}", refused.stderr);
            assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
        }
        assert_eq!(home.picture(&run), before);
    }
    fs::write(&here, &bytes).unwrap();
    home.must(&format!("rollback {run} -y"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}
