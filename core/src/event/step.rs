//! Payloads about one step. FILE FORMAT: see the parent module.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{BlobId, StepId};

/// Payload of type 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepObserved {
    /// The step.
    pub step: StepId,
    /// How far the world is.
    pub found: Found,
}

/// How far the world is with a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Found {
    /// The effect has not begun.
    Before {
        /// What was seen.
        what: String,
    },
    /// The effect is half done.
    Between {
        /// What was seen.
        what: String,
        /// Whether another attempt mends it.
        repairable: bool,
    },
    /// The effect is done.
    After {
        /// What was seen.
        what: String,
    },
    /// Somebody else changed what the step is about.
    Foreign {
        /// What was seen.
        what: String,
    },
}

/// Payload of type 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPrepared {
    /// The step.
    pub step: StepId,
    /// What the undo needs to know; small, without secrets.
    pub notes: Vec<(String, String)>,
    /// The copies taken.
    pub backups: Vec<Backup>,
}

impl StepPrepared {
    /// The name of the note that names a backup whose bytes have never left their node.
    pub const ONLY_ON_NODE: &str = "only-on-node";

    /// Whether the bytes of a backup have never left their node.
    #[must_use]
    pub fn is_only_on_node(&self, blob: &BlobId) -> bool {
        let names =
            |(name, value): &(String, String)| name == Self::ONLY_ON_NODE && value == blob.as_str();
        self.notes.iter().any(names)
    }
}

/// A copy made so that undo is possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// What it is a copy of, for people.
    pub what: String,
    /// Its bytes.
    pub blob: BlobId,
    /// Its size in bytes.
    pub size: u64,
}

/// Payload of type 6. Its seq is what the node's `.intent` names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// The step.
    pub step: StepId,
    /// Counted from 1.
    pub attempt: u32,
    /// When waiting for it ends.
    pub deadline: Timestamp,
}

/// Payload of type 7.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptSettled {
    /// The step.
    pub step: StepId,
    /// Counted from 1.
    pub attempt: u32,
    /// What the place where it ran says of it.
    pub settlement: Settlement,
}

/// What the place where an attempt ran says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// No trace, and a late start will be refused: the same attempt is sent again.
    NotStarted,
    /// It still runs: it is adopted.
    Running,
    /// It has ended: its outcome is adopted.
    Ended,
    /// It began and is gone without an outcome: the world must be observed.
    Lost {
        /// What was seen.
        what: String,
    },
    /// This activity leaves no trace to ask for: the world must be observed.
    Untraceable,
}

/// Payload of type 8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// The step.
    pub step: StepId,
    /// Counted from 1.
    pub attempt: u32,
    /// What came of it.
    pub result: AttemptResult,
    /// Its output, where there is any.
    pub output: Option<BlobId>,
    /// Whether an earlier process had started it.
    pub adopted: bool,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptResult {
    /// It reported success; the world is still to be verified.
    Succeeded {
        /// In a sentence.
        summary: String,
    },
    /// It reported failure.
    Failed {
        /// Why.
        error: ErrorRecord,
    },
}

/// An error as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// What the engine may do about it.
    pub class: ErrorClass,
    /// What failed.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
}

/// What the engine may do about an error, set by whoever knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorClass {
    /// Trying again may help; nothing unclear was left behind.
    Transient,
    /// Trying again will not help.
    Permanent,
    /// The effect may have happened, or may still be happening.
    Unclear,
}

/// Payload of type 9.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryScheduled {
    /// The step.
    pub step: StepId,
    /// What was being done.
    pub doing: Doing,
    /// Not before this moment.
    pub at: Timestamp,
    /// What did not work.
    pub error: ErrorRecord,
}

/// What was being done for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    /// Looking at the world.
    Observe,
    /// Taking what an undo needs.
    Prepare,
    /// Asking for an attempt's outcome.
    Settle,
    /// Running an attempt.
    Execute,
    /// Proving the result.
    Verify,
}

/// Payload of type 10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCompleted {
    /// The step.
    pub step: StepId,
    /// What was seen of the result.
    pub evidence: String,
    /// What the step left behind (hashes), by which an undo tells whether somebody came later.
    pub left: Vec<(String, String)>,
}

/// Payload of type 11.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSkipped {
    /// The step.
    pub step: StepId,
    /// Why.
    pub reason: String,
}

/// Payload of type 12.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBlocked {
    /// The step.
    pub step: StepId,
    /// Why, and what was found.
    pub error: ErrorRecord,
}

/// Payload of type 14.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorDecided {
    /// The step.
    pub step: StepId,
    /// What was decided.
    pub decision: OperatorDecision,
    /// Who decided.
    pub operator: String,
    /// Why, in the operator's words.
    pub reason: String,
}

/// What an operator can say of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorDecision {
    /// Try it again, with its attempts counted anew.
    Retry,
    /// Take it as done.
    Accept,
}

impl fmt::Display for ErrorRecord {
    /// The message and its causes on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}
