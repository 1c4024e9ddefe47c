//! What must be so before a rollback touches anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::event::Outcome;
use kup_core::id::RunId;
use kup_core::journal::Blobs;
use kup_core::state::{RunState, Status, StepRecord};
use kup_steps::host::Host;
use kup_steps::planner::takes_backups;
use kup_steps::rollback::Way;
use kup_steps::rollback::backups::unsound;
use kup_steps::rollback::keys::lacking;

use crate::error::{CliError, Exit};
use crate::wiring::Session;

/// Refuses a way back that rests on backups which are whole nowhere.
pub(super) async fn must_be_sound(
    (session, run): (&Session, &RunId),
    (way, state): (&Way, &RunState),
    hosts: &BTreeMap<String, Arc<dyn Host>>,
) -> Result<(), CliError> {
    let blobs = session.blobs(run);
    let unsound = unsound((&way.plan, state), &blobs, hosts).await?;
    if unsound.is_empty() {
        return must_have_keys((way, state), &blobs, hosts).await;
    }
    let are_locked = unsound.iter().all(|it| it.is_locked);
    let (exit, message) = match are_locked {
        true => (Exit::Usage, "the way back rests on backups that are encrypted"),
        false => (Exit::Damaged, "the way back rests on backups that are not whole"),
    };
    let causes = unsound.into_iter().map(|it| it.why);
    let error = causes.fold(CliError::unchanged(exit, message), CliError::cause);
    if are_locked {
        return Err(error.hint(format!("`kup rollback {run} --backup-identity FILE`, the file with the age identity or the private key of SSH that opens them")));
    }
    Err(error.hint(format!("`kup backup verify {run}` reads all of them; bring the blob back under its name from a copy of the state directory")))
}

/// Refuses a way back to a control plane that would not serve for want of a key.
async fn must_have_keys(
    (way, state): (&Way, &RunState),
    blobs: &dyn Blobs,
    hosts: &BTreeMap<String, Arc<dyn Host>>,
) -> Result<(), CliError> {
    let lacking = lacking((&way.plan, state), blobs, hosts).await?;
    if lacking.is_empty() {
        return Ok(());
    }
    let message = "the control plane from before would not serve: a key that it needs is missing";
    let error =
        lacking.into_iter().fold(CliError::unchanged(Exit::Damaged, message), CliError::cause);
    Err(error.hint("bring it to its place on the node from a backup of your own, then try again"))
}

/// Only the newest run of a cluster goes back: later ones rest on it.
pub(super) fn must_be_newest(
    session: &Session,
    run: &RunId,
    seen: &RunState,
) -> Result<(), CliError> {
    let summaries = session.index().summaries(&session.store)?;
    let started = |summary: &&kup_store::RunSummary| {
        summary.cluster_uid == seen.started.cluster.uid
            && summary.run != *run
            && summary.started > seen.started_at
    };
    if seen.status == Status::Finished(Outcome::Abandoned) {
        return Ok(());
    }
    for later in summaries.iter().filter(started) {
        let state = session.read(&later.run).ok().map(|(state, _)| state);
        if state.as_ref().is_some_and(has_left_nothing) {
            continue;
        }
        let is_abandoned =
            state.is_some_and(|it| it.status == Status::Finished(Outcome::Abandoned));
        let message =
            format!("run {run} is not the newest of its cluster: {} came later", later.run);
        let hint = match is_abandoned {
            false => format!("`kup rollback {}` first", later.run),
            true => format!(
                "run {} was abandoned, and what it did stays: `kup show {}`. Nothing leads back over it; go forward with `kup start`",
                later.run, later.run
            ),
        };
        return Err(CliError::unchanged(Exit::Usage, message).hint(hint));
    }
    Ok(())
}

/// Whether a run has left the cluster as it found it: it only took backups, it went back as a whole, or it was given up before it did anything.
fn has_left_nothing(state: &RunState) -> bool {
    if takes_backups(&state.started.plan) {
        return true;
    }
    match state.status {
        Status::Finished(Outcome::RolledBack) => state.left_out().is_empty(),
        Status::Finished(Outcome::Abandoned) => !state.started.plan.steps().any(|(_, step)| {
            let looks = ["etcd-snapshot", "etcdutl", "prefetch", "upgrade-plan"];
            !looks.contains(&step.activity.as_str())
                && state.step(&step.id).is_some_and(StepRecord::had_effects)
        }),
        Status::Finished(Outcome::Succeeded) | Status::Running | Status::Paused(_) => false,
    }
}
