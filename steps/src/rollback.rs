//! The way back as a plan of its own, made from the journal and a look at the cluster. Pure. Nodes in reverse order; within a node cordon,
//! drain, files and packages back, restart, verify, uncordon; a kubelet goes back before any API server.
//!
//! This is the first form: files, ConfigMaps, packages, holds and repositories of this run go back (class R1) over the same etcd data. It
//! does not take etcd itself back, and refuses where that would be needed.

use std::collections::BTreeSet;

use kup_core::event::{Outcome, Settlement};
use kup_core::id::StepId;
use kup_core::plan::{Plan, Stage, StepSpec, Wave};
use kup_core::state::{RunState, Status, StepRecord};
use thiserror::Error;

use crate::cluster::Node;
use crate::planner::{PlanProblem, step_id, verify_stage};

mod back;

use back::Back;

/// What the way back costs, as DESIGN's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing live was changed.
    R0,
    /// Files, objects and packages of this run go back; no write to the cluster is undone.
    R1,
}

impl Class {
    /// Returns what an operator should know before saying yes.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::R0 => {
                "R0: nothing live was changed yet; packages, holds and repositories go back"
            }
            Self::R1 => {
                "R1: files, ConfigMaps, packages, holds and repositories of this run go back. No write to the cluster is undone: objects \
                 made since stay; CoreDNS and kube-proxy keep their new images. Kubernetes does not support going back a minor; objects that only the newer version knows may be unreadable"
            }
        }
    }
}

/// Says why there is no way back that this form may take. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RollbackProblem {
    /// It is done already.
    #[error("the run was rolled back already")]
    RolledBack,
    /// It was given up.
    #[error("the run was abandoned")]
    Abandoned,
    /// Nothing was changed by the run.
    #[error("the run has changed nothing, so there is nothing to roll back; `kup abandon` ends it")]
    NothingDone,
    /// An attempt may still be running.
    #[error("the outcome of step `{0}` is not known, so it cannot be undone yet")]
    Unsettled(StepId),
    /// etcd itself was upgraded.
    #[error(
        "the run took etcd on {node} from {from} to {to}; this rollback does not take etcd back"
    )]
    Etcd {
        /// The node.
        node: String,
        /// The image before.
        from: String,
        /// The image after.
        to: String,
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
    /// A step could not be built.
    #[error("the rollback cannot be planned")]
    Plan(#[source] PlanProblem),
}

impl From<PlanProblem> for RollbackProblem {
    fn from(problem: PlanProblem) -> Self {
        Self::Plan(problem)
    }
}

/// Plans the way back.
///
/// # Errors
/// See [`RollbackProblem`].
pub fn rollback(state: &RunState, nodes: &[Node]) -> Result<(Plan, Class), RollbackProblem> {
    check(state, nodes)?;
    let mut back = Back { state, emitted: BTreeSet::new() };
    let mut waves = Vec::new();
    for wave in state.plan.waves.iter().rev() {
        let mut stages = Vec::new();
        for stage in wave.stages.iter().rev() {
            stages.extend(back.stage(stage)?);
        }
        if !stages.is_empty() {
            let name = format!("rollback-{}", wave.name);
            waves.push(Wave { name, hop: wave.hop, max_parallel: wave.max_parallel, stages });
        }
    }
    if waves.is_empty() {
        return Err(RollbackProblem::NothingDone);
    }
    let kubelets = nodes.iter().map(|node| (node.name.clone(), back.old_kubelet(node)));
    let mut verify = verify_stage(&state.plan.from, kubelets)?;
    for step in &mut verify.steps {
        step.id = step_id(&format!("rollback.{}", step.id), "cluster")?;
    }
    waves.push(Wave {
        name: "rollback-verify".to_owned(),
        hop: 1,
        max_parallel: 1,
        stages: vec![verify],
    });
    let (from, to) = (state.plan.to.clone(), state.plan.from.clone());
    Ok((Plan { from, to, gates: Vec::new(), waves }, class(state)))
}

fn class(state: &RunState) -> Class {
    let live = |id: &StepId| {
        !id.as_str().starts_with("repository.") && !id.as_str().starts_with("kubeadm-package.")
    };
    let touched = state.steps.iter().any(|(id, record)| live(id) && record.had_effects());
    if touched { Class::R1 } else { Class::R0 }
}

fn check(state: &RunState, nodes: &[Node]) -> Result<(), RollbackProblem> {
    match &state.status {
        Status::Finished(Outcome::RolledBack) => return Err(RollbackProblem::RolledBack),
        Status::Finished(Outcome::Abandoned) => return Err(RollbackProblem::Abandoned),
        Status::Finished(Outcome::Succeeded) | Status::Running | Status::Paused(_) => {}
    }
    let unknown = |record: &StepRecord| {
        record.open.as_ref().is_some_and(|open| open.settlement != Some(Settlement::NotStarted))
    };
    if let Some((id, _)) = state.steps.iter().find(|(_, record)| unknown(record)) {
        return Err(RollbackProblem::Unsettled(id.clone()));
    }
    let ours: BTreeSet<&str> = state.started.machines.iter().map(|m| m.name.as_str()).collect();
    let present: BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    if let Some(joined) = present.difference(&ours).next() {
        return Err(RollbackProblem::Joined((*joined).to_owned()));
    }
    if let Some(gone) = ours.difference(&present).next() {
        return Err(RollbackProblem::Gone((*gone).to_owned()));
    }
    state.plan.steps().try_for_each(|(stage, step)| same_etcd(state, stage, step))
}

fn same_etcd(state: &RunState, stage: &Stage, step: &StepSpec) -> Result<(), RollbackProblem> {
    let Some(record) = state.step(&step.id) else { return Ok(()) };
    let find = |list: &[(String, String)]| {
        list.iter().find(|(name, _)| name == "image:etcd").map(|(_, image)| image.clone())
    };
    let before = record.prepared.as_ref().and_then(|prepared| find(&prepared.notes));
    match (before, find(&record.left)) {
        (Some(from), Some(to)) if from != to => {
            Err(RollbackProblem::Etcd { node: stage.target.clone(), from, to })
        }
        (_, _) => Ok(()),
    }
}
