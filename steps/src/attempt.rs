//! Running a step's script on its node as an attempt that outlives us: send it unless it is there, wait, take its outcome. The
//! same function serves a first start, a lost connection and a resume.

use std::time::Duration;

use kup_core::activity::{ActivityError, AttemptName, Output, StepContext};
use kup_core::event::{ErrorClass, Settlement};

use crate::host::{AttemptStatus, Host, HostError, Order};
use crate::script::Script;
use crate::world::host_error;

const PAUSE_WHEN_UNREACHABLE: Duration = Duration::from_secs(2);
const MOST_SENDS: u32 = 5;
/// Exit statuses by which a script says that trying again will not help.
const REFUSALS: [i32; 2] = [65, 66];
const LINES_SHOWN: usize = 6;

/// Runs the attempt, or attaches to it where it already runs or has ended, and returns its output.
///
/// # Errors
/// `Unclear` while its outcome is not known at the deadline; else the class that the exit status has.
pub async fn run(
    cx: &StepContext,
    host: &dyn Host,
    script: Script,
) -> Result<Output, ActivityError> {
    let order = Order { name: name(cx), epoch: cx.epoch, intent: cx.intent, script };
    let mut sends = 0;
    loop {
        match step(cx, host, &order, &mut sends).await {
            Ok(Heard::Ended(status)) => return ended(cx, host, &order, status).await,
            Ok(Heard::Gone(what)) => return Err(gone(order.script.name, host.node(), &what)),
            Ok(Heard::UnderWay) => {}
            Err(HostError::Unreachable { source, .. }) => {
                cx.say(&format!(
                    "cannot reach {} ({source}); the node goes on by itself",
                    host.node()
                ));
                cx.clock.sleep(PAUSE_WHEN_UNREACHABLE).await;
            }
            Err(error) => {
                return Err(ActivityError { class: ErrorClass::Unclear, ..host_error(&error) });
            }
        }
        if cx.clock.now() > cx.deadline {
            let (what, node) = (order.script.name, host.node());
            return Err(ActivityError::unclear(format!(
                "`{what}` on {node} has not ended in the time it was given; it was not stopped"
            )));
        }
    }
}

/// What the node says of the attempt.
enum Heard {
    Ended(i32),
    UnderWay,
    Gone(String),
}

async fn step(
    cx: &StepContext,
    host: &dyn Host,
    order: &Order,
    sends: &mut u32,
) -> Result<Heard, HostError> {
    match host.status(&order.name).await? {
        AttemptStatus::Ended { status } => Ok(Heard::Ended(status)),
        AttemptStatus::Running { last_line } => {
            cx.say(&last_line);
            Ok(Heard::UnderWay)
        }
        AttemptStatus::Refused { owner } => {
            Err(HostError::Owned { node: host.node().to_owned(), owner })
        }
        AttemptStatus::Lost { what } => Ok(Heard::Gone(what)),
        AttemptStatus::NotStarted if *sends >= MOST_SENDS => {
            Ok(Heard::Gone(format!("it was sent {sends} times and left no trace")))
        }
        AttemptStatus::NotStarted => {
            *sends += 1;
            host.start(order).await.map(|()| Heard::UnderWay)
        }
    }
}

fn gone(script: &str, node: &str, what: &str) -> ActivityError {
    ActivityError::unclear(format!("`{script}` on {node} left no outcome: {what}"))
}

/// Takes the output over and turns the exit status into a result.
async fn ended(
    cx: &StepContext,
    host: &dyn Host,
    order: &Order,
    status: i32,
) -> Result<Output, ActivityError> {
    let look =
        |error: HostError| ActivityError { class: ErrorClass::Unclear, ..host_error(&error) };
    let bytes = host.output(&order.name).await.map_err(look)?;
    let blob = cx.blobs.put(&bytes).await.map_err(|error| {
        ActivityError::unclear("cannot keep the output of the attempt").because(&error)
    })?;
    let (what, node) = (order.script.name, host.node());
    if status == 0 {
        let summary = format!("`{what}` on {node} ended with status 0");
        return Ok(Output { summary, blob: Some(blob) });
    }
    let class =
        if REFUSALS.contains(&status) { ErrorClass::Permanent } else { ErrorClass::Transient };
    let mut error =
        ActivityError::new(class, format!("`{what}` on {node} ended with status {status}"));
    error.causes = last_lines(&String::from_utf8_lossy(&bytes));
    error.output = Some(blob);
    Err(error)
}

/// Returns the last lines that say something, for a person at night.
fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(LINES_SHOWN);
    lines.iter().skip(from).map(|line| line.chars().take(400).collect()).collect()
}

/// Asks the node what became of the attempt.
///
/// # Errors
/// When the node cannot be asked, which settles nothing.
pub async fn settle(cx: &StepContext, host: &dyn Host) -> Result<Settlement, ActivityError> {
    match host.status(&name(cx)).await.map_err(|e| host_error(&e))? {
        AttemptStatus::NotStarted => Ok(Settlement::NotStarted),
        AttemptStatus::Running { .. } => Ok(Settlement::Running),
        AttemptStatus::Ended { .. } => Ok(Settlement::Ended),
        AttemptStatus::Lost { what } => Ok(Settlement::Lost { what }),
        // Refused for its epoch: nothing was done. Its name is used up, so the next attempt gets a new one.
        AttemptStatus::Refused { owner } => {
            Ok(Settlement::Lost { what: format!("the node refused it; its owner: {owner}") })
        }
    }
}

fn name(cx: &StepContext) -> AttemptName {
    AttemptName { run: cx.run.clone(), step: cx.step.id.clone(), attempt: cx.attempt }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_is_gone_is_told_as_what_it_is() {
        let error = gone("install", "w2", "the machine has booted since it began");
        let told = "`install` on w2 left no outcome: the machine has booted since it began";
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::Unclear, told));
    }
}
