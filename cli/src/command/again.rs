//! `kup start --plan FILE`: exactly the plan that was saved, if what it rests on is as it was.

use std::path::Path;
use std::sync::Arc;

use kup_core::guard::Guard;

use super::gates;
use super::resume::{minors, programs_from};
use super::upgrade::{Planned, Reached, look};
use crate::args::Start;
use crate::connect::connect_existing;
use crate::error::{CliError, Exit};
use crate::guarding::guard;
use crate::output::tell;
use crate::saved::{Saved, compare, facts};
use crate::wiring::Session;

/// Takes the inventory again, asks the gates again, and refuses when the answers are others.
pub(super) async fn planned(
    session: &Session,
    (path, args): (&Path, &Start),
    sim_dir: &Path,
) -> Result<Planned, CliError> {
    let saved = Saved::read(path)?;
    if saved.kup != super::VERSION {
        let (then, now) = (&saved.kup, super::VERSION);
        let message = format!("the plan was made by kup {then}, and this is kup {now}");
        return Err(CliError::unchanged(Exit::Usage, message).hint(saved.again()));
    }
    tell!("The plan in {} was made {}.", path.display(), saved.made);
    note_kubeconfig(args, &saved);
    let guard = same_guard(args, &saved)?;
    let clock = Arc::clone(&session.clock);
    let connected = connect_existing(saved.reach.clone(), sim_dir, clock).await?;
    same_cluster(&saved, &connected.cluster.identity().await?.uid)?;
    let reached =
        look(session, connected, minors(&saved.plan)?, programs_from(&saved.plan)).await?;
    let ignore = gates::ignored(&saved.ignore)?;
    let asking = (args.take_over.clone(), ignore.as_slice());
    let Reached { connected, hosts, inventory } = reached;
    let gates = gates::ask_all(session, &inventory, &saved.plan, asking).await?;
    let changed = compare(&saved.facts, &facts(&inventory, &saved.plan, &gates));
    if !changed.is_empty() {
        return Err(refused(&saved, changed));
    }
    Ok(Planned { connected, hosts, inventory, plan: saved.plan, gates, guard })
}

/// Backups are kept as the plan says. Where it says nothing and the environment names recipients, they are encrypted: nobody's plan is other for that.
fn same_guard(args: &Start, saved: &Saved) -> Result<Guard, CliError> {
    let given = guard(&args.upgrade.guard)?;
    match (&saved.guard, &given) {
        (Guard::Plain, _) => Ok(given),
        (said, Guard::Plain) => Ok(said.clone()),
        (Guard::OnNodes, _) => Ok(Guard::OnNodes),
        (said, _) if *said == given => Ok(given),
        (Guard::Encrypted { .. }, _) => {
            let message = "the plan says another recipient of backups than --backup-recipient or $KUP_BACKUP_RECIPIENT";
            Err(CliError::unchanged(Exit::Usage, message).hint(saved.again()))
        }
    }
}

fn note_kubeconfig(args: &Start, saved: &Saved) {
    let given = args.upgrade.reach.kubeconfig.as_ref();
    let other = given.filter(|path| !saved.reach.cluster.ends_with(&*path.to_string_lossy()));
    if let Some(other) = other {
        tell!("Note: {} is not used; the plan says {}.", other.display(), saved.reach.cluster);
    }
}

fn same_cluster(saved: &Saved, uid: &str) -> Result<(), CliError> {
    match saved.facts.get("cluster: uid") {
        Some(known) if known == uid => Ok(()),
        Some(_) | None => {
            let message =
                format!("the plan is for another cluster than the one at {}", saved.reach.cluster);
            Err(CliError::unchanged(Exit::Usage, message).hint(saved.again()))
        }
    }
}

fn refused(saved: &Saved, changed: Vec<String>) -> CliError {
    let message = "the plan does not fit any more: the cluster has changed since it was made";
    let error = CliError::unchanged(Exit::Stopped, message).hint(saved.again());
    changed.into_iter().fold(error, CliError::cause)
}
