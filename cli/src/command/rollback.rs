//! `kup rollback RUN`: undo what a run did, after showing it.

use kup_core::activity::ActivityError;
use kup_core::decide::Mode;
use kup_core::engine::Rest;
use kup_core::event::{Event, PauseReason, RollbackStarted, RunPaused};
use kup_core::id::RunId;
use kup_core::plan::Plan;
use kup_core::state::{Phase, RunState, Status};
use kup_steps::planner::takes_backups;
use kup_steps::rollback::{Class, Present, not_committed, rollback, touched_control_planes};

use serde::Serialize;

use super::confirm;
use super::resume::{reconnect, resumed, take_over};
use crate::args::{Format, Global, Rollback};
use crate::connect::Connected;
use crate::error::{CliError, Exit};
use crate::output::{self, tell};
use crate::render::rollback::plan_table;
use crate::wiring::{Driver, Session, conclude};

pub(super) async fn run(global: &Global, args: &Rollback) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, _) = session.read(&run)?;
    if seen.phase == Phase::Rollback && seen.is_finished() {
        tell!("Run {run} was rolled back already. Nothing was changed.");
        return Ok(Exit::Done);
    }
    if takes_backups(&seen.started.plan) {
        tell!("Run {run} took backups and changed nothing: there is nothing to roll back.");
        return Ok(Exit::Done);
    }
    not_committed(&seen)?;
    must_be_newest(&session, &run, &seen)?;
    if args.dry_run {
        let connected = reconnect(&session, &run, &seen).await?;
        let present = look(&connected, &seen).await?;
        let (plan, class) = rollback(&seen, &present)?;
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
    let unfinished = !driver.engine.state().is_finished();
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
            } else {
                // To look at a node was to own it, and this run is over.
                driver.world.release_known().await;
            }
            Err(error)
        }
    }
}

async fn agree(global: &Global, args: &Rollback, driver: &Driver) -> Result<Plan, CliError> {
    let unchanged =
        |exit, e: ActivityError| CliError::unchanged(exit, "cannot plan the way back").because(&e);
    let cluster = driver.world.cluster().await.map_err(|e| unchanged(Exit::Api, e))?;
    let state = driver.engine.state();
    let mut present = Present { nodes: cluster.nodes().await?, ..Present::default() };
    for node in touched_control_planes(state) {
        let host = driver.world.host(&node).await.map_err(|e| unchanged(Exit::Ssh, e))?;
        present.look_at(node, host).await?;
    }
    let (plan, class) = rollback(state, &present)?;
    show(
        &Global { state_dir: None, output: Format::Table, verbose: global.verbose },
        (&plan, class),
        state,
    )?;
    let endpoint = &state.started.cluster.endpoint;
    let question =
        format!("Take the cluster at {endpoint} back from {} to {}?", plan.from, plan.to);
    let yes = args.yes;
    // Signals are heard already, so the question must not keep kup from obeying them.
    tokio::select! {
        answer = tokio::task::spawn_blocking(move || confirm(&question, yes)) => {
            answer.map_err(|e| CliError::new(Exit::Unexpected, "cannot ask you").because(&e))??;
        }
        exit = driver.signals.any() => {
            return Err(CliError::unchanged(exit, "stopped before the rollback"));
        }
    }
    Ok(plan)
}

/// Looks without owning anything, for a dry run.
async fn look(connected: &Connected, state: &RunState) -> Result<Present, CliError> {
    let mut present = Present { nodes: connected.cluster.nodes().await?, ..Present::default() };
    let machines = state.started.machines.iter().map(|m| (m.name.clone(), m.address.clone()));
    let hosts = connected.hosts_at(machines);
    for node in touched_control_planes(state) {
        if let Some((_, host)) = hosts.get(&node) {
            present.look_at(node, host.as_ref()).await?;
        }
    }
    Ok(present)
}

#[derive(Serialize)]
struct Shown<'a> {
    class: String,
    cost: &'static str,
    plan: &'a Plan,
}

fn show(global: &Global, (plan, class): (&Plan, Class), state: &RunState) -> Result<(), CliError> {
    let shown = Shown { class: format!("{class:?}"), cost: class.explain(), plan };
    output::print(global.output, &shown, || {
        let endpoint = &state.started.cluster.endpoint;
        format!("{}{class:?}: {}\n", plan_table(plan, endpoint), class.explain())
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
    // Nothing rests on a run that only took backups.
    let upgrades = |later: &&kup_store::RunSummary| {
        session.read(&later.run).map_or(true, |(state, _)| !takes_backups(&state.started.plan))
    };
    match summaries.iter().filter(started).find(upgrades) {
        Some(later) if !over => Err(CliError::unchanged(
            Exit::Usage,
            format!("run {run} is not the newest of its cluster: {} came later", later.run),
        )
        .hint(format!("`kup rollback {}` first", later.run))),
        Some(_) | None => Ok(()),
    }
}
