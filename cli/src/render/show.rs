//! Where a run stands, why, and what to type.

use std::fmt::Write;

use kup_core::event::{ErrorRecord, GateIgnored, Outcome, PauseReason};
use kup_core::id::{RunId, StepId};
use kup_core::plan::Stage;
use kup_core::state::{Afterword, Phase, RunState, Status, StepRecord, StepState};
use kup_steps::planner::takes_backups;
use serde::Serialize;

use super::event::{outcome, pause};
use super::time;

/// A run as `kup show` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    run: String,
    status: String,
    phase: &'static str,
    from: String,
    to: String,
    cluster: String,
    operator: String,
    started: String,
    updated: String,
    epoch: u64,
    entries: u64,
    steps_settled: usize,
    why: String,
    ignored: Vec<String>,
    next: Vec<String>,
    world: String,
    steps: Vec<StepLine>,
}

#[derive(Debug, Serialize)]
struct StepLine {
    wave: String,
    target: String,
    step: String,
    title: String,
    state: &'static str,
    attempts: u32,
    adopted: u32,
    took: String,
    note: String,
}

impl Picture {
    /// Draws a run.
    pub(crate) fn of(run: &RunId, state: &RunState) -> Self {
        let (message, records) = why(state);
        let causes: Vec<String> = records.iter().map(ToString::to_string).collect();
        let steps = lines(state);
        Self {
            run: run.to_string(),
            status: status(state),
            phase: if state.phase == Phase::Forward { "upgrade" } else { "rollback" },
            from: state.plan.from.clone(),
            to: state.plan.to.clone(),
            cluster: state.started.cluster.endpoint.clone(),
            operator: state.started.operator.clone(),
            started: state.started_at.to_string(),
            updated: state.updated_at.to_string(),
            epoch: state.epoch.0,
            entries: state.head.0,
            steps_settled: steps
                .iter()
                .filter(|line| matches!(line.state, "done" | "skipped"))
                .count(),
            why: std::iter::once(message).chain(causes).collect::<Vec<_>>().join(": "),
            ignored: state.ignored.values().map(ignored).collect(),
            next: next_commands(run, state),
            world: world(state),
            steps,
        }
    }
}

/// Returns the picture as text.
pub(crate) fn table(picture: &Picture) -> String {
    let Picture { run, status, from, to, cluster, steps, .. } = picture;
    let mut text = format!("Run {run}: {} of {cluster} from {from} to {to}\n", picture.phase);
    let _ = writeln!(text, "Status: {status} ({} of {} steps)", picture.steps_settled, steps.len());
    if !picture.why.is_empty() {
        let _ = writeln!(text, "Why:    {}", picture.why);
    }
    for ignored in &picture.ignored {
        let _ = writeln!(text, "Ignored: {ignored}");
    }
    let _ = writeln!(text, "State:  {}", picture.world);
    for (n, command) in picture.next.iter().enumerate() {
        let _ = writeln!(text, "{} {command}", if n == 0 { "Next:  " } else { "       " });
    }
    text.push('\n');
    let row = |line: &StepLine| {
        let attempts = if line.attempts == 0 { String::new() } else { line.attempts.to_string() };
        let adopted = if line.adopted == 0 { String::new() } else { "adopted".to_owned() };
        vec![
            line.step.clone(),
            line.state.to_owned(),
            attempts,
            line.took.clone(),
            adopted,
            line.note.clone(),
        ]
    };
    text + &super::table(
        &["STEP", "STATE", "ATTEMPTS", "TOOK", "", "NOTE"],
        steps.iter().map(row).collect(),
    )
}

fn ignored(ignored: &GateIgnored) -> String {
    let GateIgnored { gate, code, operator, evidence } = ignored;
    format!("{code} {gate}, by {operator}, although: {evidence}")
}

fn lines(state: &RunState) -> Vec<StepLine> {
    let stages =
        state.plan.waves.iter().flat_map(|wave| wave.stages.iter().map(move |stage| (wave, stage)));
    let mut lines = Vec::new();
    for (wave, stage) in stages {
        for step in &stage.steps {
            let record = state.step(&step.id).cloned().unwrap_or_default();
            let (word, note) = step_state(&record);
            let end = record.ended_at.unwrap_or(state.updated_at);
            lines.push(StepLine {
                wave: wave.name.clone(),
                target: stage.target.clone(),
                step: step.id.to_string(),
                title: step.title.clone(),
                state: word,
                attempts: record.attempts,
                adopted: record.adopted,
                took: record.begun_at.map(|begun| time(end.since(begun))).unwrap_or_default(),
                note: if note.is_empty() { step.title.clone() } else { note },
            });
        }
    }
    lines
}

