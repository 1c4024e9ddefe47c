//! An event in a sentence, for people who were not there.

use kup_core::event::{
    AttemptResult, Event, Found, OperatorDecision, Outcome, PauseReason, Settlement, Verdict,
};

/// Returns the event's name and what it says.
pub(crate) fn describe(event: &Event) -> (&'static str, String) {
    match event {
        Event::RunStarted(e) => {
            let n_steps = e.plan.steps().count();
            let (from, to, by) = (&e.plan.from, &e.plan.to, &e.operator);
            (
                "RunStarted",
                format!(
                    "{from} to {to}, {n_steps} steps on {} nodes, by {by} with kup {}",
                    e.machines.len(),
                    e.kup_version
                ),
            )
        }
        Event::RunResumed(e) => (
            "RunResumed",
            format!("by {} with kup {}{}", e.operator, e.kup_version, because(&e.reason)),
        ),
        Event::GateChecked(e) => ("GateChecked", format!("{}: {}", e.gate, verdict(&e.verdict))),
        Event::StepObserved(e) => ("StepObserved", found(&e.found)),
        Event::StepPrepared(e) => ("StepPrepared", prepared(e)),
        Event::AttemptStarted(e) => (
            "AttemptStarted",
            format!(
                "attempt {}, waited for until {}",
                e.attempt,
                e.deadline.to_utc().format("%H:%M:%S")
            ),
        ),
        Event::AttemptSettled(e) => {
            ("AttemptSettled", format!("attempt {}: {}", e.attempt, settlement(&e.settlement)))
        }
        Event::AttemptEnded(e) => {
            let adopted = if e.adopted { "; outcome adopted from an earlier process" } else { "" };
            let result = match &e.result {
                AttemptResult::Succeeded { summary } => summary.clone(),
                AttemptResult::Failed { error } => format!("failed: {error}"),
            };
            ("AttemptEnded", format!("attempt {}: {result}{adopted}", e.attempt))
        }
        Event::RetryScheduled(e) => {
            let at = e.at.to_utc().format("%H:%M:%S");
            (
                "RetryScheduled",
                format!(
                    "not before {at}; {} did not work: {}",
                    format!("{:?}", e.doing).to_lowercase(),
                    e.error
                ),
            )
        }
        Event::StepCompleted(e) => ("StepCompleted", e.evidence.clone()),
        Event::StepSkipped(e) => ("StepSkipped", e.reason.clone()),
        Event::StepBlocked(e) => ("StepBlocked", e.error.to_string()),
        Event::RunPaused(e) => ("RunPaused", pause(&e.reason)),
        Event::OperatorDecided(e) => {
            let word = match e.decision {
                OperatorDecision::Retry => "retry",
                OperatorDecision::Accept => "accept",
            };
            ("OperatorDecided", format!("{word}, by {}{}", e.operator, because(&e.reason)))
        }
        Event::RollbackStarted(e) => {
            let n_steps = e.plan.steps().count();
            (
                "RollbackStarted",
                format!(
                    "{} back to {}, {n_steps} steps, by {}{}",
                    e.plan.from,
                    e.plan.to,
                    e.operator,
                    because(&e.reason)
                ),
            )
        }
        Event::RunFinished(e) => {
            ("RunFinished", format!("{}{}", outcome(e.outcome), because(&e.reason)))
        }
        Event::Opaque(e) => (
            "Opaque",
            format!("an event of a newer kup (type {}, version {})", e.type_id, e.type_version),
        ),
    }
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
        return "nothing to keep for an undo but what is noted here".to_owned();
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
