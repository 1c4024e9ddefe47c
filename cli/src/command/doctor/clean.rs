//! `kup doctor RUN --clean`: takes away what a run that is over left behind: owner's records on nodes, unfinished files beside its blobs.
//! Journals, backups and the traces of attempts stay.

use kup_core::id::RunId;
use kup_steps::host::{Owner, run_of_owner};

use super::nodes;
use crate::args::{Doctor, Global};
use crate::command::confirm;
use crate::error::{CliError, Exit};
use crate::known;
use crate::wiring::{Session, hold};

pub(super) async fn run(global: &Global, args: &Doctor, run: &RunId) -> Result<String, CliError> {
    let session = Session::open(global)?;
    let (seen, _) = session.read(run)?;
    if !seen.is_finished() {
        let message = format!("run {run} is not over, and needs what it has left");
        return Err(CliError::unchanged(Exit::Usage, message)
            .hint(format!("`kup resume {run}` goes on with it, `kup abandon {run}` gives it up")));
    }
    let connected = known::connected(&session.state_dir, run, &seen.started).await?;
    let answers = nodes::ask(&connected, &seen.started).await;
    let is_ours = |owner: &String| run_of_owner(owner) == Some(run.as_str());
    let owned: Vec<String> = answers
        .into_iter()
        .filter(|(_, left)| {
            left.as_ref().is_ok_and(|left| left.owner.as_ref().is_some_and(is_ours))
        })
        .map(|(node, _)| node)
        .collect();
    let named = if owned.is_empty() { "no node".to_owned() } else { owned.join(", ") };
    confirm(&format!("Release {named}, and remove the run's unfinished files?"), args.yes)?;
    // Who holds a run removes its unfinished files; nothing is appended.
    drop(hold(&session, run)?);
    let owner = Owner {
        cluster: seen.started.cluster.uid.clone(),
        run: run.clone(),
        epoch: seen.epoch,
        operator: session.operator.clone(),
    };
    let machines = seen.started.machines.iter().map(|it| (it.name.clone(), it.address.clone()));
    for (node, (_, host)) in connected.hosts_at(machines) {
        if owned.contains(&node) {
            host.release(&owner).await?;
        }
    }
    Ok(format!("{named} released, unfinished files of run {run} removed"))
}
