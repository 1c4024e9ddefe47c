//! Verifies the whole cluster at the end: every node Ready at the version, every static pod at its image, `kubeadm-config` at the version, the
//! system's pods ready.
//!
//! Changes nothing. Nodes that an operator left out are not asked about.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::{config_maps, running};
use crate::cluster::{Cluster, Node};
use crate::world::{World, cluster_error};

const PAUSE: Duration = Duration::from_secs(1);
const MOST_SHOWN: usize = 10;

/// The activity `verify`. Parameters: `version` (of the control plane), `nodes` (`cp1=v1.20.2,w1=...`: the versions of their kubelets).
pub struct Verify(pub Arc<World>);

/// Returns everything that is not yet as it shall be.
async fn shortcomings(
    cluster: &dyn Cluster,
    cx: &StepContext,
) -> Result<Vec<String>, ActivityError> {
    let version = cx.param("version")?;
    let nodes = cluster.nodes().await.map_err(|e| cluster_error(&e))?;
    let wanted = cx.param("nodes")?.split(',').filter_map(|pair| pair.split_once('='));
    let mut wrong = Vec::new();
    for (name, kubelets) in wanted.filter(|(name, _)| !cx.left_out.iter().any(|out| out == name)) {
        let node = nodes.iter().find(|node| node.name == name);
        wrong.extend(node_shortcoming(name, node, kubelets));
        if node.is_some_and(|node| node.control_plane)
            && running::at_version(cluster, name, version).await?.is_none()
        {
            wrong.push(format!("the control plane of {name} does not run {version}"));
        }
    }
    let found = config_maps::cluster_version(cluster).await?;
    if found != version {
        wrong.push(format!("kubeadm-config is at {found}"));
    }
    let unready = cluster.system_pods().await.map_err(|e| cluster_error(&e))?;
    let unready = unready.iter().filter(|pod| pod.is_wanting());
    wrong.extend(
        unready.map(|pod| format!("pod kube-system/{} is {} and not ready", pod.name, pod.phase)),
    );
    Ok(wrong)
}

fn node_shortcoming(name: &str, node: Option<&Node>, kubelets: &str) -> Option<String> {
    let Some(node) = node else { return Some(format!("node {name} is gone")) };
    if !node.ready {
        return Some(format!("node {name} is not Ready: {}", node.conditions.join(", ")));
    }
    (node.kubelet_version != kubelets)
        .then(|| format!("node {name} runs kubelet {}", node.kubelet_version))
}

#[async_trait]
impl Activity for Verify {
    fn name(&self) -> &'static str {
        "verify"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "nodes"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::ReadOnly
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    /// Always looked at as done: `verify` is where the looking is.
    async fn observe(&self, _: &StepContext) -> Result<Found, ActivityError> {
        Ok(Found::After { what: "all other steps are done".to_owned() })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let until = cx.clock.now().plus(cx.step.policy.timeout());
        let cluster = self.0.cluster().await?;
        loop {
            let seen = shortcomings(cluster, cx).await;
            match seen {
                Ok(wrong) if wrong.is_empty() => {
                    let version = cx.param("version")?;
                    return Ok(Proof::from(format!(
                        "every node and component is ready at {version}"
                    )));
                }
                Ok(wrong) if cx.clock.now() > until => {
                    let mut error = ActivityError::permanent("the cluster is not as it should be");
                    error.causes = wrong.into_iter().take(MOST_SHOWN).collect();
                    return Err(error);
                }
                Err(error) if cx.clock.now() > until || !super::passes(&error) => {
                    return Err(error);
                }
                Ok(wrong) => cx.say(&wrong.first().cloned().unwrap_or_default()),
                Err(error) => cx.say(&error.message),
            }
            cx.clock.sleep(PAUSE).await;
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
