//! The alphabet of the journal. FILE FORMAT: a payload that was shipped is frozen; a change is a
//! new struct with the next version beside it and an upcast on reading. Only integers, booleans,
//! strings, `Option`, `Vec`, `BTreeMap` and enums that are themselves frozen may stand in it, and no
//! serde attributes that need a self-describing format. Large or foreign bytes are blobs.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::{Epoch, Seq, StepId};

mod run;
mod step;

pub use run::*;
pub use step::*;

/// A fact of a run, in the past tense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The run was created with its whole plan.
    RunStarted(Box<RunStarted>),
    /// Another process took the run over; its epoch is one higher.
    RunResumed(RunResumed),
    /// A gate was asked before the first effect.
    GateChecked(GateChecked),
    /// The world was looked at for a step.
    StepObserved(StepObserved),
    /// What an undo will need is on stable storage.
    StepPrepared(StepPrepared),
    /// An attempt is about to have effects: the intent.
    AttemptStarted(AttemptStarted),
    /// An attempt without a recorded outcome was asked for where it ran.
    AttemptSettled(AttemptSettled),
    /// An attempt's outcome: the result.
    AttemptEnded(AttemptEnded),
    /// Something did not work and will be tried again.
    RetryScheduled(RetryScheduled),
    /// A step is done and verified.
    StepCompleted(StepCompleted),
    /// A step was left out on an operator's word.
    StepSkipped(StepSkipped),
    /// A step cannot go on without an operator.
    StepBlocked(StepBlocked),
    /// The run rests.
    RunPaused(RunPaused),
    /// An operator decided about a step.
    OperatorDecided(OperatorDecided),
    /// The run turned back: this plan replaces the first one.
    RollbackStarted(Box<RollbackStarted>),
    /// The run is over.
    RunFinished(RunFinished),
    /// An operator lets the run begin although a gate blocks.
    GateIgnored(GateIgnored),
    /// A rollback rests after a wave of its plan.
    RollbackLimited(RollbackLimited),
    /// What a step that failed has done to its node is undone before an operator is asked.
    UndoPlanned(Box<UndoPlanned>),
    /// The time in which a run that has succeeded could be rolled back was ended.
    RunCommitted(RunCommitted),
    /// A run that went back or was abandoned needs its backups no more.
    BackupsFreed(BackupsFreed),
    /// How the secret ones among the run's backups are kept was chosen at its start.
    BackupsGuarded(BackupsGuarded),
    /// An event of a newer kup: kept and shown, and resuming refuses.
    Opaque(Opaque),
}

/// An event with its place and time in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its position.
    pub seq: Seq,
    /// The epoch of the process that wrote it.
    pub epoch: Epoch,
    /// Wall time of writing.
    pub time: Timestamp,
    /// Nanoseconds since the writer's machine booted.
    pub since_boot: u64,
    /// The fact.
    #[serde(flatten)]
    pub event: Event,
}

impl Event {
    /// Returns the step that the event is about, if it is about one.
    #[must_use]
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::StepObserved(e) => Some(&e.step),
            Self::StepPrepared(e) => Some(&e.step),
            Self::AttemptStarted(e) => Some(&e.step),
            Self::AttemptSettled(e) => Some(&e.step),
            Self::AttemptEnded(e) => Some(&e.step),
            Self::RetryScheduled(e) => Some(&e.step),
            Self::StepCompleted(e) => Some(&e.step),
            Self::StepSkipped(e) => Some(&e.step),
            Self::StepBlocked(e) => Some(&e.step),
            Self::OperatorDecided(e) => Some(&e.step),
            Self::UndoPlanned(e) => Some(&e.step),
            Self::RunStarted(_)
            | Self::RunResumed(_)
            | Self::GateChecked(_)
            | Self::GateIgnored(_)
            | Self::RunPaused(_)
            | Self::RollbackStarted(_)
            | Self::RollbackLimited(_)
            | Self::RunFinished(_)
            | Self::RunCommitted(_)
            | Self::BackupsFreed(_)
            | Self::BackupsGuarded(_)
            | Self::Opaque(_) => None,
        }
    }

    /// Returns the number that names the event's type in a journal.
    #[must_use]
    pub fn type_id(&self) -> u16 {
        match self {
            Self::RunStarted(_) => 1,
            Self::RunResumed(_) => 2,
            Self::GateChecked(_) => 3,
            Self::StepObserved(_) => 4,
            Self::StepPrepared(_) => 5,
            Self::AttemptStarted(_) => 6,
            Self::AttemptSettled(_) => 7,
            Self::AttemptEnded(_) => 8,
            Self::RetryScheduled(_) => 9,
            Self::StepCompleted(_) => 10,
            Self::StepSkipped(_) => 11,
            Self::StepBlocked(_) => 12,
            Self::RunPaused(_) => 13,
            Self::OperatorDecided(_) => 14,
            Self::RollbackStarted(_) => 15,
            Self::RunFinished(_) => 16,
            Self::GateIgnored(_) => 17,
            Self::RollbackLimited(_) => 19,
            Self::UndoPlanned(_) => 20,
            Self::RunCommitted(_) => 18,
            Self::BackupsFreed(_) => 21,
            Self::BackupsGuarded(_) => 22,
            Self::Opaque(opaque) => opaque.type_id,
        }
    }
}
