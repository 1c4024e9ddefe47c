//! What `plan` and `start` have in common: flags to options, cluster to inventory, inventory to plan.

use std::path::Path;
use std::sync::Arc;

use kup_core::plan::Plan;
use kup_steps::facts::Offers;
use kup_steps::gate::About;
use kup_steps::inventory::{self, Asking, Inventory, collect};
use kup_steps::planner::{
    Drain, KubeadmOptions, Options, PlanProblem, Target, WorkerHops, plan,
};
use kup_steps::version::Version;

use super::gates;
use crate::args::Upgrade;
use crate::asked::Asked;
use crate::connect::{Connected, Hosts, connect, reach};
use crate::error::{CliError, Exit};
use crate::estimate::Durations;
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
}

impl Planned {
    /// Returns what is shown of it.
    pub(crate) fn picture(&self, session: &Session) -> Picture {
        let uid = &self.inventory.cluster.uid;
        let durations = Durations::learn(session, (uid, &self.connected.reach.kind));
        let (inventory, plan, gates) = (&self.inventory, &self.plan, &self.gates);
        Picture::of(&Facts { inventory, plan, gates, durations: &durations })
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
    let target = target(wish.version)?;
    let reach = reach(&wish.upgrade.reach, born_below(target))?;
    let connected = connect(reach, sim_dir, Arc::clone(&session.clock)).await?;
    let from = match inventory::version(connected.cluster.as_ref()).await {
        Ok(version) => version,
        Err(error) => return Err(rescue::explain(error.into(), &connected).await),
    };
    target.check(from)?;
    let reached = look(session, connected, target.minors(from)).await?;
    let nodes = &reached.inventory.nodes;
    let offers = Offers::of_all(nodes.iter().map(|node| &node.offers));
    let n_workers = nodes.iter().filter(|node| !node.node.control_plane).count();
    let options = options(wish.upgrade, target.hops(from, &offers)?, n_workers)?;
    let plan = match plan(&reached.inventory, &options) {
        Err(PlanProblem::Equal(version)) => return Ok(Outcome::Equal(version)),
        plan => plan?,
    };
    let asking = (wish.take_over.clone(), ignore.as_slice());
    let gates = gates::ask_all(session, &reached.inventory, &plan, asking).await?;
    let Reached { connected, hosts, inventory } = reached;
    Ok(Outcome::Planned(Box::new(Planned { connected, hosts, inventory, plan, gates })))
}

/// Takes the inventory.
pub(crate) async fn look(
    session: &Session,
    connected: Connected,
    minors: Vec<String>,
) -> Result<Reached, CliError> {
    let nodes = connected.cluster.nodes().await?;
    let local = &connected.reach.local_node;
    if !local.is_empty() && !nodes.iter().any(|node| node.name == *local) {
        let message = format!("--local-node: the cluster has no node `{local}`");
        return Err(CliError::unchanged(Exit::Usage, message));
    }
    let hosts = connected.hosts(&nodes);
    let asking = Asking { minors, clock: Arc::clone(&session.clock) };
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

fn options(args: &Upgrade, hops: Vec<Version>, n_workers: usize) -> Result<Options, CliError> {
    let ignored = args.ignore_preflight_errors.iter();
    Ok(Options {
        hops,
        first: args.first.clone(),
        max_unavailable: max_unavailable(&args.max_unavailable, n_workers)?,
        workers: match args.workers_skip_hops {
            true => WorkerHops::Last,
            false => WorkerHops::Every,
        },
        kubeadm: KubeadmOptions {
            ignore_preflight_errors: ignored
                .flat_map(|names| names.split(','))
                .map(str::to_owned)
                .collect(),
            ..KubeadmOptions::default()
        },
        drain: Drain {
            delete_emptydir_data: args.drain.delete_emptydir_data,
            force: args.drain.drain_force,
            grace_period: args.drain.drain_grace_period,
            timeout: args.drain.drain_timeout,
        },
    })
}

/// Reads `2` or `30%`; a percentage is of the workers, rounded down, and at least one.
fn max_unavailable(text: &str, n_workers: usize) -> Result<u32, CliError> {
    let wrong = || {
        let message = format!("`{text}` is not a number of workers; write 1, 3 or 20%");
        CliError::unchanged(Exit::Usage, message)
    };
    let number: u32 = text.trim_end_matches('%').parse().map_err(|_| wrong())?;
    match text.strip_suffix('%') {
        None if number >= 1 => Ok(number),
        Some(percent) if !percent.ends_with('%') && (1..=100).contains(&number) => {
            let share = n_workers.saturating_mul(number as usize) / 100;
            Ok(u32::try_from(share).unwrap_or(u32::MAX).max(1))
        }
        None | Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_of_the_workers_and_never_zero() {
        assert_eq!(max_unavailable("30%", 10).unwrap(), 3);
        assert_eq!(max_unavailable("10%", 3).unwrap(), 1);
        assert_eq!(max_unavailable("2", 3).unwrap(), 2);
        for wrong in ["0", "0%", "101%", "x", "", "%", "2%%", "-1"] {
            assert!(max_unavailable(wrong, 3).is_err(), "{wrong}");
        }
    }
}
