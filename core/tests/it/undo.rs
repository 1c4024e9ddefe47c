//! What a step that failed for good has done is undone before an operator is asked; and a rollback that rests on its way.

use crate::story::{Story, check};

const FAILED: &str = "a before, a prepared, a starts 1, a fails for good, a before, a blocked";

#[test]
fn the_undo_goes_before_the_step_and_then_an_operator_is_asked() {
    let undo = format!("{FAILED}, a undo");
    check(("w: a b", &undo), "observe undo.a");
    let begun = format!("{undo}, undo.a before");
    check(("w: a b", &begun), "start undo.a 1");
    let undone = format!("{begun}, undo.a starts 1, undo.a ok, undo.a completed");
    check(("w: a b", &undone), "pause: blocked a");
    check(("w: a b", &format!("{undone}, resumed, a retry!")), "observe a");
}

#[test]
fn an_undo_survives_a_resume() {
    let begun = format!("{FAILED}, a undo, undo.a before, undo.a starts 1, resumed");
    check(("w: a", &begun), "settle undo.a");
}

#[test]
fn no_stage_begins_while_what_failed_in_another_is_undone() {
    let undo = format!("{FAILED}, a undo");
    check(("w*2: a / b", &undo), "observe undo.a");
    Story::of("w*2: a / b").then(&undo).busy("undo.a").decides("wait");
}

#[test]
fn a_step_that_fails_again_is_undone_again() {
    let undone = format!("{FAILED}, a undo, undo.a after, undo.a completed, resumed, a retry!");
    let again =
        format!("{undone}, a before, a starts 2, a fails for good, a before, a blocked, a undo");
    check(("w: a", &again), "observe undo2.a");
}

#[test]
fn an_undo_that_fails_asks_too() {
    let blocked = format!("{FAILED}, a undo, undo.a foreign, undo.a blocked");
    check(("w: a", &blocked), "pause: blocked undo.a");
}

#[test]
fn only_a_step_that_had_effects_and_is_blocked_is_undone() {
    let why = "only a step that had effects and is blocked is undone";
    for history in ["a before", "a foreign, a blocked", "a before, a prepared, a starts 1"] {
        Story::of("w: a").then(history).refuses("a undo", why);
    }
}

#[test]
fn a_rollback_rests_where_it_was_told_to_and_nothing_else_does() {
    let turned = "a before, a prepared, a starts 1, a ok, a completed, rollback x, until back";
    check(("w: a b", &format!("{turned}, x after, x completed")), "finish: RolledBack");
    let why = "only a rollback rests";
    Story::of("w: a").refuses("until w", why);
    Story::of("w: a").then("a before, rollback x").refuses("until nowhere", why);
}
