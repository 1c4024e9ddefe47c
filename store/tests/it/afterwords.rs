//! Journals with events that came later: what is said of a run that is over. FILE FORMAT: never changed.

use kup_core::event::{BackupsFreed, Event, Outcome, RunCommitted};
use kup_core::journal::NewEntry;

use crate::format::{from_hex, gives_these_bytes, place, without_place};
use crate::samples::{finished, run, started, timed};

const FIXTURE: &str = include_str!("../../fixtures/journal-v1-afterwords/journal.hex");

/// The events do not follow from each other: this is about their bytes.
pub(crate) fn entries() -> Vec<NewEntry> {
    let (operator, reason) = ("anna@workstation".to_owned(), "it is fine".to_owned());
    timed(vec![
        started(),
        finished(Outcome::Succeeded),
        Event::RunCommitted(RunCommitted { operator: operator.clone(), reason: reason.clone() }),
        Event::BackupsFreed(BackupsFreed { operator, reason }),
    ])
}

#[test]
fn a_journal_with_afterwords_is_read_for_ever() {
    let (_dir, store) = place(&from_hex(FIXTURE));
    let history = store.read(&run()).unwrap();
    let read: Vec<NewEntry> = history.entries.into_iter().map(without_place).collect();
    assert_eq!(read, entries());
}

#[test]
fn its_entries_give_the_same_bytes() {
    gives_these_bytes(entries(), FIXTURE);
}
