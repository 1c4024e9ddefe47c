//! The port to the cluster's API in plain types. Adapters: `kube` (the only file that names the kube crate) and the
//! simulated cluster of [`crate::sim`].

pub mod kube_api;
pub mod survey;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use kup_core::event::ClusterIdentity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

pub use survey::ClusterSurvey;

/// A node as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// Whether it has the control-plane label (or the older master label).
    pub control_plane: bool,
    /// Its InternalIP address; the ExternalIP where it has no other; empty when it has none.
    pub address: String,
    /// `nodeInfo.kubeletVersion`, e.g. `v1.19.16`.
    pub kubelet_version: String,
    /// Whether its Ready condition is True.
    pub ready: bool,
    /// Why it is not ready, or pressure conditions that are true; empty otherwise.
    pub conditions: Vec<String>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// The run whose cordon it carries: annotation `kup.dev/cordoned-by`.
    pub cordoned_by: Option<String>,
    /// `kubernetes.io/os`, e.g. `linux`.
    pub os: String,
    /// `nodeInfo.machineID`.
    pub machine_id: String,
    /// `nodeInfo.bootID`.
    pub boot_id: String,
    /// `nodeInfo.containerRuntimeVersion`, e.g. `containerd://1.6.20`.
    pub runtime: String,
    /// The label `kubernetes.io/hostname`, by which volumes are bound to nodes.
    pub hostname: String,
    /// Its taints, each as `key=value:effect` without an empty value.
    pub taints: Vec<String>,
}

/// A pod as far as gates, draining and verifying need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The UID of the object.
    pub uid: String,
    /// The node it is bound to; empty while it is not.
    pub node: String,
    /// `status.phase`.
    pub phase: String,
    /// Whether its Ready condition is True.
    pub ready: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Kind and name of its controller.
    pub controller: Option<(String, String)>,
    /// Whether it is the mirror of a static pod.
    pub mirror: bool,
    /// Whether it may be scheduled to a cordoned node.
    pub tolerates_cordon: bool,
    /// The names of its emptyDir volumes.
    pub empty_dirs: Vec<String>,
    /// The names of the PersistentVolumeClaims that it uses.
    pub claims: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The images of its containers.
    pub images: Vec<String>,
}

impl Pod {
    /// Whether it should be ready and is not. What has ended, or is going, is not expected to be.
    #[must_use]
    pub fn is_wanting(&self) -> bool {
        !self.ready && !self.terminating && self.phase != "Succeeded" && self.phase != "Failed"
    }
}

/// The answer to an eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Eviction {
    /// Accepted: the pod is being deleted.
    Accepted,
    /// There is no such pod any more, or another one under its name.
    Gone,
    /// A disruption budget does not allow it now (429): try again later.
    Blocked {
        /// What the API server said, with the budget's name where it says it.
        why: String,
    },
    /// It will not be allowed (two budgets on one pod, a webhook, permissions).
    Refused {
        /// What the API server said.
        why: String,
    },
}

/// A ConfigMap's contents and the version of the object that they were read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMap {
    /// `data`.
    pub data: BTreeMap<String, String>,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// Says why the API did not do what it was asked.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// No answer, or an answer that passes: it may be asked again.
    #[error("the API server at {endpoint} does not answer")]
    Unavailable {
        /// Where.
        endpoint: String,
        /// What the client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Credentials are wrong, expired, or lack a permission.
    #[error("the API server at {endpoint} does not allow this: {why}")]
    Denied {
        /// Where.
        endpoint: String,
        /// What it said.
        why: String,
    },
    /// The request failed for good.
    #[error("cannot {doing}: {why}")]
    Failed {
        /// What was asked, e.g. `cordon node w1`.
        doing: String,
        /// What the server said.
        why: String,
    },
}

/// An object by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// `ConfigMap`
    pub kind: String,
    /// Empty for what is in none.
    pub namespace: String,
    /// `kubelet-config`
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name, .. } = self;
        match namespace.as_str() {
            "" => write!(f, "{kind} {name}"),
            namespace => write!(f, "{kind} {namespace}/{name}"),
        }
    }
}

/// The API of one cluster.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Returns what tells this cluster from every other.
    async fn identity(&self) -> Result<ClusterIdentity, ClusterError>;

    /// Returns the version of the API server that answers, e.g. `v1.19.16`.
    async fn server_version(&self) -> Result<String, ClusterError>;

    /// Asks `/readyz?verbose`; returns the checks that do not pass, empty when all is well (etcd is one of them).
    async fn unready_checks(&self) -> Result<Vec<String>, ClusterError>;

    /// Reads everything that gates ask about. What cannot be read is an error in its part.
    async fn survey(&self) -> ClusterSurvey;

    /// Returns all nodes, sorted by name.
    async fn nodes(&self) -> Result<Vec<Node>, ClusterError>;

    /// Returns one node, `None` when there is none of that name.
    async fn node(&self, name: &str) -> Result<Option<Node>, ClusterError>;

    /// Makes a node unschedulable and marks it with the run, in one patch that takes effect only while the node is schedulable
    /// or already carries this run's mark. Returns whether the node is now cordoned by this run (`false`: somebody else's cordon stands).
    async fn cordon(&self, node: &str, run: &str) -> Result<bool, ClusterError>;

    /// Makes a node schedulable and takes the mark away, in one patch, only where it carries this run's mark.
    /// Returns whether it did (`false`: no mark of this run, nothing changed).
    async fn uncordon(&self, node: &str, run: &str) -> Result<bool, ClusterError>;

    /// Returns the pods bound to a node, sorted by namespace and name.
    async fn pods_on(&self, node: &str) -> Result<Vec<Pod>, ClusterError>;

    /// Returns the pods of kube-system, sorted by name.
    async fn system_pods(&self) -> Result<Vec<Pod>, ClusterError>;

    /// Returns whether a DaemonSet exists.
    async fn daemon_set_exists(&self, namespace: &str, name: &str) -> Result<bool, ClusterError>;

    /// Asks for the eviction of exactly this pod (by UID). `grace` in seconds; `None` for the pod's own.
    async fn evict(&self, pod: &Pod, grace: Option<u32>) -> Result<Eviction, ClusterError>;

    /// Returns whether exactly this pod (by UID) is still there.
    async fn pod_exists(&self, pod: &Pod) -> Result<bool, ClusterError>;

    /// Returns a ConfigMap of kube-system, `None` when there is none.
    async fn config_map(&self, name: &str) -> Result<Option<ConfigMap>, ClusterError>;

    /// Returns an object as the API shows it, `None` when there is none.
    async fn object(&self, name: &ObjectName) -> Result<Option<Value>, ClusterError>;

    /// Writes an object that is there, whole. It must still have the `resourceVersion` that stands in it, so that a later change by somebody else is
    /// not lost.
    async fn put_object(&self, name: &ObjectName, object: &Value) -> Result<(), ClusterError>;

    /// Gives a ConfigMap of kube-system this `data`, creating it where there is none; `expected` is the
    /// `resource_version` it must still have, so that a later change by somebody else is not lost.
    async fn put_config_map(
        &self,
        name: &str,
        data: &BTreeMap<String, String>,
        expected: Option<&str>,
    ) -> Result<(), ClusterError>;
}
