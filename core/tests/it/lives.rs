//! A run from its first entry to its last: order, epochs, pauses, the way back.

use kup_core::decide::Mode;
use kup_core::state::{Phase, RunState, Status};

use crate::story::{Story, check, entry, plan, started};

const DONE: &str = "a before, a prepared, a starts 1, a ok, a completed";

fn begun() -> kup_core::event::Event {
    started(plan("w: a"), None)
}

#[test]
fn a_journal_begins_with_its_plan_and_begins_once() {
    assert!(RunState::replay(&[]).is_err());
    let paused = kup_core::event::RunPaused { reason: kup_core::event::PauseReason::Interrupted };
    let paused = kup_core::event::Event::RunPaused(paused);
    assert!(RunState::replay(&[entry(1, 1, paused)]).is_err());
    assert!(RunState::replay(&[entry(1, 1, begun()), entry(2, 1, begun())]).is_err());
}

#[test]
fn entries_have_no_gaps_and_epochs_never_fall() {
    let pause = |seq, epoch| {
        let reason = kup_core::event::PauseReason::Interrupted;
        entry(seq, epoch, kup_core::event::Event::RunPaused(kup_core::event::RunPaused { reason }))
    };
    let first = || entry(1, 3, begun());
    assert!(RunState::replay(&[first(), pause(2, 3), pause(3, 4), pause(4, 4)]).is_ok());
    for (seq, epoch) in [(1, 3), (3, 3), (2, 2)] {
        assert!(RunState::replay(&[first(), pause(seq, epoch)]).is_err(), "{seq} {epoch}");
    }
}

#[test]
fn a_plan_that_names_a_step_twice_is_no_beginning() {
    let twice = started(plan("w: a / a"), None);
    assert!(RunState::replay(&[entry(1, 1, twice)]).is_err());
}

#[test]
fn a_run_succeeds_only_when_every_step_is_settled() {
    let why = "steps are not settled";
    Story::of("w: a b").then(DONE).refuses("succeeded", why);
    Story::of("w: a").then(DONE).refuses("rolled-back", why);
    let story = Story::of("w: a b").then(DONE).then("b skipped, succeeded");
    assert!(story.state.is_finished());
}

#[test]
fn nothing_happens_in_a_run_that_is_over() {
    let over = || Story::of("w: a").then("abandoned");
    for text in ["resumed", "paused", "a before", "succeeded", "rollback undo-a", "gate g passes"] {
        over().refuses(text, "the run is over");
    }
}

#[test]
fn a_settled_step_stays_as_it_is() {
    for text in ["a before", "a starts 2", "a skipped", "a blocked", "a completed"] {
        Story::of("w: a").then(DONE).refuses(text, "is settled");
    }
}

#[test]
fn an_unknown_step_is_damage() {
    Story::of("w: a").refuses("x before", "no plan has the step `x`");
}

#[test]
fn a_pause_rests_the_run_and_a_resume_lets_it_go_on() {
    let story = Story::of("w: a").then("a before, paused");
    assert!(matches!(story.state.status, Status::Paused(_)));
    let story = story.then("resumed");
    assert_eq!(story.state.status, Status::Running);
    story.decides("observe a");
}

#[test]
fn a_stop_lets_what_is_under_way_end_and_begins_nothing() {
    let story = || Story::of("w*2: a / b").in_mode(Mode::Stop);
    story().busy("a").decides("wait");
    story().then("a before").decides("pause: interrupted");
    story().then("a looks again at 9").decides("pause: interrupted");
}

#[test]
fn until_pauses_after_its_wave_and_a_resume_goes_through() {
    let story = Story::of("one: a; two: b").until("one");
    story.decides("observe a");
    let story = story.then(DONE);
    story.decides("pause: reached one");
    story.then("reached one, resumed").decides("observe b");
}

#[test]
fn until_is_kept_over_an_interruption() {
    let story = Story::of("one: a; two: b").until("one").then("paused, resumed");
    story.then(DONE).decides("pause: reached one");
}

