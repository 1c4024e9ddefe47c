//! `kup rollback RUN`: undo what a run did, after showing it.

use kup_core::decide::Mode;
use kup_core::engine::Rest;
use kup_core::event::{Event, PauseReason, RollbackStarted, RunPaused};
use kup_core::id::RunId;
use kup_core::plan::Plan;
use kup_core::state::{Phase, RunState, Status};
use kup_steps::rollback::{Class, rollback};

use super::confirm;
use super::resume::{reconnect, resumed, take_over};
use crate::args::{Format, Global, Rollback};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::plan::plan_table;
use crate::wiring::{Driver, Session, conclude, is_finished};

pub(super) async fn run(global: &Global, args: &Rollback) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, _) = session.read(&run)?;
    if seen.phase == Phase::Rollback && is_finished(&seen) {
        eprintln!("Run {run} was rolled back already. Nothing was changed.");
        return Ok(Exit::Done);
    }
    must_be_newest(&session, &run, &seen)?;
    if args.dry_run {
        let connected = reconnect(&session, &run, &seen).await?;
        let nodes = connected.cluster.nodes().await?;
        let (plan, class) = rollback(&seen, &nodes)?;
        return show(global, (&plan, class), &seen).map(|()| Exit::Done);
    }
    let (mut driver, _cluster_lock) = take_over(&session, &run, None).await?;
    if seen.phase == Phase::Rollback {
        driver.engine.record(vec![resumed(&session, args.reason.clone())]).await?;
    } else {
        turn_back(global, args, &session, &mut driver).await?;
    }
    let rest = driver.drive(Mode::Go).await?;
    let exit = conclude(&driver, &run, rest)?;
    Ok(if exit == Exit::RolledBack { Exit::Done } else { exit })
}

/// Learns what is still under way, plans the way back, asks, and records it.
async fn turn_back(
    global: &Global,
    args: &Rollback,
    session: &Session,
    driver: &mut Driver,
) -> Result<(), CliError> {
    let unfinished = !is_finished(driver.engine.state());
    if unfinished {
        driver.engine.record(vec![resumed(session, "to roll back".to_owned())]).await?;
        if let Rest::Paused(reason) = driver.drive(Mode::Settle).await? {
            return Err(CliError::new(
                Exit::Stopped,
                format!("stopped before the rollback: {reason:?}"),
            ));
        }
    }
    let agreed = agree(global, args, driver).await;
    match agreed {
        Ok(plan) => {
            let (operator, reason) = (session.operator.clone(), args.reason.clone());
            let started = RollbackStarted { operator, reason, plan };
            driver.engine.record(vec![Event::RollbackStarted(Box::new(started))]).await?;
            Ok(())
        }
        Err(error) => {
            if unfinished {
                let paused = RunPaused { reason: PauseReason::Interrupted };
                driver.engine.record(vec![Event::RunPaused(paused)]).await?;
            }
            Err(error)
        }
    }
}

async fn agree(global: &Global, args: &Rollback, driver: &Driver) -> Result<Plan, CliError> {
    let cluster = driver.world.cluster().await;
    let cluster = cluster
        .map_err(|e| CliError::unchanged(Exit::Api, "cannot plan the way back").because(&e))?;
    let nodes = cluster.nodes().await?;
    let state = driver.engine.state();
    let (plan, class) = rollback(state, &nodes)?;
    show(
        &Global { state_dir: None, output: Format::Table, verbose: global.verbose },
        (&plan, class),
        state,
    )?;
    let endpoint = &state.started.cluster.endpoint;
    confirm(
        &format!("Take the cluster at {endpoint} back from {} to {}?", plan.from, plan.to),
        args.yes,
    )?;
    Ok(plan)
}

fn show(global: &Global, (plan, class): (&Plan, Class), state: &RunState) -> Result<(), CliError> {
    output::print(global.output, plan, || {
        format!("{}{}\n", plan_table(plan, &state.started.cluster.endpoint), class.explain())
    })
}

/// Only the newest run of a cluster goes back: later ones rest on it.
fn must_be_newest(session: &Session, run: &RunId, seen: &RunState) -> Result<(), CliError> {
    let summaries = session.index().summaries(&session.store)?;
    let started = |summary: &&kup_store::RunSummary| {
        summary.cluster_uid == seen.started.cluster.uid
            && summary.run != *run
            && summary.started > seen.started_at
    };
    let over = matches!(seen.status, Status::Finished(kup_core::event::Outcome::Abandoned));
    match summaries.iter().find(started) {
        Some(later) if !over => Err(CliError::unchanged(
            Exit::Usage,
            format!("run {run} is not the newest of its cluster: {} came later", later.run),
        )
        .hint(format!("`kup rollback {}` first", later.run))),
        Some(_) | None => Ok(()),
    }
}
