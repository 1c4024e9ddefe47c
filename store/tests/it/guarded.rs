//! A journal with an event that came later: how backups are kept. FILE FORMAT: never changed.

use kup_core::event::{BackupsGuarded, Event};
use kup_core::journal::NewEntry;

use crate::format::{from_hex, gives_these_bytes, place, without_place};
use crate::samples::{run, started, timed};

const FIXTURE: &str = include_str!("../../fixtures/journal-v1-backups-guarded/journal.hex");

/// The events do not follow from each other: this is about their bytes.
pub(crate) fn entries() -> Vec<NewEntry> {
    let recipients = vec!["age1example".to_owned(), "ssh-ed25519 AAAA anna".to_owned()];
    timed(vec![
        started(),
        Event::BackupsGuarded(BackupsGuarded { recipients, stay_on_nodes: false }),
        Event::BackupsGuarded(BackupsGuarded { recipients: Vec::new(), stay_on_nodes: true }),
    ])
}

#[test]
fn a_journal_that_says_how_backups_are_kept_is_read_for_ever() {
    let (_dir, store) = place(&from_hex(FIXTURE));
    let history = store.read(&run()).unwrap();
    let read: Vec<NewEntry> = history.entries.into_iter().map(without_place).collect();
    assert_eq!(read, entries());
}

#[test]
fn its_entries_give_the_same_bytes() {
    gives_these_bytes(entries(), FIXTURE);
}
