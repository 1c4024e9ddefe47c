//! `kup backup create`: backups outside of an upgrade, as a run of its own. It changes nothing in the cluster, so that nobody is asked.

use std::sync::Arc;

use kup_core::id::RunId;
use kup_steps::inventory;
use kup_steps::planner::backup_plan;

use crate::args::{Create, Global};
use crate::command::start::{Driving, drive};
use crate::command::upgrade::{Planned, Reached, look};
use crate::connect::{connect, reach};
use crate::error::{CliError, Exit};
use crate::guarding::{guard, sentence};
use crate::output::tell;
use crate::rescue;
use crate::system::new_run_id;
use crate::wiring::{Session, discard};

pub(super) async fn run(global: &Global, args: &Create) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = new_run_id(session.clock.now());
    let run =
        run.map_err(|e| CliError::unchanged(Exit::Unexpected, "cannot name a run").because(&e))?;
    match prepare(&session, args, &run).await {
        Ok(planned) => drive(&session, run, planned, Driving::default()).await,
        Err(error) => {
            discard(&session.run_dir(&run));
            Err(error)
        }
    }
}

async fn prepare(session: &Session, args: &Create, run: &RunId) -> Result<Planned, CliError> {
    let (guard, args) = (guard(&args.guard)?, &args.reach);
    if args.cluster.is_some() {
        session.store.make_folder(run)?;
    }
    let sim_dir = session.sim_dir(run);
    let connected = connect(reach(args, None)?, &sim_dir, Arc::clone(&session.clock)).await?;
    if let Err(error) = inventory::version(connected.cluster.as_ref()).await {
        return Err(rescue::explain(error.into(), &connected).await);
    }
    let reached = look(session, connected, Vec::new(), args.programs_from.clone()).await?;
    let Reached { connected, hosts, inventory } = reached;
    let plan = backup_plan(&inventory, &guard)?;
    tell!(
        "Copying from the cluster at {} and its {} nodes; nothing is changed there.",
        inventory.cluster.endpoint,
        inventory.nodes.len()
    );
    if let Some(how) = sentence(&guard) {
        tell!("{how}.");
    }
    Ok(Planned { connected, hosts, inventory, plan, gates: Vec::new(), guard })
}
