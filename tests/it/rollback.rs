//! `kup rollback` of the real program: shown first, done once, and the cluster is as it was.

#![allow(clippy::disallowed_methods, reason = "kup is asked and stopped at a terminal")]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::cli_program::{Home, newborn, pause};

const SPEC: &str = "sim:1x1@v1.29.4";

#[test]
fn a_finished_run_goes_back_to_what_was_before() {
    let home = Home::new();
    home.must(&format!("start v1.30.1 --cluster {SPEC} -y"));
    let run = home.runs().remove(0);
    let (history, picture) = (home.history(&run), home.picture(&run));
    assert_ne!(picture, newborn(SPEC));

    let shown = home.must(&format!("rollback {run} --dry-run"));
    assert!(shown.contains("R1: files"), "{shown}");
    let refused = home.run(&format!("rollback {run}"));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("there is no terminal"), "{}", refused.stderr);
    assert_eq!(home.history(&run), history);
    assert_eq!(home.picture(&run), picture);
    assert!(home.owners(&run).is_empty(), "the nodes belong to a run that is over");

    home.must(&format!("rollback {run} -y --reason enough"));
    assert_eq!(home.picture(&run), newborn(SPEC));
    let again = home.run(&format!("rollback {run} -y"));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("was rolled back already"), "{}", again.stderr);
}

#[test]
fn a_killed_run_goes_back_to_what_was_before_although_the_rollback_is_killed_too() {
    let home = Home::new();
    let run = home.killed_run(&format!("start v1.30.1 --cluster {SPEC} -y"), 60);
    let mut child = home.spawn(&format!("rollback {run} -y"));
    home.grows(&run, 25, &mut child);
    crate::cli_program::kill(&mut child);
    let ran = home.run(&format!("rollback {run} -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(home.picture(&run), newborn(SPEC));
}

#[test]
fn what_was_fetched_for_a_later_hop_does_not_stand_in_the_way_back() {
    let home = Home::new();
    let mut child = home.spawn(&format!("start v1.31.1 --cluster {SPEC} -y"));
    let has_begun = |run: &String| {
        let history = home.history(run);
        let of = |step: &str| history.iter().any(|entry| entry["step"] == step);
        of("hop2.prefetch.cp1") && of("kubeadm-apply.cp1")
    };
    let began = Instant::now();
    while !home.runs().iter().any(|run| home.journal(run).is_file() && has_begun(run)) {
        assert!(began.elapsed() < Duration::from_secs(60), "the first hop did not begin");
        pause(20);
    }
    crate::cli_program::kill(&mut child);
    let run = home.runs().remove(0);
    let ran = home.run(&format!("rollback {run} -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(home.picture(&run), newborn(SPEC));
}

/// Returns both ends of a terminal: what a person has, and what a program has.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    (person.into(), OpenOptions::new().read(true).write(true).open(name).unwrap())
}

#[test]
fn a_question_does_not_keep_kup_from_stopping() {
    let home = Home::new();
    home.must(&format!("start v1.30.1 --cluster {SPEC} -y"));
    let run = home.runs().remove(0);
    let (mut person, program) = terminal();
    let mut command = home.command(&format!("rollback {run}"));
    command.stdin(program.try_clone().unwrap()).stderr(program);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("[y/N]") {
        let mut some = [0; 1024];
        let n = person.read(&mut some).unwrap();
        said.extend_from_slice(&some[..n]);
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(30) {
        pause(20);
    }
    // One that still waits for an answer would outlive this test.
    drop(child.kill());
    assert_eq!(child.wait().unwrap().code(), Some(143), "it did not stop by itself");
    assert!(home.owners(&run).is_empty());
}
