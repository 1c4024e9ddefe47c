//! One step from its first look to its end.

use kup_core::decide::{Action, Decision, Mode};

use crate::story::{SECOND, Story, check, id};

const STARTED: &str = "a before, a prepared, a starts 1";

#[track_caller]
fn after(history: &str, expected: &str) {
    check(("w: a", history), expected);
}

#[test]
fn a_step_is_looked_at_prepared_started_verified_and_completed() {
    after("", "observe a");
    after("a before", "prepare a");
    after("a before, a prepared", "start a 1");
    after("a before, a prepared, a starts 1, a ok", "verify a");
    after("a before, a prepared, a starts 1, a ok, a completed", "finish: Succeeded");
}

#[test]
fn a_step_found_done_is_verified_without_an_attempt() {
    after("a after", "verify a");
}

#[test]
fn a_half_done_step_that_another_attempt_mends_is_prepared_and_started() {
    after("a between", "prepare a");
    after("a between, a prepared", "start a 1");
}

#[test]
fn foreign_changes_and_half_done_steps_that_cannot_be_mended_block() {
    after("a foreign", "block a: somebody else changed what step `a` is about");
    after("a broken", "block a: step `a` is half done and another attempt would not mend it");
    after("a foreign, a blocked", "pause: blocked a");
}

#[test]
fn no_attempt_starts_before_the_gates_are_open() {
    let story = Story::with_gates("w: a", &["g", "h"]);
    story.decides("ask g");
    let story = story.then("gate g passes");
    story.decides("ask h");
    let story = story.then("a before, a prepared");
    story.refuses("a starts 1", "before the gates are open");
    let story = story.then("gate h warns");
    story.decides("start a 1");
    Story::with_gates("w: a", &["g"]).then("gate g blocks").decides("pause: gate g");
}

#[test]
fn a_gate_that_an_operator_ignores_counts_as_open_and_is_not_asked_again() {
    let story = Story::with_gates("w: a", &["g", "h"]).then("gate g blocks, gate h blocks");
    story.decides("pause: gate g");
    let story = story.then("ignore g");
    story.decides("pause: gate h");
    story.refuses("a starts 1", "before the gates are open");
    let story = story.then("resumed");
    story.decides("ask h");
    story.then("gate h passes").decides("observe a");
}

#[test]
fn only_a_gate_that_blocks_can_be_ignored() {
    let story = Story::with_gates("w: a", &["g"]);
    story.refuses("ignore g", "does not block");
    let story = story.then("gate g passes");
    story.refuses("ignore g", "does not block");
    story.refuses("ignore h", "does not block");
}

#[test]
fn a_gate_that_blocked_is_asked_again_by_a_resume_and_one_that_passed_is_not() {
    let story = Story::with_gates("w: a", &["g", "h"]).then("gate g passes, gate h blocks");
    story.decides("pause: gate h");
    story.then("paused, resumed").decides("ask h");
}

#[test]
fn no_attempt_starts_before_an_observation() {
    let why = "an attempt starts after an observation, with the next number";
    Story::of("w: a").refuses("a starts 1", why);
    for found in ["after", "foreign", "broken"] {
        Story::of("w: a").then(&format!("a {found}, a prepared")).refuses("a starts 1", why);
    }
    Story::of("w: a").then("a before, a prepared").refuses("a starts 2", why);
    Story::of("w: a").then(STARTED).refuses("a starts 2", why);
}

#[test]
fn no_attempt_starts_before_what_its_undo_needs_is_recorded() {
    Story::of("w: a").then("a before").refuses("a starts 1", "only after what its undo needs");
}

#[test]
fn a_step_is_prepared_once_and_never_after_an_attempt() {
    let why = "it is prepared once, before its first attempt";
    Story::of("w: a").then("a before, a prepared").refuses("a prepared", why);
    Story::of("w: a").then(STARTED).then("a lost, a between").refuses("a prepared", why);
    after("a before, a prepared, a starts 1, a lost, a between", "start a 2");
}

#[test]
fn an_attempt_found_started_is_settled_before_anything_else() {
    check(("w: a", &format!("{STARTED}, resumed")), "settle a");
}

#[test]
fn an_attempt_that_never_started_is_sent_again_under_the_same_name() {
    let story = Story::of("w: a").then(STARTED).then("resumed, a not-started");
    story.decides("attach a");
    assert_eq!(story.state.step(&"a".parse().unwrap()).unwrap().attempts, 1);
}

#[test]
fn an_attempt_that_runs_or_has_ended_is_attached_to() {
    for settled in ["running", "ended"] {
        check(("w: a", &format!("{STARTED}, resumed, a {settled}")), "attach a");
    }
}

#[test]
fn a_lost_attempt_is_observed_before_a_new_one() {
    for lost in ["lost", "untraceable"] {
        let history = format!("{STARTED}, resumed, a {lost}");
        check(("w: a", &history), "observe a");
        Story::of("w: a").then(&history).refuses("a starts 2", "after an observation");
        check(("w: a", &format!("{history}, a before")), "start a 2");
        check(("w: a", &format!("{history}, a between")), "start a 2");
        check(("w: a", &format!("{history}, a after")), "verify a");
        check(("w: a", &format!("{history}, a foreign")), FOREIGN);
    }
}

