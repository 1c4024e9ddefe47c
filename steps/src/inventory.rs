//! What a cluster looked like before planning: the API's view and every machine's, asked side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kup_core::activity::ActivityError;
use kup_core::clock::{Clock, Timestamp};
use kup_core::event::{ClusterIdentity, MachineIdentity};
use thiserror::Error;

use crate::activity::config_maps;
use crate::cluster::{Cluster, ClusterError, ClusterSurvey, Node};
use crate::facts::etcd::EtcdSurvey;
use crate::facts::{ControlPlaneState, MachineSurvey, NodeFacts, Offers, PackageState, reply};
use crate::gate::ClusterConfiguration;
use crate::host::{Host, HostError};
use crate::version::{InvalidVersion, Version};

mod machines;
#[cfg(test)]
pub(crate) mod sample;

use machines::Machines;

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
    /// The Linux nodes whose machines answered, sorted by name.
    pub nodes: Vec<NodeInventory>,
    /// Nodes whose machines did not answer, or said something that kup does not understand.
    pub silent: Vec<SilentNode>,
    /// Nodes with another operating system: they are left as they are.
    pub foreign: Vec<Node>,
    /// What the API tells beyond its nodes.
    pub survey: ClusterSurvey,
    /// etcd, or why nobody could tell.
    pub etcd: Result<EtcdSurvey, String>,
}

impl Inventory {
    /// Returns where control planes are reached together, as `kubeadm-config` names it; `None` where it does not.
    #[must_use]
    pub fn control_plane_endpoint(&self) -> Option<String> {
        let maps = self.survey.config_maps.as_ref().ok()?;
        let configuration = maps.get("kubeadm-config")?.get("ClusterConfiguration")?;
        let mut lines = configuration.lines();
        let endpoint = lines.find_map(|line| line.strip_prefix("controlPlaneEndpoint:"))?;
        reply::not_empty(endpoint.trim().trim_matches(['"', '\'']))
    }

    /// Whether a member of etcd that kubeadm runs belongs to a node, also while its manifest is gone. A key pair alone proves nothing where etcd
    /// is elsewhere: it may be left from before it moved.
    #[must_use]
    pub fn has_etcd(&self, node: &NodeInventory) -> bool {
        let is_elsewhere = || {
            let config = ClusterConfiguration::of(self);
            config.is_ok_and(|config| config.has(&["etcd", "external"]))
        };
        let has_manifest = !node.control_plane.image("etcd").is_empty();
        has_manifest || node.control_plane.has_etcd() && !is_elsewhere()
    }
}

/// A node that kup cannot look at.
#[derive(Debug, Clone)]
pub struct SilentNode {
    /// As the API shows it.
    pub node: Node,
    /// Where the machine was looked for; empty where the API has no address.
    pub address: String,
    /// Why there is no answer.
    pub why: String,
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
    /// What its repositories offer of the minors on the way.
    pub offers: Offers,
    /// Its static pods; empty on a worker.
    pub control_plane: ControlPlaneState,
    /// What gates ask of it.
    pub survey: MachineSurvey,
    /// When it answered.
    pub seen_at: Timestamp,
}

impl NodeInventory {
    /// Whether kubeadm has left copies of manifests on the machine, which it takes before it replaces any.
    #[must_use]
    pub fn has_copies(&self) -> bool {
        let mut left = self.survey.kubeadm_leftovers.iter();
        left.any(|it| it.starts_with("kubeadm-backup-manifests-"))
    }

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
    /// No machine answers.
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

/// What an inventory is taken for.
#[derive(Clone)]
pub struct Asking {
    /// The minors whose repositories are asked.
    pub minors: Vec<String>,
    /// The folder or address that plain programs come from, on nodes where no package owns them.
    pub programs_from: Option<String>,
    /// The clock by which answers are dated.
    pub clock: Arc<dyn Clock>,
}

/// Asks the cluster and all machines side by side. A machine that does not answer is part of the picture; when none answers, there is no
/// picture.
///
/// # Errors
/// See [`InventoryError`].
pub async fn collect(
    cluster: &dyn Cluster,
    nodes: &[Node],
    hosts: &BTreeMap<String, (String, Arc<dyn Host>)>,
    asking: &Asking,
) -> Result<Inventory, InventoryError> {
    let (foreign, linux): (Vec<&Node>, Vec<&Node>) =
        nodes.iter().partition(|node| node.os != "linux");
    let machines = Machines::new(hosts, asking);
    let answers = stream::iter(&linux).map(|node| machines.ask(node)).buffered(AT_ONCE);
    let (api, survey, answers) =
        tokio::join!(api(cluster), cluster.survey(), answers.collect::<Vec<_>>());
    let api = api?;
    let mut inventory = Inventory {
        taken_at: asking.clock.now(),
        cluster: api.identity,
        version: api.version,
        server_version: api.server_version,
        unready_checks: api.unready_checks,
        unready_pods: api.unready_pods,
        nodes: Vec::new(),
        silent: Vec::new(),
        foreign: foreign.into_iter().cloned().collect(),
        survey,
        etcd: machines.etcd().await,
    };
    let mut failed = Vec::new();
    for (node, (address, answer)) in linux.iter().zip(answers) {
        match answer {
            Ok(machine) => inventory.nodes.push(machine),
            Err(error) => {
                let (node, why) =
                    ((*node).clone(), crate::world::host_error(&error).to_record().to_string());
                failed.push((node.name.clone(), error));
                inventory.silent.push(SilentNode { node, address, why });
            }
        }
    }
    if inventory.nodes.is_empty() && !failed.is_empty() {
        return Err(InventoryError::Machines(failed));
    }
    inventory.nodes.iter().try_for_each(same_machine)?;
    Ok(inventory)
}

/// What the API says of itself.
struct Api {
    identity: ClusterIdentity,
    version: Version,
    server_version: Version,
    unready_checks: Vec<String>,
    unready_pods: Vec<String>,
}

async fn api(cluster: &dyn Cluster) -> Result<Api, InventoryError> {
    let failed = InventoryError::Cluster;
    let pods = cluster.system_pods().await.map_err(failed)?;
    let unready = pods.iter().filter(|pod| pod.is_wanting()).map(|pod| pod.name.clone());
    Ok(Api {
        identity: cluster.identity().await.map_err(failed)?,
        version: version(cluster).await?,
        server_version: parse("the API server", &cluster.server_version().await.map_err(failed)?)?,
        unready_checks: cluster.unready_checks().await.map_err(failed)?,
        unready_pods: unready.collect(),
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
