//! The port to the API, for a simulated cluster. It answers while some control plane's API server serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::event::ClusterIdentity;
use serde_json::Value;

use super::access::Access;
use super::agenda::Chore;
use super::api::Api;
use super::{Shared, SimError, pods, troubles};
use crate::cluster::{
    Cluster, ClusterError, ClusterSurvey, ConfigMap, Eviction, Node, ObjectName, Pod,
};

/// A simulated cluster as kup reaches it.
pub(super) struct SimCluster {
    pub(super) shared: Arc<Shared>,
    pub(super) endpoint: String,
}

impl SimCluster {
    /// Acts through the API, if a server answers.
    fn ask<R>(&self, act: impl FnOnce(&mut Access<'_>) -> R) -> Result<R, ClusterError> {
        self.ask_if(|api| api.server().is_some(), act)
    }

    fn ask_if<R>(
        &self,
        answers: impl FnOnce(&Api) -> bool,
        act: impl FnOnce(&mut Access<'_>) -> R,
    ) -> Result<R, ClusterError> {
        let result = self.shared.access(|world| {
            if answers(&world.api) { Ok(act(world)) } else { Err(SimError::NoAnswer) }
        });
        result.map_err(|error| ClusterError::Unavailable {
            endpoint: self.endpoint.clone(),
            source: error.into(),
        })
    }
}

fn failed(doing: String, why: &str) -> ClusterError {
    ClusterError::Failed { doing, why: why.to_owned() }
}

#[async_trait]
impl Cluster for SimCluster {
    async fn identity(&self) -> Result<ClusterIdentity, ClusterError> {
        self.ask(|world| ClusterIdentity {
            uid: world.api.uid.clone(),
            ca_sha256: world.api.ca_sha256.clone(),
            endpoint: world.api.endpoint.clone(),
        })
    }

    async fn server_version(&self) -> Result<String, ClusterError> {
        self.ask(|world| world.api.server_version().unwrap_or_default().to_owned())
    }

    async fn unready_checks(&self) -> Result<Vec<String>, ClusterError> {
        // A server without etcd still answers this question.
        self.ask_if(Api::answers, |world| troubles::unready_checks(&world.api))
    }

    async fn survey(&self) -> ClusterSurvey {
        let survey = self.ask(|world| troubles::survey(&world.api));
        survey.unwrap_or_else(|error| ClusterSurvey::unreadable(&error.to_string()))
    }

    async fn nodes(&self) -> Result<Vec<Node>, ClusterError> {
        self.ask(|world| troubles::nodes(&world.api))
    }

    async fn node(&self, name: &str) -> Result<Option<Node>, ClusterError> {
        self.ask(|world| troubles::node(&world.api, name))
    }

    async fn cordon(&self, node: &str, run: &str) -> Result<bool, ClusterError> {
        let cordoned = self.ask(|world| cordon(&mut world.api, node, run))?;
        cordoned.ok_or_else(|| failed(format!("cordon node {node}"), "nodes not found"))
    }

    async fn uncordon(&self, node: &str, run: &str) -> Result<bool, ClusterError> {
        let uncordoned = self.ask(|world| {
            let now = world.now;
            world.agenda.add(now, 0, Chore::Schedule);
            uncordon(&mut world.api, node, run)
        })?;
        uncordoned.ok_or_else(|| failed(format!("uncordon node {node}"), "nodes not found"))
    }

    async fn pods_on(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        let mut pods = self.ask(|world| pods::all(&world.api, |name, _| name == node))?;
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(pods)
    }

    async fn system_pods(&self) -> Result<Vec<Pod>, ClusterError> {
        let is_system = |_: &str, namespace: &str| namespace == "kube-system";
        let mut pods = self.ask(|world| pods::all(&world.api, is_system))?;
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pods)
    }

    async fn daemon_set_exists(&self, namespace: &str, name: &str) -> Result<bool, ClusterError> {
        self.ask(|world| world.api.daemon_sets.contains_key(&format!("{namespace}/{name}")))
    }

    async fn evict(&self, pod: &Pod, _grace: Option<u32>) -> Result<Eviction, ClusterError> {
        self.ask(|world| pods::evict(&mut world.api, &mut world.agenda, world.now, pod))
    }

    async fn pod_exists(&self, pod: &Pod) -> Result<bool, ClusterError> {
        self.ask(|world| {
            let mirrors = world.api.nodes.get(&pod.node).map(|node| node.mirror_pods(&pod.node));
            world.api.pods.contains_key(&pod.uid)
                || mirrors.unwrap_or_default().iter().any(|mirror| mirror.uid == pod.uid)
        })
    }

    async fn config_map(&self, name: &str) -> Result<Option<ConfigMap>, ClusterError> {
        self.ask(|world| {
            world.api.config_maps.get(name).map(|map| ConfigMap {
                data: map.data.clone(),
                resource_version: map.version.to_string(),
            })
        })
    }

    async fn object(&self, name: &ObjectName) -> Result<Option<Value>, ClusterError> {
        self.ask(|world| super::objects::object(&world.api, &name.kind, &name.name))
    }

    async fn put_object(&self, name: &ObjectName, object: &Value) -> Result<(), ClusterError> {
        let stored = self.ask(|world| super::objects::put(world, name, object))?;
        let why = "there is no such object";
        if stored { Ok(()) } else { Err(failed(format!("write {name}"), why)) }
    }

    async fn put_config_map(
        &self,
        name: &str,
        data: &BTreeMap<String, String>,
        expected: Option<&str>,
    ) -> Result<(), ClusterError> {
        let stored = self.ask(|world| {
            let version = world.api.config_maps.get(name).map(|map| map.version.to_string());
            if expected.is_some() && version.as_deref() != expected {
                return false;
            }
            world.api.put_config_map(name, data.clone());
            true
        })?;
        let why = "the object has been modified; please apply your changes to the latest version";
        if stored { Ok(()) } else { Err(failed(format!("store the ConfigMap {name}"), why)) }
    }
}

fn cordon(api: &mut Api, node: &str, run: &str) -> Option<bool> {
    let node = api.nodes.get_mut(node)?;
    let is_ours = node.cordoned_by.as_deref() == Some(run);
    if node.unschedulable && !is_ours {
        return Some(false);
    }
    node.unschedulable = true;
    node.cordoned_by = Some(run.to_owned());
    Some(true)
}

fn uncordon(api: &mut Api, node: &str, run: &str) -> Option<bool> {
    let node = api.nodes.get_mut(node)?;
    if node.cordoned_by.as_deref() != Some(run) {
        return Some(false);
    }
    node.unschedulable = false;
    node.cordoned_by = None;
    Some(true)
}
