//! How a walk may end: as the undisturbed run does, or back where it began, or asking for a reason that is true.

use kup_core::event::{ErrorRecord, Outcome, PauseReason};
use kup_core::plan::StepSpec;
use kup_core::state::{RunState, Status, StepRecord, StepState};
use kup_steps::sim::Survey;

use super::Judge;
use crate::walk::failing::LIE;

/// The world at the end of a walk, and what it was and would have been.
#[derive(Debug)]
pub struct Ended<'a> {
    /// Now.
    pub picture: &'a str,
    /// Before the run.
    pub before: &'a str,
    /// After an undisturbed run.
    pub after: &'a str,
    /// Who works where.
    pub survey: &'a Survey,
}

impl Judge {
    /// Judges the place at which a run rests.
    pub fn ends(&self, ended: &Ended<'_>) {
        let mut record = self.record();
        let Some(state) = record.fold.clone() else { return };
        let was_silence = record.eyes.was_silence;
        let judged = match &state.status {
            Status::Finished(Outcome::Succeeded) => same(ended.picture, ended.after),
            Status::Finished(Outcome::RolledBack) => {
                let (now, before) = (ended.picture, ended.before);
                same(&kept_lines(now, before), &kept_lines(before, before))
            }
            Status::Finished(Outcome::Abandoned) => Err("nobody abandoned the run".to_owned()),
            Status::Paused(PauseReason::Blocked { steps }) => steps.iter().try_for_each(|step| {
                is_true_of(&state, state.plan.find(step), (ended.picture, was_silence))
            }),
            Status::Paused(_) => Ok(()),
            Status::Running => Err("the run rests and its journal does not say so".to_owned()),
        };
        let judged = judged.and_then(|()| cordons_are_known(&state, ended.survey));
        judged.unwrap_or_else(|what| record.object(what));
    }
}

/// What a way back brings back. apt's lists are fetched when they are wanted, and a ConfigMap that was not there before stays.
fn kept_lines(picture: &str, before: &str) -> String {
    let name = |line: &str| {
        line.strip_prefix("config map ").and_then(|it| it.split(' ').next().map(str::to_owned))
    };
    let was_there = |line: &&str| match name(line) {
        Some(map) => before.lines().any(|old| name(old).as_ref() == Some(&map)),
        None => true,
    };
    let line = |line: &str| line.split(", lists ").next().unwrap_or_default().to_owned() + "\n";
    picture.lines().filter(was_there).map(line).collect()
}

fn same(picture: &str, wanted: &str) -> Result<(), String> {
    let only = |a: &str, b: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    match picture == wanted {
        true => Ok(()),
        false => Err(format!(
            "the world is not as it should be: there is {:#?} instead of {:#?}",
            only(picture, wanted),
            only(wanted, picture)
        )),
    }
}

/// What is blocked must not be done, unless nobody could know.
fn is_true_of(
    state: &RunState,
    step: Option<(&kup_core::plan::Stage, &StepSpec)>,
    (picture, was_silence): (&str, bool),
) -> Result<(), String> {
    let Some((stage, step)) = step else { return Err("a pause names an unknown step".to_owned()) };
    let Some(StepState::Blocked(error)) = state.step(&step.id).map(|it| &it.state) else {
        return Err(format!("the pause names {}, which is not blocked", step.id));
    };
    let unknowable = was_silence && nobody_answered(error);
    if is_done(step, &stage.target, picture) && !unknowable {
        return Err(format!("the pause says that {} is not done, and it is: {error}", step.id));
    }
    Ok(())
}

/// Whether kup says that it got no answer, or was told a lie by a test.
fn nobody_answered(error: &ErrorRecord) -> bool {
    let text = error.to_string();
    let silence = ["cannot reach", "does not answer", "not ended in the time", "not Ready", LIE];
    silence.iter().any(|words| text.contains(words))
}

/// Whether a step of a way forward is done, as far as the picture tells; what it does not tell is not done.
#[must_use]
pub fn is_done(step: &StepSpec, node: &str, picture: &str) -> bool {
    let has = |fact: &str| picture.lines().any(|line| line.starts_with(&format!("{node}: {fact}")));
    let param = |name: &str| step.params.get(name).map(String::as_str).unwrap_or_default();
    if step.undo_of.is_some() {
        return false;
    }
    match step.activity.as_str() {
        "repository" => has(&format!("repository {},", param("minor"))),
        "packages" => param("packages").split(',').all(|pair| {
            let (name, version) = pair.split_once('=').unwrap_or_default();
            has(&format!("package {name} {version}"))
                && !has(&format!("package {name} {version}, broken"))
        }),
        "kubelet-restart" => has(&format!("ready at {}", param("version"))),
        "cordon" => has("cordoned by"),
        "uncordon" => !has("cordoned by a run"),
        _ => false,
    }
}

/// A node that carries the run's cordon is one that the plan in force will uncordon.
fn cordons_are_known(state: &RunState, survey: &Survey) -> Result<(), String> {
    let will_be_lifted = |node: &str| {
        state.plan.steps().any(|(stage, step)| {
            let open = !state.step(&step.id).is_some_and(StepRecord::is_settled);
            stage.target == node && step.activity == "uncordon" && open
        })
    };
    let forgotten = survey
        .nodes
        .iter()
        .find(|(name, node)| node.cordoned_by.is_some() && !will_be_lifted(name));
    match forgotten {
        Some((name, _)) => Err(format!("{name} stays cordoned and nothing will uncordon it")),
        None => Ok(()),
    }
}
