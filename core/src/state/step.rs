//! The legal life of a step.

use crate::clock::Timestamp;
use crate::decide::MAX_LOOKS;
use crate::event::{
    AttemptResult, Doing, Entry, ErrorClass, ErrorRecord, Event, Found, OperatorDecided,
    OperatorDecision, Settlement, StepPrepared,
};
use crate::id::{BlobId, Seq};

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

    /// Whether an attempt of it may be under way: nobody has said that it never began, and its outcome is not known.
    #[must_use]
    pub fn may_be_under_way(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.settlement != Some(Settlement::NotStarted))
    }

    /// Whether it may have changed the world.
    #[must_use]
    pub fn had_effects(&self) -> bool {
        self.attempts > 0
    }
}

impl StepRecord {
    pub(super) fn apply(&mut self, entry: &Entry, is_undo: bool) -> Result<(), &'static str> {
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
                self.open = None;
                self.settle_as(StepState::Skipped(skipped.reason.clone()), entry.time);
            }
            Event::RunStarted(_)
            | Event::RunResumed(_)
            | Event::GateChecked(_)
            | Event::GateIgnored(_)
            | Event::RollbackLimited(_)
            | Event::UndoPlanned(_)
            | Event::RunPaused(_)
            | Event::RollbackStarted(_)
            | Event::RunFinished(_)
            | Event::RunCommitted(_)
            | Event::BackupsFreed(_)
            | Event::BackupsGuarded(_)
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
        let open = self.open_attempt(attempt)?;
        open.settlement = Some(settlement.clone());
        // That its process died is not the step's failure: an attempt that leaves no trace does not count then.
        if open.inherited && *settlement == Settlement::Untraceable {
            self.tries = self.tries.saturating_sub(1);
        }
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
