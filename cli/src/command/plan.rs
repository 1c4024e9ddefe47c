//! `kup plan VERSION`: what an upgrade would do, and what stands in its way.

use serde::Serialize;

use super::upgrade::prepare;
use crate::args::{Global, Upgrade};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::plan::{blocked, gates_table, plan_table};
use crate::system::new_run_id;
use crate::wiring::{Session, discard};

#[derive(Serialize)]
struct Shown<'a> {
    plan: &'a kup_core::plan::Plan,
    gates: Vec<&'a kup_core::event::Event>,
}

pub(super) async fn run(global: &Global, args: &Upgrade) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let scratch = new_run_id(session.clock.now());
    let scratch = scratch
        .map_err(|e| CliError::unchanged(Exit::Unexpected, "cannot name this").because(&e))?;
    let sim_dir = session.state_dir.join(format!("plan-{scratch}"));
    let planned = prepare(&session, args, (&sim_dir, None)).await;
    discard(&sim_dir);
    let planned = planned?;
    let shown = Shown { plan: &planned.plan, gates: planned.gates.iter().collect() };
    output::print(global.output, &shown, || {
        let endpoint = &planned.inventory.cluster.endpoint;
        plan_table(&planned.plan, endpoint) + &gates_table(&planned.gates)
    })?;
    match blocked(&planned.gates) {
        None => Ok(Exit::Done),
        Some(error) => Err(error),
    }
}
