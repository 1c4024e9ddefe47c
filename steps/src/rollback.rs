//! The way back as a plan of its own, made from the journal and a look at the cluster. Pure. Nodes in reverse order; within a node cordon,
//! drain, files and packages back, restart, verify, uncordon; a kubelet goes back before any API server; what is in the API goes back last.
//!
//! Without an API server nobody can cordon, drain, or say Ready: then the machines themselves are asked, kubelets go back where their pods are, and
//! nodes are uncordoned at the end.
//!
//! Files, ConfigMaps, packages, holds and repositories of this run go back (class R1) over the same etcd data. Where etcd itself has changed its
//! minor it must be asked for how that goes back ([`EtcdBack`]).

use std::collections::BTreeSet;

use kup_core::event::Outcome;
use kup_core::plan::{Plan, Stage, StepSpec, Wave};
use kup_core::state::{Afterword, RunState, Status, StepRecord};

use crate::activity::OVERWRITE;
use crate::planner::{step_id, verify_stage};
use crate::version::Version;

mod back;
pub mod backups;
mod changed;
mod class;
mod downgrade;
mod extent;
pub mod keys;
mod outlook;
mod present;
mod problem;
mod restore;

use back::Back;
pub use class::Class;
use class::class;
use downgrade::{Down, Moved};
pub use extent::Extent;
use extent::Turn;
pub use outlook::{Outlook, outlook};
pub use present::{Present, Written};
pub use problem::RollbackProblem;
pub use restore::Loss;
use restore::Restore;

/// What becomes of etcd's data on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EtcdBack {
    /// They stay as they are.
    #[default]
    Stays,
    /// They stay, and etcd goes down a minor while it runs.
    Downgraded,
    /// The snapshot of before the run's first change is restored on every member.
    Restored,
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// How far back.
    pub extent: Extent,
    /// What becomes of etcd's data.
    pub etcd: EtcdBack,
}

/// A way back.
#[derive(Debug, Clone)]
pub struct Way {
    /// What it does.
    pub plan: Plan,
    /// What it costs.
    pub class: Class,
    /// What is lost, where anything is.
    pub loss: Option<Loss>,
    /// The last wave to run before pausing, where not everything is to go back now.
    pub until: Option<String>,
    /// What stays as the run left it, in sentences.
    pub stays: Vec<String>,
}

impl Way {
    /// Lets the rollback write over what was changed since the run left it.
    pub fn overwrite(&mut self) {
        let stages = self.plan.waves.iter_mut().flat_map(|wave| &mut wave.stages);
        for step in stages.flat_map(|stage| &mut stage.steps) {
            step.params.insert(OVERWRITE.to_owned(), "yes".to_owned());
        }
    }
}

/// Plans the way back.
///
/// # Errors
/// See [`RollbackProblem`].
pub fn rollback(
    state: &RunState,
    present: &Present,
    asked: &Asked,
) -> Result<Way, RollbackProblem> {
    let Asked { extent, etcd } = asked;
    check(state, present)?;
    not_too_far(state)?;
    let (mut restore, mut down) = (None, None);
    match etcd {
        EtcdBack::Stays => same_etcd(state, present)?,
        EtcdBack::Downgraded => down = Some(Down::check(state, present, extent)?),
        EtcdBack::Restored => restore = Some(Restore::of(state)?),
    }
    extent.check(state, present)?;
    let mut back = Back::new(state, present.silent.is_some() || restore.is_some());
    let mut waves = Vec::new();
    let mut until = None;
    for turn in extent.turns(state) {
        waves.extend(turn_waves(&mut back, &turn)?);
        until = until.or_else(|| waves.last().map(|wave: &Wave| wave.name.clone()));
    }
    if let Some(restore) = &restore {
        waves = restore.around(waves, present)?;
    }
    if waves.is_empty() {
        return Err(RollbackProblem::NothingDone);
    }
    let kubelets =
        present.kubelets.iter().map(|(node, now)| (node.clone(), back.old_kubelet(node, now)));
    let kubelets: Vec<(String, String)> = kubelets.collect();
    kubelets_fit(state, &kubelets)?;
    if let Some(down) = &down {
        waves = down.around(waves)?;
    }
    let mut verify = verify_stage(&state.plan.from, kubelets.into_iter())?;
    for step in &mut verify.steps {
        step.id = step_id(&format!("rollback.{}", step.id), "cluster")?;
    }
    waves.push(wave("rollback-verify".to_owned(), (1, 1), vec![verify]));
    let (from, to) = (state.plan.to.clone(), state.plan.from.clone());
    let plan = Plan { from, to, gates: Vec::new(), waves };
    let until = until.filter(|_| !matches!(extent, Extent::All));
    let class = match etcd {
        EtcdBack::Stays => class(state),
        EtcdBack::Downgraded => Class::R2,
        EtcdBack::Restored => Class::R3,
    };
    Ok(Way { plan, class, loss: restore.map(|it| it.loss()), until, stays: back.stays })
}

