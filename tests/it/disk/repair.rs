//! A journal's damaged end is set aside on a disk that fails at every call. Afterwards the journal is as it was, or it ends
//! before the damage and the damaged bytes lie beside it; and whoever tries again gets there.

use std::path::Path;
use std::sync::Arc;

use kup_store::{History, Store, StoreError};
use kup_tests::results::Results;

use super::fate::Grain;
use super::fault::Fault;
use super::platter::{Change, Node, Platter};
use super::sim::SimDisk;
use super::story::{self, STATE_DIR, journal_path, run};
use super::trial::wait_for;
use super::witness::Witness;

/// What stands where an entry should.
const DAMAGE: &[u8] = &[0; 120];

const PLACE: &str = "setting a damaged end aside";

#[test]
fn a_damaged_end_is_there_or_set_aside_whatever_fails() {
    let mut results = Results::new(
        "disk-repair",
        "`kup doctor --repair` on a simulated disk: one fault at every call",
        "cargo test -p kup-tests --test it disk::repair",
    );
    let (damaged, history) = damaged();
    let undisturbed = SimDisk::new(damaged.clone());
    repair(&undisturbed).unwrap();
    for (number, (op, _)) in (1..).zip(undisturbed.calls()) {
        for fault in op.faults() {
            let disk = SimDisk::new(damaged.clone()).with_fault(number, fault);
            repair(&disk).err().iter().for_each(|why| assert!(is_told(why, fault), "{why:?}"));
            let lost = disk.platter().after_power_loss(Grain::Coarse);
            let lost = lost.into_iter().map(|left| (left.platter, left.fate));
            for (platter, then) in lost.chain([(disk.platter(), "seen by the next process")]) {
                let what = format!("{}, {then}", fault.name());
                let end = judge(platter, &history, &format!("{what}, call {number} ({op:?})"));
                results.count(&what, PLACE, end);
            }
        }
    }
    assert!(results.n_cases() > 50, "only {}", results.n_cases());
    results.write().unwrap();
}

/// Returns a disk with a damaged journal, all of it synced, and what stands before the damage.
fn damaged() -> (Platter, History) {
    let disk = SimDisk::new(Platter::new());
    wait_for(story::story(&disk, &mut Witness::default())).unwrap();
    let history = open(&disk).unwrap().read(&run()).unwrap();
    let mut platter = disk.platter();
    let journal = platter.bytes(&journal_path()).unwrap();
    journal.change(Change::Write { at: journal.seen.len(), bytes: DAMAGE.to_vec() });
    journal.sync();
    (platter, history)
}

fn open(disk: &SimDisk) -> Result<Store, StoreError> {
    Store::on(Arc::new(disk.clone()), Path::new(STATE_DIR))
}

fn repair(disk: &SimDisk) -> Result<(), StoreError> {
    open(disk)?.repair(&run())?.set_aside().map(drop)
}

/// What fails is told with a place; who is dead says anything.
fn is_told(why: &StoreError, fault: Fault) -> bool {
    fault.is_death() || why.to_string().contains(STATE_DIR)
}

fn judge(platter: Platter, history: &History, story: &str) -> &'static str {
    let disk = SimDisk::new(platter);
    let read = open(&disk).unwrap().read(&run());
    let end = match read {
        Ok(found) => {
            assert_eq!(found, *history, "{story}");
            "set aside"
        }
        Err(StoreError::Damaged { .. }) => {
            repair(&disk).unwrap_or_else(|why| panic!("{story}: {why:?}"));
            assert_eq!(open(&disk).unwrap().read(&run()).unwrap(), *history, "{story}");
            "as it was; set aside by the next one"
        }
        Err(other) => panic!("{story}: {other}"),
    };
    let platter = disk.platter().with_all_unsynced_lost();
    let beside =
        platter.seen.iter().filter(|(path, _)| path.to_string_lossy().contains("journal.damaged."));
    let is_kept = |node: &Node| matches!(node, Node::File(it) if platter.files[*it].seen == DAMAGE);
    assert!(beside.map(|(_, node)| node).any(is_kept), "{story}: the damaged bytes are gone");
    end
}
