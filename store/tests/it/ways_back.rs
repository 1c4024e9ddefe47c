//! Journals with events that came later: the undo of a step that failed, and a rollback that rests on its way. FILE FORMAT: never changed.

use kup_core::event::{Event, RollbackLimited, UndoPlanned};
use kup_core::journal::NewEntry;

use crate::format::{from_hex, gives_these_bytes, place, without_place};
use crate::samples::{run, started, timed};

const FIXTURE: &str = include_str!("../../fixtures/journal-v1-ways-back/journal.hex");

/// The events do not follow from each other: this is about their bytes.
pub(crate) fn entries() -> Vec<NewEntry> {
    let Event::RunStarted(first) = started() else { panic!("a journal begins with RunStarted") };
    let (_, failed) = first.plan.steps().next().unwrap();
    let (step, operator) = (failed.id.clone(), "anna@workstation".to_owned());
    let mut undo = failed.clone();
    undo.id = format!("undo.{step}").parse().unwrap();
    undo.undo_of = Some(step.clone());
    let until = Some("rollback-workers of w1".to_owned());
    timed(vec![
        started(),
        Event::UndoPlanned(Box::new(UndoPlanned { step, undo })),
        Event::RollbackLimited(RollbackLimited { until, operator: operator.clone() }),
        Event::RollbackLimited(RollbackLimited { until: None, operator }),
    ])
}

#[test]
fn a_journal_with_ways_back_is_read_for_ever() {
    let (_dir, store) = place(&from_hex(FIXTURE));
    let history = store.read(&run()).unwrap();
    let read: Vec<NewEntry> = history.entries.into_iter().map(without_place).collect();
    assert_eq!(read, entries());
}

#[test]
fn its_entries_give_the_same_bytes() {
    gives_these_bytes(entries(), FIXTURE);
}
