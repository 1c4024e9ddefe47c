//! The upgrade as a plan: inventory and options in, plan out. Pure. Each hop goes: the static pods of every control plane, one node at a
//! time, once etcd's snapshot is kept; then their kubelets; then the workers; then the verification of the whole. What all of them need is fetched before. Where it goes is found by [`Target`].

use std::time::Duration;

use kup_core::id::BlobId;
use kup_core::plan::{Plan, Stage, Wave};

use crate::facts::PackageManager;
use crate::inventory::{Inventory, NodeInventory};
use crate::version::Version;

mod asked;
mod backup;
mod by_hand;
mod etcd_patch;
mod etcdutl;
mod kubeadm_options;
mod phases;
mod prefetch;
mod problem;
#[cfg(test)]
mod properties;
mod repair;
mod snapshot;
mod stages;
mod standing;
mod target;
mod upgrade_config;
mod workers;

pub use backup::{backup_plan, takes_backups};
pub use by_hand::ByHand;
pub(crate) use etcdutl::etcd_minor;
pub use kubeadm_options::{Addon, KubeadmOptions};
pub(crate) use kubeadm_options::{Call, Part, Verb};
pub use problem::PlanProblem;
use stages::Stages;
pub(crate) use stages::{step, step_id, verify_stage};
pub use standing::{Standing, standing};
pub use target::Target;
pub use upgrade_config::{InvalidUpgradeConfig, UpgradeConfig};

/// The name of the wave after which `--until control-plane` rests: of the last hop.
pub const UNTIL_CONTROL_PLANE: &str = "control-plane-kubelets";

/// What an operator wants.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The releases to go through, the last one being the target; empty where only nodes that were left out are to follow.
    pub hops: Vec<Version>,
    /// The control plane to begin with; by default the first one, by name, that holds `admin.conf`.
    pub first: Option<String>,
    /// How many workers may be away at once.
    pub max_unavailable: u32,
    /// Where workers stop.
    pub workers: WorkerHops,
    /// The folder or address that plain programs come from, on nodes where no package owns them.
    pub programs_from: Option<String>,
    /// What is said to kubeadm.
    pub kubeadm: KubeadmOptions,
    /// How to drain.
    pub drain: Drain,
    /// Whether no snapshot of etcd is taken: then nothing leads back once etcd itself has changed.
    pub no_etcd_snapshot: bool,
    /// The etcdutl that is laid ready to restore a snapshot, by its SHA-256; it must be among the run's blobs when the run begins.
    pub etcdutl: Option<BlobId>,
    /// Whether what is secret in backups stays on its node: then no snapshot of etcd is taken either.
    pub backups_stay_on_nodes: bool,
}

/// Through which releases workers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkerHops {
    /// Through every one.
    #[default]
    Every,
    /// Only to the last one, where the skew rules and kubeadm's migrations allow it.
    Last,
}

/// How to drain, in kubectl's words.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    /// `--delete-emptydir-data`
    pub delete_emptydir_data: bool,
    /// `--drain-force`: pods without a controller too.
    pub force: bool,
    /// `--drain-grace-period` in seconds; `None` for the pods' own.
    pub grace_period: Option<u32>,
    /// `--drain-timeout`
    pub timeout: Duration,
}

/// One hop of a plan: from where every node is by then to a release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hop {
    /// Where it goes.
    pub(crate) target: Version,
    /// Its number, counted from 1.
    pub(crate) number: u32,
    /// Whether it is the plan's last one.
    pub(crate) is_last: bool,
    /// Whether its work may have been begun by somebody else: then nothing is taken as done because it looks so.
    pub(crate) again: bool,
}

impl Hop {
    /// Returns the name of a wave or the beginning of a step's id: the last hop has the plain one.
    fn wave(&self, name: &str) -> String {
        if self.is_last { name.to_owned() } else { format!("{name} to {}", self.target) }
    }

    /// Returns a step's id in this hop: the first hop has the plain ones.
    pub(crate) fn step(&self, id: &str) -> String {
        if self.number == 1 { id.to_owned() } else { format!("hop{}.{id}", self.number) }
    }
}

/// Plans the upgrade.
///
/// # Errors
/// See [`PlanProblem`].
pub fn plan(inventory: &Inventory, options: &Options) -> Result<Plan, PlanProblem> {
    let standing = standing(inventory);
    let hops = hops(&standing, inventory, options)?;
    inventory.nodes.iter().try_for_each(check_node)?;
    let first = first_control_plane(inventory, options.first.as_deref())?;
    workers::check(inventory, options, &hops)?;
    phases::check(options, &hops)?;
    let mut waves: Vec<Wave> = repair::wave(&standing)?.into_iter().collect();
    let mut moves = Vec::new();
    let mut before = inventory.version;
    for hop in &hops {
        let stages = Stages { options, hop, inventory };
        let hop_waves = hop_waves(inventory, options, (first, hop))?;
        waves.extend(stages.prefetch(inventory, &hop_waves)?);
        if hop.number == 1 {
            moves.extend(stages.etcdutl(inventory, options.etcdutl.as_ref())?);
        }
        if let Some(patch) = stages.etcd_wave(inventory, first, before)? {
            moves.extend(stages.snapshot(snapshot::BEFORE_PATCH, (inventory, first))?);
            moves.push(patch);
        }
        moves.extend(stages.snapshot(snapshot::WAVE, (inventory, first))?);
        moves.extend(hop_waves);
        before = hop.target;
    }
    waves.extend(moves);
    let target = hops.last().map_or(inventory.version, |hop| hop.target);
    let (from, to) = (standing.at.to_string(), target.to_string());
    let targets: Vec<Version> = hops.iter().map(|hop| hop.target).collect();
    let gates = asked::gates((standing.at, &targets), options, &waves, inventory);
    Ok(Plan { from, to, gates, waves })
}

