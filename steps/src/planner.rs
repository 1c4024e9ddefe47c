//! The upgrade as a plan: inventory and options in, plan out. Pure. Order: the static pods of every control plane, one node at a time;
//! then their kubelets; then the workers; then the verification of the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use kup_core::id::InvalidId;
use kup_core::plan::{GateSpec, Plan, Stage, Wave};
use thiserror::Error;

use crate::inventory::{Inventory, NodeInventory};
use crate::version::{InvalidVersion, Version};

mod stages;

use stages::Stages;
pub(crate) use stages::{step, step_id, verify_stage};

/// The name of the wave after which `--until control-plane` rests.
pub const UNTIL_CONTROL_PLANE: &str = "control-plane-kubelets";

/// What an operator wants.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version wanted.
    pub target: Version,
    /// The control plane to begin with; by default the first one, by name, that holds `admin.conf`.
    pub first: Option<String>,
    /// How many workers may be away at once.
    pub max_unavailable: u32,
    /// Flags for kubeadm, such as `--ignore-preflight-errors=...`.
    pub kubeadm_flags: Vec<String>,
    /// How to drain.
    pub drain: Drain,
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

/// Says why there is no plan. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanProblem {
    /// It is there already.
    #[error("the cluster is at {0} already")]
    Equal(Version),
    /// It would be a step back.
    #[error(
        "{target} is older than the cluster's {current}: kup upgrades; to undo an upgrade use `kup rollback`"
    )]
    Older {
        /// What the cluster has.
        current: Version,
        /// What is wanted.
        target: Version,
    },
    /// A minor would be skipped.
    #[error("{target} is too new for the cluster's {current}: minors may not be skipped, go to v{}.{} first", current.major, current.minor + 1)]
    TooNew {
        /// What the cluster has.
        current: Version,
        /// What is wanted.
        target: Version,
    },
    /// A kubelet's version is unreadable.
    #[error("the kubelet of {node} is at a version that kup does not understand: {source}")]
    Kubelet {
        /// The node.
        node: String,
        /// What is wrong with it.
        source: InvalidVersion,
    },
    /// The repository of a node does not have the version.
    #[error("the repository of {node} ({repository}) does not offer {package} {version}")]
    NotOffered {
        /// The node.
        node: String,
        /// The file that names the repository.
        repository: String,
        /// The package.
        package: String,
        /// The version, without `v`.
        version: String,
    },
    /// No node names a Kubernetes repository.
    #[error("no file in /etc/apt names a Kubernetes repository with a minor (v1.NN) on {0}")]
    NoRepository(String),
    /// There is nothing to begin with.
    #[error("no control plane holds /etc/kubernetes/admin.conf: is this a kubeadm cluster?")]
    NoControlPlane,
    /// `--first` names something else.
    #[error("`{0}` is not a control plane of this cluster that holds /etc/kubernetes/admin.conf")]
    NotFirst(String),
    /// A node cannot be part of a step's name.
    #[error("node `{0}` cannot be named in a step")]
    Name(String, #[source] InvalidId),
    /// kup does not upgrade this operating system.
    #[error("node {0} runs {1}: kup upgrades Linux nodes")]
    OperatingSystem(String, String),
}

/// Plans the upgrade.
///
/// # Errors
/// See [`PlanProblem`].
pub fn plan(inventory: &Inventory, options: &Options) -> Result<Plan, PlanProblem> {
    let remainder = inventory.version == options.target;
    let lagging = |n: &NodeInventory| n.node.kubelet_version != options.target.to_string();
    if remainder && !inventory.nodes.iter().any(lagging) {
        return Err(PlanProblem::Equal(inventory.version));
    }
    check_target(inventory.version, options.target)?;
    inventory.nodes.iter().try_for_each(check_node)?;
    let first = first_control_plane(inventory, options.first.as_deref())?;
    let others = || {
        inventory.nodes.iter().filter(|n| n.node.control_plane && n.node.name != first.node.name)
    };
    // Of an upgrade that left nodes out, only those are done; its control plane is found done step by step.
    let wanted = |n: &NodeInventory| !remainder || lagging(n);
    let workers = || inventory.nodes.iter().filter(|n| !n.node.control_plane && wanted(n));
    let stages = Stages { options };
    let mut static_pods = vec![stages.first(first)?];
    for node in others() {
        static_pods.push(stages.control_plane(node)?);
    }
    let kubelets = std::iter::once(first).chain(others()).filter(|n| wanted(n));
    let kubelets = kubelets.map(|node| stages.kubelet(node));
    let workers = workers().map(|node| stages.worker(node));
    let mut waves = vec![
        wave("control-plane", 1, static_pods),
        wave(UNTIL_CONTROL_PLANE, 1, kubelets.collect::<Result<_, _>>()?),
        wave("workers", options.max_unavailable, workers.collect::<Result<_, _>>()?),
        wave("verify", 1, vec![stages.verify(inventory)?]),
    ];
    waves.retain(|wave| !wave.stages.is_empty());
    let (from, to) = (inventory.version.to_string(), options.target.to_string());
    Ok(Plan { from, to, gates: gates(options.target), waves })
}

/// Refuses what is no step forward, or too large a one. An equal version passes: nodes may have been left out.
///
/// # Errors
/// [`PlanProblem::Older`], [`PlanProblem::TooNew`].
pub fn check_target(current: Version, target: Version) -> Result<(), PlanProblem> {
    if target < current {
        Err(PlanProblem::Older { current, target })
    } else if target.major != current.major || target.minor > current.minor + 1 {
        Err(PlanProblem::TooNew { current, target })
    } else {
        Ok(())
    }
}

fn check_node(node: &NodeInventory) -> Result<(), PlanProblem> {
    let name = || node.node.name.clone();
    if node.node.os != "linux" {
        return Err(PlanProblem::OperatingSystem(name(), node.node.os.clone()));
    }
    if !node.packages.repositories.iter().any(|repository| repository.minor.is_some()) {
        return Err(PlanProblem::NoRepository(name()));
    }
    Ok(())
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

fn gates(target: Version) -> Vec<GateSpec> {
    let names = [
        "version-skew",
        "nodes-ready",
        "control-plane-healthy",
        "disk-room",
        "no-other-upgrade",
        "journal-room",
        "no-unfinished-run",
    ];
    let params = || BTreeMap::from([("target".to_owned(), target.to_string())]);
    names.map(|gate| GateSpec { gate: gate.to_owned(), version: 1, params: params() }).to_vec()
}

fn wave(name: &str, max_parallel: u32, stages: Vec<Stage>) -> Wave {
    Wave { name: name.to_owned(), hop: 1, max_parallel: max_parallel.max(1), stages }
}
