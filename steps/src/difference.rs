//! What kubeadm will change, before it does: files of nodes and objects of the cluster, as unified diffs. The kubeadm of the release is asked
//! itself, on the control planes, without being installed there; what follows from its answers for workers is worked out here.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::plan::Plan;
use serde::Serialize;

use crate::cluster::Cluster;
use crate::host::Host;
use crate::inventory::{Inventory, NodeInventory};
use crate::package::Installer;
use crate::planner::KubeadmOptions;
use crate::planner::{Part, Verb};
use crate::version::Version;
use crate::world::{cluster_error, host_error};

mod compare;
mod dry_run;
mod etcd;

use compare::{of_kubelet, of_objects, on_the_machine, unified};
use dry_run::{DryRun, parse};

const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
const MANIFESTS: &str = "/etc/kubernetes/manifests/";

/// What the first hop of a plan will change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// The release that it goes to.
    pub to: String,
    /// What is known to change; equal changes of several nodes stand together.
    pub changes: Vec<Change>,
    /// What is not known, or not shown as a diff.
    pub untold: Vec<Untold>,
}

/// One file or object that will change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The nodes that have it; empty for an object of the cluster.
    pub nodes: Vec<String>,
    /// The file, or kind, namespace and name of the object.
    pub what: String,
    /// The change as a unified diff, without its head.
    pub diff: String,
}

/// Something that the differences leave out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untold {
    /// The nodes that it is about; empty where it is about the cluster.
    pub nodes: Vec<String>,
    /// What it is, and why.
    pub what: String,
}

/// Machines by the names of their nodes, each with its address.
type Hosts = BTreeMap<String, (String, Arc<dyn Host>)>;

/// What is asked, and who.
pub struct Asking<'a> {
    /// The cluster.
    pub cluster: &'a dyn Cluster,
    /// Its machines.
    pub hosts: &'a Hosts,
    /// What is planned.
    pub plan: &'a Plan,
    /// The release of the plan's first hop.
    pub to: Version,
    /// What is said to kubeadm.
    pub kubeadm: &'a KubeadmOptions,
    /// The folder or address that plain programs come from.
    pub programs_from: Option<String>,
}

/// Asks the kubeadm of a release what it will change.
pub async fn differences(inventory: &Inventory, asking: &Asking<'_>) -> Differences {
    let mut found = Differences { to: asking.to.to_string(), ..Differences::default() };
    let (there, elsewhere): (Vec<_>, Vec<_>) =
        inventory.nodes.iter().partition(|node| asking.comes_to(node));
    let (control_planes, workers): (Vec<_>, Vec<_>) =
        there.into_iter().partition(|node| node.node.control_plane);
    let answers = control_planes.iter().map(async |node| (*node, asking.ask(node).await));
    let mut first = None;
    for (node, answer) in futures::future::join_all(answers).await {
        match answer.map(|text| parse(&text)) {
            Ok(run) => {
                found.of_files(node, &run);
                first.get_or_insert(run);
            }
            Err(why) => found.leave_out(node, &format!("kubeadm could not be asked: {why}")),
        }
        etcd::manifest(&mut found, node, (inventory, asking.to));
    }
    match first {
        Some(run) => {
            found.of_objects(asking.cluster, &run).await;
            found.of_workers(&workers, &run, asking.kubeadm);
        }
        None => {
            let what = "the cluster's objects: no control plane could be asked";
            found.untold.push(Untold { nodes: Vec::new(), what: what.to_owned() });
            let what = format!("{KUBELET_CONFIG}: no control plane could be asked");
            workers.iter().for_each(|node| found.leave_out(node, &what));
        }
    }
    for node in elsewhere {
        found.leave_out(node, "kubeadm does not come to it in this hop");
    }
    for silent in &inventory.silent {
        let what = format!("its machine does not answer: {}", silent.why);
        found.leave_out_named(&silent.node.name, &what);
    }
    found
}

