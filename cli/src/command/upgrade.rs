//! What `plan` and `start` have in common: flags to options, cluster to inventory, inventory to plan.

use std::path::Path;
use std::sync::Arc;

use kup_core::guard::Guard;
use kup_core::plan::Plan;
use kup_steps::gate::About;
use kup_steps::inventory::{self, Inventory, collect};
use kup_steps::planner::{PlanProblem, Target, plan};
use kup_steps::version::Version;

use super::gates;
use super::options::{by_hand, options};
use crate::args::Upgrade;
use crate::asked::Asked;
use crate::connect::{Connected, Hosts, connect, reach};
use crate::error::{CliError, Exit};
use crate::estimate::Durations;
use crate::guarding::guard;
use crate::render::plan::{Facts, Picture};
use crate::rescue;
use crate::wiring::Session;

/// An upgrade that is planned and checked, and has changed nothing.
pub(crate) struct Planned {
    pub(crate) connected: Connected,
    pub(crate) hosts: Hosts,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) plan: Plan,
    pub(crate) gates: Vec<Asked>,
    /// How secret backups are kept.
    pub(crate) guard: Guard,
}

impl Planned {
    /// Returns what is shown of it.
    pub(crate) fn picture(&self, session: &Session) -> Picture {
        let uid = &self.inventory.cluster.uid;
        let durations = Durations::learn(session, (uid, &self.connected.reach.kind));
        let (inventory, plan, gates) = (&self.inventory, &self.plan, &self.gates);
        let guard = &self.guard;
        Picture::of(&Facts { inventory, plan, gates, guard, durations: &durations })
    }
}

/// What an operator asks for.
pub(crate) struct Wish<'a> {
    pub(crate) version: &'a str,
    pub(crate) upgrade: &'a Upgrade,
    pub(crate) take_over: Option<String>,
}

/// What came of a wish.
pub(crate) enum Outcome {
    /// There is something to do.
    Planned(Box<Planned>),
    /// Everything is at this version already.
    Equal(Version),
}

/// A cluster within reach, and its machines.
pub(crate) struct Reached {
    pub(crate) connected: Connected,
    pub(crate) hosts: Hosts,
    pub(crate) inventory: Arc<Inventory>,
}

/// Plans and asks all gates.
pub(crate) async fn prepare(
    session: &Session,
    wish: &Wish<'_>,
    sim_dir: &Path,
) -> Result<Outcome, CliError> {
    let ignore: Vec<About> = gates::ignored(&wish.upgrade.ignore)?;
    let by_hand = by_hand(wish.upgrade)?;
    let guard = guard(&wish.upgrade.guard)?;
    let target = target(wish.version)?;
    let reach = reach(&wish.upgrade.reach, born_below(target))?;
    let connected = connect(reach, sim_dir, Arc::clone(&session.clock)).await?;
    let from = match inventory::version(connected.cluster.as_ref()).await {
        Ok(version) => version,
        Err(error) => return Err(rescue::explain(error.into(), &connected).await),
    };
    target.check(from)?;
    let reached =
        look(session, connected, target.minors(from), wish.upgrade.reach.programs_from.clone())
            .await?;
    let nodes = &reached.inventory.nodes;
    let n_workers = nodes.iter().filter(|node| !node.node.control_plane).count();
    let hops = target.hops_of(from, nodes.iter().map(|node| &node.offers))?;
    let options = options(wish.upgrade, hops, n_workers)?;
    let plan = match plan(&reached.inventory, &options) {
        Err(PlanProblem::Equal(version)) => return Ok(Outcome::Equal(version)),
        plan => by_hand.tell(plan?),
    };
    let asking = (wish.take_over.clone(), ignore.as_slice());
    let gates = gates::ask_all(session, &reached.inventory, &plan, asking).await?;
    let Reached { connected, hosts, inventory } = reached;
    Ok(Outcome::Planned(Box::new(Planned { connected, hosts, inventory, plan, gates, guard })))
}

/// Takes the inventory.
pub(crate) async fn look(
    session: &Session,
    connected: Connected,
    minors: Vec<String>,
    programs_from: Option<String>,
) -> Result<Reached, CliError> {
    let nodes = connected.cluster.nodes().await?;
    let local = &connected.reach.local_node;
    if !local.is_empty() && !nodes.iter().any(|node| node.name == *local) {
        let message = format!("--local-node: the cluster has no node `{local}`");
        return Err(CliError::unchanged(Exit::Usage, message));
    }
    let hosts = connected.hosts(&nodes);
    let asking = session.asking(minors, programs_from);
    let inventory = collect(connected.cluster.as_ref(), &nodes, &hosts, &asking).await?;
    Ok(Reached { connected, hosts, inventory: Arc::new(inventory) })
}

/// A simulated cluster whose version is not given is born one minor below the target.
fn born_below(target: Target) -> Option<Version> {
    match target {
        Target::Release(version) => Some(version),
        Target::Minor { major, minor } => Some(Version { major, minor, patch: 0 }),
        Target::Latest => None,
    }
}

fn target(text: &str) -> Result<Target, CliError> {
    text.parse().map_err(|e| {
        CliError::unchanged(Exit::Usage, "cannot upgrade to this version").because(&e).hint(
            "name a release such as v1.36.2, a minor such as 1.36 for its newest patch, or latest",
        )
    })
}
