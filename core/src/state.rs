//! The fold: a run's state computed from its entries, and nothing else. Every legal life of a run and of a step is here;
//! an entry that does not fit is a damaged journal, never a guess.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::clock::Timestamp;
use crate::decide::MAX_LOOKS;
use crate::event::{
    AttemptResult, Doing, Entry, ErrorClass, ErrorRecord, Event, Found, Opaque, OperatorDecided,
    OperatorDecision, Outcome, PauseReason, RunFinished, RunStarted, Settlement, StepPrepared,
    Verdict,
};
use crate::id::{BlobId, Epoch, Seq, StepId};
use crate::plan::{Plan, Stage};

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
    /// All steps of all plans so far.
    pub steps: BTreeMap<StepId, StepRecord>,
    /// The last wave to run before pausing.
    pub until: Option<String>,
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

/// Everything that is known of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepRecord {
    /// Where it stands.
    pub state: StepState,
    /// The number of the last attempt.
    pub attempts: u32,
    /// Attempts since the run began or an operator last said `retry`.
    pub tries: u32,
    /// Looks that failed one after the other.
    pub looks: u32,
    /// The attempt whose outcome is not known.
    pub open: Option<OpenAttempt>,
    /// What an undo needs.
    pub prepared: Option<StepPrepared>,
    /// Why the last attempt failed.
    pub failure: Option<ErrorRecord>,
    /// Nothing is done for it before this moment.
    pub not_before: Option<Timestamp>,
    /// The outputs of its attempts.
    pub outputs: Vec<(u32, BlobId)>,
    /// What it left behind when it completed.
    pub left: Vec<(String, String)>,
    /// How many outcomes were adopted from an earlier process.
    pub adopted: u32,
    /// When it was first looked at.
    pub begun_at: Option<Timestamp>,
    /// When it was settled.
    pub ended_at: Option<Timestamp>,
}

/// An attempt whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAttempt {
    /// Counted from 1.
    pub attempt: u32,
    /// The place of its intent.
    pub intent: Seq,
    /// When waiting for it ends.
    pub deadline: Timestamp,
    /// What the place where it ran last said of it.
    pub settlement: Option<Settlement>,
    /// Whether the process that started it is gone.
    pub inherited: bool,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StepState {
    /// The world is to be looked at.
    #[default]
    Pending,
    /// The world was looked at.
    Observed(Found),
    /// An attempt is under way.
    Started,
    /// The last attempt reported failure.
    Failed,
    /// The last attempt reported success; it is to be verified.
    Succeeded,
    /// An operator must decide.
    Blocked(ErrorRecord),
    /// Done, with the evidence.
    Completed(String),
    /// Left out, with the reason.
    Skipped(String),
}

