//! Frees the backups of runs that need them no more. The entry that says so is on stable storage before anything is removed: what a crash
//! leaves over is rubbish, and the next time removes it.

use kup_core::engine::record_after;
use kup_core::event::{Event, MachineIdentity, RunStarted};
use kup_core::id::{BlobId, RunId};
use kup_core::journal::Journal;
use kup_core::state::RunState;
use kup_steps::kept::{Asked, forget};
use kup_store::backup_blobs;

use crate::error::{CliError, Exit};
use crate::known::{connected, machines};
use crate::wiring::Session;

/// What a node has freed, or why it has not.
pub(crate) type FreedOn = (String, Result<u64, String>);

/// Frees a run's backups on this machine, and returns how many bytes. `event` is what says so; `None` where that stands in the journal
/// already.
pub(crate) async fn free_here(
    session: &Session,
    run: &RunId,
    event: Option<Event>,
) -> Result<u64, CliError> {
    let (mut journal, history) = session.store.resume(run)?;
    let state = session.fold(run, &history.entries)?;
    let state = match event {
        Some(event) => record(session, &state, (&mut journal, event)).await?,
        None => state,
    };
    if !state.backups_are_free() {
        let message = format!("run {run} may still need its backups");
        return Err(CliError::unchanged(Exit::Usage, message));
    }
    let blobs: Vec<BlobId> = backup_blobs(&history.entries).into_iter().map(|it| it.0).collect();
    session.blobs(run).remove(&blobs, &journal).map_err(|e| {
        CliError::new(Exit::Unexpected, "cannot remove all backups")
            .because(&e)
            .state("the journal says that they are freed; some may be gone")
            .hint("`kup backup prune` removes the rest")
    })
}

async fn record(
    session: &Session,
    state: &RunState,
    (journal, event): (&mut dyn Journal, Event),
) -> Result<RunState, CliError> {
    Ok(record_after(state, journal, session.clock.as_ref(), event).await?)
}

/// Removes the copies of runs from the nodes, as one of the runs reaches them. A node that does not answer keeps its copies.
pub(crate) async fn free_on_nodes(
    session: &Session,
    (run, started): (&RunId, &RunStarted),
    runs: &[RunId],
) -> Vec<FreedOn> {
    let connected = match connected(&session.state_dir, run, started).await {
        Ok(connected) => connected,
        Err(error) => return vec![("all nodes".to_owned(), Err(error.in_one_line()))],
    };
    let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
    let asked = |(machine, host): (MachineIdentity, _)| -> Asked<Vec<String>> {
        (machine, host, runs.clone())
    };
    let answers = forget(machines(&connected, started).into_iter().map(asked).collect()).await;
    let plain = |error: kup_core::activity::ActivityError| error.to_record().to_string();
    answers.into_iter().map(|(node, freed)| (node, freed.map_err(plain))).collect()
}