fn step_state(record: &StepRecord) -> (&'static str, String) {
    match &record.state {
        StepState::Pending if record.is_begun() => ("looking", String::new()),
        StepState::Pending => ("", String::new()),
        StepState::Observed(_) => ("looking", String::new()),
        StepState::Started => ("running", String::new()),
        StepState::Failed => {
            ("failed", record.failure.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        StepState::Succeeded => ("verifying", String::new()),
        StepState::Blocked(error) => ("BLOCKED", error.to_string()),
        StepState::Completed(evidence) => ("done", evidence.clone()),
        StepState::Skipped(reason) => ("skipped", reason.clone()),
    }
}

/// Returns the run's status in words.
pub(crate) fn status(state: &RunState) -> String {
    match &state.status {
        Status::Running => "under way, or its process died".to_owned(),
        Status::Paused(_) => "paused".to_owned(),
        Status::Finished(end) => match &state.committed {
            None => outcome(*end).to_owned(),
            Some(Afterword { at, operator, .. }) => format!("committed at {at} by {operator}"),
        },
    }
}

/// Returns why the run rests, and the errors behind it.
pub(crate) fn why(state: &RunState) -> (String, Vec<ErrorRecord>) {
    let errors: Vec<ErrorRecord> = blocked_steps(state)
        .iter()
        .filter_map(|id| match &state.step(id)?.state {
            StepState::Blocked(error) => Some(error.clone()),
            StepState::Pending
            | StepState::Observed(_)
            | StepState::Started
            | StepState::Failed
            | StepState::Succeeded
            | StepState::Completed(_)
            | StepState::Skipped(_) => None,
        })
        .collect();
    match &state.status {
        Status::Paused(PauseReason::Interrupted) if !errors.is_empty() => {
            (pause(&PauseReason::Blocked { steps: blocked_steps(state) }), errors)
        }
        Status::Paused(reason) => (pause(reason), errors),
        Status::Running | Status::Finished(_) => (String::new(), errors),
    }
}

/// Returns the steps of the plan in force that wait for an operator.
pub(crate) fn blocked_steps(state: &RunState) -> Vec<StepId> {
    let blocked =
        |id: &StepId| matches!(state.step(id).map(|r| &r.state), Some(StepState::Blocked(_)));
    state.plan.steps().map(|(_, step)| step.id.clone()).filter(blocked).collect()
}

/// Returns what an operator can type now, likeliest first.
pub(crate) fn next_commands(run: &RunId, state: &RunState) -> Vec<String> {
    let forward = state.phase == Phase::Forward;
    let mut commands = Vec::new();
    match &state.status {
        Status::Finished(Outcome::Succeeded) if state.committed.is_some() => return Vec::new(),
        Status::Finished(Outcome::Succeeded) if takes_backups(&state.started.plan) => {
            return vec![format!("kup backup list {run}")];
        }
        Status::Finished(Outcome::Succeeded) => {
            return vec![format!("kup rollback {run} --dry-run"), format!("kup commit {run}")];
        }
        Status::Finished(Outcome::RolledBack | Outcome::Abandoned) => return Vec::new(),
        Status::Running | Status::Paused(_) if !blocked_steps(state).is_empty() => {
            for step in blocked_steps(state) {
                commands.push(format!("kup logs {run} --step {step}"));
                commands.push(format!("kup resume {run} --retry {step} --reason TEXT"));
                commands.push(format!("kup resume {run} --accept {step} --reason TEXT"));
                let stage =
                    state.plan.find(&step).map(|(stage, _)| stage).filter(|stage| stage.skippable);
                commands.extend(stage.map(|stage| {
                    format!("kup resume {run} --skip {} --reason TEXT", stage.target)
                }));
            }
        }
        Status::Running | Status::Paused(_) => commands.push(format!("kup resume {run}")),
    }
    if forward && !takes_backups(&state.started.plan) {
        commands.push(format!("kup rollback {run} --dry-run"));
    }
    commands
}

/// Says in what state the nodes are.
pub(crate) fn world(state: &RunState) -> String {
    let under_way: Vec<&Stage> =
        state.plan.stages().filter(|stage| is_under_way(state, stage)).collect();
    let done = state.plan.stages().filter(|stage| settled(state, stage)).count();
    let n_stages = state.plan.stages().count();
    let mut text = format!("{done} of {n_stages} visits are done");
    for stage in under_way {
        let cordoned = if may_be_cordoned(state, stage) { ", cordoned" } else { "" };
        let _ = write!(text, "; {} is half-way{cordoned}", stage.target);
    }
    text
}

/// Returns the nodes that the run may have left cordoned.
pub(crate) fn cordoned(state: &RunState) -> Vec<String> {
    let stages = state.plan.stages().filter(|stage| may_be_cordoned(state, stage));
    stages.map(|stage| stage.target.clone()).collect()
}

fn settled(state: &RunState, stage: &Stage) -> bool {
    stage.steps.iter().all(|step| state.step(&step.id).is_some_and(StepRecord::is_settled))
}

fn is_under_way(state: &RunState, stage: &Stage) -> bool {
    let begun =
        stage.steps.iter().any(|step| state.step(&step.id).is_some_and(StepRecord::is_begun));
    begun && !settled(state, stage)
}

/// Whether the stage's cordon was attempted and its uncordon has not completed.
fn may_be_cordoned(state: &RunState, stage: &Stage) -> bool {
    let record = |activity: &str| {
        let step = stage.steps.iter().find(|step| step.activity == activity)?;
        state.step(&step.id)
    };
    record("cordon").is_some_and(StepRecord::had_effects)
        && record("uncordon").is_some_and(|r| !r.is_settled())
}
