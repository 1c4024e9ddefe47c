//! `kup commit RUN`: end the time in which a finished run can be rolled back, and free its backups. Neither the cluster nor a node must answer:
//! a node that does not keeps its copies, and is named.

use kup_core::event::{Event, Outcome, RunCommitted};
use kup_core::id::RunId;
use kup_core::state::{Afterword, RunState, Status};
use kup_steps::planner::takes_backups;
use kup_store::backup_blobs;

use super::confirm;
use crate::args::{Commit, Global};
use crate::error::{CliError, Exit};
use crate::freeing::{FreedOn, free_here, free_on_nodes};
use crate::output::tell;
use crate::render::backup::freed;
use crate::render::{show, size};
use crate::wiring::Session;

pub(super) async fn run(global: &Global, args: &Commit) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, entries) = session.read(&run)?;
    let event = match &seen.committed {
        Some(Afterword { at, operator, .. }) => {
            tell!("Run {run} was committed at {at} by {operator} already.");
            None
        }
        None => {
            can_be_committed(&run, &seen)?;
            let bytes = backup_blobs(&entries).iter().map(|(_, size)| size).sum();
            ask(&run, &seen, (bytes, args.yes))?;
            let (operator, reason) = (session.operator.clone(), args.reason.clone());
            Some(Event::RunCommitted(RunCommitted { operator, reason }))
        }
    };
    let is_new = event.is_some();
    let bytes = free_here(&session, &run, event).await?;
    if is_new {
        tell!("Run {run} is committed: it can be rolled back no more.");
    }
    if is_new || bytes > 0 {
        tell!("{} freed on this machine; the outputs of its commands stay.", size(bytes));
    }
    let nodes = free_on_nodes(&session, (&run, &seen.started), std::slice::from_ref(&run)).await;
    Ok(tell_nodes(&nodes))
}

/// Says what nodes have freed; one that does not answer is left for later.
pub(super) fn tell_nodes(nodes: &[FreedOn]) -> Exit {
    for line in freed(nodes) {
        tell!("{line}");
    }
    if nodes.iter().all(|(_, freed)| freed.is_ok()) { Exit::Done } else { Exit::Ssh }
}

fn ask(run: &RunId, state: &RunState, (bytes, yes): (u64, bool)) -> Result<(), CliError> {
    let (from, to) = (&state.started.plan.from, &state.started.plan.to);
    let endpoint = &state.started.cluster.endpoint;
    tell!("Run {run} took the cluster at {endpoint} from {from} to {to}.");
    tell!(
        "Committed, it cannot be rolled back any more. Its backups ({} here, and their copies on the nodes) are removed.",
        size(bytes)
    );
    confirm("Commit it?", yes)
}

/// Only what has succeeded, and is not on its way back, has something to commit.
fn can_be_committed(run: &RunId, state: &RunState) -> Result<(), CliError> {
    let refused = |why: &str| CliError::unchanged(Exit::Usage, format!("run {run} {why}"));
    match &state.status {
        Status::Finished(Outcome::Succeeded) if takes_backups(&state.started.plan) => {
            Err(refused("took backups and changed nothing: there is nothing to commit")
                .hint("`kup backup prune` frees old ones"))
        }
        Status::Finished(Outcome::Succeeded) => Ok(()),
        Status::Finished(Outcome::RolledBack) => {
            Err(refused("was rolled back: there is nothing to commit")
                .hint("`kup backup prune` frees its backups"))
        }
        Status::Finished(Outcome::Abandoned) => {
            Err(refused("was abandoned: there is nothing to commit")
                .hint("`kup backup prune` frees its backups"))
        }
        Status::Running | Status::Paused(_) => {
            let why = format!("is not over ({}) and needs its backups", show::status(state));
            Err(refused(&why).hint(show::next_commands(run, state).join(" · ")))
        }
    }
}