impl StepRecord {
    /// Whether nothing more is to be done for it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, StepState::Completed(_) | StepState::Skipped(_))
    }

    /// Whether anything was done for it yet.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.begun_at.is_some()
    }

    /// Whether it may have changed the world.
    #[must_use]
    pub fn had_effects(&self) -> bool {
        self.attempts > 0
    }
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
            steps: BTreeMap::new(),
            until: started.until.clone(),
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

    /// Whether every gate of the plan in force has answered and none blocks.
    #[must_use]
    pub fn gates_are_open(&self) -> bool {
        let open = |name| {
            matches!(self.gates.get(name), Some(Verdict::Pass { .. } | Verdict::Warn { .. }))
        };
        self.plan.gates.iter().all(|spec| open(&spec.gate))
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
            Event::RunPaused(paused) => {
                self.must_be_unfinished(entry)?;
                self.status = Status::Paused(paused.reason.clone());
            }
            Event::RollbackStarted(rollback) => {
                self.turn_back(entry, &rollback.plan)?;
            }
            Event::RunFinished(finished) => self.finish(entry, finished)?,
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
        self.status = Status::Running;
        self.until = None;
        // What stood in the way may be gone: it is asked again. What was open stays open.
        self.gates.retain(|_, verdict| !matches!(verdict, Verdict::Block { .. }));
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

    fn turn_back(&mut self, entry: &Entry, plan: &Plan) -> Result<(), IllegalEntry> {
        if self.phase == Phase::Rollback {
            return Err(illegal(entry, "the run is being rolled back already"));
        }
        if matches!(self.status, Status::Finished(Outcome::RolledBack | Outcome::Abandoned)) {
            return Err(illegal(entry, "the run is over"));
        }
        self.take_over();
        self.phase = Phase::Rollback;
        self.plan = plan.clone();
        self.gates.clear();
        self.add_steps(entry)
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

impl StepRecord {
    fn apply(&mut self, entry: &Entry, is_undo: bool) -> Result<(), &'static str> {
        self.begun_at.get_or_insert(entry.time);
        match &entry.event {
            Event::StepObserved(observed) => self.observe(&observed.found)?,
            Event::StepPrepared(prepared) => {
                if self.prepared.is_some() || self.had_effects() {
                    return Err("it is prepared once, before its first attempt");
                }
                self.prepared = Some(prepared.clone());
            }
            Event::AttemptStarted(started) => {
                self.start(started.attempt, is_undo)?;
                let (attempt, deadline) = (started.attempt, started.deadline);
                let intent = entry.seq;
                self.open = Some(OpenAttempt {
                    attempt,
                    intent,
                    deadline,
                    settlement: None,
                    inherited: false,
                });
            }
            Event::AttemptSettled(settled) => self.settle(settled.attempt, &settled.settlement)?,
            Event::AttemptEnded(ended) => {
                self.end(ended.attempt, &ended.result)?;
                self.adopted += u32::from(ended.adopted);
                self.outputs.extend(ended.output.clone().map(|blob| (ended.attempt, blob)));
            }
            Event::RetryScheduled(retry) => self.retry(retry.doing, retry.at),
            Event::StepBlocked(blocked) => {
                self.state = StepState::Blocked(blocked.error.clone());
                // Nobody looks again before a resume or an operator's word, a settlement before a rollback neither.
                self.looks = MAX_LOOKS;
            }
            Event::OperatorDecided(decided) => self.decide(decided, entry.time)?,
            Event::StepCompleted(completed) => {
                if !matches!(
                    self.state,
                    StepState::Succeeded | StepState::Observed(Found::After { .. })
                ) {
                    return Err("it completes after success or when found done");
                }
                self.left.clone_from(&completed.left);
                self.settle_as(StepState::Completed(completed.evidence.clone()), entry.time);
            }
            Event::StepSkipped(skipped) => {
                self.settle_as(StepState::Skipped(skipped.reason.clone()), entry.time);
            }
            Event::RunStarted(_)
            | Event::RunResumed(_)
            | Event::GateChecked(_)
            | Event::RunPaused(_)
            | Event::RollbackStarted(_)
            | Event::RunFinished(_)
            | Event::Opaque(_) => return Err("this event is not about a step"),
        }
        Ok(())
    }

    fn settle_as(&mut self, state: StepState, time: Timestamp) {
        self.state = state;
        self.ended_at = Some(time);
        self.not_before = None;
    }

    fn observe(&mut self, found: &Found) -> Result<(), &'static str> {
        if self.open.is_some() {
            return Err("it is observed only when no attempt is open");
        }
        self.looks = 0;
        self.not_before = None;
        self.state = StepState::Observed(found.clone());
        Ok(())
    }

    fn start(&mut self, attempt: u32, is_undo: bool) -> Result<(), &'static str> {
        let startable = matches!(
            self.state,
            StepState::Observed(Found::Before { .. } | Found::Between { repairable: true, .. })
        );
        if !startable || attempt != self.attempts + 1 {
            return Err("an attempt starts after an observation, with the next number");
        }
        if self.prepared.is_none() && !is_undo {
            return Err("an attempt starts only after what its undo needs is recorded");
        }
        self.state = StepState::Started;
        self.attempts = attempt;
        self.tries += 1;
        self.failure = None;
        Ok(())
    }

    fn open_attempt(&mut self, attempt: u32) -> Result<&mut OpenAttempt, &'static str> {
        let open = self.open.as_mut().filter(|open| open.attempt == attempt);
        open.ok_or("no such attempt is open")
    }

    fn settle(&mut self, attempt: u32, settlement: &Settlement) -> Result<(), &'static str> {
        self.open_attempt(attempt)?.settlement = Some(settlement.clone());
        self.not_before = None;
        if matches!(settlement, Settlement::Lost { .. } | Settlement::Untraceable) {
            self.open = None;
            self.state = StepState::Pending;
        }
        Ok(())
    }

    fn end(&mut self, attempt: u32, result: &AttemptResult) -> Result<(), &'static str> {
        self.open_attempt(attempt)?;
        self.open = None;
        self.looks = 0;
        self.not_before = None;
        match result {
            AttemptResult::Succeeded { .. } => self.state = StepState::Succeeded,
            AttemptResult::Failed { error } => {
                self.state = StepState::Failed;
                self.failure = Some(error.clone());
            }
        }
        Ok(())
    }

    fn retry(&mut self, doing: Doing, at: Timestamp) {
        self.not_before = Some(at);
        if self.state == StepState::Failed {
            self.state = StepState::Pending;
            self.failure = None;
        } else {
            self.looks += 1;
        }
        if doing == Doing::Execute
            && let Some(open) = &mut self.open
        {
            open.settlement = None;
        }
    }

    fn decide(&mut self, decided: &OperatorDecided, time: Timestamp) -> Result<(), &'static str> {
        if !matches!(self.state, StepState::Blocked(_)) {
            return Err("an operator decides only about a blocked step");
        }
        match decided.decision {
            OperatorDecision::Retry => {
                self.state =
                    if self.open.is_some() { StepState::Started } else { StepState::Pending };
                (self.tries, self.looks) = (0, 0);
                (self.failure, self.not_before) = (None, None);
            }
            OperatorDecision::Accept => {
                let evidence = format!("accepted by {}: {}", decided.operator, decided.reason);
                self.open = None;
                self.settle_as(StepState::Completed(evidence), time);
            }
        }
        Ok(())
    }

    /// Whether the last failure is one that another attempt may cure.
    #[must_use]
    pub fn may_retry(&self, max_attempts: u32) -> bool {
        let transient = self.failure.as_ref().is_some_and(|f| f.class == ErrorClass::Transient);
        transient && self.tries < max_attempts
    }
}

fn illegal(entry: &Entry, why: &str) -> IllegalEntry {
    IllegalEntry { seq: entry.seq, why: why.to_owned() }
}
