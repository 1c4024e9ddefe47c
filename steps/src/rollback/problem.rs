//! Why there is no way back.

use kup_core::clock::Timestamp;
use kup_core::id::StepId;
use thiserror::Error;

use super::downgrade::goes_online;
use crate::planner::PlanProblem;
use crate::version::Version;

/// Says why there is no way back that this form may take. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RollbackProblem {
    /// It is done already.
    #[error("the run was rolled back already")]
    RolledBack,
    /// It was given up.
    #[error("the run was abandoned")]
    Abandoned,
    /// The time in which it could be rolled back was ended.
    #[error("the run was committed at {at} by {by}: its backups are gone")]
    Committed {
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Nothing was changed by the run.
    #[error("the run has changed nothing, so there is nothing to roll back; `kup abandon` ends it")]
    NothingDone,
    /// An attempt may still be running.
    #[error("the outcome of step `{0}` is not known, so it cannot be undone yet")]
    Unsettled(StepId),
    /// etcd itself was upgraded by a minor: an older one does not read what a newer one has written.
    #[error(
        "etcd on {node} is at {to}, before the run it was at {from}: an older etcd does not read what a newer one has written"
    )]
    Etcd {
        /// The node.
        node: String,
        /// The image before.
        from: String,
        /// The image after.
        to: String,
    },
    /// There is no snapshot to restore.
    #[error(
        "this run has kept no snapshot of etcd from before its first change, so there is none to restore"
    )]
    NoSnapshot,
    /// etcd is not, or not only, on nodes of the run.
    #[error(
        "etcd's member {0} is no node of this run: kup restores etcd only where it runs beside the API servers; `kup backup restore` hands out the snapshot"
    )]
    ForeignMember(String),
    /// Nothing can restore the snapshot.
    #[error(
        "no etcdutl of {minor} was staged on the control planes when the run began (`kup start --etcdutl FILE`), so nothing can restore the snapshot there; `kup backup restore` hands it out, and says what to do by hand"
    )]
    NoEtcdutl {
        /// The minor of etcd.
        minor: String,
    },
    /// etcd was to go down a minor, and has kept its minor.
    #[error(
        "etcd has kept its minor, so there is nothing to downgrade: say it without --experimental-etcd-downgrade"
    )]
    EtcdStays,
    /// etcd was to go down a minor, and is none of the cluster's static pods.
    #[error(
        "etcd does not run on the control planes, and kup leaves an external one alone: its minor was not changed by the run"
    )]
    EtcdElsewhere,
    /// etcd was to go down while it runs, and cannot from there.
    #[error(
        "etcd is at {to}, before the run it was at {from}: while it runs etcd goes down from 3.6 to 3.5 and from 3.7 to 3.6 only"
    )]
    EtcdNotOnline {
        /// The image before.
        from: String,
        /// The image now.
        to: String,
    },
    /// etcd was to go down a minor on a way back that is not the whole.
    #[error(
        "etcd goes down a minor as a whole: no --node and no --to with --experimental-etcd-downgrade"
    )]
    EtcdPart,
    /// A kubelet would be newer than the API server.
    #[error(
        "the kubelet of {node} is at {kubelet} and this run did not replace it: it would be newer than an API server at {to}"
    )]
    Kubelet {
        /// The node.
        node: String,
        /// Its version.
        kubelet: String,
        /// The version that the rollback goes back to.
        to: String,
    },
    /// The control plane went through more than one minor.
    #[error(
        "the control plane went from {from} as far as {reached}: no rollback goes back more than one minor; go on with `kup resume`"
    )]
    TooFar {
        /// The version that the rollback would go back to.
        from: Version,
        /// The newest version that a control plane may have.
        reached: Version,
    },
    /// A node came later.
    #[error("node {0} joined after the run began; it would be newer than the control plane")]
    Joined(String),
    /// A node is gone.
    #[error("node {0} of the run is gone from the cluster")]
    Gone(String),
    /// A backup is missing from the journal.
    #[error("step `{0}` recorded nothing to go back to")]
    NoBackup(StepId),
    /// A single control plane would be older than kubelets.
    #[error(
        "{node} would go back to {to} while kubelets are newer: {}. No kubelet may be newer than an API server: they go back first", newer.join(", ")
    )]
    OneControlPlane {
        /// The control plane.
        node: String,
        /// The version that it would go back to.
        to: String,
        /// The nodes whose kubelets are newer.
        newer: Vec<String>,
    },
    /// The run did nothing to a node that is there to undo.
    #[error("the run has changed nothing on {0} that would go back")]
    NothingOn(String),
    /// The run has no such step.
    #[error("the run has no step `{0}`")]
    NoStep(StepId),
    /// The step is one of several that only go back together.
    #[error(
        "a kubelet goes back as a whole, so no rollback ends at `{step}`: name `{before}` or `{after}`"
    )]
    Inside {
        /// The step.
        step: StepId,
        /// The last step before them.
        before: String,
        /// The last of them.
        after: String,
    },
    /// A step could not be built.
    #[error("the rollback cannot be planned")]
    Plan(#[source] PlanProblem),
}

impl RollbackProblem {
    /// Returns what leads on nonetheless, where kup knows something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Etcd { from, to, .. } => Some(format!(
                "`--restore-etcd` restores the snapshot of before, without what was written since (R3){}",
                match goes_online(to, from) {
                    true => "; `--experimental-etcd-downgrade` takes etcd down a minor while it runs (R2; no write is lost). EXPERIMENTAL: tried in kup's simulated cluster only",
                    false => "",
                }
            )),
            Self::Unsettled(_) => Some("`kup rollback` without --dry-run asks the node first; make it reachable, then try again".to_owned()),
            Self::RolledBack
            | Self::Abandoned
            | Self::Committed { .. }
            | Self::NothingDone
            | Self::NoSnapshot
            | Self::ForeignMember(_)
            | Self::NoEtcdutl { .. }
            | Self::EtcdStays
            | Self::EtcdElsewhere
            | Self::EtcdNotOnline { .. }
            | Self::EtcdPart
            | Self::Kubelet { .. }
            | Self::TooFar { .. }
            | Self::Joined(_)
            | Self::Gone(_)
            | Self::NoBackup(_)
            | Self::OneControlPlane { .. }
            | Self::NothingOn(_)
            | Self::NoStep(_)
            | Self::Inside { .. }
            | Self::Plan(_) => None,
        }
    }
}

impl From<PlanProblem> for RollbackProblem {
    fn from(problem: PlanProblem) -> Self {
        Self::Plan(problem)
    }
}
