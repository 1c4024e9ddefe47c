//! The API server, as far as a drain asks it (pkg/registry/core/pod/storage/eviction.go).

use std::collections::BTreeMap;

use async_trait::async_trait;
use kup_core::event::ClusterIdentity;
use serde_json::Value;

use super::{Owner, PACE, Town};
use crate::cluster::{
    Cluster, ClusterError, ClusterSurvey, ConfigMap, Eviction, Node, ObjectName, Pod,
};

impl Town {
    /// Returns why the pod is not evicted now.
    fn refusal(&self, pod: &Pod) -> Option<Eviction> {
        if pod.terminating || pod.phase == "Pending" {
            return None;
        }
        let state = self.state.lock().unwrap();
        let budgets = self.budgets.iter().map(|spec| self.budget(spec, &state));
        let covering: Vec<_> = budgets.filter(|it| it.selector.selects(&pod.labels)).collect();
        match covering.as_slice() {
            [] => None,
            [budget] => {
                let goes_anyway = budget.lets_unhealthy_go
                    || (budget.healthy >= budget.desired && budget.desired > 0);
                if budget.allowed > 0 || (!pod.ready && goes_anyway) {
                    return None;
                }
                Some(Eviction::Blocked { why: format!("budget {}", budget.name) })
            }
            [_, _, ..] => Some(Eviction::Refused { why: "more than one budget".to_owned() }),
        }
    }
}

#[async_trait]
impl Cluster for Town {
    async fn pods_on(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        self.pass();
        let state = self.state.lock().unwrap();
        Ok(state.pods.iter().map(|it| it.pod.clone()).filter(|pod| pod.node == node).collect())
    }

    async fn daemon_set_exists(&self, _: &str, name: &str) -> Result<bool, ClusterError> {
        Ok(self.apps.iter().any(|app| app.name == name && app.owner == Owner::DaemonSet))
    }

    async fn evict(&self, pod: &Pod, _: Option<u32>) -> Result<Eviction, ClusterError> {
        self.pass();
        let there = {
            let state = self.state.lock().unwrap();
            state.pods.iter().map(|it| it.pod.clone()).find(|it| it.uid == pod.uid)
        };
        let Some(there) = there else { return Ok(Eviction::Gone) };
        if let Some(refusal) = self.refusal(&there) {
            return Ok(refusal);
        }
        let (now, mut state) = (self.now(), self.state.lock().unwrap());
        for it in state.pods.iter_mut().filter(|it| it.pod.uid == pod.uid) {
            it.pod.terminating = true;
            it.pod.ready = false;
            it.ready = None;
            it.gone = Some(now + PACE);
        }
        Ok(Eviction::Accepted)
    }

    async fn pod_exists(&self, pod: &Pod) -> Result<bool, ClusterError> {
        self.pass();
        Ok(self.state.lock().unwrap().pods.iter().any(|it| it.pod.uid == pod.uid))
    }

    async fn survey(&self) -> ClusterSurvey {
        self.look()
    }

    async fn identity(&self) -> Result<ClusterIdentity, ClusterError> {
        unreachable!()
    }

    async fn server_version(&self) -> Result<String, ClusterError> {
        unreachable!()
    }

    async fn unready_checks(&self) -> Result<Vec<String>, ClusterError> {
        unreachable!()
    }

    async fn nodes(&self) -> Result<Vec<Node>, ClusterError> {
        Ok(self.nodes.clone())
    }

    async fn node(&self, _: &str) -> Result<Option<Node>, ClusterError> {
        unreachable!()
    }

    async fn cordon(&self, _: &str, _: &str) -> Result<bool, ClusterError> {
        unreachable!()
    }

    async fn uncordon(&self, _: &str, _: &str) -> Result<bool, ClusterError> {
        unreachable!()
    }

    async fn system_pods(&self) -> Result<Vec<Pod>, ClusterError> {
        unreachable!()
    }

    async fn object(&self, _: &ObjectName) -> Result<Option<Value>, ClusterError> {
        unreachable!()
    }

    async fn config_map(&self, _: &str) -> Result<Option<ConfigMap>, ClusterError> {
        unreachable!()
    }

    async fn put_object(&self, _: &ObjectName, _: &Value) -> Result<(), ClusterError> {
        unreachable!()
    }

    async fn put_config_map(
        &self,
        _: &str,
        _: &BTreeMap<String, String>,
        _: Option<&str>,
    ) -> Result<(), ClusterError> {
        unreachable!()
    }
}
