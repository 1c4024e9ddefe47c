//! The plan of a rollback.

use std::fmt::Write;

use kup_core::plan::{Plan, Stage, Wave};
use kup_steps::rollback::{Present, Way};
use serde::Serialize;

/// What an operator is shown of a way back.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    class: String,
    cost: &'static str,
    /// The last wave that is done now; nothing where all are.
    until: Option<&'a str>,
    /// Why no API server answers.
    without_api: Option<&'a str>,
    /// What somebody else has changed since the run left it.
    changed: &'a [String],
    /// What stays as the run left it.
    stays: &'a [String],
    plan: &'a Plan,
}

impl<'a> Shown<'a> {
    pub(crate) fn of(way: &'a Way, present: &'a Present) -> Self {
        Self {
            class: format!("{:?}", way.class),
            cost: way.class.explain(),
            until: way.until.as_deref(),
            without_api: present.silent.as_deref(),
            changed: &present.changed,
            stays: &way.stays,
            plan: &way.plan,
        }
    }
}

/// Returns the whole as text.
pub(crate) fn way_table(shown: &Shown<'_>, endpoint: &str) -> String {
    let mut text = plan_table(shown.plan, endpoint);
    let mut line = |words: String| {
        // Writing to a String does not fail.
        writeln!(text, "{words}").ok();
    };
    line(format!("{}: {}", shown.class, shown.cost));
    shown.stays.iter().for_each(|what| line(format!("{what}.")));
    if let Some(wave) = shown.until {
        line(format!(
            "Rests after {wave}; what stands below it stays as it is until `kup rollback` is said again."
        ));
    }
    if let Some(why) = shown.without_api {
        line(format!(
            "No API server answers ({why}). Nothing is drained: kubelets go back where their pods are, which may restart; nodes that have joined since are not seen; what is in the API goes back last, when it answers."
        ));
    }
    if !shown.changed.is_empty() {
        line(format!(
            "Changed by somebody else since the run left it, and written over: {}",
            shown.changed.join(", ")
        ));
    }
    text
}

/// Returns the plan as a tree.
fn plan_table(plan: &Plan, endpoint: &str) -> String {
    let mut text = format!("Cluster at {endpoint}: {} to {}\n", plan.from, plan.to);
    for wave in &plan.waves {
        text += &wave_lines(wave);
    }
    let (n_stages, n_steps) = (plan.stages().count(), plan.steps().count());
    let _ = writeln!(text, "Plan: {n_steps} steps in {n_stages} visits.");
    text
}

fn wave_lines(wave: &Wave) -> String {
    let order = match (wave.stages.len(), wave.max_parallel) {
        (0 | 1, _) => String::new(),
        (_, 1) => " (one after the other)".to_owned(),
        (_, n) => format!(" (up to {n} at once)"),
    };
    let mut text = format!("  {}{order}\n", wave.name);
    let mut last: Option<Vec<String>> = None;
    for stage in &wave.stages {
        let shape = titles(stage);
        let line = match last.as_ref() {
            Some(shape_before) if *shape_before == shape => "the same".to_owned(),
            Some(_) | None => shape.join(", "),
        };
        let _ = writeln!(text, "    ~ {}: {line}", stage.target);
        last = Some(shape);
    }
    text
}

fn titles(stage: &Stage) -> Vec<String> {
    stage.steps.iter().map(|step| step.title.clone()).collect()
}
