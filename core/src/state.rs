//! The fold: a run's state computed from its entries, and nothing else. Every legal life of a run and of a step is here;
//! an entry that does not fit is a damaged journal, never a guess.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::event::{
    Entry, Event, GateIgnored, Opaque, Outcome, PauseReason, RunFinished, RunStarted, Verdict,
};
use crate::guard::Guard;
use crate::id::{Epoch, Seq, StepId};
use crate::plan::{Plan, Stage};

mod after;
mod back;
mod gate;
mod step;

pub use after::Afterword;
pub use step::{OpenAttempt, StepRecord, StepState};

/// Says which entry does not fit to those before it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("entry {seq} does not fit to those before it: {why}")]
pub struct IllegalEntry {
    /// Where.
    pub seq: Seq,
    /// What is wrong with it.
    pub why: String,
}

/// Whether a run goes forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It does its plan.
    Forward,
    /// It undoes what it did.
    Rollback,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// A process drives it, or died while it did.
    Running,
    /// It rests with a reason.
    Paused(PauseReason),
    /// It is over.
    Finished(Outcome),
}

/// Everything that is known of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// Its first event.
    pub started: RunStarted,
    /// The plan in force: the first one, or that of the rollback.
    pub plan: Plan,
    /// Which of the two.
    pub phase: Phase,
    /// Where it stands.
    pub status: Status,
    /// The gates' answers.
    pub gates: BTreeMap<String, Verdict>,
    /// The gates that block and that an operator ignores, by name.
    pub ignored: BTreeMap<String, GateIgnored>,
    /// All steps of all plans so far.
    pub steps: BTreeMap<StepId, StepRecord>,
    /// The last wave to run before pausing.
    pub until: Option<String>,
    /// How the secret ones among its backups are kept.
    pub guard: Guard,
    /// Who ended the time in which it could be rolled back.
    pub committed: Option<Afterword>,
    /// Who said that it needs its backups no more.
    pub freed: Option<Afterword>,
    /// The last entry.
    pub head: Seq,
    /// The epoch of the last entry.
    pub epoch: Epoch,
    /// When it began.
    pub started_at: Timestamp,
    /// When its last entry was written.
    pub updated_at: Timestamp,
    /// Events of a newer kup; a run that has any is not resumed.
    pub opaque: Vec<(Seq, Opaque)>,
}

impl RunState {
    /// Folds a whole journal.
    ///
    /// # Errors
    /// The first entry that does not fit.
    pub fn replay(entries: &[Entry]) -> Result<Self, IllegalEntry> {
        let (first, rest) = entries
            .split_first()
            .ok_or_else(|| IllegalEntry { seq: Seq(0), why: "the journal is empty".to_owned() })?;
        let mut state = Self::begin(first)?;
        for entry in rest {
            state.apply(entry)?;
        }
        Ok(state)
    }

    fn begin(entry: &Entry) -> Result<Self, IllegalEntry> {
        let Event::RunStarted(started) = &entry.event else {
            return Err(illegal(entry, "a journal begins with RunStarted"));
        };
        let mut state = Self {
            started: (**started).clone(),
            plan: started.plan.clone(),
            phase: Phase::Forward,
            status: Status::Running,
            gates: BTreeMap::new(),
            ignored: BTreeMap::new(),
            steps: BTreeMap::new(),
            until: started.until.clone(),
            guard: Guard::Plain,
            committed: None,
            freed: None,
            head: entry.seq,
            epoch: entry.epoch,
            started_at: entry.time,
            updated_at: entry.time,
            opaque: Vec::new(),
        };
        state.add_steps(entry)?;
        Ok(state)
    }

