//! `kup inventory`: the cluster and its machines as kup sees them. Changes nothing; a node that does not answer is part of the picture.

use std::path::Path;
use std::sync::Arc;

use kup_steps::inventory::{self, Inventory, collect};
use kup_steps::version::Version;

use crate::args::{Global, ReachArgs};
use crate::connect::{connect, reach};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::inventory::{inventory_table, shown};
use crate::system::new_run_id;
use crate::wiring::{Session, discard};

pub(super) async fn run(global: &Global, args: &ReachArgs) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let scratch = new_run_id(session.clock.now());
    let scratch = scratch
        .map_err(|e| CliError::unchanged(Exit::Unexpected, "cannot name this").because(&e))?;
    let sim_dir = session.state_dir.join(format!("inventory-{scratch}"));
    let inventory = look(&session, args, &sim_dir).await;
    discard(&sim_dir);
    let inventory = inventory?;
    let shown = shown(&inventory)
        .map_err(|e| CliError::new(Exit::Unexpected, "cannot print this").because(&e))?;
    output::print(global.output, &shown, || inventory_table(&inventory))?;
    Ok(Exit::Done)
}

async fn look(session: &Session, args: &ReachArgs, sim_dir: &Path) -> Result<Inventory, CliError> {
    let connected = connect(reach(args, None)?, sim_dir, Arc::clone(&session.clock)).await?;
    let cluster = connected.cluster.as_ref();
    let at = inventory::version(cluster).await?;
    let next = Version { minor: at.minor.saturating_add(1), ..at };
    let minors = [at, next].map(|version| version.minor_name()).to_vec();
    let nodes = cluster.nodes().await?;
    let hosts = connected.hosts(&nodes);
    Ok(collect(cluster, &nodes, &hosts, &session.asking(minors, args.programs_from.clone()))
        .await?)
}
