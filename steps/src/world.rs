//! The cluster and its machines as activities reach them. Before anything is done, each is compared with what the run's first event
//! says of it, and each node is told that this process is its owner; once per process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kup_core::activity::ActivityError;
use kup_core::event::{ClusterIdentity, ErrorClass, MachineIdentity};
use tokio::sync::Mutex;

use crate::cluster::{Cluster, ClusterError};
use crate::etcd::snapshot::etcd_error;
use crate::etcd::{Etcd, EtcdApi};
use crate::facts::NodeFacts;
use crate::host::{Host, HostError, Owner};

/// Whether a run, by its id, is over, as far as this machine's journals tell.
pub type IsOver = Arc<dyn for<'a> Fn(&'a str) -> bool + Send + Sync>;

/// Machines asked at once.
const AT_ONCE: usize = 16;

/// The ways to the world.
pub struct Ports {
    /// To the API.
    pub cluster: Arc<dyn Cluster>,
    /// To the machines, by the names of their nodes.
    pub hosts: BTreeMap<String, Arc<dyn Host>>,
    /// To etcd, through machines.
    pub etcd: Arc<dyn Etcd>,
}

/// All that a run may touch.
pub struct World {
    ports: Ports,
    identity: ClusterIdentity,
    machines: BTreeMap<String, MachineIdentity>,
    owner: Owner,
    is_over: IsOver,
    known: Mutex<BTreeSet<String>>,
}

/// Who is expected behind cluster and machines, and who we are.
pub struct Expected {
    /// The cluster.
    pub cluster: ClusterIdentity,
    /// The machines.
    pub machines: Vec<MachineIdentity>,
    /// This process.
    pub owner: Owner,
    /// Asks whether a run is over.
    pub is_over: IsOver,
}

impl World {
    /// Returns a world in which nothing has been compared yet.
    #[must_use]
    pub fn new(ports: Ports, expected: Expected) -> Self {
        let machines = expected.machines.into_iter().map(|m| (m.name.clone(), m)).collect();
        Self {
            ports,
            identity: expected.cluster,
            machines,
            owner: expected.owner,
            is_over: expected.is_over,
            known: Mutex::new(BTreeSet::new()),
        }
    }

    /// Returns the run that this world is for, as cordons are marked with it.
    #[must_use]
    pub fn run(&self) -> &str {
        self.owner.run.as_str()
    }

    /// Returns the port to etcd, for looking only.
    #[must_use]
    pub fn etcd_port(&self) -> &dyn Etcd {
        self.ports.etcd.as_ref()
    }

    /// Returns the machines by their nodes, for looking only: nothing is compared and nothing claimed.
    #[must_use]
    pub fn machines(&self) -> &BTreeMap<String, Arc<dyn Host>> {
        &self.ports.hosts
    }

    /// Returns the cluster, after making sure that it is the run's.
    ///
    /// # Errors
    /// Permanent when another cluster answers; else as [`cluster_error`].
    pub async fn cluster(&self) -> Result<&dyn Cluster, ActivityError> {
        let mut known = self.known.lock().await;
        if !known.contains("") {
            let found = self.ports.cluster.identity().await.map_err(|e| cluster_error(&e))?;
            same_cluster(&self.identity, &found)?;
            known.insert(String::new());
        }
        Ok(self.ports.cluster.as_ref())
    }