#[test]
fn until_the_last_wave_is_simply_the_end() {
    Story::of("one: a").until("one").then(DONE).decides("finish: Succeeded");
}

#[test]
fn a_rollback_turns_back_once_and_does_its_own_plan() {
    let story = Story::of("w: a b").then(DONE).then("rollback undo-a");
    assert_eq!(story.state.phase, Phase::Rollback);
    story.decides("observe undo-a");
    story.refuses("rollback undo-b", "is being rolled back already");
    let story = story.then("undo-a before, undo-a starts 1, undo-a ok, undo-a completed");
    story.decides("finish: RolledBack");
    let story = story.then("rolled-back");
    story.refuses("rollback undo-b", "already");
}

#[test]
fn a_finished_run_can_be_rolled_back_and_an_abandoned_one_cannot() {
    Story::of("w: a").then(DONE).then("succeeded, rollback undo-a").decides("observe undo-a");
    Story::of("w: a").then("abandoned").refuses("rollback undo-a", "the run is over");
}

#[test]
fn a_rollback_is_resumed_like_a_run() {
    let turned =
        "a before, a prepared, a starts 1, a ok, a completed, rollback undo-a, undo-a before";
    check(("w: a", &format!("{turned}, resumed")), "observe undo-a");
    check(("w: a", &format!("{turned}, undo-a starts 1, resumed")), "settle undo-a");
}

#[test]
fn before_a_rollback_open_attempts_are_settled_and_nothing_begins() {
    let started = "a before, a prepared, a starts 1, resumed";
    let settling = |history: &str| {
        Story::of("w*2: a / b").then(&format!("{started}{history}")).in_mode(Mode::Settle)
    };
    settling("").decides("settle a");
    settling("").busy("a").decides("wait");
    settling(", a running").decides("attach a");
    settling(", a ended").decides("attach a");
    for known in [", a not-started", ", a lost", ", a ok", ", a fails"] {
        settling(known).decides("rest");
    }
    settling(", a looks again at 3").decides("wait until 3");
}

#[test]
fn an_attempt_that_cannot_be_settled_does_not_hold_a_rollback_for_ever() {
    let given = "a before, a prepared, a starts 1, resumed, a blocked";
    Story::of("w: a").then(given).in_mode(Mode::Settle).decides("rest");
    // The next process tries once more.
    let story = Story::of("w: a").then(given).then("resumed").in_mode(Mode::Settle);
    story.decides("settle a");
}

#[test]
fn only_a_run_that_has_succeeded_is_committed_and_only_once() {
    let succeeded = Story::of("w: a").then(DONE).then("succeeded");
    assert!(!succeeded.state.backups_are_free());
    let committed = succeeded.then("committed");
    assert!(committed.state.backups_are_free() && committed.state.is_finished());
    committed.refuses("committed", "committed already");
    committed.refuses("rollback undo-a", "the run is committed");
    committed.refuses("freed", "may still need its backups");
    for unfit in ["", "abandoned", "paused", "rollback undo-a"] {
        Story::of("w: a").then(unfit).refuses("committed", "only a run that has succeeded");
    }
}

#[test]
fn only_what_went_back_or_was_given_up_frees_its_backups() {
    let back = "undo-a before, undo-a prepared, undo-a starts 1, undo-a ok, undo-a completed";
    let rolled_back = Story::of("w: a").then(DONE).then("rollback undo-a").then(back);
    for over in [Story::of("w: a").then("abandoned"), rolled_back.then("rolled-back")] {
        let freed = over.then("freed");
        assert!(freed.state.backups_are_free());
        freed.refuses("freed", "freed already");
        freed.refuses("resumed", "the run is over");
    }
    for needed in ["", "paused", "rollback undo-a"] {
        Story::of("w: a").then(needed).refuses("freed", "may still need its backups");
    }
    Story::of("w: a").then(DONE).then("succeeded").refuses("freed", "may still need its backups");
}