    /// Returns what is known of a step; nothing for one that no plan has.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&StepRecord> {
        self.steps.get(id)
    }

    /// Whether the run is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.status, Status::Finished(_))
    }

    /// Returns the targets of which an operator left out steps.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let skipped =
            |id: &StepId| matches!(self.step(id).map(|r| &r.state), Some(StepState::Skipped(_)));
        let has_skipped = |stage: &&Stage| stage.steps.iter().any(|step| skipped(&step.id));
        self.plan.stages().filter(has_skipped).map(|stage| stage.target.clone()).collect()
    }

    /// Adds one entry.
    ///
    /// # Errors
    /// When the entry does not fit; the state is then to be thrown away.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        if entry.seq.0 != self.head.0 + 1 || entry.epoch < self.epoch {
            return Err(illegal(entry, "its place or its epoch does not follow the last one"));
        }
        self.head = entry.seq;
        self.epoch = entry.epoch;
        self.updated_at = entry.time;
        self.apply_event(entry)
    }

    fn apply_event(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        match &entry.event {
            Event::RunStarted(_) => return Err(illegal(entry, "a run starts once")),
            Event::RunResumed(_) => {
                self.must_be_unfinished(entry)?;
                self.take_over();
            }
            Event::GateChecked(checked) => {
                self.must_be_unfinished(entry)?;
                self.gates.insert(checked.gate.clone(), checked.verdict.clone());
            }
            Event::GateIgnored(ignored) => self.ignore(entry, ignored)?,
            Event::RunPaused(paused) => {
                self.must_be_unfinished(entry)?;
                self.status = Status::Paused(paused.reason.clone());
            }
            Event::RollbackStarted(rollback) => {
                self.turn_back(entry, &rollback.plan)?;
            }
            Event::RollbackLimited(limited) => self.limit(entry, limited)?,
            Event::UndoPlanned(planned) => self.plan_undo(entry, planned)?,
            Event::RunFinished(finished) => self.finish(entry, finished)?,
            Event::RunCommitted(said) => self.commit(entry, said)?,
            Event::BackupsFreed(said) => self.free(entry, said)?,
            Event::BackupsGuarded(chosen) => self.guard(entry, chosen)?,
            Event::Opaque(opaque) => self.opaque.push((entry.seq, *opaque)),
            Event::StepObserved(_)
            | Event::StepPrepared(_)
            | Event::AttemptStarted(_)
            | Event::AttemptSettled(_)
            | Event::AttemptEnded(_)
            | Event::RetryScheduled(_)
            | Event::StepCompleted(_)
            | Event::StepSkipped(_)
            | Event::StepBlocked(_)
            | Event::OperatorDecided(_) => self.apply_to_step(entry)?,
        }
        Ok(())
    }

    fn must_be_unfinished(&self, entry: &Entry) -> Result<(), IllegalEntry> {
        if self.is_finished() { Err(illegal(entry, "the run is over")) } else { Ok(()) }
    }

    /// What the process before knew only for itself is forgotten: the world is looked at again.
    fn take_over(&mut self) {
        // Having rested where it was asked to, a run goes on to its end; interrupted before, it still rests there.
        if matches!(self.status, Status::Paused(PauseReason::Reached { .. })) {
            self.until = None;
        }
        self.status = Status::Running;
        self.ask_again();
        for record in self.steps.values_mut() {
            record.looks = 0;
            if matches!(record.state, StepState::Observed(_)) {
                record.state = StepState::Pending;
            }
            if let Some(open) = &mut record.open {
                open.settlement = None;
                open.inherited = true;
            }
        }
    }

    fn add_steps(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        self.plan.check().map_err(|error| illegal(entry, &error.to_string()))?;
        for (_, step) in self.plan.steps() {
            if self.steps.insert(step.id.clone(), StepRecord::default()).is_some() {
                return Err(illegal(entry, &format!("step `{}` was there before", step.id)));
            }
        }
        Ok(())
    }

    fn finish(&mut self, entry: &Entry, finished: &RunFinished) -> Result<(), IllegalEntry> {
        self.must_be_unfinished(entry)?;
        let done =
            || self.plan.steps().all(|(_, s)| self.step(&s.id).is_some_and(StepRecord::is_settled));
        let fits = match finished.outcome {
            Outcome::Succeeded => self.phase == Phase::Forward && done(),
            Outcome::RolledBack => self.phase == Phase::Rollback && done(),
            Outcome::Abandoned => true,
        };
        if !fits {
            return Err(illegal(entry, "the run cannot end so: steps are not settled"));
        }
        self.status = Status::Finished(finished.outcome);
        Ok(())
    }

    fn apply_to_step(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        self.must_be_unfinished(entry)?;
        let id = entry.event.step().ok_or_else(|| illegal(entry, "it names no step"))?;
        let gates_are_open = self.gates_are_open();
        let is_undo = self.plan.find(id).is_some_and(|(_, step)| step.undo_of.is_some());
        let Some(record) = self.steps.get_mut(id) else {
            return Err(illegal(entry, &format!("no plan has the step `{id}`")));
        };
        if record.is_settled() {
            return Err(illegal(entry, &format!("step `{id}` is settled")));
        }
        if matches!(entry.event, Event::AttemptStarted(_)) && !gates_are_open {
            return Err(illegal(entry, "an effect before the gates are open"));
        }
        record.apply(entry, is_undo).map_err(|why| illegal(entry, &format!("step `{id}`: {why}")))
    }
}

fn illegal(entry: &Entry, why: &str) -> IllegalEntry {
    IllegalEntry { seq: entry.seq, why: why.to_owned() }
}
