//! `kup plan VERSION`: what an upgrade would do, and what stands in its way.

use std::path::Path;

use kup_steps::difference::{self, Asking, Differences};
use kup_steps::version::Version;
use serde::Serialize;

use super::gates;
use super::options::kubeadm;
use super::upgrade::{Outcome, Planned, Wish, prepare};
use crate::args::{Global, Plan};
use crate::asked::blocked;
use crate::error::{CliError, Exit};
use crate::output::{self, tell};
use crate::render::plan::{SCHEMA, releases, screen};
use crate::saved::{Saved, Saving, facts};
use crate::system::{new_run_id, words};
use crate::wiring::{Session, discard};

/// What programs read when there is nothing to do.
#[derive(Serialize)]
struct Nothing {
    schema: u32,
    to: String,
    changes: bool,
}

/// Whether there is anything to do.
enum Found {
    Nothing,
    Changes,
}

pub(super) async fn run(global: &Global, args: &Plan) -> Result<Exit, CliError> {
    check(args)?;
    let session = Session::open(global)?;
    let scratch = new_run_id(session.clock.now());
    let scratch = scratch
        .map_err(|e| CliError::unchanged(Exit::Unexpected, "cannot name this").because(&e))?;
    let sim_dir = session.state_dir.join(format!("plan-{scratch}"));
    let found = show(global, &session, (args, &sim_dir)).await;
    discard(&sim_dir);
    match (found, args.detailed_exitcode) {
        (Ok(_), false) | (Ok(Found::Nothing), true) => Ok(Exit::Done),
        (Ok(Found::Changes), true) => Ok(Exit::Usage),
        (Err(error), false) => Err(error),
        (Err(error), true) => Err(error.exiting(Exit::Unexpected)),
    }
}

async fn show(
    global: &Global,
    session: &Session,
    (args, sim_dir): (&Plan, &Path),
) -> Result<Found, CliError> {
    let wish = Wish { version: &args.version, upgrade: &args.upgrade, take_over: None };
    let planned = match prepare(session, &wish, sim_dir).await? {
        Outcome::Planned(planned) => planned,
        Outcome::Equal(version) => return nothing(global, version),
    };
    let picture = planned.picture(session);
    let picture = match differences(&planned, args).await? {
        Some(differences) => picture.with(differences),
        None => picture,
    };
    output::print(global.output, &picture, || screen(&picture))?;
    match (blocked(&planned.gates), &args.out) {
        (None, None) => {}
        (None, Some(path)) => save(session, (&planned, args), path)?,
        (Some(error), None) => return Err(error),
        (Some(error), Some(_)) => {
            tell!("The plan is not saved: it is blocked.");
            return Err(error);
        }
    }
    Ok(Found::Changes)
}

/// Asks what kubeadm will change, if that is wanted.
async fn differences(planned: &Planned, args: &Plan) -> Result<Option<Differences>, CliError> {
    let Planned { connected, hosts, inventory, plan, .. } = planned;
    let Some(to) = releases(plan).into_iter().next().filter(|_| args.diff) else {
        return Ok(None);
    };
    let kubeadm = kubeadm(&args.upgrade.kubeadm)?;
    let cluster = connected.cluster.as_ref();
    let programs_from = args.upgrade.reach.programs_from.clone();
    let asking = Asking { cluster, hosts, plan, to, kubeadm: &kubeadm, programs_from };
    Ok(Some(difference::differences(inventory, &asking).await))
}

/// Saves the plan for `kup start --plan`.
fn save(
    session: &Session,
    (planned, args): (&Planned, &Plan),
    path: &Path,
) -> Result<(), CliError> {
    let Planned { connected, inventory, plan, gates, guard, .. } = planned;
    let ignore = gates::ignored(&args.upgrade.ignore)?;
    let saving = Saving {
        made: format!("{} by {}", session.clock.now(), session.operator),
        words: words(),
        reach: &connected.reach,
        ignore: ignore.iter().map(|about| about.code.to_owned()).collect(),
        guard,
        facts: facts(inventory, plan, gates),
        plan,
    };
    Saved::new(saving).write(path)?;
    tell!("The plan is saved. `kup start --plan {}` does exactly this.", path.display());
    Ok(())
}

/// A simulated cluster without a folder of its own is gone when the plan is shown.
fn check(args: &Plan) -> Result<(), CliError> {
    let reach = &args.upgrade.reach;
    if args.out.is_some() && reach.cluster.is_some() && reach.sim_dir.is_none() {
        let message = "this simulated cluster ends with this command, so that a saved plan would be of no use";
        return Err(CliError::unchanged(Exit::Usage, message)
            .hint("let it live in a folder: --sim-dir DIR"));
    }
    Ok(())
}

fn nothing(global: &Global, version: Version) -> Result<Found, CliError> {
    let to = version.to_string();
    let text = format!("The cluster is at {to} already: there is nothing to do.\n");
    output::print(global.output, &Nothing { schema: SCHEMA, to, changes: false }, || text)?;
    Ok(Found::Nothing)
}
