//! What to do next: a pure function of the state and the time. It is the same for a first run and for a resumed one.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::event::{ErrorClass, ErrorRecord, Found, Outcome, PauseReason, Settlement, Verdict};
use crate::id::{RunId, StepId};
use crate::plan::{Stage, StepSpec, Wave};
use crate::state::{Phase, RunState, StepRecord, StepState};

/// Looks that may fail one after the other before an operator is asked.
pub const MAX_LOOKS: u32 = 8;
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// What the process is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Go on with the plan.
    Go,
    /// Learn the outcomes of open attempts and begin nothing: a rollback is about to be planned.
    Settle,
    /// Begin nothing; rest when the effects under way have ended.
    Stop,
}

/// What the engine does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Ask this gate.
    Ask(String),
    /// Do these, each for its own step.
    Act(Vec<(StepId, Action)>),
    /// Wait for something under way, at most until this moment.
    Wait(Option<Timestamp>),
    /// Rest.
    Pause(PauseReason),
    /// There is nothing more to do in this mode.
    Rest,
    /// The run is over.
    Finish(Outcome),
}

/// What to do for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look at the world.
    Observe,
    /// Take what an undo needs.
    Prepare,
    /// Record the intent of this attempt, then execute it.
    Start(u32),
    /// Ask what became of the open attempt.
    Settle,
    /// Go on with the open attempt: send it again or attach to it.
    Attach,
    /// Prove the result.
    Verify,
    /// Try again at this moment.
    Retry(Timestamp, ErrorRecord),
    /// Ask an operator.
    Block(ErrorRecord),
}

/// Returns what to do next. `busy` are the steps for which this process is doing something.
#[must_use]
pub fn decide(
    run: &RunId,
    state: &RunState,
    busy: &BTreeSet<StepId>,
    mode: Mode,
    now: Timestamp,
) -> Decision {
    match mode {
        Mode::Stop if busy.is_empty() => return Decision::Pause(PauseReason::Interrupted),
        Mode::Stop => return Decision::Wait(None),
        Mode::Settle => return settle(state, busy, now),
        Mode::Go => {}
    }
    if let Some(decision) = gates(state) {
        return decision;
    }
    let mut previous: Option<&Wave> = None;
    for wave in &state.plan.waves {
        if !wave.stages.iter().all(|stage| current(state, stage).is_none()) {
            return match previous.filter(|wave| state.until.as_ref() == Some(&wave.name)) {
                Some(reached) => {
                    Decision::Pause(PauseReason::Reached { wave: reached.name.clone() })
                }
                None => in_wave(run, state, busy, now, wave),
            };
        }
        previous = Some(wave);
    }
    Decision::Finish(match state.phase {
        Phase::Forward => Outcome::Succeeded,
        Phase::Rollback => Outcome::RolledBack,
    })
}

fn gates(state: &RunState) -> Option<Decision> {
    for spec in &state.plan.gates {
        match state.gates.get(&spec.gate) {
            None => return Some(Decision::Ask(spec.gate.clone())),
            Some(Verdict::Block { .. }) if state.ignored.contains_key(&spec.gate) => {}
            Some(Verdict::Block { .. }) => {
                return Some(Decision::Pause(PauseReason::Gate { gate: spec.gate.clone() }));
            }
            Some(Verdict::Pass { .. } | Verdict::Warn { .. }) => {}
        }
    }
    None
}

/// Returns the first step of a stage that is not settled, with what is known of it.
fn current<'a>(state: &'a RunState, stage: &'a Stage) -> Option<(&'a StepSpec, &'a StepRecord)> {
    let steps = stage.steps.iter().filter_map(|step| Some((step, state.step(&step.id)?)));
    steps.into_iter().find(|(_, record)| !record.is_settled())
}

fn is_begun(state: &RunState, stage: &Stage) -> bool {
    stage.steps.iter().any(|step| state.step(&step.id).is_some_and(StepRecord::is_begun))
}

/// A stage that is under way is brought to its end even when another one is stuck; no new one begins then.
fn in_wave(
    run: &RunId,
    state: &RunState,
    busy: &BTreeSet<StepId>,
    now: Timestamp,
    wave: &Wave,
) -> Decision {
    let open = || wave.stages.iter().filter_map(|stage| Some((stage, current(state, stage)?)));
    // Also while the undo of what failed is still under way.
    let is_blocked = |step: &StepSpec| {
        state.step(&step.id).is_some_and(|it| matches!(it.state, StepState::Blocked(_)))
    };
    let is_stuck = wave.stages.iter().any(|stage| stage.steps.iter().any(is_blocked));
    let blocked: Vec<StepId> = open()
        .filter(|(_, (_, record))| matches!(record.state, StepState::Blocked(_)))
        .map(|(_, (step, _))| step.id.clone())
        .collect();
    // A stage is under way from the moment its first look is sent off, before any entry tells of it.
    let is_under_way =
        |stage: &Stage, step: &StepSpec| is_begun(state, stage) || busy.contains(&step.id);
    let mut under_way = open().filter(|(stage, (step, _))| is_under_way(stage, step)).count();
    let mut actions = Vec::new();
    let mut waits = Vec::new();
    for (stage, (step, record)) in open() {
        if !is_under_way(stage, step) {
            if is_stuck || under_way >= wave.max_parallel as usize {
                continue;
            }
            under_way += 1;
        }
        if busy.contains(&step.id) || matches!(record.state, StepState::Blocked(_)) {
            continue;
        }
        match waits_until(record, now) {
            Some(at) => waits.push(at),
            None => actions.push((step.id.clone(), next(run, step, record, now))),
        }
    }
    if !actions.is_empty() {
        Decision::Act(actions)
    } else if !busy.is_empty() || !waits.is_empty() {
        Decision::Wait(waits.into_iter().min())
    } else {
        Decision::Pause(PauseReason::Blocked { steps: blocked })
    }
}

