//! An event in a sentence, for people who were not there.

use kup_core::clock::Timestamp;
use kup_core::event::{
    AttemptEnded, AttemptResult, Event, Found, GateIgnored, OperatorDecided, OperatorDecision,
    Outcome, PauseReason, RollbackLimited, RollbackStarted, RunStarted, Settlement, Verdict,
};
use kup_core::guard::Guard;

use crate::guarding::sentence;

/// Returns the event's name and what it says.
pub(crate) fn describe(event: &Event) -> (&'static str, String) {
    match event {
        Event::RunStarted(e) => ("RunStarted", run_started(e)),
        Event::RunResumed(e) => {
            let why = because(&e.reason);
            ("RunResumed", format!("by {} with kup {}{why}", e.operator, e.kup_version))
        }
        Event::GateChecked(e) => ("GateChecked", format!("{}: {}", e.gate, verdict(&e.verdict))),
        Event::GateIgnored(e) => {
            let GateIgnored { gate, code, operator, evidence } = e;
            ("GateIgnored", format!("{gate} ({code}), by {operator}, although: {evidence}"))
        }
        Event::RollbackLimited(e) => ("RollbackLimited", limited(e)),
        Event::UndoPlanned(e) => ("UndoPlanned", format!("by {}", e.undo.id)),
        Event::StepObserved(e) => ("StepObserved", found(&e.found)),
        Event::StepPrepared(e) => ("StepPrepared", prepared(e)),
        Event::AttemptStarted(e) => {
            let until = clock(e.deadline);
            ("AttemptStarted", format!("attempt {}, waited for until {until}", e.attempt))
        }
        Event::AttemptSettled(e) => {
            ("AttemptSettled", format!("attempt {}: {}", e.attempt, settlement(&e.settlement)))
        }
        Event::AttemptEnded(e) => ("AttemptEnded", attempt_ended(e)),
        Event::RetryScheduled(e) => {
            let doing = format!("{:?}", e.doing).to_lowercase();
            (
                "RetryScheduled",
                format!("not before {}; {doing} did not work: {}", clock(e.at), e.error),
            )
        }
        Event::StepCompleted(e) => ("StepCompleted", e.evidence.clone()),
        Event::StepSkipped(e) => ("StepSkipped", e.reason.clone()),
        Event::StepBlocked(e) => ("StepBlocked", e.error.to_string()),
        Event::RunPaused(e) => ("RunPaused", pause(&e.reason)),
        Event::OperatorDecided(e) => ("OperatorDecided", operator_decided(e)),
        Event::RollbackStarted(e) => ("RollbackStarted", rollback_started(e)),
        Event::RunFinished(e) => {
            ("RunFinished", format!("{}{}", outcome(e.outcome), because(&e.reason)))
        }
        Event::RunCommitted(e) => {
            let what = "it can be rolled back no more, its backups are freed";
            ("RunCommitted", format!("{what}, by {}{}", e.operator, because(&e.reason)))
        }
        Event::BackupsFreed(e) => {
            let what = "its backups are freed";
            ("BackupsFreed", format!("{what}, by {}{}", e.operator, because(&e.reason)))
        }
        Event::BackupsGuarded(e) => {
            let how = sentence(&Guard::of(e)).unwrap_or_else(|| "as they are".to_owned());
            ("BackupsGuarded", how)
        }
        Event::Opaque(e) => {
            let what =
                format!("an event of a newer kup (type {}, version {})", e.type_id, e.type_version);
            ("Opaque", what)
        }
    }
}

fn clock(time: Timestamp) -> String {
    time.to_utc().format("%H:%M:%S").to_string()
}

fn run_started(started: &RunStarted) -> String {
    let RunStarted { plan, operator, kup_version, machines, .. } = started;
    let (n_steps, n_nodes) = (plan.steps().count(), machines.len());
    let (from, to) = (&plan.from, &plan.to);
    format!(
        "{from} to {to}, {n_steps} steps on {n_nodes} nodes, by {operator} with kup {kup_version}"
    )
}

