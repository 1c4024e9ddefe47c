//! What `kup doctor` does when it is told, and what it refuses.

use std::fs;

use serde_json::json;

use crate::cli_program::Home;
use crate::doctor::bench::{Bench, On, frames};
use crate::doctor::cases::{nonsense, world};

/// Flips a bit in the payload of a journal's last entry.
fn flip_last(bench: &Bench) {
    bench.rewrite(|bytes, frames| bytes[frames.last().unwrap().begin + 98] ^= 1);
}

#[track_caller]
fn refuses(bench: &Bench, words: &str, (code, text): (i32, &str)) {
    let before = bench.contents();
    let ran = bench.kup(words);
    assert_eq!(ran.code, Some(code), "{}", ran.stderr);
    assert!(ran.stderr.contains(text), "{}", ran.stderr);
    assert!(ran.stderr.contains("State: nothing was changed"), "{}", ran.stderr);
    assert!(bench.contents() == before, "a refusal has changed something");
}

#[test]
fn a_damaged_last_entry_is_set_aside_and_the_run_goes_on() {
    let bench = Bench::new(On::Paused);
    let whole = bench.journal();
    flip_last(&bench);
    let damaged = bench.journal();
    let last = *frames(&damaged).last().unwrap();
    for words in ["show RUN", "history RUN", "resume RUN"] {
        let ran = bench.kup(words);
        assert_eq!(ran.code, Some(12), "{}", ran.stderr);
        let hint = format!("`kup doctor {}`", bench.run);
        assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
    }
    refuses(&bench, "doctor RUN --repair", (2, "there is no terminal"));
    let ran = bench.kup("doctor RUN --repair -y");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let kept = bench.path(&format!("runs/RUN/journal.damaged.{}", last.begin));
    assert_eq!(fs::read(kept).unwrap(), &damaged[last.begin..]);
    assert_eq!(bench.journal(), &whole[..last.begin]);
    assert_eq!(bench.kup("resume RUN").code, Some(3), "it rests where it was asked to");
    assert_eq!(bench.kup("resume RUN").code, Some(0));
    assert_eq!(bench.kup("doctor RUN --nodes").code, Some(0));
}

#[test]
fn an_entry_of_which_something_came_is_not_set_aside() {
    let bench = Bench::new(On::Paused);
    let last = bench.intents("cp1").into_iter().max().unwrap();
    bench.rewrite(|bytes, frames| {
        let intent = frames[last - 1];
        bytes.truncate(intent.end);
        bytes[intent.begin + 98] ^= 1;
    });
    refuses(&bench, "doctor RUN --repair -y", (12, "so something came of it"));
}

#[test]
fn as_long_as_a_node_is_silent_nothing_is_set_aside() {
    let bench = Bench::new(On::Paused);
    flip_last(&bench);
    world(&bench).cut("w1").unwrap();
    refuses(&bench, "doctor RUN --repair -y", (9, "w1 does not say whether anything came of it"));
    world(&bench).mend("w1").unwrap();
    bench.attempt("cp1", |attempt| attempt["state"] = json!({"Running": []}));
    refuses(&bench, "doctor RUN --repair -y", (8, "is at work on cp1"));
    bench.attempt("cp1", |attempt| attempt["state"] = json!({"Ended": 0}));
    bench.owner("w1", &bench.run, 3);
    refuses(&bench, "doctor RUN --repair -y", (12, "more than one entry is lost"));
}

#[test]
fn what_is_whole_or_damaged_elsewhere_is_not_repaired() {
    let bench = Bench::new(On::Paused);
    refuses(&bench, "doctor RUN --repair -y", (2, "is not damaged"));
    bench.rewrite(|bytes, frames| bytes[frames[4].begin + 100] ^= 1);
    refuses(&bench, "doctor RUN --repair -y", (12, "further entries stand behind it"));
}

#[test]
fn an_index_is_made_anew_unless_somebody_has_it() {
    let bench = Bench::new(On::Finished);
    nonsense(&bench);
    let index = kup_store::Index::take(&bench.path("")).unwrap();
    refuses(&bench, "doctor --rebuild-index", (8, "the index is locked by process"));
    let said = bench.kup("doctor").stdout;
    assert!(said.contains("note     index: it was not looked at: process "), "{said}");
    drop(index);
    let ran = bench.kup("doctor --rebuild-index");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("the index was made anew"), "{}", ran.stdout);
    assert!(ran.stdout.contains("index: it says of 1 run what"), "{}", ran.stdout);
}

#[test]
fn what_a_finished_run_left_is_taken_away() {
    let bench = Bench::new(On::Finished);
    let journal = bench.journal();
    bench.owner("w1", &bench.run, 1);
    bench.write("runs/RUN/blobs/.unfinished-a", "half");
    refuses(&bench, "doctor RUN --clean", (2, "there is no terminal"));
    let ran = bench.kup("doctor RUN --clean -y");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.ends_with(
            "0 problems, 0 notes; w1 released, unfinished files of run RUN removed\n"
                .replace("RUN", &bench.run)
                .as_str()
        ),
        "{}",
        ran.stdout
    );
    assert_eq!(bench.journal(), journal);
}

#[test]
fn what_an_unfinished_run_left_is_its_own() {
    let bench = Bench::new(On::Paused);
    bench.write("runs/RUN/blobs/.unfinished-a", "half");
    refuses(&bench, "doctor RUN --clean -y", (2, "is not over"));
}

#[test]
fn a_run_at_work_is_healthy_whenever_it_is_looked_at() {
    let home = Home::new();
    let mut child = home.spawn("start v1.36.2 --cluster sim:1x1@v1.35.6 -y");
    let mut n_looks = 0;
    while child.try_wait().unwrap().is_none() {
        let ran = home.run("doctor --nodes");
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("\n0 problems, "), "{}", ran.stdout);
        n_looks += 1;
    }
    assert!(n_looks > 5, "it was looked at {n_looks} times");
    assert_eq!(child.wait().unwrap().code(), Some(0), "a look has disturbed it");
}

#[test]
fn words_that_make_no_sense_are_refused() {
    let bench = Bench::new(On::Nothing);
    for words in ["doctor --repair", "doctor --clean", "doctor x --repair --clean", "doctor 2020"] {
        assert_eq!(bench.kup(words).code, Some(2), "{words}");
    }
    assert!(!bench.path("").exists(), "a look makes nothing");
}

#[test]
fn programs_read_it_too() {
    let bench = Bench::new(On::Finished);
    fs::remove_file(bench.blob()).unwrap();
    let ran = bench.kup("doctor -o json");
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["problems"], &report["notes"]), (&1.into(), &1.into()));
    assert_eq!(report["changed"], serde_json::json!([]));
    let findings = report["findings"].as_array().unwrap();
    let problem = findings.iter().find(|it| it["severity"] == "problem").unwrap();
    assert_eq!(problem["damage"], true);
    assert!(bench.kup("doctor -o yaml").stdout.starts_with("state_dir: "));
}
