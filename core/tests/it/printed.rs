//! Decisions in words, for the stories.

use kup_core::decide::{Action, Decision};
use kup_core::event::PauseReason;
use kup_core::id::StepId;

use crate::story::SECOND;

/// Prints a decision.
pub(crate) fn print(decision: &Decision) -> String {
    match decision {
        Decision::Ask(gate) => format!("ask {gate}"),
        Decision::Act(actions) => {
            let one = |(step, action): &(StepId, Action)| print_action(step, action);
            actions.iter().map(one).collect::<Vec<_>>().join(" + ")
        }
        Decision::Wait(None) => "wait".to_owned(),
        Decision::Wait(Some(until)) => format!("wait until {}", until.0 / SECOND),
        Decision::Pause(PauseReason::Interrupted) => "pause: interrupted".to_owned(),
        Decision::Pause(PauseReason::Blocked { steps }) => {
            let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
            format!("pause: blocked {}", steps.join(" "))
        }
        Decision::Pause(PauseReason::Reached { wave }) => format!("pause: reached {wave}"),
        Decision::Pause(PauseReason::Gate { gate }) => format!("pause: gate {gate}"),
        Decision::Rest => "rest".to_owned(),
        Decision::Finish(outcome) => format!("finish: {outcome:?}"),
    }
}

fn print_action(step: &StepId, action: &Action) -> String {
    match action {
        Action::Observe => format!("observe {step}"),
        Action::Prepare => format!("prepare {step}"),
        Action::Start(attempt) => format!("start {step} {attempt}"),
        Action::Settle => format!("settle {step}"),
        Action::Attach => format!("attach {step}"),
        Action::Verify => format!("verify {step}"),
        Action::Retry(_, error) => format!("retry {step}: {}", error.message),
        Action::Block(error) => format!("block {step}: {}", error.message),
    }
}
