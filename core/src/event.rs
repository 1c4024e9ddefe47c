//! The alphabet of the journal. FILE FORMAT: a payload that was shipped is frozen; a change is a
//! new struct with the next version beside it and an upcast on reading. Only integers, booleans,
//! strings, `Option`, `Vec`, `BTreeMap` and enums that are themselves frozen may stand in it, and no
//! serde attributes that need a self-describing format. Large or foreign bytes are blobs.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{BlobId, Epoch, Seq, StepId};
use crate::plan::Plan;

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

/// Payload of type 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The version of kup that made the plan.
    pub kup_version: String,
    /// Who started it: `user@machine`.
    pub operator: String,
    /// The cluster that it is about.
    pub cluster: ClusterIdentity,
    /// The machines that it is about.
    pub machines: Vec<MachineIdentity>,
    /// How cluster and machines are reached, so that a resume needs no flags.
    pub reach: Reach,
    /// The name of the last wave to run before pausing.
    pub until: Option<String>,
    /// The whole plan.
    pub plan: Plan,
}

/// Tells one cluster from every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The UID of its kube-system namespace.
    pub uid: String,
    /// SHA-256 of its certificate authority, in hexadecimal.
    pub ca_sha256: String,
    /// Where its API server is reached.
    pub endpoint: String,
}

/// Tells one machine from every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineIdentity {
    /// The node's name.
    pub name: String,
    /// The UID of its Node object.
    pub uid: String,
    /// The contents of its `/etc/machine-id`.
    pub machine_id: String,
    /// The fingerprint of its SSH host key; empty where it is reached without SSH.
    pub host_key: String,
    /// Where it is reached.
    pub address: String,
}

/// How cluster and machines are reached. No secrets: paths and names only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reach {
    /// What kind of cluster: `kubeconfig`, or `sim` for a simulated one.
    pub kind: String,
    /// The kubeconfig's absolute path, or the simulated cluster's description.
    pub cluster: String,
    /// The kubeconfig's context; empty for its current one.
    pub context: String,
    /// The SSH user; empty for the one of SSH's own configuration.
    pub ssh_user: String,
    /// The absolute path of the SSH identity; empty for SSH's own choice.
    pub ssh_identity: String,
    /// Further options in the form of `ssh -o`.
    pub ssh_options: Vec<String>,
    /// Whether nodes are reached by `ip` or by `name`.
    pub ssh_address: String,
}

/// Payload of type 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// The version of kup that resumed.
    pub kup_version: String,
    /// Who resumed it.
    pub operator: String,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

/// Payload of type 3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateChecked {
    /// The gate's name.
    pub gate: String,
    /// Its answer.
    pub verdict: Verdict,
}

/// The answer of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing stands in the way.
    Pass {
        /// What was seen.
        evidence: String,
    },
    /// The run may go on; an operator should know.
    Warn {
        /// What was seen.
        evidence: String,
        /// What to do about it.
        remedy: String,
    },
    /// The run must not begin.
    Block {
        /// What was seen.
        evidence: String,
        /// What to do about it.
        remedy: String,
    },
}

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

/// Payload of type 13.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPaused {
    /// Why.
    pub reason: PauseReason,
}

/// Why a run rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseReason {
    /// An operator or the system asked the process to stop.
    Interrupted,
    /// These steps need an operator.
    Blocked {
        /// The steps.
        steps: Vec<StepId>,
    },
    /// The wave that was asked for is done.
    Reached {
        /// The wave's name.
        wave: String,
    },
    /// A gate blocks.
    Gate {
        /// The gate's name.
        gate: String,
    },
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

/// Payload of type 15.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackStarted {
    /// Who asked for it.
    pub operator: String,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
    /// What the rollback will do.
    pub plan: Plan,
}

/// Payload of type 16.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// How it ended.
    pub outcome: Outcome,
    /// Who abandoned it and why; empty otherwise.
    pub reason: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The target is reached and verified.
    Succeeded,
    /// What the run did was undone and verified.
    RolledBack,
    /// An operator gave the run up.
    Abandoned,
}

/// An event that this kup does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Opaque {
    /// Its type id.
    pub type_id: u16,
    /// The version of that type.
    pub type_version: u16,
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
            Self::RunStarted(_)
            | Self::RunResumed(_)
            | Self::GateChecked(_)
            | Self::RunPaused(_)
            | Self::RollbackStarted(_)
            | Self::RunFinished(_)
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
            Self::Opaque(opaque) => opaque.type_id,
        }
    }
}

impl std::fmt::Display for ErrorRecord {
    /// The message and its causes on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}
