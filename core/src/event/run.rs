//! Payloads about the run as a whole. FILE FORMAT: see the parent module.

use serde::{Deserialize, Serialize};

use crate::id::StepId;
use crate::plan::{Plan, StepSpec};

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
    /// The node that kup runs on, which is reached without SSH; empty for none.
    pub local_node: String,
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

/// Payload of type 17.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateIgnored {
    /// The gate's name.
    pub gate: String,
    /// Its code, as the operator wrote it.
    pub code: String,
    /// Who lets the run begin.
    pub operator: String,
    /// What the gate had seen when it blocked.
    pub evidence: String,
}

/// Payload of type 19.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackLimited {
    /// The last wave of the rollback's plan to run before pausing; `None` for all of them.
    pub until: Option<String>,
    /// Who wants so.
    pub operator: String,
}

/// Payload of type 20.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoPlanned {
    /// The step that failed for good.
    pub step: StepId,
    /// The step that undoes it: it takes its place before it in the plan in force.
    pub undo: StepSpec,
}

/// Payload of type 18. From now on nobody rolls the run back, so that its backups may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCommitted {
    /// Who.
    pub operator: String,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

/// Payload of type 21. The run went back or was abandoned, and its backups may go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsFreed {
    /// Who.
    pub operator: String,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

/// Payload of type 22. Written at the start of a run, where something else than the plain way was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsGuarded {
    /// To whom secret backups are encrypted; empty where they are not.
    pub recipients: Vec<String>,
    /// Whether no secret leaves its node.
    pub stay_on_nodes: bool,
}

/// An event that this kup does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Opaque {
    /// Its type id.
    pub type_id: u16,
    /// The version of that type.
    pub type_version: u16,
}
