//! The upgrade as a plan: inventory and options in, plan out. Pure. Order: the static pods of every control plane, one node at a time;
//! then their kubelets; then the workers; then the verification of the whole.

use std::collections::BTreeMap;
use std::time::Duration;

use kup_core::id::{InvalidId, StepId};
use kup_core::plan::{GateSpec, Plan, Policy, Stage, StepSpec, Wave};
use thiserror::Error;

use crate::facts::PackageManager;
use crate::inventory::{Inventory, NodeInventory};
use crate::version::{InvalidVersion, Version};

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
    /// A node's packages are not apt's.
    #[error("{node} has the package manager {found}; this kup knows apt")]
    PackageManager {
        /// The node.
        node: String,
        /// What it has.
        found: String,
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
    check_target(inventory.version, options.target)?;
    inventory.nodes.iter().try_for_each(check_node)?;
    let first = first_control_plane(inventory, options.first.as_deref())?;
    let others = || {
        inventory.nodes.iter().filter(|n| n.node.control_plane && n.node.name != first.node.name)
    };
    let workers = || inventory.nodes.iter().filter(|n| !n.node.control_plane);
    let stages = Stages { options };
    let mut static_pods = vec![stages.first(first)?];
    for node in others() {
        static_pods.push(stages.control_plane(node)?);
    }
    let kubelets = std::iter::once(first).chain(others()).map(|node| stages.kubelet(node));
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

fn check_target(current: Version, target: Version) -> Result<(), PlanProblem> {
    if target == current {
        Err(PlanProblem::Equal(current))
    } else if target < current {
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
    if node.facts.package_manager != PackageManager::Apt {
        let found = format!("{:?}", node.facts.package_manager).to_lowercase();
        return Err(PlanProblem::PackageManager { node: name(), found });
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
    names.map(|gate| GateSpec { gate: gate.to_owned(), params: params() }).to_vec()
}

fn wave(name: &str, max_parallel: u32, stages: Vec<Stage>) -> Wave {
    Wave { name: name.to_owned(), hop: 1, max_parallel: max_parallel.max(1), stages }
}

/// Builds one step.
pub(crate) fn step(
    activity: &str,
    target: &str,
    (title, minutes): (String, u64),
    params: &[(&str, String)],
) -> Result<StepSpec, PlanProblem> {
    let id = format!("{activity}.{target}");
    Ok(StepSpec {
        id: step_id(&id, target)?,
        activity: activity.to_owned(),
        version: 1,
        title,
        params: params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        policy: Policy::with_timeout(Duration::from_secs(minutes * 60)),
        undo_of: None,
    })
}

pub(crate) fn step_id(id: &str, target: &str) -> Result<StepId, PlanProblem> {
    id.parse().map_err(|error| PlanProblem::Name(target.to_owned(), error))
}

struct Stages<'a> {
    options: &'a Options,
}

impl Stages<'_> {
    fn stage(&self, node: &NodeInventory, skippable: bool, steps: Vec<StepSpec>) -> Stage {
        Stage { target: node.node.name.clone(), skippable, steps }
    }

    fn first(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        let (name, version) = (&node.node.name, self.options.target.to_string());
        let flags = self.options.kubeadm_flags.join("\n");
        let mut steps = self.kubeadm_package(node)?;
        let title = format!("read `kubeadm upgrade plan {version}` for manual work");
        let params = [("version", version.clone()), ("flags", flags)];
        steps.push(step("upgrade-plan", name, (title, 5), &params)?);
        steps.push(self.kubeadm("kubeadm-apply", node, "control-plane")?);
        Ok(self.stage(node, false, steps))
    }

    fn control_plane(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        let mut steps = self.kubeadm_package(node)?;
        steps.push(self.kubeadm("kubeadm-node", node, "control-plane")?);
        Ok(self.stage(node, false, steps))
    }

    fn kubelet(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        Ok(self.stage(node, false, self.replace_kubelet(node)?))
    }

    fn worker(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        let mut steps = self.kubeadm_package(node)?;
        steps.push(self.kubeadm("kubeadm-node", node, "worker")?);
        steps.extend(self.replace_kubelet(node)?);
        Ok(self.stage(node, true, steps))
    }

    fn kubeadm_package(&self, node: &NodeInventory) -> Result<Vec<StepSpec>, PlanProblem> {
        let minor = self.options.target.minor_name();
        let title = format!("switch the repository to {minor}");
        let repository = step("repository", &node.node.name, (title, 10), &[("minor", minor)])?;
        Ok(vec![repository, self.packages("kubeadm-package", node, &["kubeadm"])?])
    }

    fn kubeadm(
        &self,
        activity: &str,
        node: &NodeInventory,
        role: &str,
    ) -> Result<StepSpec, PlanProblem> {
        let version = self.options.target.to_string();
        let title = match activity {
            "kubeadm-apply" => format!("kubeadm upgrade apply {version}"),
            _ => format!("kubeadm upgrade node, to {version}"),
        };
        let flags = self.options.kubeadm_flags.join("\n");
        let params = [("version", version), ("role", role.to_owned()), ("flags", flags)];
        let mut step = step(activity, &node.node.name, (title, 25), &params)?;
        step.policy.max_attempts = 2;
        Ok(step)
    }

    fn packages(
        &self,
        id: &str,
        node: &NodeInventory,
        names: &[&str],
    ) -> Result<StepSpec, PlanProblem> {
        let version = self.options.target.bare();
        let offer = |name: &&str| match node.offers.version(name) {
            "" => Err(PlanProblem::NotOffered {
                node: node.node.name.clone(),
                repository: node.offers.repository.clone(),
                package: (*name).to_owned(),
                version: version.clone(),
            }),
            offered => Ok(format!("{name}={offered}")),
        };
        let packages = names.iter().map(offer).collect::<Result<Vec<_>, _>>()?.join(",");
        let title = format!("install {}", packages.replace(',', " "));
        let mut spec = step("packages", &node.node.name, (title, 20), &[("packages", packages)])?;
        spec.id = step_id(&format!("{id}.{}", node.node.name), &node.node.name)?;
        Ok(spec)
    }

    fn replace_kubelet(&self, node: &NodeInventory) -> Result<Vec<StepSpec>, PlanProblem> {
        let (name, version) = (&node.node.name, self.options.target.to_string());
        let restart = format!("restart the kubelet, wait until Ready at {version}");
        Ok(vec![
            step("cordon", name, ("cordon".to_owned(), 2), &[])?,
            drain_step(name, &self.options.drain)?,
            self.packages("kubelet-packages", node, &["kubelet", "kubectl"])?,
            step("kubelet-restart", name, (restart, 5), &[("version", version)])?,
            step("uncordon", name, ("uncordon".to_owned(), 2), &[])?,
        ])
    }

    fn verify(&self, inventory: &Inventory) -> Result<Stage, PlanProblem> {
        let version = self.options.target.to_string();
        let nodes = inventory.nodes.iter().map(|n| (n.node.name.clone(), version.clone()));
        verify_stage(&version, nodes)
    }
}

fn drain_step(node: &str, drain: &Drain) -> Result<StepSpec, PlanProblem> {
    let yes = |on: bool| if on { "yes" } else { "no" }.to_owned();
    let params = [
        ("delete-emptydir-data", yes(drain.delete_emptydir_data)),
        ("force", yes(drain.force)),
        ("grace-period", drain.grace_period.map(|s| s.to_string()).unwrap_or_default()),
    ];
    let mut spec = step("drain", node, ("drain".to_owned(), 1), &params)?;
    spec.policy.timeout_ms = u64::try_from(drain.timeout.as_millis()).unwrap_or(u64::MAX);
    Ok(spec)
}

/// Builds the stage that proves the whole cluster: node names with the versions their kubelets shall have.
pub(crate) fn verify_stage(
    version: &str,
    nodes: impl Iterator<Item = (String, String)>,
) -> Result<Stage, PlanProblem> {
    let nodes =
        nodes.map(|(name, version)| format!("{name}={version}")).collect::<Vec<_>>().join(",");
    let params = [("version", version.to_owned()), ("nodes", nodes)];
    let title = format!("verify that the whole cluster is at {version}");
    let step = step("verify", "cluster", (title, 10), &params)?;
    Ok(Stage { target: "cluster".to_owned(), skippable: false, steps: vec![step] })
}