/// Returns the waves of one turn: the nodes in reverse order, then what waits for the API.
fn turn_waves(back: &mut Back<'_>, turn: &Turn) -> Result<Vec<Wave>, RollbackProblem> {
    let plan = &back.state.plan;
    let mut waves = Vec::new();
    for forward in plan.waves.iter().rev() {
        back.hop = forward.hop;
        let mut stages = Vec::new();
        for stage in forward.stages.iter().rev() {
            stages.extend(back.stage(stage, turn)?);
        }
        let name = format!("rollback-{}{}", forward.name, turn.name);
        waves.push(wave(name, (forward.hop, forward.max_parallel), stages));
    }
    let late = std::mem::take(&mut back.late);
    waves.push(wave(format!("rollback-api{}", turn.name), (1, 1), late));
    waves.retain(|wave| !wave.stages.is_empty());
    Ok(waves)
}

fn wave(name: String, (hop, max_parallel): (u32, u32), stages: Vec<Stage>) -> Wave {
    Wave { name, hop, max_parallel, stages }
}

/// Returns the machines at which to look before: all where nobody else tells of them, else those that the run has touched.
#[must_use]
pub fn worth_a_look(state: &RunState, is_alone: bool) -> Vec<String> {
    let names = state.started.machines.iter().map(|machine| machine.name.clone());
    names.filter(|name| is_alone || has_touched(state, name)).collect()
}

/// Whether the run may have changed anything on a node.
fn has_touched(state: &RunState, node: &str) -> bool {
    steps_with_effects(state).any(|(stage, _)| stage.target == node)
}

/// Whether the run may have changed the static pods of a node.
fn has_touched_static_pods(state: &RunState, node: &str) -> bool {
    control_plane_steps(state).any(|(stage, _)| stage.target == node)
}

fn steps_with_effects(state: &RunState) -> impl Iterator<Item = (&Stage, &StepSpec)> {
    let had_effects = |step: &StepSpec| state.step(&step.id).is_some_and(StepRecord::had_effects);
    state.started.plan.steps().filter(move |(_, step)| had_effects(step))
}

/// Goes through the steps that may have changed static pods.
fn control_plane_steps(state: &RunState) -> impl Iterator<Item = (&Stage, &StepSpec)> {
    // What was fetched for a control plane has touched nothing of it.
    let kubeadm = |step: &StepSpec| {
        step.activity != "prefetch"
            && step.params.get("role").is_some_and(|role| role == "control-plane")
    };
    steps_with_effects(state).filter(move |(_, step)| kubeadm(step))
}

fn check(state: &RunState, present: &Present) -> Result<(), RollbackProblem> {
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
    let present: BTreeSet<&str> = present.kubelets.keys().map(String::as_str).collect();
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

/// Refuses a way back over data that the etcd from before would not read.
fn same_etcd(state: &RunState, present: &Present) -> Result<(), RollbackProblem> {
    match downgrade::moved(state, &present.etcd) {
        Some(Moved { node, from, to }) => Err(RollbackProblem::Etcd { node, from, to }),
        None => Ok(()),
    }
}

/// No kubelet may be newer than the API servers will be.
fn kubelets_fit(state: &RunState, kubelets: &[(String, String)]) -> Result<(), RollbackProblem> {
    let to = &state.plan.from;
    match kubelets.iter().find(|(_, kubelet)| is_newer(kubelet, to)) {
        Some((node, kubelet)) => {
            let (node, kubelet, to) = (node.clone(), kubelet.clone(), to.clone());
            Err(RollbackProblem::Kubelet { node, kubelet, to })
        }
        None => Ok(()),
    }
}

/// Whether a kubelet is of a newer minor than an API server.
fn is_newer(kubelet: &str, api_server: &str) -> bool {
    let minor =
        |text: &str| text.parse::<Version>().ok().map(|version| (version.major, version.minor));
    minor(kubelet) > minor(api_server)
}
