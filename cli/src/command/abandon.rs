//! `kup abandon RUN --reason TEXT`: give a run up. The cluster and its nodes stay as they are.

use kup_core::event::{Event, Outcome, RunFinished};

use super::resume::take_over;
use crate::args::{Abandon, Global};
use crate::error::{CliError, Exit};
use crate::render::show;
use crate::wiring::{Session, is_finished};

pub(super) async fn run(global: &Global, args: &Abandon) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, _) = session.read(&run)?;
    if is_finished(&seen) {
        eprintln!("Run {run} is over already: {}", show::status(&seen));
        return Ok(Exit::Done);
    }
    if args.reason.trim().is_empty() {
        return Err(CliError::unchanged(
            Exit::Usage,
            "say why with --reason; it is kept in the history",
        ));
    }
    let (mut driver, _cluster_lock) = take_over(&session, &run, None).await?;
    let reason = format!("{}: {}", session.operator, args.reason);
    let finished = RunFinished { outcome: Outcome::Abandoned, reason };
    driver.engine.record(vec![Event::RunFinished(finished)]).await?;
    driver.world.release().await;
    driver.screen.close();
    eprintln!("Run {run} is abandoned. {}", show::world(driver.engine.state()));
    Ok(Exit::Done)
}