const FOREIGN: &str = "block a: somebody else changed what step `a` is about";

#[test]
fn what_a_dead_process_knew_of_an_attempt_is_asked_again() {
    check(("w: a", &format!("{STARTED}, a running, resumed")), "settle a");
    check(("w: a", "a before, resumed"), "observe a");
    check(("w: a", "a before, a prepared, resumed"), "observe a");
    check(("w: a", &format!("{STARTED}, a ok, resumed")), "verify a");
}

#[test]
fn nothing_is_observed_while_an_attempt_is_open() {
    Story::of("w: a").then(STARTED).refuses("a before", "only when no attempt is open");
    Story::of("w: a").then(STARTED).refuses("a completed", "it completes after success");
}

#[test]
fn an_attempt_ends_once_and_under_its_own_number() {
    Story::of("w: a").then(STARTED).then("a ok").refuses("a ok", "no such attempt is open");
    Story::of("w: a").then(STARTED).then("a lost").refuses("a ok", "no such attempt is open");
    Story::of("w: a").refuses("a ok", "no such attempt is open");
}

#[test]
fn a_permanent_failure_is_observed_and_blocks_with_its_cause() {
    let failed = format!("{STARTED}, a fails for good");
    check(("w: a", &failed), "observe a");
    check(("w: a", &format!("{failed}, a before")), "block a: it failed");
    check(("w: a", &format!("{failed}, a between")), "block a: it failed");
    check(("w: a", &format!("{failed}, a after")), "verify a");
}

#[test]
fn a_transient_failure_is_retried_at_an_absolute_time_with_growing_pauses() {
    let mut last = 0;
    for tries in 1..=2 {
        let history: Vec<String> = (1..=tries).map(failed_try).collect();
        let history =
            format!("a before, a prepared, {}", history.join(", a again at 5, a before, "));
        let decision = Story::of("w: a").then(&history).at(100).decision();
        let Decision::Act(actions) = decision else { panic!("{decision:?}") };
        let (_, Action::Retry(at, _)) = &actions[0] else { panic!("{actions:?}") };
        let pause = at.0 - 100 * SECOND;
        let shortest = 2 * SECOND * tries;
        assert!((shortest..=shortest * 5 / 4).contains(&pause), "try {tries}: {pause}");
        assert!(pause > last);
        last = pause;
    }
}

fn failed_try(number: i64) -> String {
    format!("a starts {number}, a fails")
}

#[test]
fn a_scheduled_retry_waits_for_its_time_also_after_a_resume() {
    for resumed in ["", "resumed"] {
        let story = Story::of("w: a").then(STARTED).then("a fails, a again at 7").then(resumed);
        let story = story.at(6);
        story.decides("wait until 7");
        story.at(7).decides("observe a");
    }
}

#[test]
fn a_moment_further_away_than_any_pause_was_set_by_a_wrong_clock_and_is_not_waited_for() {
    for resumed in ["", "resumed"] {
        let story = Story::of("w: a").then(STARTED).then("a fails, a again at 86400").then(resumed);
        story.decides("observe a");
        let story = story.at(86_390);
        story.decides("wait until 86400");
    }
    let story = Story::of("w: a").then(STARTED).then("a looks again at 86400, resumed");
    story.in_mode(Mode::Settle).decides("settle a");
}

#[test]
fn attempts_are_counted_and_the_last_failure_blocks() {
    let first = format!("{STARTED}, a fails, a again at 0, a before, a starts 2");
    check(("w: a", &format!("{first}, a fails")), "retry a: it failed");
    let last = format!("{first}, a fails, a again at 0, a before, a starts 3, a fails");
    check(("w: a", &last), "observe a");
    check(("w: a", &format!("{last}, a before")), "block a: it failed");
}

#[test]
fn lost_attempts_count_too() {
    let lost = "a before, a prepared, a starts 1, a lost, a before, a starts 2, a lost, a before, \
                a starts 3, a lost, a between";
    check(("w: a", lost), "block a: step `a` is not done after 3 attempts");
}

#[test]
fn a_failed_look_is_looked_at_again_and_never_taken_for_not_done() {
    let story = Story::of("w: a").then("a looks again at 5");
    story.refuses("a starts 1", "after an observation");
    let story = story.at(4);
    story.decides("wait until 5");
    story.at(5).decides("observe a");
}

#[test]
fn an_attempt_may_be_under_way_until_its_outcome_is_known_or_nobody_has_begun_it() {
    for (history, expected) in [
        ("a before, a prepared", false),
        (STARTED, true),
        ("a before, a prepared, a starts 1, a running", true),
        ("a before, a prepared, a starts 1, resumed, a not-started", false),
        ("a before, a prepared, a starts 1, a lost", false),
        ("a before, a prepared, a starts 1, a ok", false),
    ] {
        let story = Story::of("w: a").then(history);
        assert_eq!(story.state.step(&id("a")).unwrap().may_be_under_way(), expected, "{history}");
    }
}
