//! The file format: what was shipped is read for ever, and written the same way for as long as it is current.

use std::fs;

use kup_core::event::{Entry, Event, Opaque};
use kup_core::journal::{Journal, NewEntry};
use kup_store::Store;

use crate::samples::{both_halves, run};

const FIXTURE: &str = include_str!("../../fixtures/journal-v1/journal.hex");

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    let digits: String =
        text.lines().filter(|line| !line.starts_with('#')).flat_map(str::chars).collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A new journal with these entries must have the very bytes of a fixture.
#[track_caller]
pub(crate) fn gives_these_bytes(entries: Vec<NewEntry>, fixture: &str) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create(&run(), entries).map(drop).unwrap();
    let written = fs::read(store.journal_path(&run())).unwrap();
    assert_eq!(to_hex(&written), to_hex(&from_hex(fixture)));
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn without_place(entry: Entry) -> NewEntry {
    NewEntry { time: entry.time, since_boot: entry.since_boot, event: entry.event }
}

pub(crate) fn place(bytes: &[u8]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let path = store.journal_path(&run());
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    (dir, store)
}

#[test]
fn a_journal_of_format_1_is_read_for_ever() {
    let (_dir, store) = place(&from_hex(FIXTURE));
    let history = store.read(&run()).unwrap();
    let (first, second) = both_halves();
    let epochs: Vec<u64> = history.entries.iter().map(|entry| entry.epoch.0).collect();
    assert_eq!(epochs, [vec![1; first.len()], vec![2; second.len()]].concat());
    let seqs: Vec<u64> = history.entries.iter().map(|entry| entry.seq.0).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let read: Vec<NewEntry> = history.entries.into_iter().map(without_place).collect();
    assert_eq!(read, [first, second].concat());
}

#[tokio::test]
async fn the_same_entries_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (first, second) = both_halves();
    store.create(&run(), first).map(drop).unwrap();
    let (mut journal, _) = store.resume(&run()).unwrap();
    journal.append(second).await.unwrap();
    let written = fs::read(store.journal_path(&run())).unwrap();
    assert_eq!(to_hex(&written), to_hex(&from_hex(FIXTURE)));
}

#[test]
fn the_samples_have_every_type_of_event() {
    let (first, second) = both_halves();
    let later = [
        crate::gate_ignored::entries(),
        crate::afterwords::entries(),
        crate::ways_back::entries(),
        crate::guarded::entries(),
    ];
    let later = later.concat();
    let mut types: Vec<u16> =
        [first, second, later].concat().iter().map(|entry| entry.event.type_id()).collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types, (1..=22).collect::<Vec<_>>());
}

#[test]
fn an_event_of_a_newer_kup_is_kept_as_opaque() {
    let (_dir, store) = place(&from_hex(include_str!("../../fixtures/journal-v1/newer.hex")));
    let entries = store.read(&run()).unwrap().entries;
    let events: Vec<Event> = entries.into_iter().map(|entry| entry.event).skip(1).collect();
    let opaque = |type_id, type_version| Event::Opaque(Opaque { type_id, type_version });
    assert_eq!(events, [opaque(999, 1), opaque(16, 2)]);
}
