//! `kup abandon RUN --reason TEXT`: give a run up. The cluster and its nodes stay as they are.

use kup_core::decide::Mode;
use kup_core::engine::Rest;
use kup_core::event::{Event, Outcome, RunFinished};

use super::resume::{resumed, take_over};
use crate::args::{Abandon, Global};
use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::render::show;
use crate::wiring::Session;

pub(super) async fn run(global: &Global, args: &Abandon) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, _) = session.read(&run)?;
    if seen.is_finished() {
        tell!("Run {run} is over already: {}", show::status(&seen));
        return Ok(Exit::Done);
    }
    if args.reason.trim().is_empty() {
        return Err(CliError::unchanged(
            Exit::Usage,
            "say why with --reason; it is kept in the history",
        ));
    }
    let (mut driver, _cluster_lock) = take_over(&session, &run, None).await?;
    // A command may still run on a node: it is waited for, so that nothing of this run goes on after its end.
    driver.engine.record(vec![resumed(&session, "to abandon".to_owned())]).await?;
    if let Rest::Paused(_) = driver.drive(Mode::Settle).await? {
        return Err(CliError::new(Exit::Stopped, "stopped before the run was abandoned"));
    }
    let reason = format!("{}: {}", session.operator, args.reason);
    let finished = RunFinished { outcome: Outcome::Abandoned, reason };
    driver.engine.record(vec![Event::RunFinished(finished)]).await?;
    driver.world.release().await;
    driver.screen.close();
    tell!("Run {run} is abandoned. {}", show::world(driver.engine.state()));
    let steps = driver.engine.state().steps.iter();
    for (step, _) in steps.filter(|(_, record)| record.may_be_under_way()) {
        tell!(
            "what became of step `{step}` is not known: it may still be under way on its node; `kup doctor {run} --nodes` asks"
        );
    }
    for node in show::cordoned(driver.engine.state()) {
        tell!("{node} may still be cordoned: `kubectl uncordon {node}`");
    }
    Ok(Exit::Done)
}
