//! What a cluster looked like before planning: the API's view and every machine's, asked side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kup_core::activity::ActivityError;
use kup_core::clock::Timestamp;
use kup_core::event::{ClusterIdentity, MachineIdentity};
use thiserror::Error;

use crate::activity::config_maps;
use crate::cluster::{Cluster, ClusterError, Node};
use crate::facts::{ControlPlaneState, NodeFacts, Offers, PackageManager, PackageState};
use crate::host::{Host, HostError};
use crate::version::{InvalidVersion, Version};

/// Machines asked at once.
const AT_ONCE: usize = 16;

/// Everything that planning rests on.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// The version in `kubeadm-config`.
    pub version: Version,
    /// The version of the API server that answered.
    pub server_version: Version,
    /// Checks of `/readyz` that do not pass.
    pub unready_checks: Vec<String>,
    /// Pods of kube-system that are not ready.
    pub unready_pods: Vec<String>,
    /// The nodes, sorted by name.
    pub nodes: Vec<NodeInventory>,
}

/// One node and its machine.
#[derive(Debug, Clone)]
pub struct NodeInventory {
    /// As the API shows it.
    pub node: Node,
    /// Where the machine is reached.
    pub address: String,
    /// The machine itself.
    pub facts: NodeFacts,
    /// Its packages.
    pub packages: PackageState,
    /// What its repository offers for the target.
    pub offers: Offers,
    /// Its static pods; empty on a worker.
    pub control_plane: ControlPlaneState,
}

impl NodeInventory {
    /// Returns what tells this machine from every other.
    #[must_use]
    pub fn identity(&self) -> MachineIdentity {
        MachineIdentity {
            name: self.node.name.clone(),
            uid: self.node.uid.clone(),
            machine_id: self.facts.machine_id.clone(),
            host_key: self.facts.host_key.clone().unwrap_or_default(),
            address: self.address.clone(),
        }
    }
}

/// Says why there is no inventory. Nothing was changed.
#[derive(Debug, Error)]
pub enum InventoryError {
    /// The API does not say.
    #[error("cannot read the cluster")]
    Cluster(#[source] ClusterError),
    /// The cluster says something that kup does not understand.
    #[error("cannot read the cluster's version")]
    Config(#[source] ActivityError),
    /// A version is not one.
    #[error("{whose} is at a version that kup does not understand")]
    Version {
        /// What has the version.
        whose: String,
        /// What is wrong with it.
        source: InvalidVersion,
    },
    /// Machines do not answer or lack something.
    #[error("cannot read {}", names(.0))]
    Machines(Vec<(String, HostError)>),
    /// Something else answers where a node should be.
    #[error(
        "{address} is not node {node}: its machine-id is {found}, the API knows the node by {known}"
    )]
    OtherMachine {
        /// The node.
        node: String,
        /// Where it was looked for.
        address: String,
        /// The machine-id of what answers.
        found: String,
        /// The machine-id in the Node object.
        known: String,
    },
    /// A node has no machine that kup could reach.
    #[error("node {0} has no address")]
    NoAddress(String),
}

fn names(failed: &[(String, HostError)]) -> String {
    failed.iter().map(|(node, _)| node.as_str()).collect::<Vec<_>>().join(", ")
}

/// Returns the version that `kubeadm-config` names.
///
/// # Errors
/// See [`InventoryError`].
pub async fn version(cluster: &dyn Cluster) -> Result<Version, InventoryError> {
    let version = config_maps::cluster_version(cluster).await.map_err(InventoryError::Config)?;
    parse("kubeadm-config", &version)
}

/// Asks the cluster and all machines. `hosts` must hold one for each node.
///
/// # Errors
/// See [`InventoryError`]; all machines that failed are named.
pub async fn collect(
    cluster: &dyn Cluster,
    nodes: &[Node],
    hosts: &BTreeMap<String, (String, Arc<dyn Host>)>,
    (target, taken_at): (Version, Timestamp),
) -> Result<Inventory, InventoryError> {
    let version = version(cluster).await?;
    let server_version = cluster.server_version().await.map_err(InventoryError::Cluster)?;
    let unready_checks = cluster.unready_checks().await.map_err(InventoryError::Cluster)?;
    let pods = cluster.system_pods().await.map_err(InventoryError::Cluster)?;
    let unready_pods =
        pods.iter().filter(|pod| pod.is_wanting()).map(|pod| pod.name.clone()).collect();
    let asked = stream::iter(nodes).map(|node| machine(node, hosts, target)).buffered(AT_ONCE);
    let answers: Vec<_> = asked.collect().await;
    let (mut read, mut failed) = (Vec::new(), Vec::new());
    for (node, answer) in nodes.iter().zip(answers) {
        match answer {
            Ok(machine) => read.push(machine),
            Err(Some(error)) => failed.push((node.name.clone(), error)),
            Err(None) => return Err(InventoryError::NoAddress(node.name.clone())),
        }
    }
    if !failed.is_empty() {
        return Err(InventoryError::Machines(failed));
    }
    read.iter().try_for_each(same_machine)?;
    Ok(Inventory {
        taken_at,
        cluster: cluster.identity().await.map_err(InventoryError::Cluster)?,
        version,
        server_version: parse("the API server", &server_version)?,
        unready_checks,
        unready_pods,
        nodes: read,
    })
}

/// The kubelet reports the machine-id and the boot id of its machine; kup asked the machine behind the address.
fn same_machine(read: &NodeInventory) -> Result<(), InventoryError> {
    let (node, facts) = (&read.node, &read.facts);
    let same = |known: &str, found: &str| !known.is_empty() && known == found;
    if same(&node.machine_id, &facts.machine_id) || same(&node.boot_id, &facts.boot_id) {
        return Ok(());
    }
    Err(InventoryError::OtherMachine {
        node: node.name.clone(),
        address: read.address.clone(),
        found: facts.machine_id.clone(),
        known: node.machine_id.clone(),
    })
}

fn parse(whose: &str, version: &str) -> Result<Version, InventoryError> {
    // Distributions add a build: v1.30.4+rke2r1.
    let plain = version.split('+').next().unwrap_or(version);
    plain.parse().map_err(|source| InventoryError::Version { whose: whose.to_owned(), source })
}

async fn machine(
    node: &Node,
    hosts: &BTreeMap<String, (String, Arc<dyn Host>)>,
    target: Version,
) -> Result<NodeInventory, Option<HostError>> {
    let (address, host) = hosts.get(&node.name).ok_or(None)?;
    let host = host.as_ref();
    let facts = NodeFacts::read(host).await.map_err(Some)?;
    if facts.package_manager != PackageManager::Apt {
        let found = format!("{:?}", facts.package_manager).to_lowercase();
        let (node, what) = (node.name.clone(), format!("apt (its package manager is: {found})"));
        return Err(Some(HostError::Lacks { node, what }));
    }
    let packages = PackageState::read(host).await.map_err(Some)?;
    let offers = Offers::read(host, &target.minor_name(), &target.bare()).await.map_err(Some)?;
    let control_plane = match node.control_plane {
        true => ControlPlaneState::read(host).await.map_err(Some)?,
        false => ControlPlaneState::none(),
    };
    Ok(NodeInventory {
        node: node.clone(),
        address: address.clone(),
        facts,
        packages,
        offers,
        control_plane,
    })
}