impl Asking<'_> {
    /// Whether kubeadm is called on a node in the first hop.
    fn comes_to(&self, node: &NodeInventory) -> bool {
        let waves = self.plan.waves.iter().filter(|wave| wave.hop <= 1);
        let mut stages = waves.flat_map(|wave| &wave.stages);
        stages.any(|stage| {
            let calls = stage.steps.iter().any(|step| step.activity.starts_with("kubeadm"));
            stage.target == node.node.name && calls
        })
    }

    async fn ask(&self, node: &NodeInventory) -> Result<String, String> {
        let offered = node.offers.version("kubeadm", self.to);
        if offered.is_empty() {
            return Err(format!("its repository does not offer kubeadm {}", self.to.bare()));
        }
        let host = self.hosts.get(&node.node.name).ok_or("the machine has no address")?;
        let installer = Installer::new(node.facts.package_manager, self.programs_from.clone());
        // The call that ends a hop: it has what the phases have, and says which addons are left alone.
        let call = self.kubeadm.call(Verb::Apply, Part::Closing, self.to);
        let script = installer.difference(("kubeadm", offered), self.to, &call);
        let reply = host.1.ask(&script).await;
        let reply = reply.map_err(|e| host_error(&e).to_record().to_string())?;
        match reply.status {
            0 => Ok(String::from_utf8_lossy(&reply.stdout).into_owned()),
            _ => Err(reply.stderr.lines().map(str::trim).collect::<Vec<_>>().join("; ")),
        }
    }
}

impl Differences {
    /// Only files whose contents are no secret are shown.
    fn of_files(&mut self, node: &NodeInventory, run: &DryRun) {
        for (path, new) in &run.files {
            let component = path.strip_prefix(MANIFESTS).and_then(|it| it.strip_suffix(".yaml"));
            let old = component.and_then(|it| node.survey.manifests.get(it));
            match (component, old) {
                (Some(_), Some(old)) => self.add(Some(node), path, unified(old, new)),
                (Some(_), None) => {
                    self.leave_out(node, &format!("{path}: what is there is not known"));
                }
                (None, _) if path == KUBELET_CONFIG => self.of_kubelet(node, new),
                (None, _) => self.leave_out(
                    node,
                    &format!("{path}: kubeadm writes it; kup does not show such files"),
                ),
            }
        }
        for other in &run.others {
            self.leave_out(node, &format!("kubeadm would {other}"));
        }
    }

    fn of_kubelet(&mut self, node: &NodeInventory, new: &str) {
        match node.survey.kubelet_config.as_str() {
            "" => self.leave_out(node, &format!("{KUBELET_CONFIG}: what is there is not known")),
            old => self.add(Some(node), KUBELET_CONFIG, of_kubelet(old, new)),
        }
    }

    async fn of_objects(&mut self, cluster: &dyn Cluster, run: &DryRun) {
        for (name, new) in &run.objects {
            match cluster.object(name).await {
                Ok(old) => {
                    let old = old.and_then(|old| serde_yaml_ng::to_value(old).ok());
                    self.add(None, &name.to_string(), of_objects(old.as_ref(), new));
                }
                Err(error) => {
                    let why = cluster_error(&error).to_record();
                    let what = format!("{name}: what is there cannot be read: {why}");
                    self.untold.push(Untold { nodes: Vec::new(), what });
                }
            }
        }
    }

    /// kubeadm writes on every worker what the cluster's ConfigMap says, the machine's own settings apart.
    fn of_workers(&mut self, workers: &[&NodeInventory], run: &DryRun, kubeadm: &KubeadmOptions) {
        let map = run.objects.iter().find(|(name, _)| name.name.starts_with("kubelet-config"));
        let map = map.and_then(|(_, map)| map.get("data")?.get("kubelet")?.as_str());
        for node in workers {
            match map {
                Some(map) => {
                    self.of_kubelet(node, &on_the_machine(map, &node.survey.kubelet_config));
                }
                None => self.leave_out(
                    node,
                    &format!("{KUBELET_CONFIG}: kubeadm does not say what it writes there"),
                ),
            }
            self.leave_out(node, "the kubelet's flags: kubeadm is asked on control planes only");
            if let Some(folder) = &kubeadm.patches {
                self.leave_out(node, &format!("what the patches in its {folder} change"));
            }
        }
    }

    fn leave_out(&mut self, node: &NodeInventory, what: &str) {
        self.leave_out_named(&node.node.name, what);
    }

    fn leave_out_named(&mut self, node: &str, what: &str) {
        match self.untold.iter_mut().find(|it| it.what == what && !it.nodes.is_empty()) {
            Some(same) => same.nodes.push(node.to_owned()),
            None => {
                self.untold.push(Untold { nodes: vec![node.to_owned()], what: what.to_owned() });
            }
        }
    }

    fn add(&mut self, node: Option<&NodeInventory>, what: &str, diff: String) {
        if diff.is_empty() {
            return;
        }
        let node = node.map(|node| node.node.name.clone());
        let same = self.changes.iter_mut().find(|it| it.what == what && it.diff == diff);
        match same {
            Some(change) => change.nodes.extend(node),
            None => {
                let nodes = node.into_iter().collect();
                self.changes.push(Change { nodes, what: what.to_owned(), diff });
            }
        }
    }
}

#[cfg(test)]
mod tests;
