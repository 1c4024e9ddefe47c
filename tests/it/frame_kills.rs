//! The real program, killed with SIGKILL after each frame that it writes: once for every frame of a run, and resumed to its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kup_tests::results::Results;
use serde_json::Value;

use crate::cli_program::{Home, kill, pause};

const START: &str = "start v1.36.2 --cluster sim:1x1@v1.35.6 -y";

/// The simulated nodes take their time by the wall clock, so most of a run is waiting.
const SIDE_BY_SIDE: usize = 10;

/// Starts a run and kills it as soon as its journal has so many frames. Returns the run and the frames that it has then.
fn killed_after(home: &Home, n_frames: usize) -> Option<(String, usize)> {
    let mut child = home.spawn(START);
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
    let (run, found) = killed_after(&home, n_frames)?;
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

#[test]
fn a_run_killed_after_any_of_its_frames_ends_as_if_nothing_had_been() {
    let (picture, n_frames) = undisturbed();
    let command = "cargo test -p kup-tests --test it frame_kills";
    let title = "SIGKILL of the real program after each frame of a run";
    let results = Mutex::new(Results::new("frame-kills", title, command));
    let next = AtomicUsize::new(1);
    // The last frame ends the run: nothing is left to resume then.
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::SeqCst);
            if n >= n_frames {
                return;
            }
            let Some(event) = case(n, &picture) else { continue };
            let end = "resumed to the end of an undisturbed run, history kept";
            results.lock().unwrap().count("SIGKILL of kup", &format!("after {event}"), end);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(work);
        }
    });
    let results = results.into_inner().unwrap();
    assert!(results.n_cases() > 70, "{} of {n_frames} frames", results.n_cases());
    results.write().unwrap();
}
