//! The cluster's API through the kube crate, which only this file and the ones below it name.
//!
//! kube is used for what is hard to get right: kubeconfigs, credentials and TLS. Requests and answers are plain JSON read
//! by path, because one binary has to talk to API servers that are many versions apart: a field that is missing, null
//! or new is never an error. Nothing is retried here; callers know what a repetition means, kube does not (its own
//! retry would hide for hours that a disruption budget says no).

mod certificate;
mod connect;
mod eviction;
mod http;
mod objects;
#[cfg(test)]
mod stub;
mod survey;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use kup_core::event::ClusterIdentity;
use serde_json::Value;

pub use self::connect::ConnectError;
use self::http::{Reply, escape};
use self::objects::{read_config_map, read_node, read_pod, text};
use crate::cluster::{
    Cluster, ClusterError, ClusterSurvey, ConfigMap, Eviction, Node, ObjectName, Pod,
};

/// The annotation that names the run which cordoned a node.
pub const CORDONED_BY: &str = "kup.dev/cordoned-by";

/// The API of a real cluster.
#[derive(Clone)]
pub struct KubeApi {
    client: kube::Client,
    endpoint: String,
    ca_sha256: String,
    /// The files and the context that were chosen, for a later process.
    chosen: (String, String),
    /// What the credentials are, for the message when they are not accepted.
    credentials: String,
}

impl KubeApi {
    /// Returns where the API server is reached.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.endpoint
    }

    /// Reads a kubeconfig and prepares a client for one of its contexts; asks the cluster nothing yet.
    /// `kubeconfig` is one path or a list as in `$KUBECONFIG`; `None` is `~/.kube/config`. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`] says which of the user's files or words is to blame.
    pub async fn connect(
        kubeconfig: Option<&Path>,
        context: Option<&str>,
    ) -> Result<Self, ConnectError> {
        connect::connect(kubeconfig, context).await
    }
}

impl KubeApi {
    /// Returns the kubeconfig's path (a list with `:` between where it was one) and the name of the context in it.
    #[must_use]
    pub fn chosen(&self) -> (&str, &str) {
        (&self.chosen.0, &self.chosen.1)
    }
}

#[async_trait]
impl Cluster for KubeApi {
    async fn identity(&self) -> Result<ClusterIdentity, ClusterError> {
        let doing = "read namespace kube-system";
        let namespace = self.need(doing, "/api/v1/namespaces/kube-system").await?;
        Ok(ClusterIdentity {
            uid: text(&namespace, "/metadata/uid"),
            ca_sha256: self.ca_sha256.clone(),
            endpoint: self.endpoint.clone(),
        })
    }

    async fn server_version(&self) -> Result<String, ClusterError> {
        let doing = "ask the API server for its version";
        let version = text(&self.need(doing, "/version").await?, "/gitVersion");
        if version.is_empty() {
            return Err(self.failed(doing, "the answer names no version"));
        }
        Ok(version)
    }

    async fn unready_checks(&self) -> Result<Vec<String>, ClusterError> {
        let doing = "ask the API server whether it is ready";
        let reply = self.call(doing, Self::get_request("/readyz?verbose")).await?;
        if reply.is_success() {
            return Ok(Vec::new());
        }
        let failing = failing_checks(&reply);
        if failing.is_empty() { Err(self.refused(doing, &reply)) } else { Ok(failing) }
    }

    async fn survey(&self) -> ClusterSurvey {
        survey::survey(self).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, ClusterError> {
        let found = self.list("list nodes", "/api/v1/nodes", "").await?;
        let mut nodes: Vec<Node> = found.iter().map(read_node).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(nodes)
    }

    async fn node(&self, name: &str) -> Result<Option<Node>, ClusterError> {
        let path = format!("/api/v1/nodes/{}", escape(name));
        let found = self.find(&format!("read node {name}"), &path).await?;
        Ok(found.as_ref().map(read_node))
    }

    async fn cordon(&self, node: &str, run: &str) -> Result<bool, ClusterError> {
        write::cordon(self, node, run).await
    }

    async fn uncordon(&self, node: &str, run: &str) -> Result<bool, ClusterError> {
        write::uncordon(self, node, run).await
    }

    async fn pods_on(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        let selector = format!("fieldSelector=spec.nodeName%3D{}", escape(node));
        self.pods(&format!("list the pods on node {node}"), "/api/v1/pods", &selector).await
    }

    async fn system_pods(&self) -> Result<Vec<Pod>, ClusterError> {
        self.pods("list the pods of kube-system", "/api/v1/namespaces/kube-system/pods", "").await
    }

    async fn daemon_set_exists(&self, namespace: &str, name: &str) -> Result<bool, ClusterError> {
        let (place, object) = (escape(namespace), escape(name));
        let path = format!("/apis/apps/v1/namespaces/{place}/daemonsets/{object}");
        let found = self.find(&format!("read DaemonSet {namespace}/{name}"), &path).await?;
        Ok(found.is_some())
    }

    async fn evict(&self, pod: &Pod, grace: Option<u32>) -> Result<Eviction, ClusterError> {
        eviction::evict(self, pod, grace).await
    }

    async fn pod_exists(&self, pod: &Pod) -> Result<bool, ClusterError> {
        let (namespace, name) = (escape(&pod.namespace), escape(&pod.name));
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
        let doing = format!("read pod {}/{}", pod.namespace, pod.name);
        let found = self.find(&doing, &path).await?;
        Ok(found.is_some_and(|object| text(&object, "/metadata/uid") == pod.uid))
    }

    async fn config_map(&self, name: &str) -> Result<Option<ConfigMap>, ClusterError> {
        let found = self.find(&write::reading(name), &write::config_map_path(name)).await?;
        Ok(found.as_ref().map(read_config_map))
    }

    async fn object(&self, name: &ObjectName) -> Result<Option<Value>, ClusterError> {
        self.find(&format!("read {name}"), &objects::path(name)).await
    }

    async fn put_object(&self, name: &ObjectName, object: &Value) -> Result<(), ClusterError> {
        write::put_object(self, name, object).await
    }

    async fn put_config_map(
        &self,
        name: &str,
        data: &BTreeMap<String, String>,
        expected: Option<&str>,
    ) -> Result<(), ClusterError> {
        write::put_config_map(self, name, data, expected).await
    }
}

impl KubeApi {
    /// Returns the pods of a list, sorted by namespace and name.
    async fn pods(&self, doing: &str, path: &str, query: &str) -> Result<Vec<Pod>, ClusterError> {
        let found = self.list(doing, path, query).await?;
        let mut pods: Vec<Pod> = found.iter().map(read_pod).collect();
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(pods)
    }
}

/// Returns what stands behind `[-]` in the verbose answer of a health check.
fn failing_checks(reply: &Reply) -> Vec<String> {
    let said = reply.text();
    said.lines().filter_map(|line| line.strip_prefix("[-]")).map(str::to_owned).collect()
}
