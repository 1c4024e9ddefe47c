//! What was found on nodes.

use kup_steps::facts::LeftAttempt;
use kup_steps::leftover::Leftover;

use super::Line;
use crate::render::size;

const LOST_HISTORY: &str = "a part of the history is lost: do not resume; look for a newer copy of the journal, here and on other machines";

/// Returns a finding on a node as a line.
pub(crate) fn line(node: &str, found: &Leftover) -> Line {
    let place = format!("node {node}");
    let line = match found {
        Leftover::Silent { why } => Line::problem(why.clone()),
        Leftover::Clean { backups_kib } => {
            let backups = size(backups_kib.saturating_mul(1024));
            Line::ok(format!("nothing is left but the backups ({backups})"))
        }
        Leftover::Owned { owner } => Line::ok(format!("its owner is at work, or paused: {owner}")),
        Leftover::OwnedByFinished { run } => {
            Line::note(format!("still owned by run {run}, which is over"))
                .remedy(format!("`kup doctor {run} --clean` releases it; so does the next run"))
        }
        Leftover::OwnedByUnknown { owner } => {
            Line::note(format!("owned by a run that is not known here: {owner}"))
                .remedy("finish that run where it was started, or take over with --take-over")
        }
        Leftover::LaterEpoch { run, epoch, known } => Line::damage(format!(
            "process {epoch} of run {run} has owned it, and its journal knows no later one than {known}"
        ))
        .remedy(LOST_HISTORY),
        Leftover::BeyondEnd { attempt, head } => {
            let LeftAttempt { run, .. } = attempt;
            let what = format!("{}, and the journal of {run} ends with {head}", names(attempt));
            Line::damage(what).remedy(LOST_HISTORY)
        }
        Leftover::NotInJournal { attempt } => {
            let LeftAttempt { run, .. } = attempt;
            let what = format!("{}, which is not there in the journal of {run}", names(attempt));
            Line::damage(what).remedy(LOST_HISTORY)
        }
        Leftover::Running { attempt } => Line::ok(format!("{} runs", call(attempt))),
        Leftover::RunningAlone { attempt } => {
            Line::problem(format!("{} runs, and its run is over or not known here", call(attempt)))
                .remedy("let it end; then ask again")
        }
        Leftover::Lost { attempt } => {
            let LeftAttempt { run, .. } = attempt;
            Line::note(format!("{} has left no outcome, and does not run", call(attempt)))
                .remedy(format!("`kup resume {run}` looks what came of it"))
        }
        Leftover::Unit { unit, state } => Line::note(format!("unit {unit} is {state}"))
            .remedy(format!("`systemctl reset-failed {unit}` on the node")),
        Leftover::Cordoned { run, is_over, is_unschedulable: true } => {
            let whose = whose(*is_over);
            Line::problem(format!("cordoned by run {run}, which {whose}"))
                .remedy(format!("`kubectl uncordon {node}`, if nobody needs it away"))
        }
        Leftover::Cordoned { run, is_over, is_unschedulable: false } => {
            let whose = whose(*is_over);
            Line::note(format!("not cordoned, and marked as cordoned by run {run}, which {whose}"))
                .remedy(format!("`kubectl annotate node {node} kup.dev/cordoned-by-`"))
        }
    };
    line.at(place)
}

fn whose(is_over: bool) -> &'static str {
    if is_over { "is over" } else { "is not known here" }
}

/// Returns how an attempt is called.
fn call(attempt: &LeftAttempt) -> String {
    format!("attempt {} of run {}", attempt.name, attempt.run)
}

fn names(attempt: &LeftAttempt) -> String {
    let seq = attempt.seq.map_or_else(|| "no".to_owned(), |seq| seq.to_string());
    format!("attempt {} names entry {seq} as its intent", attempt.name)
}