fn attempt_ended(ended: &AttemptEnded) -> String {
    let adopted = if ended.adopted { "; outcome adopted from an earlier process" } else { "" };
    match &ended.result {
        AttemptResult::Succeeded { summary } => {
            format!("attempt {}: {summary}{adopted}", ended.attempt)
        }
        AttemptResult::Failed { error } => {
            format!("attempt {}: failed: {error}{adopted}", ended.attempt)
        }
    }
}

fn operator_decided(decided: &OperatorDecided) -> String {
    let word = match decided.decision {
        OperatorDecision::Retry => "retry",
        OperatorDecision::Accept => "accept",
    };
    format!("{word}, by {}{}", decided.operator, because(&decided.reason))
}

fn rollback_started(started: &RollbackStarted) -> String {
    let RollbackStarted { plan, operator, reason } = started;
    let n_steps = plan.steps().count();
    format!("{} back to {}, {n_steps} steps, by {operator}{}", plan.from, plan.to, because(reason))
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::RolledBack => "rolled back",
        Outcome::Abandoned => "abandoned",
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass { evidence } => format!("pass: {evidence}"),
        Verdict::Warn { evidence, remedy } => format!("warning: {evidence}; {remedy}"),
        Verdict::Block { evidence, remedy } => format!("blocked: {evidence}; {remedy}"),
    }
}

fn found(found: &Found) -> String {
    match found {
        Found::Before { what } => format!("not begun: {what}"),
        Found::Between { what, .. } => format!("half done: {what}"),
        Found::After { what } => format!("done: {what}"),
        Found::Foreign { what } => format!("changed by somebody else: {what}"),
    }
}

fn prepared(prepared: &kup_core::event::StepPrepared) -> String {
    if prepared.backups.is_empty() {
        let notes = prepared.notes.iter().filter(|(_, value)| !value.is_empty());
        let notes: Vec<String> = notes.map(|(name, value)| format!("{name}: {value}")).collect();
        let noted = notes.join("; ");
        return if noted.is_empty() {
            "an undo needs nothing".to_owned()
        } else {
            format!("noted for an undo: {noted}")
        };
    }
    let one = |b: &kup_core::event::Backup| {
        let hash: String = b.blob.as_str().chars().take(12).collect();
        format!("{} ({} KiB, sha256 {hash}...)", b.what, b.size.div_ceil(1024))
    };
    format!("kept for an undo: {}", prepared.backups.iter().map(one).collect::<Vec<_>>().join("; "))
}

fn settlement(settlement: &Settlement) -> String {
    match settlement {
        Settlement::NotStarted => {
            "the node has no trace of it; the same attempt is sent again".to_owned()
        }
        Settlement::Running => "it still runs on the node; adopted".to_owned(),
        Settlement::Ended => "it ended on the node; its outcome is adopted".to_owned(),
        Settlement::Lost { what } => format!("it began and is gone without an outcome: {what}"),
        Settlement::Untraceable => {
            "it leaves no trace to ask for; the world is looked at".to_owned()
        }
    }
}

pub(crate) fn pause(reason: &PauseReason) -> String {
    match reason {
        PauseReason::Interrupted => "interrupted; the effects under way have ended".to_owned(),
        PauseReason::Blocked { steps } => {
            let names: Vec<&str> = steps.iter().map(kup_core::id::StepId::as_str).collect();
            format!("an operator must decide about {}", names.join(", "))
        }
        PauseReason::Reached { wave } => format!("{wave} is done, as asked"),
        PauseReason::Gate { gate } => format!("the gate {gate} blocks"),
    }
}

fn limited(limited: &RollbackLimited) -> String {
    let operator = &limited.operator;
    match &limited.until {
        Some(wave) => format!("rests after {wave}, by {operator}"),
        None => format!("goes on to its end, by {operator}"),
    }
}
