//! How far a rollback goes: all of it, one node, or to a step. A rollback that does not go all the way has the whole way in its plan too: what is
//! wanted comes first, and there it rests.

use std::collections::BTreeSet;

use kup_core::id::StepId;
use kup_core::plan::{Stage, StepSpec};
use kup_core::state::RunState;

use super::{Present, RollbackProblem, has_touched, has_touched_static_pods, is_newer};

/// The steps that only go back together, between the one before them and their last.
const TOGETHER: [&str; 4] = ["cordon", "drain", "kubelet-packages", "kubelet-restart"];

/// How far back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Extent {
    /// To what was before the run.
    #[default]
    All,
    /// This node alone.
    Node(String),
    /// To where this step was done, and nothing after it.
    To(StepId),
}

/// One part of a rollback.
pub(super) struct Turn {
    /// What the names of its waves end in.
    pub(super) name: String,
    /// The steps whose undo belongs to it.
    steps: BTreeSet<StepId>,
}

impl Turn {
    pub(super) fn has(&self, step: &StepId) -> bool {
        self.steps.contains(step)
    }
}

impl Extent {
    /// Returns the parts in their order.
    pub(super) fn turns(&self, state: &RunState) -> Vec<Turn> {
        let steps: Vec<(&Stage, &StepSpec)> = state.plan.steps().collect();
        let ids = |wanted: &dyn Fn(usize, &Stage) -> bool| {
            let numbered = steps.iter().enumerate();
            let chosen = numbered.filter(|(place, (stage, _))| wanted(*place, stage));
            chosen.map(|(_, (_, step))| step.id.clone()).collect::<BTreeSet<StepId>>()
        };
        let rest = |wanted: &BTreeSet<StepId>| {
            let others = steps.iter().map(|(_, step)| step.id.clone());
            others.filter(|id| !wanted.contains(id)).collect::<BTreeSet<StepId>>()
        };
        let (name, first) = match self {
            Self::All => return vec![Turn { name: String::new(), steps: ids(&|_, _| true) }],
            Self::Node(node) => (format!(" of {node}"), ids(&|_, stage| stage.target == *node)),
            Self::To(step) => {
                let end = steps.iter().position(|(_, it)| it.id == *step);
                (format!(" to {step}"), ids(&|place, _| end.is_some_and(|end| place > end)))
            }
        };
        let later = rest(&first);
        vec![Turn { name, steps: first }, Turn { name: " of the rest".to_owned(), steps: later }]
    }

    /// Refuses what would not be whole.
    pub(super) fn check(&self, state: &RunState, present: &Present) -> Result<(), RollbackProblem> {
        match self {
            Self::All => Ok(()),
            Self::Node(node) => check_node(state, present, node),
            Self::To(step) => check_step(state, step),
        }
    }
}

fn check_node(state: &RunState, present: &Present, node: &str) -> Result<(), RollbackProblem> {
    if !has_touched(state, node) {
        return Err(RollbackProblem::NothingOn(node.to_owned()));
    }
    if !has_touched_static_pods(state, node) {
        return Ok(());
    }
    let is_newer = |kubelet: &str| is_newer(kubelet, &state.plan.from);
    let newer = present.kubelets.iter().filter(|(name, it)| *name != node && is_newer(it));
    let newer: Vec<String> = newer.map(|(name, _)| name.clone()).collect();
    if newer.is_empty() {
        return Ok(());
    }
    let (node, to) = (node.to_owned(), state.plan.from.clone());
    Err(RollbackProblem::OneControlPlane { node, to, newer })
}

fn check_step(state: &RunState, id: &StepId) -> Result<(), RollbackProblem> {
    let (stage, step) = state.plan.find(id).ok_or_else(|| RollbackProblem::NoStep(id.clone()))?;
    let kind = |it: &StepSpec| {
        let name = it.id.as_str();
        let name = name
            .split_once('.')
            .filter(|(hop, _)| hop.starts_with("hop"))
            .map_or(name, |(_, rest)| rest);
        name.split('.').next().unwrap_or_default().to_owned()
    };
    if !TOGETHER.contains(&kind(step).as_str()) {
        return Ok(());
    }
    let first = stage.steps.iter().position(|it| TOGETHER.contains(&kind(it).as_str()));
    let before = first.and_then(|first| stage.steps.get(first.checked_sub(1)?));
    let before = before.map_or_else(|| "a step before it".to_owned(), |it| it.id.to_string());
    let after = stage.steps.last().map(|it| it.id.to_string()).unwrap_or_default();
    Err(RollbackProblem::Inside { step: id.clone(), before, after })
}
