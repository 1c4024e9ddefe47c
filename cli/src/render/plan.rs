//! A plan, and the gates' answers.

use std::fmt::Write;

use kup_core::event::{Event, GateChecked, Verdict};
use kup_core::plan::{Plan, Stage, Wave};

use super::table;
use crate::error::{CliError, Exit};

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

/// Returns the gates' answers.
pub(crate) fn gates_table(gates: &[Event]) -> String {
    let row = |checked: &GateChecked| {
        let (word, evidence) = match &checked.verdict {
            Verdict::Pass { evidence } => ("pass", evidence),
            Verdict::Warn { evidence, .. } => ("warn", evidence),
            Verdict::Block { evidence, .. } => ("BLOCK", evidence),
        };
        vec![word.to_owned(), checked.gate.clone(), evidence.clone()]
    };
    table(&["GATE", "", "SEEN"], checked(gates).map(row).collect())
}

fn checked(gates: &[Event]) -> impl Iterator<Item = &GateChecked> {
    gates.iter().filter_map(|event| {
        if let Event::GateChecked(checked) = event { Some(checked) } else { None }
    })
}

/// Returns the error that the blocking gates are, if any blocks.
pub(crate) fn blocked(gates: &[Event]) -> Option<CliError> {
    let blocks: Vec<(&str, &str, &str)> = checked(gates)
        .filter_map(|checked| match &checked.verdict {
            Verdict::Block { evidence, remedy } => {
                Some((checked.gate.as_str(), evidence.as_str(), remedy.as_str()))
            }
            Verdict::Pass { .. } | Verdict::Warn { .. } => None,
        })
        .collect();
    if blocks.is_empty() {
        return None;
    }
    let names: Vec<&str> = blocks.iter().map(|(gate, _, _)| *gate).collect();
    let seen: Vec<String> =
        blocks.iter().map(|(gate, evidence, _)| format!("{gate}: {evidence}")).collect();
    let remedies: Vec<&str> = blocks.iter().map(|(_, _, remedy)| *remedy).collect();
    let exit = if names == ["no-unfinished-run"] { Exit::Locked } else { Exit::Gate };
    let message = format!("blocked by {}: {}", names.join(", "), seen.join("; "));
    Some(CliError::unchanged(exit, message).hint(remedies.join(" · ")))
}
