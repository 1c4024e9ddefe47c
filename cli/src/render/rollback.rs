//! The plan of a rollback.

use std::fmt::Write;
use std::time::Duration;

use kup_core::plan::{Plan, Stage, Wave};
use kup_steps::rollback::{Present, Way, Written};
use serde::Serialize;

use crate::estimate::Basis;
use crate::estimate::way_back::Times;
use crate::render::time;

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
    /// How long it takes, in seconds.
    takes_seconds: u64,
    /// For how long of it no API server answers, in seconds.
    without_api_seconds: u64,
    /// Whether that was measured in earlier runs.
    basis: Basis,
    /// What is lost.
    loss: Option<Lost<'a>>,
    /// What stays as the run left it.
    stays: &'a [String],
    plan: &'a Plan,
}

/// What is lost where a snapshot of etcd is restored.
#[derive(Debug, Serialize)]
struct Lost<'a> {
    /// Everything written since this moment.
    since: &'a str,
    /// What was written since, as far as etcd says.
    written: Option<&'a Written>,
    /// Why etcd says nothing.
    unknown: Option<&'a str>,
}

impl<'a> Shown<'a> {
    pub(crate) fn of(way: &'a Way, present: &'a Present, times: Times) -> Self {
        Self {
            class: format!("{:?}", way.class),
            cost: way.class.explain(),
            until: way.until.as_deref(),
            without_api: present.silent.as_deref(),
            changed: &present.changed,
            takes_seconds: times.all.time.as_secs(),
            without_api_seconds: times.without_api.time.as_secs(),
            basis: times.all.basis,
            loss: way.loss.as_ref().map(|loss| Lost {
                since: &loss.since,
                written: present.written.as_ref(),
                unknown: present.etcd_silent.as_deref(),
            }),
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
    line(times(shown));
    if let Some(loss) = &shown.loss {
        line(lost(loss));
    }
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

fn times(shown: &Shown<'_>) -> String {
    let about = if shown.basis == Basis::Guess { "~" } else { "about " };
    let said = |seconds: u64| format!("{about}{}", time(Duration::from_secs(seconds)));
    let away = match shown.without_api_seconds {
        0 => "an API server answers all the while".to_owned(),
        seconds => format!("no API server answers for {} of it", said(seconds)),
    };
    format!("Takes {}; {away}.", said(shown.takes_seconds))
}

/// What changes by itself, again and again: to lose it costs nothing.
const BY_ITSELF: [&str; 5] = ["events", "leases", "masterleases", "endpoints", "endpointslices"];

fn lost(loss: &Lost<'_>) -> String {
    let since = loss.since;
    let Some(written) = loss.written else {
        let why = loss.unknown.unwrap_or("nobody asked");
        return format!(
            "Objects written after {since} are lost. How many is not known: etcd does not answer ({why}), so that no second snapshot is taken either; its data stay aside on each member."
        );
    };
    let (by_itself, others): (Vec<_>, Vec<_>) =
        written.objects.iter().partition(|(name, _)| BY_ITSELF.contains(&name.as_str()));
    let sum = |counted: &[(&String, &u64)]| counted.iter().map(|(_, n)| **n).sum::<u64>();
    let each: Vec<String> = others.iter().map(|(name, n)| format!("{n} {name}")).collect();
    let each = if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) };
    format!(
        "Objects written after {since} are lost: {} objects made or changed since{each}, and {} that change by themselves (events, leases, endpoints); {} writes in all, deletions among them, which are undone too.",
        sum(&others),
        sum(&by_itself),
        written.writes
    )
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