/// Returns the hops still to go. Where everything but some nodes is at the target, one hop takes those there.
fn hops(
    standing: &Standing,
    inventory: &Inventory,
    options: &Options,
) -> Result<Vec<Hop>, PlanProblem> {
    let target = options.hops.last().copied().unwrap_or(inventory.version);
    let lagging = |n: &NodeInventory| n.node.kubelet_version != target.to_string();
    let is_behind = |n: &NodeInventory| {
        let kubelet = n.node.kubelet_version.parse::<Version>();
        kubelet.is_ok_and(|kubelet| kubelet.minor < inventory.version.minor)
    };
    let goes_everywhere =
        |n: &NodeInventory| n.node.control_plane || options.workers == WorkerHops::Every;
    let mut targets = options.hops.clone();
    if let Some(unfinished) = standing.unfinished {
        if !targets.contains(&unfinished) && unfinished != target {
            let seen = standing.seen.join("; ");
            return Err(PlanProblem::Unfinished { unfinished, target, seen });
        }
        targets.retain(|hop| *hop > unfinished);
        targets.insert(0, unfinished);
    } else if targets.is_empty() {
        let is_whole = !inventory.nodes.iter().any(lagging) && !standing.needs_repair();
        // kubeadm can be made to write the same version once more.
        if is_whole && !options.kubeadm.force {
            return Err(PlanProblem::Equal(inventory.version));
        }
        targets.push(target);
    } else if inventory.nodes.iter().filter(|n| goes_everywhere(n)).any(is_behind) {
        // What an earlier upgrade left out comes first: no node may leave a minor out.
        targets.insert(0, inventory.version);
    }
    // Static pods alone do not tell whether kubeadm wrote what it writes last: kubelet configuration and addons.
    let stopped_before_kubelets = |n: &NodeInventory| {
        n.node.control_plane && n.node.kubelet_version != inventory.version.to_string()
    };
    let last = targets.len();
    let hop = |(index, target): (usize, Version)| Hop {
        target,
        number: u32::try_from(index + 1).unwrap_or(u32::MAX),
        is_last: index + 1 == last,
        again: standing.unfinished == Some(target)
            || target == inventory.version && inventory.nodes.iter().any(stopped_before_kubelets),
    };
    Ok(targets.into_iter().enumerate().map(hop).collect())
}

fn hop_waves(
    inventory: &Inventory,
    options: &Options,
    (first, hop): (&NodeInventory, &Hop),
) -> Result<Vec<Wave>, PlanProblem> {
    let remainder = inventory.version == hop.target && !hop.again;
    let lagging = |n: &NodeInventory| n.node.kubelet_version != hop.target.to_string();
    // Of an upgrade that left nodes out, only those are done; its control plane is found done step by step.
    let wanted = |n: &&NodeInventory| !remainder || lagging(n);
    let others = || {
        inventory.nodes.iter().filter(|n| n.node.control_plane && n.node.name != first.node.name)
    };
    let workers = || inventory.nodes.iter().filter(|n| !n.node.control_plane).filter(wanted);
    let stages = Stages { options, hop, inventory };
    let mut static_pods = vec![stages.first(first)?];
    for node in others() {
        static_pods.push(stages.control_plane(node)?);
    }
    let kubelets = std::iter::once(first).chain(others()).filter(wanted);
    let kubelets: Vec<Stage> =
        kubelets.map(|node| stages.kubelet(node)).collect::<Result<_, _>>()?;
    let workers: Vec<Stage> = match (hop.is_last, options.workers) {
        (false, WorkerHops::Last) => Vec::new(),
        (true, _) | (false, WorkerHops::Every) => {
            workers().map(|node| stages.worker(node)).collect::<Result<_, _>>()?
        }
    };
    let closing = match stages.has_phases() {
        true => stages.closing(first, others())?,
        false => Vec::new(),
    };
    let wave = |name: &str, max_parallel: u32, stages| Wave {
        name: hop.wave(name),
        hop: hop.number,
        max_parallel: max_parallel.max(1),
        stages,
    };
    let mut waves = vec![
        wave("control-plane", 1, static_pods),
        wave("addons", 1, closing),
        wave(UNTIL_CONTROL_PLANE, 1, kubelets),
        wave("workers", options.max_unavailable, workers),
        wave("verify", 1, vec![stages.verify(inventory)?]),
    ];
    waves.retain(|wave| !wave.stages.is_empty());
    Ok(waves)
}

fn check_node(node: &NodeInventory) -> Result<(), PlanProblem> {
    match (node.facts.package_manager, node.packages.repositories.is_empty()) {
        (PackageManager::Binaries, _) | (_, false) => Ok(()),
        (_, true) => Err(PlanProblem::NoRepository(node.node.name.clone())),
    }
}

fn first_control_plane<'a>(
    inventory: &'a Inventory,
    wanted: Option<&str>,
) -> Result<&'a NodeInventory, PlanProblem> {
    let fits = |n: &&NodeInventory| n.node.control_plane && n.facts.has_admin_conf;
    let mut fitting = inventory.nodes.iter().filter(fits);
    match wanted {
        None => fitting.next().ok_or(PlanProblem::NoControlPlane),
        Some(name) => fitting
            .find(|n| n.node.name == name)
            .ok_or_else(|| PlanProblem::NotFirst(name.to_owned())),
    }
}
