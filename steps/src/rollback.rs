//! The way back as a plan of its own, made from the journal and a look at the cluster. Pure. Nodes in reverse order; within a node cordon,
//! drain, files and packages back, restart, verify, uncordon; a kubelet goes back before any API server.
//!
//! This is the first form: files, ConfigMaps, packages, holds and repositories of this run go back (class R1) over the same etcd data. It
//! does not take etcd itself back, and refuses where that would be needed.

use std::collections::{BTreeMap, BTreeSet};

use kup_core::clock::Timestamp;
use kup_core::event::Outcome;
use kup_core::id::StepId;
use kup_core::plan::{Plan, Stage, StepSpec, Wave};
use kup_core::state::{Afterword, RunState, Status, StepRecord};
use thiserror::Error;

use crate::cluster::Node;
use crate::facts::ControlPlaneState;
use crate::host::{Host, HostError};
use crate::planner::{PlanProblem, step_id, verify_stage};
use crate::version::{Version, image_minor};

mod back;
mod outlook;

use back::Back;
pub use outlook::{Outlook, outlook};

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
            Self::R0 => "nothing live was changed yet; packages, holds and repositories go back",
            Self::R1 => {
                "files, ConfigMaps, packages, holds and repositories of this run go back. No write to the cluster is undone: objects \
                 made since stay; CoreDNS and kube-proxy keep their new images and configuration. Kubernetes does not support going back a minor; objects that only the newer version knows may be unreadable"
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
        "etcd on {node} is at {to}, before the run it was at {from}: this rollback does not take etcd back a minor"
    )]
    Etcd {
        /// The node.
        node: String,
        /// The image before.
        from: String,
        /// The image after.
        to: String,
    },
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
    /// A step could not be built.
    #[error("the rollback cannot be planned")]
    Plan(#[source] PlanProblem),
}

impl From<PlanProblem> for RollbackProblem {
    fn from(problem: PlanProblem) -> Self {
        Self::Plan(problem)
    }
}

/// The present, as far as a rollback must know it.
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// The nodes of the API.
    pub nodes: Vec<Node>,
    /// The image in etcd's manifest of each control plane whose static pods the run has touched.
    pub etcd: BTreeMap<String, String>,
}

impl Present {
    /// Looks at a control plane that the run has touched.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn look_at(&mut self, node: String, host: &dyn Host) -> Result<(), HostError> {
        let image = ControlPlaneState::read(host).await?.image("etcd").to_owned();
        self.etcd.insert(node, image);
        Ok(())
    }
}

