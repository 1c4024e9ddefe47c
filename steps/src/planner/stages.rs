//! The steps of each kind of node.

use std::time::Duration;

use kup_core::id::StepId;
use kup_core::plan::{Policy, Stage, StepSpec};

use super::kubeadm_options::Verb;
use super::{Drain, Hop, Options, PlanProblem, WorkerHops};
use crate::facts::{PackageManager, upstream};
use crate::inventory::{Inventory, NodeInventory};

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

pub(super) struct Stages<'a> {
    pub(super) options: &'a Options,
    pub(super) hop: &'a Hop,
    pub(super) inventory: &'a Inventory,
}

impl Stages<'_> {
    /// Puts the steps of a node together, and gives them the ids of this hop.
    pub(super) fn stage(
        &self,
        target: &str,
        skippable: bool,
        mut steps: Vec<StepSpec>,
    ) -> Result<Stage, PlanProblem> {
        for step in &mut steps {
            step.id = step_id(&self.hop.step(step.id.as_str()), target)?;
        }
        Ok(Stage { target: target.to_owned(), skippable, steps })
    }

    pub(super) fn first(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        let (name, version) = (&node.node.name, self.hop.target.to_string());
        let flags = self.options.kubeadm.plan_flags().join("\n");
        let mut steps = self.kubeadm_package(node)?;
        let title = format!("read `kubeadm upgrade plan {version}` for manual work");
        let params = [("version", version.clone()), ("flags", flags)];
        steps.push(step("upgrade-plan", name, (title, 5), &params)?);
        if self.has_phases() {
            steps.extend(self.first_phases(node)?);
        } else {
            steps.push(self.kubeadm("kubeadm-apply", node, "control-plane")?);
        }
        self.stage(&node.node.name, false, steps)
    }

    pub(super) fn control_plane(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        let mut steps = self.kubeadm_package(node)?;
        if self.has_phases() {
            steps.extend(self.other_phases(node)?);
        } else {
            steps.push(self.kubeadm("kubeadm-node", node, "control-plane")?);
        }
        self.stage(&node.node.name, false, steps)
    }

    pub(super) fn kubelet(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        self.stage(&node.node.name, false, self.replace_kubelet(node)?)
    }

    pub(super) fn worker(&self, node: &NodeInventory) -> Result<Stage, PlanProblem> {
        let mut steps = self.kubeadm_package(node)?;
        steps.push(self.kubeadm("kubeadm-node", node, "worker")?);
        steps.extend(self.replace_kubelet(node)?);
        self.stage(&node.node.name, true, steps)
    }

    fn kubeadm_package(&self, node: &NodeInventory) -> Result<Vec<StepSpec>, PlanProblem> {
        let package = self.packages("kubeadm-package", node, &["kubeadm"])?;
        if !node.packages.names_a_minor() {
            return Ok(vec![package]);
        }
        let minor = self.hop.target.minor_name();
        let title = format!("switch the repository to {minor}");
        let mut params = vec![("minor", minor)];
        params.extend(self.installer(node));
        Ok(vec![step("repository", &node.node.name, (title, 10), &params)?, package])
    }

    /// Returns the parameters of a step that says what installs packages on a node.
    pub(super) fn installer(&self, node: &NodeInventory) -> Vec<(&'static str, String)> {
        let manager = node.facts.package_manager;
        let from =
            self.options.programs_from.clone().filter(|_| manager == PackageManager::Binaries);
        let manager = ("manager", manager.name().to_owned());
        std::iter::once(manager).chain(from.map(|from| ("from", from))).collect()
    }

    fn kubeadm(
        &self,
        activity: &str,
        node: &NodeInventory,
        role: &str,
    ) -> Result<StepSpec, PlanProblem> {
        let version = self.hop.target.to_string();
        let title = match activity {
            "kubeadm-apply" => format!("kubeadm upgrade apply {version}"),
            _ => format!("kubeadm upgrade node, to {version}"),
        };
        let verb = if activity == "kubeadm-apply" { Verb::Apply } else { Verb::Node };
        let flags = self.kubeadm_flags(verb).join("\n");
        let mut params = vec![("version", version), ("role", role.to_owned()), ("flags", flags)];
        if let Some(config) = self.worker_config(verb) {
            params.push(("config", config));
        }
        params.extend(self.again());
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
        let offer = |name: &&str| Ok(format!("{name}={}", self.offered(node, name)?));
        let packages = names.iter().map(offer).collect::<Result<Vec<_>, _>>()?.join(",");
        let title = format!("install {}", packages.replace(',', " "));
        let mut params = vec![("packages", packages)];
        params.extend(self.installer(node));
        let mut spec = step("packages", &node.node.name, (title, 20), &params)?;
        spec.id = step_id(&format!("{id}.{}", node.node.name), &node.node.name)?;
        Ok(spec)
    }

    /// Returns the version of a package that a node gets: what its repository offers, or what it has. Where it has neither and others are
    /// offered one, the plan says that one: the gate `packages-offered` names the node, and nothing begins.
    fn offered(&self, node: &NodeInventory, name: &str) -> Result<String, PlanProblem> {
        let target = self.hop.target;
        let installed = node.packages.version(name);
        let has = if upstream(installed) == Some(target) { installed } else { "" };
        let elsewhere = self.inventory.nodes.iter().map(|other| other.offers.version(name, target));
        let all = [node.offers.version(name, target), has].into_iter().chain(elsewhere);
        let mut named = all.filter(|version| !version.is_empty());
        named.next().map(str::to_owned).ok_or_else(|| PlanProblem::NotOffered {
            node: node.node.name.clone(),
            repository: node.offers.repository.clone(),
            package: name.to_owned(),
            version: target.bare(),
        })
    }

    fn replace_kubelet(&self, node: &NodeInventory) -> Result<Vec<StepSpec>, PlanProblem> {
        let (name, version) = (&node.node.name, self.hop.target.to_string());
        let restart = format!("restart the kubelet, wait until Ready at {version}");
        Ok(vec![
            step("cordon", name, ("cordon".to_owned(), 2), &[])?,
            drain_step(name, &self.options.drain)?,
            self.packages("kubelet-packages", node, &installed(node))?,
            step("kubelet-restart", name, (restart, 5), &[("version", version)])?,
            step("uncordon", name, ("uncordon".to_owned(), 2), &[])?,
        ])
    }

    /// Whether workers leave this hop out.
    fn workers_stay(&self) -> bool {
        !self.hop.is_last && self.options.workers == WorkerHops::Last
    }

    pub(super) fn verify(&self, inventory: &Inventory) -> Result<Stage, PlanProblem> {
        let version = self.hop.target.to_string();
        let stays = |n: &NodeInventory| !n.node.control_plane && self.workers_stay();
        let expected = |n: &NodeInventory| match stays(n) {
            true => n.node.kubelet_version.clone(),
            false => version.clone(),
        };
        let nodes = inventory.nodes.iter().map(|n| (n.node.name.clone(), expected(n)));
        let stage = verify_stage(&version, nodes)?;
        self.stage(&stage.target, stage.skippable, stage.steps)
    }
}

