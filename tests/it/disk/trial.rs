//! Runs the story with faults and asks for what was promised.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::fate::{Grain, Left};
use super::fault::{Fault, Op};
use super::platter::Platter;
use super::sim::SimDisk;
use super::story::{self, journal_path};
use super::witness::{Trouble, Witness};

const GOES_ON: &str = "all acknowledged there; goes on";
const BEGINS: &str = "never acknowledged and not there; begins";
const SET_ASIDE: &str =
    "refused as damage behind what was acknowledged; goes on when doctor has set that aside";

/// What is wrong with the disk or the store from the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Disturbance {
    /// Calls of this kind do nothing and say that they did.
    pub(super) ignored: Option<Op>,
    /// A loss of power loses nothing.
    pub(super) keeps_unsynced: bool,
}

impl Disturbance {
    /// A disk that keeps what was not synced keeps it after a failed sync, too.
    fn allows(self, fault: Fault) -> bool {
        !(self.keeps_unsynced && fault == Fault::ErrorAndLoss)
    }
}

/// A disk after a fault, and what its processes had been promised.
#[derive(Debug, Clone)]
pub(super) struct Case {
    platter: Platter,
    witness: Witness,
    has_holes: bool,
    /// Which fault, for the results.
    pub(super) fault: String,
    /// While doing what.
    pub(super) place: &'static str,
    /// Where exactly, for whoever has to find it again.
    story: String,
}

/// Makes cases and judges them.
#[derive(Debug, Default)]
pub(super) struct Trial {
    disturbance: Disturbance,
    ends: HashMap<u64, Result<&'static str, String>>,
    seconds: BTreeSet<u64>,
    n_lost: u64,
}

/// What one process, or several, came to.
struct Run {
    disk: SimDisk,
    witness: Witness,
    result: Result<(), Trouble>,
}

impl Trial {
    pub(super) fn new(disturbance: Disturbance) -> Self {
        Self { disturbance, ..Self::default() }
    }

    /// Returns every disk that one fault at any call of the story leaves.
    pub(super) fn after_one_fault(&mut self) -> Vec<Case> {
        self.after_fault(None, Grain::Every(29))
    }

    /// The same, with torn writes looked at less closely.
    pub(super) fn after_one_fault_coarsely(&mut self) -> Vec<Case> {
        self.after_fault(None, Grain::Coarse)
    }

    /// Returns every disk that a second fault at any call of the reopening leaves. Equal disks are
    /// reopened once.
    pub(super) fn after_second_fault(&mut self, first: &Case) -> Vec<Case> {
        if !self.seconds.insert(first.key()) {
            return Vec::new();
        }
        self.after_fault(Some(first), Grain::Coarse)
    }

    fn after_fault(&mut self, first: Option<&Case>, grain: Grain) -> Vec<Case> {
        let undisturbed = self.run(first, None);
        let calls = undisturbed.disk.calls();
        let mut cases = Vec::new();
        for (number, (op, place)) in (1..).zip(&calls) {
            let is_second = first.is_some();
            let disturbance = self.disturbance;
            let fits = |fault: &Fault| {
                disturbance.allows(*fault) && (!is_second || fault.is_worth_a_second())
            };
            for fault in op.faults().into_iter().filter(fits) {
                let run = self.run(first, Some((number, fault)));
                let story = format!("{fault:?} at call {number} ({op:?}, {place})");
                let case = Case::new(first, run, fault, place, story);
                // After a second fault that changes nothing, the power leaves what it leaves of a killed process.
                let is_new = !is_second || fault.is_death() || fault == Fault::ErrorAndLoss;
                cases.extend(self.outcomes(case, fault, is_new.then_some(grain)));
            }
        }
        cases
    }

    fn run(&self, first: Option<&Case>, fault: Option<(usize, Fault)>) -> Run {
        let platter = first.map_or_else(Platter::new, |first| first.platter.clone());
        let mut witness = first.map(|first| first.witness.clone()).unwrap_or_default();
        let mut disk = SimDisk::new(platter).ignoring(self.disturbance.ignored);
        if let Some((call, fault)) = fault {
            disk = disk.with_fault(call, fault);
        }
        let result = match first {
            None => wait_for(story::story(&disk, &mut witness)),
            Some(_) => wait_for(story::next_process(&disk, &mut witness)),
        };
        Run { disk, witness, result }
    }

