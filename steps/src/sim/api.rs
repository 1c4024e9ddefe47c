//! The objects of a simulated cluster as its API server keeps them, and who can reach them.
//! Mirror pods are not kept: they follow from what the kubelets last reported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::troubles::Troubles;
use crate::cluster::{Node, Pod};
use crate::version::tag_of;

/// The four static pods of a control plane, in the order in which kubeadm upgrades them.
pub(super) const COMPONENTS: [&str; 4] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// All objects.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Api {
    pub(super) uid: String,
    pub(super) ca_sha256: String,
    pub(super) endpoint: String,
    pub(super) version_counter: u64,
    pub(super) nodes: BTreeMap<String, SimNode>,
    pub(super) pods: BTreeMap<String, SimPod>,
    pub(super) config_maps: BTreeMap<String, SimConfigMap>,
    pub(super) daemon_sets: BTreeMap<String, String>,
    pub(super) budgets: Vec<Budget>,
    /// Which restored data these objects are from; empty where nothing was restored.
    #[serde(default)]
    pub(super) etcd_data: String,
    /// The minor to which etcd goes down, while that is enabled.
    #[serde(default)]
    pub(super) etcd_downgrade: Option<String>,
    /// What is other than the rest of this says.
    #[serde(default)]
    pub(super) troubles: Troubles,
}

/// A node object, and what its machine shows of its static pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SimNode {
    pub(super) uid: String,
    pub(super) control_plane: bool,
    pub(super) address: String,
    pub(super) unschedulable: bool,
    pub(super) cordoned_by: Option<String>,
    pub(super) status: Status,
}

/// What follows from the machine's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) ready: bool,
    pub(super) kubelet_version: String,
    pub(super) machine_id: String,
    pub(super) boot_id: String,
    pub(super) mirrors: BTreeMap<String, Mirror>,
}

/// A static pod as its kubelet runs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mirror {
    pub(super) image: String,
    pub(super) hash: String,
    pub(super) up: bool,
    /// Which data it has, if it is a member of etcd; empty for those of the cluster.
    #[serde(default)]
    pub(super) data: String,
}

/// A pod object. `controller` is kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SimPod {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) node: String,
    pub(super) ready: bool,
    pub(super) terminating: bool,
    pub(super) controller: Option<(String, String)>,
    pub(super) app: String,
    pub(super) image: String,
    pub(super) empty_dirs: Vec<String>,
}

/// A ConfigMap of kube-system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SimConfigMap {
    pub(super) data: BTreeMap<String, String>,
    pub(super) version: u64,
}

/// A disruption budget over the pods with one `app` label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Budget {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) app: String,
    pub(super) min_available: usize,
}

impl Api {
    /// Returns the name of the control plane whose API server answers requests: one with its own etcd member, while etcd has a quorum.
    pub(super) fn server(&self) -> Option<&str> {
        if !self.has_quorum() {
            return None;
        }
        self.up("kube-apiserver")
            .find(|(_, node)| node.is_up("etcd"))
            .map(|(name, _)| name.as_str())
    }

    /// Returns whether any API server runs, even if it cannot serve.
    pub(super) fn answers(&self) -> bool {
        self.up("kube-apiserver").next().is_some()
    }

    /// Returns what the answering API server's image says its version is.
    pub(super) fn server_version(&self) -> Option<&str> {
        let node = self.nodes.get(self.server()?)?;
        tag_of(&node.status.mirrors.get("kube-apiserver")?.image)
    }

    /// Returns the control planes.
    pub(super) fn control_planes(&self) -> impl Iterator<Item = (&String, &SimNode)> {
        self.nodes.iter().filter(|(_, node)| node.control_plane)
    }