/// kubectl is replaced where it is; on many workers it is not.
fn installed(node: &NodeInventory) -> Vec<&'static str> {
    let there = |name: &&str| *name == "kubelet" || !node.packages.version(name).is_empty();
    ["kubelet", "kubectl"].into_iter().filter(there).collect()
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

#[cfg(test)]
mod tests {
    use super::super::{Options, PlanProblem, plan};
    use crate::inventory::Inventory;
    use crate::inventory::sample::{at, healthy};

    /// Takes a release from what a node is offered.
    fn lacking(nodes: &[&str]) -> Inventory {
        let mut inventory = healthy(3, 1, "v1.35.6");
        for node in nodes {
            let minor = inventory.node_mut(node).offers.minors.get_mut("v1.36").unwrap();
            minor.packages.clear();
        }
        inventory
    }

    /// Returns what a step installs.
    fn installs(inventory: &Inventory, id: &str) -> Result<String, PlanProblem> {
        let hops = vec![at("v1.36.2")];
        let plan = plan(inventory, &Options { hops, max_unavailable: 1, ..Options::default() })?;
        let (_, step) = plan.steps().find(|(_, step)| step.id.as_str() == id).unwrap();
        Ok(step.params["packages"].clone())
    }

    #[test]
    fn a_release_that_some_nodes_lack_is_planned_so_that_a_gate_can_name_them() {
        for lacks in [&["w1"] as &[&str], &["cp1", "cp2"]] {
            let wanted = installs(&lacking(&[]), "kubeadm-package.cp1").unwrap();
            assert_eq!(installs(&lacking(lacks), "kubeadm-package.cp1").unwrap(), wanted);
        }
        let none = installs(&lacking(&["cp1", "cp2", "cp3", "w1"]), "kubeadm-package.cp1");
        assert!(matches!(none, Err(PlanProblem::NotOffered { node, .. }) if node == "cp1"));
    }

    #[test]
    fn what_is_installed_already_need_not_be_offered() {
        let mut inventory = lacking(&["w1"]);
        let packages = &mut inventory.node_mut("w1").packages.packages;
        packages.get_mut("kubeadm").unwrap().version = Some("1.36.2-0.mine".to_owned());
        assert_eq!(installs(&inventory, "kubeadm-package.w1").unwrap(), "kubeadm=1.36.2-0.mine");
    }
}
