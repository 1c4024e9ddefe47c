//! How long steps take: what the runs in this state directory took, else a guess that is called one. Pure, but for reading the journals.

use std::collections::BTreeMap;
use std::time::Duration;

use kup_core::clock::Timestamp;
use kup_core::event::{Entry, Event};
use kup_core::id::StepId;
use kup_core::plan::{Plan, Stage, StepSpec, Wave};
use serde::Serialize;

use crate::wiring::Session;
use guess::guess;

mod guess;
pub(crate) mod way_back;

/// Runs that are read at most, the latest ones.
const MAX_RUNS: usize = 5;

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Basis {
    /// Earlier runs.
    Measured,
    /// Nothing.
    Guess,
}

/// How long something will take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) time: Duration,
    pub(crate) basis: Basis,
}

/// What is known of how long steps take, by what they do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durations {
    medians: BTreeMap<String, Duration>,
}

impl Durations {
    /// Learns from finished runs of this cluster; where it has none, from those of other clusters that are reached in the same way. A
    /// simulated cluster says nothing about a real one.
    pub(crate) fn learn(session: &Session, (uid, kind): (&str, &str)) -> Self {
        let summaries = session.index().summaries(&session.store).unwrap_or_default();
        let (own, others): (Vec<_>, Vec<_>) = summaries
            .iter()
            .rev()
            .filter(|run| run.status.is_finished())
            .partition(|run| run.cluster_uid == uid);
        let mut taken: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        let mut n_runs = 0;
        for summary in own.into_iter().chain(others) {
            let same_cluster = summary.cluster_uid == uid;
            if n_runs == MAX_RUNS || (n_runs > 0 && !same_cluster) {
                break;
            }
            let Ok(history) = session.store.read(&summary.run) else { continue };
            let durations = durations(&history.entries, kind);
            n_runs += usize::from(!durations.is_empty());
            for (does, time) in durations {
                taken.entry(does).or_default().push(time);
            }
        }
        Self { medians: taken.into_iter().map(|(does, times)| (does, median(times))).collect() }
    }

    /// Estimates a step.
    pub(crate) fn step(&self, target: &str, step: &StepSpec) -> Estimate {
        match self.medians.get(&does(target, step)) {
            Some(time) => Estimate { time: *time, basis: Basis::Measured },
            None => Estimate { time: guess(step), basis: Basis::Guess },
        }
    }

    /// Estimates a stage: its steps one after the other.
    pub(crate) fn stage(&self, stage: &Stage) -> Estimate {
        all(stage.steps.iter().map(|step| self.step(&stage.target, step)))
    }

    /// Estimates a wave: its stages, as many at once as it allows.
    pub(crate) fn wave(&self, wave: &Wave) -> Estimate {
        let stages: Vec<Estimate> = wave.stages.iter().map(|stage| self.stage(stage)).collect();
        let mut lanes = vec![Duration::ZERO; (wave.max_parallel as usize).clamp(1, 1000)];
        for stage in &stages {
            if let Some(lane) = lanes.iter_mut().min() {
                *lane += stage.time;
            }
        }
        let basis = all(stages.into_iter()).basis;
        Estimate { time: lanes.into_iter().max().unwrap_or_default(), basis }
    }
}

/// Adds estimates up; one guess makes the whole a guess.
pub(crate) fn all(parts: impl Iterator<Item = Estimate>) -> Estimate {
    let nothing = Estimate { time: Duration::ZERO, basis: Basis::Measured };
    parts.fold(nothing, |sum, part| Estimate {
        time: sum.time + part.time,
        basis: if sum.basis == Basis::Guess { Basis::Guess } else { part.basis },
    })
}

/// Says what a step does, whatever its hop and node: `kubelet-packages`, `kubeadm-node worker`.
fn does(target: &str, step: &StepSpec) -> String {
    let id = step.id.as_str();
    let id = match id.split_once('.') {
        Some((hop, rest)) if hop.starts_with("hop") && rest.contains('.') => rest,
        Some(_) | None => id,
    };
    // A way back does the same as the way there.
    let id = id.strip_prefix("rollback.").unwrap_or(id);
    let plain = id.strip_suffix(target).and_then(|id| id.strip_suffix('.')).unwrap_or(id);
    let role = step.params.get("role").map(|role| format!(" {role}")).unwrap_or_default();
    format!("{plain}{role}")
}

/// Returns how long the steps of a run took from their first attempt to their proof, on the way forward and without an interruption.
fn durations(entries: &[Entry], kind: &str) -> Vec<(String, Duration)> {
    let Some(Event::RunStarted(started)) = entries.first().map(|entry| &entry.event) else {
        return Vec::new();
    };
    if started.reach.kind != kind {
        return Vec::new();
    }
    let names = names(&started.plan);
    let mut begun: BTreeMap<&StepId, Timestamp> = BTreeMap::new();
    let mut durations = Vec::new();
    for entry in entries {
        match &entry.event {
            Event::AttemptStarted(attempt) => {
                begun.entry(&attempt.step).or_insert(entry.time);
            }
            Event::StepCompleted(completed) => {
                let name = names.get(&completed.step);
                if let (Some(name), Some(begun)) = (name, begun.remove(&completed.step)) {
                    durations.push((name.clone(), entry.time.since(begun)));
                }
            }
            // What was under way then took as long as nobody looked.
            Event::RunResumed(_) => begun.clear(),
            Event::RollbackStarted(_) => break,
            Event::RunStarted(_)
            | Event::GateChecked(_)
            | Event::GateIgnored(_)
            | Event::RollbackLimited(_)
            | Event::UndoPlanned(_)
            | Event::StepObserved(_)
            | Event::StepPrepared(_)
            | Event::AttemptSettled(_)
            | Event::AttemptEnded(_)
            | Event::RetryScheduled(_)
            | Event::StepSkipped(_)
            | Event::StepBlocked(_)
            | Event::RunPaused(_)
            | Event::OperatorDecided(_)
            | Event::RunFinished(_)
            | Event::RunCommitted(_)
            | Event::BackupsFreed(_)
            | Event::BackupsGuarded(_)
            | Event::Opaque(_) => {}
        }
    }
    durations
}

fn names(plan: &Plan) -> BTreeMap<StepId, String> {
    plan.steps().map(|(stage, step)| (step.id.clone(), does(&stage.target, step))).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
