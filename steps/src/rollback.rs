//! The way back as a plan of its own, made from the journal and a look at the cluster. Pure. Nodes in reverse order; within a node cordon,
//! drain, files and packages back, restart, verify, uncordon; a kubelet goes back before any API server.
//!
//! This is the first form: files, ConfigMaps, packages, holds and repositories of this run go back (class R1) over the same etcd data. It
//! does not take etcd itself back, and refuses where that would be needed.

use std::collections::{BTreeMap, BTreeSet};

use kup_core::event::{Outcome, Settlement};
use kup_core::id::StepId;
use kup_core::plan::{Plan, Stage, StepSpec, Wave};
use kup_core::state::{RunState, Status, StepRecord};
use thiserror::Error;

use crate::activity::config_maps;
use crate::cluster::Node;
use crate::planner::{PlanProblem, step, step_id, verify_stage};

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

struct Back<'a> {
    state: &'a RunState,
    emitted: BTreeSet<StepId>,
}

impl Back<'_> {
    fn record(&self, id: &str) -> Option<(StepId, &StepRecord)> {
        let id: StepId = id.parse().ok()?;
        let record = self.state.step(&id).filter(|record| record.had_effects())?;
        Some((id, record))
    }

    /// Undoes what a stage did to its node; nothing where it did nothing.
    fn stage(&mut self, stage: &Stage) -> Result<Option<Stage>, RollbackProblem> {
        let node = stage.target.as_str();
        let mut steps = Vec::new();
        let has = |activity: &str| {
            stage.steps.iter().any(|step| step.id.as_str() == format!("{activity}.{node}"))
        };
        if has("kubelet-packages") {
            steps.extend(self.kubelet(node)?);
        }
        if has("kubeadm-apply") {
            steps.extend(self.config_maps(node)?);
        }
        let kubeadm = ["kubeadm-apply", "kubeadm-node"].into_iter().find(|activity| has(activity));
        for activity in kubeadm
            .into_iter()
            .chain(["repository", "kubeadm-package"].into_iter().filter(|a| has(a)))
        {
            steps.extend(self.undo(activity, node)?);
        }
        let stage = Stage { target: node.to_owned(), skippable: false, steps };
        Ok((!stage.steps.is_empty()).then_some(stage))
    }

    /// ConfigMaps go back while the API server still answers.
    fn config_maps(&self, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let Some((id, record)) = self.record(&format!("kubeadm-apply.{node}")) else {
            return Ok(None);
        };
        let backups = record.prepared.iter().flat_map(|prepared| &prepared.backups);
        let kept = backups.into_iter().find(|backup| backup.what == config_maps::WHAT);
        let kept = kept.ok_or(RollbackProblem::NoBackup(id))?;
        self.plain("config-maps", node, &[("blob", kept.blob.to_string())]).map(Some)
    }

    fn undo(&mut self, activity: &str, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let Some((of, record)) = self.record(&format!("{activity}.{node}")) else {
            return Ok(None);
        };
        if record.prepared.is_none() {
            return Err(RollbackProblem::NoBackup(of));
        }
        let found = self.state.plan.find(&of).map(|(_, step)| step.clone());
        let Some(original) = found.filter(|_| self.emitted.insert(of.clone())) else {
            return Ok(None);
        };
        Ok(Some(StepSpec {
            id: step_id(&format!("rollback.{of}"), node)?,
            title: format!("undo: {}", original.title),
            undo_of: Some(of),
            ..original
        }))
    }

    fn kubelet(&mut self, node: &str) -> Result<Vec<StepSpec>, RollbackProblem> {
        let mut steps = Vec::new();
        let cordoned = self.record(&format!("cordon.{node}")).is_some();
        let Some((_, packages)) = self.record(&format!("kubelet-packages.{node}")) else {
            if cordoned {
                steps.push(self.plain("uncordon", node, &[])?);
            }
            return Ok(steps);
        };
        let old = old_version(packages).unwrap_or_else(|| self.state.plan.from.clone());
        let drain = self.state.plan.find(&step_id(&format!("drain.{node}"), node)?);
        let drain = drain.map(|(_, step)| step.clone());
        steps.push(self.plain("cordon", node, &[])?);
        if let Some(drain) = drain {
            steps.push(StepSpec { id: step_id(&format!("rollback.{}", drain.id), node)?, ..drain });
        }
        steps.extend(self.undo("repository", node)?);
        steps.extend(self.undo("kubelet-packages", node)?);
        steps.extend(self.kubelet_files(node)?);
        steps.push(self.plain("kubelet-restart", node, &[("version", old)])?);
        steps.push(self.plain("uncordon", node, &[])?);
        Ok(steps)
    }

    fn kubelet_files(&self, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let kubeadm = ["kubeadm-apply", "kubeadm-node"]
            .iter()
            .find_map(|a| self.record(&format!("{a}.{node}")));
        let Some((id, record)) = kubeadm else { return Ok(None) };
        let notes: BTreeMap<&str, &str> = record
            .prepared
            .iter()
            .flat_map(|prepared| {
                prepared.notes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
            })
            .collect();
        let note = |name| notes.get(name).map(|value| (*value).to_owned());
        let (Some(kept), Some(config), Some(flags)) =
            (note("pre-image"), note("kubelet:config"), note("kubelet:flags"))
        else {
            return Err(RollbackProblem::NoBackup(id));
        };
        let params = [("pre-image", kept), ("config", config), ("flags", flags)];
        self.plain("kubelet-files", node, &params).map(Some)
    }

    fn plain(
        &self,
        activity: &str,
        node: &str,
        params: &[(&str, String)],
    ) -> Result<StepSpec, RollbackProblem> {
        let title = match activity {
            "config-maps" => "put the ConfigMaps of kube-system back".to_owned(),
            "kubelet-files" => "put the kubelet's files back".to_owned(),
            "kubelet-restart" => {
                "restart the kubelet, wait until Ready at the old version".to_owned()
            }
            other => other.to_owned(),
        };
        let mut step = step(activity, node, (title, 5), params)?;
        step.id = step_id(&format!("rollback.{}", step.id), node)?;
        Ok(step)
    }

    /// The version a kubelet has when the rollback is through: the one before the run where the run replaced it, else what it has now.
    fn old_kubelet(&self, node: &Node) -> String {
        let replaced = self.record(&format!("kubelet-packages.{}", node.name));
        replaced
            .and_then(|(_, record)| old_version(record))
            .unwrap_or_else(|| node.kubelet_version.clone())
    }
}

/// Reads the version before from the note `before`: `kubelet=1.19.16-1.1,kubectl=...`.
fn old_version(record: &StepRecord) -> Option<String> {
    let notes = &record.prepared.as_ref()?.notes;
    let (_, before) = notes.iter().find(|(name, _)| name == "before")?;
    let package = before.split(',').find_map(|pair| pair.strip_prefix("kubelet="))?;
    Some(format!("v{}", package.split('-').next()?))
}
