//! The loop: what it does with what activities answer.

use kup_core::clock::Timestamp;
use kup_core::decide::{MAX_LOOKS, Mode};
use kup_core::engine::{EngineError, Rest};
use kup_core::event::{AttemptStarted, Event, Found, Opaque, Outcome, PauseReason, RunFinished};
use kup_core::event::{RunResumed, StepObserved, StepPrepared};

use crate::rig::Rig;
use crate::story::{SECOND, id};

fn blocked(step: &str) -> Rest {
    Rest::Paused(PauseReason::Blocked { steps: vec![id(step)] })
}

fn resumed() -> Event {
    let (kup_version, operator) = ("0".to_owned(), "me@here".to_owned());
    Event::RunResumed(RunResumed { kup_version, operator, reason: String::new() })
}

const DONE: Rest = Rest::Finished(Outcome::Succeeded);

#[tokio::test]
async fn a_run_does_each_thing_once_and_in_order() {
    let rig = Rig::new("one: a; two: b", "");
    assert_eq!(rig.drive().await.unwrap(), DONE);
    let of = |step: &str| {
        ["observe S 0", "prepare S 0", "execute S 1", "verify S 1"].map(|it| it.replace('S', step))
    };
    assert_eq!(rig.asked(), [of("a"), of("b")].concat());
}

#[tokio::test]
async fn the_intent_is_in_the_journal_before_the_effect_and_the_result_after_it() {
    let rig = Rig::new("one: a", "");
    rig.drive().await.unwrap();
    let names: Vec<u16> = rig.events().iter().map(Event::type_id).collect();
    assert_eq!(names, [1, 4, 5, 6, 8, 10, 16]);
}

#[tokio::test]
async fn what_the_journal_does_not_take_is_neither_believed_nor_done() {
    for room in 1..7 {
        let rig = Rig::new("one: a", "").with_room(room);
        let mut engine = rig.engine();
        let ended = engine.drive(Mode::Go).await;
        assert!(matches!(ended, Err(EngineError::Append(_))), "room for {room}: {ended:?}");
        assert_eq!(engine.state().head.0, room as u64);
        let has_intent = rig.events().iter().any(|event| matches!(event, Event::AttemptStarted(_)));
        let has_effect = rig.asked().iter().any(|asked| asked.starts_with("execute"));
        assert_eq!(has_effect, has_intent, "room for {room}");
    }
}

#[tokio::test]
async fn a_failed_look_is_never_not_done() {
    let rig = Rig::new("one: a", "observe: transient transient after");
    assert_eq!(rig.drive().await.unwrap(), DONE);
    assert_eq!(rig.asked(), ["observe a 0", "observe a 0", "observe a 0", "verify a 0"]);
    assert!(rig.seconds() >= 6, "it waited only {} s", rig.seconds());
}

#[tokio::test]
async fn looks_that_go_on_failing_ask_an_operator() {
    let all = "observe: transient transient transient transient transient transient transient \
               transient transient";
    let rig = Rig::new("one: a", all);
    assert_eq!(rig.drive().await.unwrap(), blocked("a"));
    assert_eq!(rig.asked().len(), MAX_LOOKS as usize);
}

#[tokio::test]
async fn a_look_that_fails_for_good_asks_at_once() {
    let rig = Rig::new("one: a", "observe: permanent");
    assert_eq!(rig.drive().await.unwrap(), blocked("a"));
    assert_eq!(rig.asked(), ["observe a 0"]);
}

#[tokio::test]
async fn a_transient_failure_is_looked_at_and_tried_again() {
    let rig = Rig::new("one: a", "execute: transient");
    assert_eq!(rig.drive().await.unwrap(), DONE);
    let asked = rig.asked();
    assert_eq!(asked[2..], ["execute a 1", "observe a 1", "execute a 2", "verify a 2"]);
}