/// A moment that is further away than the longest pause was set under a clock that has been set back since. It is not waited for.
fn waits_until(record: &StepRecord, now: Timestamp) -> Option<Timestamp> {
    let furthest = now.plus(LONGEST_BACKOFF + LONGEST_BACKOFF / 4);
    record.not_before.filter(|at| *at > now && *at <= furthest)
}

fn settle(state: &RunState, busy: &BTreeSet<StepId>, now: Timestamp) -> Decision {
    let mut actions = Vec::new();
    let mut waits = Vec::new();
    for (id, record) in state.steps.iter().filter(|(id, _)| !busy.contains(id)) {
        let action = match record.open.as_ref().map(|open| &open.settlement) {
            None
            | Some(Some(
                Settlement::NotStarted | Settlement::Lost { .. } | Settlement::Untraceable,
            )) => continue,
            Some(_) if record.looks >= MAX_LOOKS => continue,
            Some(None) => Action::Settle,
            Some(Some(Settlement::Running | Settlement::Ended)) => Action::Attach,
        };
        match waits_until(record, now) {
            Some(at) => waits.push(at),
            None => actions.push((id.clone(), action)),
        }
    }
    if !actions.is_empty() {
        Decision::Act(actions)
    } else if busy.is_empty() && waits.is_empty() {
        Decision::Rest
    } else {
        Decision::Wait(waits.into_iter().min())
    }
}

fn next(run: &RunId, step: &StepSpec, record: &StepRecord, now: Timestamp) -> Action {
    match &record.state {
        StepState::Pending => Action::Observe,
        StepState::Observed(found) => after_looking(step, record, found),
        StepState::Started => {
            match record.open.as_ref().and_then(|open| open.settlement.as_ref()) {
                None => Action::Settle,
                Some(_) => Action::Attach,
            }
        }
        StepState::Failed => match &record.failure {
            Some(failure) if record.may_retry(step.policy.max_attempts) => {
                let pause = backoff(run, &step.id, step.policy.backoff_ms, record.tries);
                Action::Retry(now.plus(pause), failure.clone())
            }
            Some(_) | None => Action::Observe,
        },
        StepState::Succeeded | StepState::Completed(_) | StepState::Skipped(_) => Action::Verify,
        StepState::Blocked(error) => Action::Block(error.clone()),
    }
}

fn after_looking(step: &StepSpec, record: &StepRecord, found: &Found) -> Action {
    match found {
        Found::After { .. } => Action::Verify,
        Found::Foreign { what } => {
            block(format!("somebody else changed what step `{}` is about", step.id), what)
        }
        Found::Between { what, repairable: false } => block(
            format!("step `{}` is half done and another attempt would not mend it", step.id),
            what,
        ),
        Found::Before { what } | Found::Between { what, repairable: true } => {
            if let Some(failure) = &record.failure {
                Action::Block(failure.clone())
            } else if record.prepared.is_none() && step.undo_of.is_none() {
                Action::Prepare
            } else if record.tries >= step.policy.max_attempts {
                let tries = record.tries;
                block(format!("step `{}` is not done after {tries} attempts", step.id), what)
            } else {
                Action::Start(record.attempts + 1)
            }
        }
    }
}

fn block(message: String, found: &str) -> Action {
    let causes = vec![found.to_owned()];
    Action::Block(ErrorRecord { class: ErrorClass::Permanent, message, causes })
}

/// Returns the pause before the next try: doubling, at most 30 s, with up to a quarter of jitter that depends only on
/// the names, so that the decision stays a pure function.
#[must_use]
pub fn backoff(run: &RunId, step: &StepId, first_ms: u64, tries: u32) -> Duration {
    let doubled = first_ms.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let pause = Duration::from_millis(doubled).min(LONGEST_BACKOFF);
    let bytes = run.as_str().bytes().chain(step.as_str().bytes()).chain(tries.to_le_bytes());
    let mixed = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    pause + pause.mul_f64((mixed % 1000) as f64 / 4000.0)
}