    /// Returns what may be found after a fault: by another process, and after a loss of power.
    fn outcomes(&mut self, case: Case, fault: Fault, grain: Option<Grain>) -> Vec<Case> {
        let mut cases = Vec::new();
        if let Some(grain) = grain.filter(|_| !self.disturbance.keeps_unsynced) {
            for left in case.platter.after_power_loss(grain) {
                self.n_lost += u64::from(left.platter.has_less_than(&case.platter));
                cases.push(case.after(fault, left));
            }
        }
        cases.push(case);
        cases
    }

    /// Reopens a disk and says how that ended.
    ///
    /// # Errors
    /// The promise that was broken.
    pub(super) fn reopen(&mut self, case: &Case) -> Result<&'static str, String> {
        let key = case.key();
        if let Some(known) = self.ends.get(&key) {
            return known.clone();
        }
        let end = self.judge(case).map_err(|trouble| format!("{}: {trouble:?}", case.story));
        self.ends.insert(key, end.clone());
        end
    }

    fn judge(&self, case: &Case) -> Result<&'static str, Trouble> {
        let was_born = case.witness.is_born || case.platter.seen.contains_key(&journal_path());
        let run = self.run(Some(case), None);
        let (run, end) = match run.result {
            Err(Trouble::Damaged { seq, .. }) if case.may_be_refused(seq) => {
                (self.run(Some(&case.repaired()?), None), SET_ASIDE)
            }
            Ok(()) | Err(_) if was_born => (run, GOES_ON),
            Ok(()) | Err(_) => (run, BEGINS),
        };
        run.result?;
        // What the reopening acknowledged is on the disk, too.
        let platter = match self.disturbance.keeps_unsynced {
            true => run.disk.platter(),
            false => run.disk.platter().with_all_unsynced_lost(),
        };
        self.run(Some(&Case { platter, witness: run.witness, ..case.clone() }), None).result?;
        Ok(end)
    }

    /// Fails when no loss of power lost anything: then the cases showed nothing.
    pub(super) fn must_have_mattered(&self) -> Result<(), String> {
        if self.n_lost > 100 { Ok(()) } else { Err(format!("{} losses only", self.n_lost)) }
    }
}

impl Case {
    fn new(
        first: Option<&Self>,
        run: Run,
        fault: Fault,
        place: &'static str,
        story: String,
    ) -> Self {
        let story = first.map_or(story.clone(), |first| format!("{}, then {story}", first.story));
        must_be_plain(&run.result, fault, &story);
        // What a process outlives it meets everywhere alike.
        let place = if fault.is_death() { place } else { "any call" };
        Self {
            platter: run.disk.platter(),
            witness: run.witness,
            has_holes: first.is_some_and(|first| first.has_holes),
            fault: fault.name().into(),
            place,
            story,
        }
    }

    fn after(&self, fault: Fault, left: Left) -> Self {
        let Left { platter, fate, has_holes } = left;
        let fault = match fault.is_death() {
            true => fate.into(),
            false => format!("{}, then the power lost", fault.name()),
        };
        Self { platter, has_holes: self.has_holes || has_holes, fault, ..self.clone() }
    }

    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.platter, self.witness.progress(), self.has_holes).hash(&mut hasher);
        hasher.finish()
    }

    fn may_be_refused(&self, seq: u64) -> bool {
        self.has_holes && seq > self.witness.acknowledged.len() as u64
    }

    /// Returns the disk after the journal's damaged end was set aside.
    fn repaired(&self) -> Result<Self, Trouble> {
        let disk = SimDisk::new(self.platter.clone());
        story::set_aside(&disk)?;
        Ok(Self { platter: disk.platter(), ..self.clone() })
    }
}

/// A process that does not die of its fault breaks no promise, and what it refuses it refuses with a place.
fn must_be_plain(result: &Result<(), Trouble>, fault: Fault, story: &str) {
    match result {
        Ok(()) | Err(Trouble::Damaged { .. }) => {}
        Err(Trouble::Refused(why)) => {
            assert!(fault.is_death() || why.contains(story::STATE_DIR), "{story}: {why}");
        }
        Err(Trouble::Broken(why)) => panic!("{story}: {why}"),
    }
}

/// Does what an engine's thread would do.
pub(super) fn wait_for<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

impl Platter {
    /// Tells whether a loss of power took something away.
    fn has_less_than(&self, before: &Self) -> bool {
        let bytes = |platter: &Self| platter.files.iter().map(|f| f.seen.len()).collect::<Vec<_>>();
        self.seen != before.seen || bytes(self) != bytes(before)
    }
}
