//! The store on a disk that fails: at every call every fault, then a reopening; and again with a second fault at every call of
//! the reopening. What was acknowledged is there afterwards, whatever happened, and the run goes on.
//!
//! A file system may keep a later part of an unsynced write and lose an earlier one. Such a hole in the group that was under way
//! looks like damage to acknowledged entries, so that the store refuses it (`docs/JOURNAL_FORMAT.md`); that is allowed behind the last
//! acknowledged entry, and the run goes on when its end was set aside there.

mod damage;
mod fate;
mod fault;
mod file;
mod platter;
mod repair;
mod sim;
mod story;
mod trial;
mod witness;

use fault::{Fault, Op};
use kup_tests::results::Results;
use platter::Platter;
use sim::SimDisk;
use trial::{Case, Disturbance, Trial, wait_for};
use witness::{Trouble, Witness};

const COMMAND: &str = "cargo test -p kup-tests --test it disk::";

fn results(name: &'static str, title: &'static str) -> Results {
    Results::new(name, title, COMMAND)
}

#[test]
fn no_fault_of_the_disk_loses_what_was_acknowledged() {
    let mut results = results("disk", "The store on a simulated disk: one fault at every call");
    let mut trial = Trial::default();
    for case in trial.after_one_fault() {
        let end = trial.reopen(&case).unwrap_or_else(|broken| panic!("{broken}"));
        results.count(&case.fault, case.place, end);
    }
    trial.must_have_mattered().unwrap();
    results.write().unwrap();
}

#[test]
fn nor_does_a_second_fault_during_the_reopening() {
    let mut results = results(
        "disk-twice",
        "The store on a simulated disk: a second fault at every call of the reopening",
    );
    let mut trial = Trial::default();
    for first in trial.after_one_fault_coarsely() {
        for case in trial.after_second_fault(&first) {
            let end = trial.reopen(&case).unwrap_or_else(|broken| panic!("{broken}"));
            results.count(&case.fault, "reopening", end);
        }
    }
    trial.must_have_mattered().unwrap();
    results.write().unwrap();
}

#[test]
fn on_a_full_disk_everything_can_be_read_and_the_run_goes_on_when_there_is_space() {
    let mut witness = Witness::default();
    let empty = SimDisk::new(Platter::new());
    wait_for(story::story(&empty, &mut witness)).unwrap();
    let full = SimDisk::new(empty.platter()).full();
    wait_for(story::read_all(&full, &witness)).unwrap();
    let Err(Trouble::Refused(why)) = wait_for(story::next_process(&full, &mut witness)) else {
        panic!("it has written to a full disk");
    };
    assert!(why.contains("/state/runs/") && why.contains("No space left"), "{why}");
    wait_for(story::next_process(&SimDisk::new(full.platter()), &mut witness)).unwrap();
}

/// Returns the promises that are broken when calls of this kind do nothing and say that they did.
fn broken_without(op: Op, keeps_unsynced: bool) -> Vec<String> {
    let mut trial = Trial::new(Disturbance { ignored: Some(op), keeps_unsynced });
    let mut cases = trial.after_one_fault_coarsely();
    // What a resume syncs matters when the power goes after it.
    let is_first = |case: &&Case| op == Op::SyncAll && case.fault == Fault::Death.name();
    let killed: Vec<Case> = cases.iter().filter(is_first).step_by(9).cloned().collect();
    cases.extend(killed.iter().flat_map(|first| trial.after_second_fault(first)));
    cases.iter().filter_map(|case| trial.reopen(case).err()).collect()
}

#[test]
fn a_store_that_does_not_sync_is_caught() {
    for op in [Op::SyncData, Op::SyncAll, Op::SyncFolder] {
        let broken = broken_without(op, false);
        let lost = |text: &&String| text.contains("acknowledged") || text.contains("missing");
        assert!(broken.iter().any(|text| lost(&text)), "{op:?}: {broken:?}");
    }
}

#[test]
fn a_disk_that_keeps_what_was_not_synced_shows_nothing() {
    for op in [Op::SyncData, Op::SyncAll, Op::SyncFolder] {
        assert_eq!(broken_without(op, true), Vec::<String>::new(), "{op:?}");
    }
    let mut trial = Trial::new(Disturbance { keeps_unsynced: true, ignored: None });
    trial.after_one_fault_coarsely();
    assert!(trial.must_have_mattered().is_err(), "the suite would not notice");
}
