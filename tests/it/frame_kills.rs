//! The real program, killed with SIGKILL after each frame that it writes: once for every frame of a run, and resumed to its end; and after
//! frames of a rollback.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kup_tests::results::Results;
use serde_json::Value;

use crate::cli_program::{Home, kill, newborn, pause};

const START: &str = "start v1.36.2 --cluster sim:1x1@v1.35.6 -y";
/// One minor with the same etcd, so that it goes back.
const SPEC: &str = "sim:1x1@v1.29.4";
const TARGET: &str = "v1.30.1";

/// The exit code of a resumed run that went back.
const ROLLED_BACK: i32 = 6;

/// The simulated nodes take their time by the wall clock, so most of a run is waiting.
const SIDE_BY_SIDE: usize = 10;

/// Runs a command and kills it as soon as the journal of its run has so many frames. Returns the run and the frames that it has then; nothing
/// where the command ended before.
fn killed_after(home: &Home, words: &str, n_frames: usize) -> Option<(String, usize)> {
    let mut child = home.spawn(words);
    loop {
        let run = home.runs().into_iter().find(|run| home.n_frames(run) > 0);
        let ended = child.try_wait().unwrap().is_some();
        match run.map(|run| (home.n_frames(&run), run)) {
            Some((found, run)) if found >= n_frames => {
                kill(&mut child);
                return Some((run, found));
            }
            Some(_) | None if ended => return None,
            Some(_) | None => pause(1),
        }
    }
}

/// Kills one run, resumes it, and checks its end. Returns what the last frame was about, or nothing when the run is shorter.
fn case(n_frames: usize, undisturbed: &str) -> Option<String> {
    let home = Home::new();
    let (run, found) = killed_after(&home, START, n_frames)?;
    let before = home.history(&run);
    assert!(before.len() >= found, "{found} frames were there, {} are", before.len());
    home.must(&format!("resume {run}"));
    let after = home.history(&run);
    assert_eq!(after[..before.len()], before, "frame {n_frames}: the history changed");
    assert_eq!(after.last().unwrap()["outcome"], "Succeeded", "frame {n_frames}");
    assert_eq!(home.picture(&run), undisturbed, "frame {n_frames}");
    Some(before[n_frames - 1]["type"].as_str().unwrap().to_owned())
}

/// Starts one run without a kill; returns the picture of its end and how many frames it has.
fn undisturbed() -> (String, usize) {
    let home = Home::new();
    home.must(START);
    let run = home.runs().remove(0);
    let history: Vec<Value> = home.history(&run);
    (home.picture(&run), history.len())
}

/// Rolls a finished run back, kills the rollback after so many frames of its own, resumes it, and checks that everything is as before.
fn case_back(n_frames: usize) -> Option<String> {
    let home = Home::new();
    home.must(&format!("start {TARGET} --cluster {SPEC} -y"));
    let run = home.runs().remove(0);
    let n_forward = home.n_frames(&run);
    killed_after(&home, &format!("rollback {run} -y"), n_forward + n_frames)?;
    let before = home.history(&run);
    let ran = home.run(&format!("resume {run}"));
    assert_eq!(ran.code, Some(ROLLED_BACK), "frame {n_frames}: {}", ran.stderr);
    let after = home.history(&run);
    assert_eq!(after[..before.len()], before, "frame {n_frames}: the history changed");
    assert_eq!(after.last().unwrap()["outcome"], "RolledBack", "frame {n_frames}");
    assert_eq!(home.picture(&run), newborn(SPEC), "frame {n_frames}");
    Some(before[n_forward + n_frames - 1]["type"].as_str().unwrap().to_owned())
}

/// Tries a case after each of these frames, several side by side, and counts how they end.
fn try_all(
    frames: &[usize],
    results: &Mutex<Results>,
    end: &str,
    case: &(dyn Fn(usize) -> Option<String> + Sync),
) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(n) = frames.get(next.fetch_add(1, Ordering::SeqCst)) {
            let Some(event) = case(*n) else { continue };
            results.lock().unwrap().count("SIGKILL of kup", &format!("after {event}"), end);
        }
    };
    std::thread::scope(|scope| {
        (0..SIDE_BY_SIDE).for_each(|_| drop(scope.spawn(work)));
    });
}

#[test]
fn a_run_killed_after_any_of_its_frames_ends_as_if_nothing_had_been() {
    let (picture, n_frames) = undisturbed();
    let command = "cargo test -p kup-tests --test it frame_kills";
    let title =
        "SIGKILL of the real program after each frame of a run, and after frames of a rollback";
    let results = Mutex::new(Results::new("frame-kills", title, command));
    // The last frame ends the run: nothing is left to resume then.
    let forward: Vec<usize> = (1..n_frames).collect();
    let end = "resumed to the end of an undisturbed run, history kept";
    try_all(&forward, &results, end, &|n| case(n, &picture));
    let n_forward = results.lock().unwrap().n_cases();
    assert!(n_forward > 70, "{n_forward} of {n_frames} frames");
    let back: Vec<usize> = (1..n_frames / 2).step_by(4).collect();
    let end = "rollback resumed: everything as before the run, history kept";
    try_all(&back, &results, end, &case_back);
    let results = results.into_inner().unwrap();
    assert!(results.n_cases() - n_forward > 5, "{} of a rollback", results.n_cases() - n_forward);
    results.write().unwrap();
}