/// Returns the control planes whose static pods the run may have touched.
#[must_use]
pub fn touched_control_planes(state: &RunState) -> Vec<String> {
    let touched = control_plane_steps(state).map(|(stage, _)| stage.target.clone());
    touched.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Goes through the steps that may have changed static pods.
fn control_plane_steps(state: &RunState) -> impl Iterator<Item = (&Stage, &StepSpec)> {
    // What was fetched for a control plane has touched nothing of it.
    let kubeadm = |step: &StepSpec| {
        step.activity != "prefetch"
            && step.params.get("role").is_some_and(|role| role == "control-plane")
    };
    let had_effects = |step: &StepSpec| state.step(&step.id).is_some_and(StepRecord::had_effects);
    state.started.plan.steps().filter(move |(_, step)| kubeadm(step) && had_effects(step))
}

/// Plans the way back.
///
/// # Errors
/// See [`RollbackProblem`].
pub fn rollback(state: &RunState, present: &Present) -> Result<(Plan, Class), RollbackProblem> {
    let nodes = &present.nodes;
    check(state, nodes)?;
    not_too_far(state)?;
    same_etcd(state, &present.etcd)?;
    let mut back = Back { state, hop: 1, emitted: BTreeSet::new() };
    let mut waves = Vec::new();
    for wave in state.plan.waves.iter().rev() {
        let mut stages = Vec::new();
        back.hop = wave.hop;
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
    let kubelets: Vec<(String, String)> = kubelets.collect();
    kubelets_fit(state, &kubelets)?;
    let mut verify = verify_stage(&state.plan.from, kubelets.into_iter())?;
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
    let not_live =
        ["prefetch.", "repository.", "kubeadm-package.", "kubeadm-preflight.", "upgrade-plan."];
    let live = |id: &StepId| !not_live.iter().any(|start| id.as_str().contains(start));
    let touched = state.steps.iter().any(|(id, record)| live(id) && record.had_effects());
    if touched { Class::R1 } else { Class::R0 }
}

fn check(state: &RunState, nodes: &[Node]) -> Result<(), RollbackProblem> {
    match &state.status {
        Status::Finished(Outcome::RolledBack) => return Err(RollbackProblem::RolledBack),
        Status::Finished(Outcome::Abandoned) => return Err(RollbackProblem::Abandoned),
        Status::Finished(Outcome::Succeeded) | Status::Running | Status::Paused(_) => {}
    }
    not_committed(state)?;
    if let Some((id, _)) = state.steps.iter().find(|(_, record)| record.may_be_under_way()) {
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
    Ok(())
}

/// Refuses a run whose backups are freed. Needs no look at the cluster.
///
/// # Errors
/// [`RollbackProblem::Committed`].
pub fn not_committed(state: &RunState) -> Result<(), RollbackProblem> {
    match &state.committed {
        Some(Afterword { at, operator, .. }) => {
            Err(RollbackProblem::Committed { at: *at, by: operator.clone() })
        }
        None => Ok(()),
    }
}

/// An API server reads what one minor newer has stored, and nothing newer (KEP-4330).
fn not_too_far(state: &RunState) -> Result<(), RollbackProblem> {
    let Ok(from) = state.plan.from.parse::<Version>() else { return Ok(()) };
    let reached = control_plane_steps(state).filter_map(|(_, step)| {
        step.params.get("version").and_then(|version| version.parse::<Version>().ok())
    });
    match reached.max() {
        Some(reached) if reached.minor > from.minor + 1 => {
            Err(RollbackProblem::TooFar { from, reached })
        }
        Some(_) | None => Ok(()),
    }
}

/// Compares etcd as it is now with what it was before the first attempt of a control plane's step, whether or not that came to its end.
fn same_etcd(state: &RunState, etcd_now: &BTreeMap<String, String>) -> Result<(), RollbackProblem> {
    for (stage, step) in state.plan.steps() {
        let notes =
            state.step(&step.id).and_then(|record| record.prepared.as_ref()).map(|p| &p.notes);
        let before = notes
            .into_iter()
            .flatten()
            .find(|(name, _)| name == "image:etcd")
            .map(|(_, image)| image);
        let (Some(from), Some(to)) = (before, etcd_now.get(&stage.target)) else { continue };
        if !from.is_empty() && !to.is_empty() && image_minor(from) != image_minor(to) {
            let (node, from, to) = (stage.target.clone(), from.clone(), to.clone());
            return Err(RollbackProblem::Etcd { node, from, to });
        }
    }
    Ok(())
}

/// No kubelet may be newer than the API servers will be.
fn kubelets_fit(state: &RunState, kubelets: &[(String, String)]) -> Result<(), RollbackProblem> {
    let to = &state.plan.from;
    let minor =
        |text: &str| text.parse::<Version>().ok().map(|version| (version.major, version.minor));
    let newer = |kubelet: &str| minor(kubelet) > minor(to);
    match kubelets.iter().find(|(_, kubelet)| newer(kubelet)) {
        Some((node, kubelet)) => {
            let (node, kubelet, to) = (node.clone(), kubelet.clone(), to.clone());
            Err(RollbackProblem::Kubelet { node, kubelet, to })
        }
        None => Ok(()),
    }
}
