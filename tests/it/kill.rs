//! The real program, killed with SIGKILL again and again.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cli_program::{Home, kill, pause};

const START: &str = "start v1.36.2 --cluster sim:1x1@v1.35.6 -y";

/// Says of an entry `TYPE`, and what step and attempt it is about.
fn about(entry: &Value) -> (String, String) {
    let name = entry["type"].as_str().unwrap().to_owned();
    (name, format!("{} {}", entry["step"], entry["attempt"]))
}

fn check_history(history: &[Value]) {
    let mut ended = BTreeSet::new();
    let mut epoch = 1;
    for (entry, seq) in history.iter().zip(1..) {
        assert_eq!(entry["seq"], seq, "the history has a hole");
        let now = entry["epoch"].as_u64().unwrap();
        assert!(now >= epoch, "entry {seq} has the epoch {now} after {epoch}");
        epoch = now;
        let (name, attempt) = about(entry);
        if name == "AttemptEnded" {
            assert!(ended.insert(attempt.clone()), "{attempt} ended twice");
        }
    }
}

/// On the nodes every attempt has an intent of its own in the journal, and what has succeeded did not run again.
fn check_nodes(home: &Home, run: &str, history: &[Value]) {
    let mut succeeded = BTreeSet::new();
    let attempts = home.attempts(run);
    assert!(attempts.len() >= 9, "{} attempts", attempts.len());
    for (name, attempt) in attempts {
        let intent = usize::try_from(attempt["intent"].as_u64().unwrap()).unwrap();
        let entry = &history[intent - 1];
        let step = entry["step"].as_str().unwrap().to_owned();
        assert_eq!(entry["type"], "AttemptStarted", "{name}");
        assert_eq!(name, format!("{run}/{step}.{}", entry["attempt"]));
        if attempt["state"]["Ended"].as_i64() == Some(0) {
            assert!(succeeded.insert(step), "{name} ran again after it had succeeded");
        }
    }
}

#[test]
fn a_run_killed_again_and_again_ends_as_if_nothing_had_been() {
    let home = Home::new();
    let run = home.killed_run(START, 2);
    let mut kills = 1;
    let code = loop {
        let mut child = home.spawn(&format!("resume {run}"));
        home.grows(&run, 1 + kills % 3, &mut child);
        pause(u64::from(kills * 7 % 40));
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        kill(&mut child);
        kills += 1;
        assert!(kills < 150, "it never ends");
    };
    assert_eq!(code, Some(0));
    assert!(kills >= 15, "only {kills} kills");
    let history = home.history(&run);
    assert_eq!(history.last().unwrap()["type"], "RunFinished");
    check_history(&history);
    check_nodes(&home, &run, &history);
    let text = home.must(&format!("history {run}"));
    assert!(text.contains("the process before had died"), "{text}");
    let picture = home.picture(&run);
    for fact in ["cp1: ready at v1.36.2", "w1: ready at v1.36.2", "cluster version v1.36.2"] {
        assert!(picture.contains(fact), "{picture}");
    }
    assert!(!picture.contains("cordoned"), "{picture}");
}

#[test]
fn of_two_resumes_at_once_one_drives_and_the_other_is_refused() {
    let home = Home::new();
    let run = home.killed_run(START, 3);
    let resume = || home.spawn(&format!("resume {run}"));
    let mut both = [resume(), resume()];
    let mut codes = both.each_mut().map(|child| child.wait().unwrap().code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(8)]);
    let history = home.history(&run);
    check_history(&history);
    check_nodes(&home, &run, &history);
    let resumes = history.iter().filter(|entry| entry["type"] == "RunResumed").count();
    assert_eq!(resumes, 1);
}