#[tokio::test]
async fn a_permanent_failure_is_not_tried_again() {
    let rig = Rig::new("one: a", "execute: permanent");
    assert_eq!(rig.drive().await.unwrap(), blocked("a"));
    // What it may have done is undone before somebody is asked.
    let again = ["execute a 1", "observe a 1", "observe undo.a 0"];
    assert_eq!(rig.asked()[2..5], again);
}

#[tokio::test]
async fn an_unclear_attempt_is_settled_and_never_started_anew() {
    let rig = Rig::new("one: a", "execute: unclear, settle: running");
    assert_eq!(rig.drive().await.unwrap(), DONE);
    assert_eq!(rig.asked()[2..], ["execute a 1", "settle a 1", "execute a 1", "verify a 1"]);
}

#[tokio::test]
async fn an_attempt_is_settled_anew_after_every_unclear_end() {
    let rig = Rig::new("one: a", "execute: unclear unclear, settle: running ended");
    assert_eq!(rig.drive().await.unwrap(), DONE);
    let again = ["settle a 1", "execute a 1"];
    assert_eq!(rig.asked()[3..], [&again[..], &again[..], &["verify a 1"]].concat());
}

#[tokio::test]
async fn code_that_breaks_off_is_unclear() {
    let rig = Rig::new("one: a", "execute: breaks, settle: ended");
    assert_eq!(rig.drive().await.unwrap(), DONE);
    assert_eq!(rig.asked()[2..], ["execute a 1", "settle a 1", "execute a 1", "verify a 1"]);
}

#[tokio::test]
async fn a_stop_pauses_and_the_next_process_goes_on() {
    let rig = Rig::new("one: a", "");
    rig.stop();
    let rest = rig.drive().await.unwrap();
    assert_eq!(rest, Rest::Paused(PauseReason::Interrupted));
    assert_eq!(rig.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn settling_ends_when_an_attempt_cannot_be_asked_for() {
    let rig = Rig::new("one: a", "execute: unclear, settle: permanent permanent permanent");
    assert_eq!(rig.drive().await.unwrap(), blocked("a"));
    let mut engine = rig.engine();
    engine.record(vec![resumed()]).await.unwrap();
    assert_eq!(engine.drive(Mode::Settle).await.unwrap(), Rest::Settled);
    assert_eq!(rig.asked()[3..], ["settle a 1", "settle a 1"], "one in each process");
}

#[tokio::test]
async fn what_does_not_fit_is_not_written() {
    let rig = Rig::new("one: a", "");
    let finished = RunFinished { outcome: Outcome::Succeeded, reason: String::new() };
    let result = rig.engine().record(vec![Event::RunFinished(finished)]).await;
    assert!(matches!(result, Err(EngineError::Illegal(_))), "{result:?}");
    assert_eq!(rig.events().len(), 1);
}

#[tokio::test]
#[should_panic(expected = "NewerJournal")]
async fn a_journal_of_a_newer_kup_is_not_driven() {
    let rig = Rig::new("one: a", "");
    rig.journal(Event::Opaque(Opaque { type_id: 999, type_version: 1 }));
    rig.engine();
}

#[tokio::test]
async fn an_attempt_gets_no_more_time_than_the_plan_gives_it_when_the_clock_was_set_back() {
    let rig = Rig::new("one: a", "settle: running, execute: waits");
    let (step, what) = (id("a"), "seen".to_owned());
    let found = Found::Before { what };
    rig.journal(Event::StepObserved(StepObserved { step: step.clone(), found }));
    let (notes, backups) = (Vec::new(), Vec::new());
    rig.journal(Event::StepPrepared(StepPrepared { step: step.clone(), notes, backups }));
    let deadline = Timestamp(86_400 * SECOND);
    rig.journal(Event::AttemptStarted(AttemptStarted { step, attempt: 1, deadline }));
    assert_eq!(rig.drive().await.unwrap(), DONE);
    assert_eq!(rig.seconds(), 60);
}
