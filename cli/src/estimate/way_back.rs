//! How long a way back takes, and for how long of it no API server answers.

use std::collections::BTreeSet;
use std::time::Duration;

use kup_core::plan::{Plan, Stage, StepSpec, Wave};
use kup_core::state::RunState;
use kup_steps::rollback::Way;

use super::{Basis, Durations, Estimate, all};

/// The estimates of a way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    /// All of it.
    pub(crate) all: Estimate,
    /// The part without an API server.
    pub(crate) without_api: Estimate,
}

impl Times {
    pub(crate) fn of(way: &Way, state: &RunState, durations: &Durations) -> Self {
        let waves = &way.plan.waves;
        let all = all(waves.iter().map(|wave| durations.wave(wave)));
        let without_api = match (&way.loss, control_planes(&state.started.plan)) {
            (Some(_), _) => while_stopped(waves, durations),
            (None, 1) => while_swapped(&way.plan, durations),
            (None, _) => Estimate { time: Duration::ZERO, basis: Basis::Measured },
        };
        Self { all, without_api }
    }
}

fn is_control_planes(step: &StepSpec) -> bool {
    step.params.get("role").is_some_and(|role| role == "control-plane")
}

fn control_planes(plan: &Plan) -> usize {
    let steps = plan.steps().filter(|(_, step)| is_control_planes(step));
    steps.map(|(stage, _)| stage.target.as_str()).collect::<BTreeSet<_>>().len()
}

/// From the moment when the API servers are stopped until the first of them starts.
fn while_stopped(waves: &[Wave], durations: &Durations) -> Estimate {
    let stopped = waves.iter().skip_while(|wave| wave.name != "restore-api-stop");
    let (mut parts, mut starts) = (Vec::new(), None);
    for wave in stopped {
        if wave.name == "restore-api-start" {
            starts = wave.stages.first();
            break;
        }
        parts.push(durations.wave(wave));
    }
    parts.extend(starts.map(|stage: &Stage| durations.stage(stage)));
    all(parts.into_iter())
}

/// While the static pods of the only control plane change.
fn while_swapped(plan: &Plan, durations: &Durations) -> Estimate {
    let swaps = plan.steps().filter(|(_, step)| step.undo_of.is_some() && is_control_planes(step));
    all(swaps.map(|(stage, step)| durations.step(&stage.target, step)))
}