    /// Stores a ConfigMap; one that is equal already keeps its version, as in a real API server.
    pub(super) fn put_config_map(&mut self, name: &str, data: BTreeMap<String, String>) {
        if self.config_maps.get(name).is_some_and(|map| map.data == data) {
            return;
        }
        self.version_counter = self.version_counter.saturating_add(1);
        let map = SimConfigMap { data, version: self.version_counter };
        self.config_maps.insert(name.to_owned(), map);
    }

    /// Returns one key of a ConfigMap.
    pub(super) fn config(&self, name: &str, key: &str) -> Option<&str> {
        self.config_maps.get(name)?.data.get(key).map(String::as_str)
    }

    /// Returns whether a node's kubelet reports it Ready.
    pub(super) fn is_ready(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| node.status.ready)
    }

    /// Returns whether more than half of the control planes have an etcd that serves.
    pub(super) fn has_quorum(&self) -> bool {
        self.quorum_data().is_some()
    }

    /// Returns which data more than half of the control planes have in an etcd that serves: members of other data are another cluster.
    pub(super) fn quorum_data(&self) -> Option<&str> {
        let data = || {
            let mirrors = self.up("etcd").filter_map(|(_, node)| node.status.mirrors.get("etcd"));
            mirrors.map(|mirror| mirror.data.as_str())
        };
        let n = self.control_planes().count();
        data().find(|wanted| data().filter(|it| it == wanted).count() * 2 > n)
    }

    fn up<'a>(&'a self, component: &'a str) -> impl Iterator<Item = (&'a String, &'a SimNode)> {
        self.nodes.iter().filter(move |(_, node)| node.is_up(component))
    }
}

impl SimNode {
    fn is_up(&self, component: &str) -> bool {
        self.status.mirrors.get(component).is_some_and(|mirror| mirror.up)
    }

    /// kubeadm keeps pods that tolerate nothing off its control planes.
    fn taints(&self) -> Vec<String> {
        let taint = "node-role.kubernetes.io/control-plane:NoSchedule".to_owned();
        self.control_plane.then_some(taint).into_iter().collect()
    }

    /// Returns the node in the port's words.
    pub(super) fn to_node(&self, name: &str) -> Node {
        let waiting = || vec!["Ready is Unknown: kubelet stopped posting node status.".to_owned()];
        Node {
            name: name.to_owned(),
            uid: self.uid.clone(),
            control_plane: self.control_plane,
            address: self.address.clone(),
            kubelet_version: self.status.kubelet_version.clone(),
            ready: self.status.ready,
            conditions: if self.status.ready { Vec::new() } else { waiting() },
            unschedulable: self.unschedulable,
            cordoned_by: self.cordoned_by.clone(),
            os: "linux".to_owned(),
            machine_id: self.status.machine_id.clone(),
            boot_id: self.status.boot_id.clone(),
            runtime: "containerd://2.1.4".to_owned(),
            hostname: name.to_owned(),
            taints: self.taints(),
        }
    }

    /// Returns the mirror pods of the node in the port's words.
    pub(super) fn mirror_pods(&self, node: &str) -> Vec<Pod> {
        let pods = self.status.mirrors.iter();
        pods.map(|(component, mirror)| self.mirror_pod(node, component, mirror)).collect()
    }

    fn mirror_pod(&self, node: &str, component: &str, mirror: &Mirror) -> Pod {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        Pod {
            namespace: "kube-system".to_owned(),
            name: format!("{component}-{node}"),
            uid: super::agenda::uuid(&format!("{} {component} {}", self.uid, mirror.hash)),
            node: node.to_owned(),
            phase: if mirror.up { "Running" } else { "Pending" }.to_owned(),
            ready: mirror.up && self.status.ready,
            terminating: false,
            controller: Some(("Node".to_owned(), node.to_owned())),
            mirror: true,
            tolerates_cordon: false,
            empty_dirs: Vec::new(),
            claims: Vec::new(),
            labels: [label("component", component), label("tier", "control-plane")].into(),
            images: vec![mirror.image.clone()],
        }
    }
}
