//! The plan of a rollback.

use std::fmt::Write;

use kup_core::plan::{Plan, Stage, Wave};

/// Returns the plan as a tree.
pub(crate) fn plan_table(plan: &Plan, endpoint: &str) -> String {
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
