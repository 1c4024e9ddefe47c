//! What operators say of blocked steps.

use crate::story::{Story, check};

const BLOCKED: &str = "a before, a prepared, a starts 1, a fails for good, a before, a blocked";

#[test]
fn a_blocked_step_waits_for_its_operator_also_after_a_resume() {
    check(("w: a", BLOCKED), "pause: blocked a");
    check(("w: a", &format!("{BLOCKED}, paused, resumed")), "pause: blocked a");
}

#[test]
fn retry_looks_again_and_counts_attempts_anew() {
    let again = format!("{BLOCKED}, resumed, a retry!");
    check(("w: a", &again), "observe a");
    let next = format!("{again}, a before");
    check(("w: a", &next), "start a 2");
    let failed = format!("{next}, a starts 2, a fails");
    check(("w: a", &failed), "retry a: it failed");
}

#[test]
fn retry_of_a_step_with_an_open_attempt_settles_it_first() {
    let open = "a before, a prepared, a starts 1, a blocked, resumed, a retry!";
    check(("w: a", open), "settle a");
}

#[test]
fn accept_takes_a_step_as_done() {
    check(("w: a b", &format!("{BLOCKED}, resumed, a accept!")), "observe b");
    let open = "a before, a prepared, a starts 1, a blocked, resumed, a accept!";
    check(("w: a", open), "finish: Succeeded");
}

#[test]
fn a_target_that_was_left_out_is_known_and_the_run_goes_on() {
    let story = Story::of("w: a b / c").then(BLOCKED).then("resumed, a skipped, b skipped");
    story.decides("observe c");
    assert_eq!(story.state.left_out(), ["target-of-a"]);
}

#[test]
fn an_operator_decides_only_about_blocked_steps() {
    for word in ["retry!", "accept!"] {
        let why = "an operator decides only about a blocked step";
        Story::of("w: a").then("a before").refuses(&format!("a {word}"), why);
    }
}
