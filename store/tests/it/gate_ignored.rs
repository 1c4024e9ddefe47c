//! A journal with an event that came later: a gate that blocks and that an operator ignores. FILE FORMAT: never changed.

use kup_core::event::{Event, GateChecked, GateIgnored, Verdict};
use kup_core::journal::NewEntry;
use kup_core::state::RunState;

use crate::format::{from_hex, gives_these_bytes, place, without_place};
use crate::samples::{run, started, timed};

const FIXTURE: &str = include_str!("../../fixtures/journal-v1-gate-ignored/journal.hex");

pub(crate) fn entries() -> Vec<NewEntry> {
    let (gate, evidence) = ("etcd-health".to_owned(), "2 of 3 members answer".to_owned());
    let verdict = Verdict::Block { evidence: evidence.clone(), remedy: "wait".to_owned() };
    let (code, operator) = ("K105".to_owned(), "anna@workstation".to_owned());
    timed(vec![
        started(),
        Event::GateChecked(GateChecked { gate: gate.clone(), verdict }),
        Event::GateIgnored(GateIgnored { gate, code, operator, evidence }),
    ])
}

#[test]
fn a_journal_with_an_ignored_gate_is_read_for_ever() {
    let (_dir, store) = place(&from_hex(FIXTURE));
    let history = store.read(&run()).unwrap();
    assert!(RunState::replay(&history.entries).unwrap().gates_are_open());
    let read: Vec<NewEntry> = history.entries.into_iter().map(without_place).collect();
    assert_eq!(read, entries());
}

#[test]
fn its_entries_give_the_same_bytes() {
    gives_these_bytes(entries(), FIXTURE);
}
