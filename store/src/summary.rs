//! A run in one line, for lists and for the question whether a cluster has an unfinished run. A pure fold over the
//! entries that looks only at what concerns the run as a whole; the engine's own state knows the rest.

use std::fmt;

use kup_core::clock::Timestamp;
use kup_core::event::{Entry, Event, Outcome, PauseReason, RunStarted};
use kup_core::id::{RunId, Seq};
use serde::{Deserialize, Serialize};

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// The UID of its cluster; empty when the journal is unreadable.
    pub cluster_uid: String,
    /// Where the cluster is reached.
    pub cluster_endpoint: String,
    /// The version it began with.
    pub from: String,
    /// The version wanted.
    pub to: String,
    /// Who started it.
    pub operator: String,
    /// When it began.
    pub started: Timestamp,
    /// When its last entry was written.
    pub last: Timestamp,
    /// The position of its last entry.
    pub last_seq: Seq,
    /// How far it is.
    pub status: RunStatus,
}

/// How far a run is, as its journal tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunStatus {
    /// On its way forward: a process drives it, or was killed while it did.
    UnderWay,
    /// On its way back, likewise.
    RollingBack,
    /// At rest.
    Paused {
        /// Why.
        reason: PauseReason,
        /// Whether it had turned back before.
        rolling_back: bool,
    },
    /// Over.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// Who abandoned it and why; empty otherwise.
        reason: String,
        /// Whether the time in which it could be rolled back was ended.
        committed: bool,
    },
    /// Its journal cannot be read, so that nobody knows.
    Unreadable {
        /// Why not.
        why: String,
    },
}

impl RunStatus {
    /// Tells whether the run is over. One that cannot be read is not.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Finished { .. } => true,
            Self::UnderWay | Self::RollingBack | Self::Paused { .. } | Self::Unreadable { .. } => {
                false
            }
        }
    }

    fn is_rolling_back(&self) -> bool {
        match self {
            Self::RollingBack | Self::Paused { rolling_back: true, .. } => true,
            Self::UnderWay
            | Self::Paused { rolling_back: false, .. }
            | Self::Finished { .. }
            | Self::Unreadable { .. } => false,
        }
    }

    fn under_way(rolling_back: bool) -> Self {
        if rolling_back { Self::RollingBack } else { Self::UnderWay }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnderWay => "under way",
            Self::RollingBack => "rolling back",
            Self::Paused { .. } => "paused",
            Self::Finished { outcome: Outcome::Succeeded, committed: true, .. } => "committed",
            Self::Finished { outcome: Outcome::Succeeded, .. } => "succeeded",
            Self::Finished { outcome: Outcome::RolledBack, .. } => "rolled back",
            Self::Finished { outcome: Outcome::Abandoned, .. } => "abandoned",
            Self::Unreadable { .. } => "unreadable",
        })
    }
}

/// Sums a run up.
pub(crate) fn summarize(run: &RunId, entries: &[Entry]) -> RunSummary {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return unreadable(run, "its journal has no entries".into());
    };
    let Event::RunStarted(started) = &first.event else {
        return unreadable(run, "its first entry does not start a run".into());
    };
    let status = entries.iter().fold(RunStatus::UnderWay, |status, e| next(status, &e.event));
    RunSummary {
        started: first.time,
        last: last.time,
        last_seq: last.seq,
        status,
        ..describe(run, started)
    }
}

/// Returns the summary of a run that cannot be read.
pub(crate) fn unreadable(run: &RunId, why: String) -> RunSummary {
    RunSummary {
        run: run.clone(),
        cluster_uid: String::new(),
        cluster_endpoint: String::new(),
        from: String::new(),
        to: String::new(),
        operator: String::new(),
        started: Timestamp(0),
        last: Timestamp(0),
        last_seq: Seq(0),
        status: RunStatus::Unreadable { why },
    }
}

fn describe(run: &RunId, started: &RunStarted) -> RunSummary {
    RunSummary {
        cluster_uid: started.cluster.uid.clone(),
        cluster_endpoint: started.cluster.endpoint.clone(),
        from: started.plan.from.clone(),
        to: started.plan.to.clone(),
        operator: started.operator.clone(),
        ..unreadable(run, String::new())
    }
}

fn next(status: RunStatus, event: &Event) -> RunStatus {
    let rolling_back = status.is_rolling_back();
    match event {
        Event::RunResumed(_) => RunStatus::under_way(rolling_back),
        Event::RunPaused(paused) => {
            RunStatus::Paused { reason: paused.reason.clone(), rolling_back }
        }
        Event::RollbackStarted(_) => RunStatus::RollingBack,
        Event::RunFinished(finished) => {
            let (outcome, reason) = (finished.outcome, finished.reason.clone());
            RunStatus::Finished { outcome, reason, committed: false }
        }
        Event::RunCommitted(_) => committed(status),
        Event::RunStarted(_)
        | Event::GateChecked(_)
        | Event::GateIgnored(_)
        | Event::RollbackLimited(_)
        | Event::UndoPlanned(_)
        | Event::StepObserved(_)
        | Event::StepPrepared(_)
        | Event::AttemptStarted(_)
        | Event::AttemptSettled(_)
        | Event::AttemptEnded(_)
        | Event::RetryScheduled(_)
        | Event::StepCompleted(_)
        | Event::StepSkipped(_)
        | Event::StepBlocked(_)
        | Event::OperatorDecided(_)
        | Event::BackupsFreed(_)
        | Event::BackupsGuarded(_)
        | Event::Opaque(_) => status,
    }
}

fn committed(status: RunStatus) -> RunStatus {
    match status {
        RunStatus::Finished { outcome, reason, .. } => {
            RunStatus::Finished { outcome, reason, committed: true }
        }
        RunStatus::UnderWay
        | RunStatus::RollingBack
        | RunStatus::Paused { .. }
        | RunStatus::Unreadable { .. } => status,
    }
}