    /// Compares the Node object, where the API answers; a machine is known by itself when it does not.
    async fn same_node(&self, expected: &MachineIdentity) -> Result<(), ActivityError> {
        match self.ports.cluster.node(&expected.name).await {
            Ok(Some(node)) if node.uid != expected.uid => {
                let (name, uid, wanted) = (&expected.name, node.uid, &expected.uid);
                let why = format!(
                    "node {name} was made anew: its UID is {uid}, the run began with {wanted}"
                );
                Err(ActivityError::permanent(why))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Tells every node that this run is over. One that does not answer keeps its record, and the log says so.
    pub async fn release(&self) {
        self.release_each(self.ports.hosts.values().cloned().collect()).await;
    }

    /// Tells the nodes that this process owns that it has nothing to do with them after all.
    pub async fn release_known(&self) {
        let known = self.known.lock().await.clone();
        let hosts = known.iter().filter_map(|node| self.ports.hosts.get(node).cloned());
        self.release_each(hosts.collect()).await;
    }

    async fn release_each(&self, hosts: Vec<Arc<dyn Host>>) {
        let release = |host: Arc<dyn Host>| async move {
            if let Err(error) = host.release(&self.owner).await {
                tracing::warn!(node = host.node(), %error, "could not release the node");
            }
        };
        stream::iter(hosts).for_each_concurrent(AT_ONCE, release).await;
    }

    /// Returns a machine, after making sure that it is the run's and telling it who owns it now.
    ///
    /// # Errors
    /// Permanent when another machine answers or another kup owns it; else as [`host_error`].
    pub async fn host(&self, node: &str) -> Result<&dyn Host, ActivityError> {
        let unknown = || ActivityError::permanent(format!("the run knows no machine `{node}`"));
        let host = self.ports.hosts.get(node).ok_or_else(unknown)?;
        let expected = self.machines.get(node).ok_or_else(unknown)?;
        if !self.known.lock().await.contains(node) {
            let facts = NodeFacts::read(host.as_ref()).await.map_err(|e| host_error(&e))?;
            let host_key = facts.host_key.unwrap_or_default();
            same_machine(expected, (&facts.machine_id, &host_key))?;
            self.same_node(expected).await?;
            let is_over = self.is_over.as_ref();
            host.claim(&self.owner, is_over).await.map_err(|e| host_error(&e))?;
            self.known.lock().await.insert(node.to_owned());
        }
        Ok(host.as_ref())
    }
}

impl World {
    /// Returns the way to etcd through a control plane, after making sure that this is the run's.
    ///
    /// # Errors
    /// As [`World::host`]; or when the control plane does not say how etcd is reached.
    pub async fn etcd(&self, node: &str) -> Result<Box<dyn EtcdApi + '_>, ActivityError> {
        let host = self.host(node).await?;
        self.ports.etcd.reach(host).await.map_err(|error| etcd_error(&error))
    }
}

pub(crate) fn same_cluster(
    expected: &ClusterIdentity,
    found: &ClusterIdentity,
) -> Result<(), ActivityError> {
    let (what, wanted, got) = if found.uid != expected.uid {
        ("kube-system has the UID", &expected.uid, &found.uid)
    } else if found.ca_sha256 != expected.ca_sha256 {
        ("certificate authority has the SHA-256", &expected.ca_sha256, &found.ca_sha256)
    } else {
        return Ok(());
    };
    let endpoint = &found.endpoint;
    Err(ActivityError::permanent(format!(
        "another cluster answers at {endpoint}: its {what} {got}, the run began with {wanted}"
    )))
}

/// Compares a machine with its machine-id and SSH host key.
pub(crate) fn same_machine(
    expected: &MachineIdentity,
    (machine_id, host_key): (&str, &str),
) -> Result<(), ActivityError> {
    let differs = |what: &str, wanted: &str, got: &str| {
        let (name, address) = (&expected.name, &expected.address);
        Err(ActivityError::permanent(format!(
            "another machine answers for node {name} at {address}: its {what} is `{got}`, the run began with `{wanted}`"
        )))
    };
    if machine_id != expected.machine_id {
        return differs("machine-id", &expected.machine_id, machine_id);
    }
    if host_key != expected.host_key {
        return differs("SSH host key", &expected.host_key, host_key);
    }
    Ok(())
}

/// Returns an API error with its class: what passes by itself is transient.
#[must_use]
pub fn cluster_error(error: &ClusterError) -> ActivityError {
    let class = match error {
        // An API server that has just started refuses everybody until it has read its roles.
        ClusterError::Unavailable { .. } | ClusterError::Denied { .. } => ErrorClass::Transient,
        ClusterError::Failed { .. } => ErrorClass::Permanent,
    };
    with_causes(ActivityError::new(class, error.to_string()), error)
}

/// Returns a machine's error with its class. Only for looking: what became of a start that met `Unreachable` is unclear.
#[must_use]
pub fn host_error(error: &HostError) -> ActivityError {
    let class = match error {
        HostError::Unreachable { .. } => ErrorClass::Transient,
        HostError::Script { .. } | HostError::Unreadable { .. } => ErrorClass::Transient,
        HostError::Denied { .. } | HostError::Lacks { .. } | HostError::Owned { .. } => {
            ErrorClass::Permanent
        }
    };
    let mut seen = with_causes(ActivityError::new(class, error.to_string()), error);
    if let HostError::Denied { remedy, .. } = error {
        seen.causes.push(remedy.clone());
    }
    seen
}

fn with_causes(seen: ActivityError, error: &dyn std::error::Error) -> ActivityError {
    match error.source() {
        Some(source) => seen.because(source),
        None => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(uid: &str, ca: &str) -> ClusterIdentity {
        let endpoint = "https://10.0.0.1:6443".to_owned();
        ClusterIdentity { uid: uid.to_owned(), ca_sha256: ca.to_owned(), endpoint }
    }

    #[test]
    fn another_cluster_behind_the_same_endpoint_is_refused() {
        let begun_with = cluster("one", "ca");
        assert!(same_cluster(&begun_with, &cluster("one", "ca")).is_ok());
        for other in [cluster("two", "ca"), cluster("one", "cb")] {
            let error = same_cluster(&begun_with, &other).unwrap_err();
            assert_eq!(error.class, ErrorClass::Permanent);
            assert!(error.message.starts_with("another cluster answers at https://10.0.0.1:6443"));
        }
    }

    #[test]
    fn another_machine_behind_the_same_name_is_refused() {
        let begun_with = MachineIdentity {
            name: "w1".to_owned(),
            uid: String::new(),
            machine_id: "one".to_owned(),
            host_key: "key".to_owned(),
            address: "10.0.0.2".to_owned(),
        };
        assert!(same_machine(&begun_with, ("one", "key")).is_ok());
        for other in [("two", "key"), ("one", "another")] {
            let error = same_machine(&begun_with, other).unwrap_err();
            assert_eq!(error.class, ErrorClass::Permanent);
            assert!(error.message.starts_with("another machine answers for node w1 at 10.0.0.2"));
        }
    }
}
