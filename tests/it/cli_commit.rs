//! The end of the time in which a run can be rolled back, as operators end it.

use std::path::PathBuf;

use kup_steps::sim::SimWorld;
use serde_json::Value;

use crate::cli_program::{Home, wall_clock};

/// A home with a finished run that could be rolled back.
pub(crate) fn with_run() -> (Home, String) {
    let home = Home::new();
    home.must("start v1.30.1 --cluster sim:1x1@v1.29.4 -y");
    let run = home.runs().remove(0);
    (home, run)
}

/// The files of a run's backups, each once.
pub(crate) fn backups(home: &Home, run: &str) -> Vec<PathBuf> {
    let listed = home.must(&format!("backup list {run} -o json"));
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].clone();
    let mut ids: Vec<String> =
        listed.lines().map(|line| id(line).as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids.iter().map(|id| home.path(&format!("state/runs/{run}/blobs/{id}"))).collect()
}

fn on_node(home: &Home, run: &str, node: &str) -> PathBuf {
    home.path(&format!("state/runs/{run}/sim/disk/{node}/var/lib/kup/backups/{run}"))
}

#[test]
fn a_committed_run_has_no_backups_and_cannot_be_rolled_back() {
    let (home, run) = with_run();
    let files = backups(&home, &run);
    assert!(files.iter().all(|file| file.is_file()) && files.len() > 3);
    assert!(home.must(&format!("show {run}")).contains(&format!("kup commit {run}")));
    let ran = home.run(&format!("commit {run}"));
    assert_eq!(ran.code, Some(2), "nobody can be asked: {}", ran.stderr);
    assert!(files.iter().all(|file| file.is_file()));
    let ran = home.run(&format!("commit {run} --reason good -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("it can be rolled back no more"), "{}", ran.stderr);
    assert!(ran.stderr.contains(" freed on cp1") && ran.stderr.contains(" freed on w1"));
    assert!(files.iter().all(|file| !file.exists()));
    for node in ["cp1", "w1"] {
        assert!(!on_node(&home, &run, node).exists(), "{node}");
    }
    let last = home.history(&run).pop().unwrap();
    assert_eq!((&last["type"], &last["reason"]), (&"RunCommitted".into(), &"good".into()));
    for words in ["rollback RUN -y", "rollback RUN --dry-run"] {
        let ran = home.run(&words.replace("RUN", &run));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains("the run was committed at 20"), "{}", ran.stderr);
    }
    assert_eq!(home.must("backup verify"), "There are no backups yet.\n");
    assert!(home.must("history").contains("committed"));
    assert!(home.must(&format!("show {run}")).contains("committed at 20"));
}

#[test]
fn outputs_stay_and_the_doctor_finds_nothing_wrong() {
    let (home, run) = with_run();
    let words = format!("logs {run} --step kubeadm-apply.cp1");
    let output = home.must(&words);
    assert!(!output.is_empty());
    home.must(&format!("commit {run} -y"));
    assert_eq!(home.must(&words), output);
    let said = home.must("doctor --nodes");
    assert!(said.contains("0 problems, 0 notes"), "{said}");
}

#[test]
fn a_second_commit_says_so_and_clears_what_a_crash_has_left() {
    let (home, run) = with_run();
    let files = backups(&home, &run);
    std::fs::hard_link(&files[0], home.path("left")).unwrap();
    home.must(&format!("commit {run} -y"));
    let history = home.history(&run);
    std::fs::rename(home.path("left"), &files[0]).unwrap();
    let found = home.must("doctor");
    assert!(found.contains("a backup that nothing needs any more"), "{found}");
    let ran = home.run(&format!("commit {run} -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("was committed at 20") && ran.stderr.contains(" already"));
    assert!(!files[0].exists());
    assert_eq!(home.history(&run), history);
}

#[test]
fn a_node_that_does_not_answer_keeps_its_copies_and_is_named() {
    let (home, run) = with_run();
    let sim = home.path(&format!("state/runs/{run}/sim"));
    SimWorld::open(&sim, wall_clock()).unwrap().cut("w1").unwrap();
    let ran = home.run(&format!("commit {run} -y"));
    assert_eq!(ran.code, Some(9), "{}", ran.stderr);
    assert!(ran.stderr.contains("w1 keeps its copies: cannot reach w1"), "{}", ran.stderr);
    assert!(on_node(&home, &run, "w1").exists() && !on_node(&home, &run, "cp1").exists());
    SimWorld::open(&sim, wall_clock()).unwrap().mend("w1").unwrap();
    home.must(&format!("commit {run} -y"));
    assert!(!on_node(&home, &run, "w1").exists());
}

#[test]
fn what_has_not_succeeded_is_not_committed() {
    let home = Home::new();
    let spec = "--cluster sim:1x1@v1.29.4 -y";
    home.run(&format!("start v1.30.1 --until control-plane {spec}"));
    let run = home.runs().remove(0);
    let refused = |words: &str| {
        let ran = home.run(&format!("commit {run} -y"));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(
            ran.stderr.contains(words) && ran.stderr.contains("nothing was changed"),
            "{}",
            ran.stderr
        );
    };
    refused("is not over (paused) and needs its backups");
    let ran = home.run(&format!("rollback {run} -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    refused("was rolled back: there is nothing to commit");
    assert!(backups(&home, &run).iter().all(|file| file.is_file()));
}
