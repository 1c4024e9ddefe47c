//! Whether the operator agrees to a rollback.

use kup_steps::rollback::{Loss, Way};

use crate::args::Rollback;
use crate::command::{confirm, confirm_by_typing};
use crate::error::{CliError, Exit};
use crate::wiring::Driver;

/// Asks, and where data are lost not with a mere yes.
pub(super) async fn ask(way: &Way, args: &Rollback, driver: &Driver) -> Result<(), CliError> {
    let endpoint = driver.engine.state().started.cluster.endpoint.clone();
    let (yes, agreed) = (args.yes, args.yes_lose_data_since.clone());
    let loss = way.loss.clone();
    let (from, to) = (&way.plan.from, &way.plan.to);
    let question = match &way.until {
        None => format!("Take the cluster at {endpoint} back from {from} to {to}?"),
        Some(wave) => {
            format!("Take the cluster at {endpoint} back towards {to}, as far as {wave}?")
        }
    };
    // Signals are heard already, so the question must not keep kup from obeying them.
    tokio::select! {
        answer = tokio::task::spawn_blocking(move || match loss {
            Some(loss) => may_lose(&loss, &endpoint, agreed.as_deref()),
            None => confirm(&question, yes),
        }) => {
            answer.map_err(|e| CliError::new(Exit::Unexpected, "cannot ask you").because(&e))?
        }
        exit = driver.signals.any() => {
            Err(CliError::unchanged(exit, "stopped before the rollback"))
        }
    }
}

/// Where data are lost `--yes` is not enough: a person types the endpoint, a machine names the moment.
fn may_lose(loss: &Loss, endpoint: &str, agreed: Option<&str>) -> Result<(), CliError> {
    match agreed {
        None => confirm_by_typing(
            &format!(
                "Everything written since {} will be lost. Type the endpoint of the control plane to go on ({endpoint}): ",
                loss.since
            ),
            (endpoint, "say --yes-lose-data-since TIME with the time that the plan names"),
        ),
        Some(moment) if moment == loss.since => Ok(()),
        Some(moment) => {
            let message = format!(
                "you agreed to lose what was written since {moment}, but the snapshot is of {}",
                loss.since
            );
            Err(CliError::unchanged(Exit::Usage, message)
                .hint(format!("--yes-lose-data-since {}", loss.since)))
        }
    }
}
