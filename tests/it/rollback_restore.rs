//! `kup rollback --restore-etcd`: etcd's snapshot is restored on every member, and what was written since is lost.

#![allow(clippy::disallowed_methods, reason = "backups are damaged on purpose")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use kup_steps::sim::SimWorld;
use serde_json::Value;

use crate::cli_program::{Home, newborn, wall_clock};

/// etcd goes from 3.5 to 3.6 here.
const SPEC: &str = "sim:3x1@v1.33.13";
const START: &str = "start v1.34.9 --cluster sim:3x1@v1.33.13 -y";

/// A home with an etcdutl of a minor.
fn home(minor: &str) -> (Home, PathBuf) {
    let home = Home::new();
    let program = home.path("etcdutl");
    fs::write(&program, format!("#!/bin/sh\necho etcdutl version: {minor}.30\n")).unwrap();
    (home, program)
}

/// The same with a finished run that can be restored.
fn finished() -> (Home, String) {
    let (home, program) = home("3.5");
    home.must(&format!("{START} --etcdutl {}", program.display()));
    let run = home.runs().remove(0);
    (home, run)
}

fn world(home: &Home, run: &str) -> SimWorld {
    let dir = home.path(&format!("state/runs/{run}/sim"));
    SimWorld::open(&dir, wall_clock()).unwrap()
}

/// Writes a ConfigMap that nobody but the test knows.
fn write_marker(home: &Home, run: &str) {
    let data = BTreeMap::from([("when".to_owned(), "after the upgrade".to_owned())]);
    let cluster = world(home, run).cluster();
    let written = async { cluster.put_config_map("marker", &data, None).await };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(written)
        .unwrap();
}

fn since(home: &Home, run: &str) -> String {
    let shown = home.must(&format!("rollback {run} --restore-etcd --dry-run -o json"));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["class"], "R3", "{shown}");
    assert!(shown["loss"]["written"]["objects"]["configmaps"].as_u64() > Some(0), "{shown}");
    shown["loss"]["since"].as_str().unwrap().to_owned()
}

/// Returns the file of the snapshot that would be restored, and that of the etcdutl.
fn blobs(home: &Home, run: &str) -> (PathBuf, PathBuf) {
    let all = home.must(&format!("backup list {run} -o json"));
    let all: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |step: &str| {
        let kept = all.iter().find(|it| it["step"] == step).unwrap();
        home.path(&format!("state/runs/{run}/blobs/{}", kept["id"].as_str().unwrap()))
    };
    (of("etcd-snapshot.cp1"), of("etcdutl.cp1"))
}

#[test]
fn what_was_written_since_the_snapshot_is_gone_and_all_else_as_before() {
    let (home, run) = finished();
    write_marker(&home, &run);
    assert!(home.picture(&run).contains("marker"));
    let moment = since(&home, &run);
    let before = home.picture(&run);
    for words in ["-y", "--yes-lose-data-since 2020-01-01T00:00:00Z"] {
        let refused = home.run(&format!("rollback {run} --restore-etcd {words}"));
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("nothing was changed"), "{}", refused.stderr);
        assert_eq!(home.picture(&run), before);
    }
    home.must(&format!("rollback {run} --restore-etcd --yes-lose-data-since {moment}"));
    assert_eq!(home.picture(&run), newborn(SPEC));
    let snapshots = home.must(&format!("backup list {run}"));
    assert!(snapshots.contains("rollback.etcd-snapshot-now.cp1"), "{snapshots}");
    let again = home.run(&format!("rollback {run} --restore-etcd"));
    assert!(again.stderr.contains("was rolled back already"), "{}", again.stderr);
}

#[test]
fn without_the_flag_an_etcd_of_a_newer_minor_is_refused_with_the_way_there_is() {
    let (home, run) = finished();
    let refused = home.run(&format!("rollback {run} -y"));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--restore-etcd"), "{}", refused.stderr);
}

#[test]
fn a_run_without_a_snapshot_or_without_an_etcdutl_is_refused() {
    for (flags, why) in [("", "no etcdutl of 3.5"), ("--no-etcd-snapshot", "no snapshot of etcd")] {
        let home = Home::new();
        home.must(&format!("{START} {flags}"));
        let run = home.runs().remove(0);
        let refused = home.run(&format!("rollback {run} --restore-etcd --dry-run"));
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[test]
fn an_etcdutl_of_another_minor_stops_the_run_before_anything_is_changed() {
    let (home, program) = home("3.6");
    let stopped = home.run(&format!("{START} --etcdutl {}", program.display()));
    assert_eq!(stopped.code, Some(5), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("says of itself: 3.6.30"), "{}", stopped.stderr);
    let run = home.runs().remove(0);
    assert_eq!(home.picture(&run), newborn(SPEC));
}

#[test]
fn a_snapshot_or_an_etcdutl_that_is_not_what_was_kept_is_refused_before_anything_is_touched() {
    let (home, run) = finished();
    let moment = since(&home, &run);
    let before = home.picture(&run);
    let (snapshot, etcdutl) = blobs(&home, &run);
    for file in [&snapshot, &etcdutl] {
        let good = fs::read(file).unwrap();
        let other = if *file == snapshot { &etcdutl } else { &snapshot };
        for bad in [None, Some(good[..good.len() - 1].to_vec()), Some(fs::read(other).unwrap())] {
            match bad {
                None => fs::remove_file(file).unwrap(),
                Some(bytes) => fs::write(file, bytes).unwrap(),
            }
            let words = format!("--restore-etcd --yes-lose-data-since {moment}");
            let refused = home.run(&format!("rollback {run} {words}"));
            assert_eq!(refused.code, Some(12), "{}", refused.stderr);
            assert!(refused.stderr.contains("rollback.restore-prepare.cp1"), "{}", refused.stderr);
            assert_eq!(home.picture(&run), before);
        }
        fs::write(file, &good).unwrap();
    }
    home.must(&format!("rollback {run} --restore-etcd --yes-lose-data-since {moment}"));
    assert_eq!(home.picture(&run), newborn(SPEC));
}
