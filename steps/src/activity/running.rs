//! Whether static pods run: told by the API, and for a way back by the node itself where no API server answers.

use kup_core::activity::{ActivityError, Proof, StepContext};

use super::manifests::is_at;
use crate::cluster::{Cluster, Pod};
use crate::facts::etcd::EtcdSurvey;
use crate::facts::{MachineSurvey, VERSIONED};
use crate::world::{World, cluster_error, host_error};

/// Returns the evidence that a control plane's pods run the images of `version`; `None` while they do not yet.
pub(super) async fn at_version(
    cluster: &dyn Cluster,
    node: &str,
    version: &str,
) -> Result<Option<String>, ActivityError> {
    if !cluster.unready_checks().await.map_err(|e| cluster_error(&e))?.is_empty() {
        return Ok(None);
    }
    let pods = cluster.system_pods().await.map_err(|e| cluster_error(&e))?;
    let up = |c: &&str| pods.iter().any(|pod| is_up(pod, node, c, version));
    let all = VERSIONED.iter().all(up);
    Ok(all.then(|| format!("the control plane of {node} runs {version} and is ready")))
}

/// A new manifest makes a new mirror pod, so that Running already tells of the new container. The API server must be Ready too: nodes
/// depend on it. For the others Ready comes seconds late, and the closing verification waits for it.
fn is_up(pod: &Pod, node: &str, component: &str, version: &str) -> bool {
    pod.node == node
        && pod.name == format!("{component}-{node}")
        && pod.phase == "Running"
        && (pod.ready || component != "kube-apiserver")
        && pod.images.iter().any(|image| is_at(image, version))
}

/// Returns the evidence that etcd of a node runs an image and serves; `None` while it does not yet.
pub(super) async fn etcd_at(
    cluster: &dyn Cluster,
    node: &str,
    image: &str,
) -> Result<Option<String>, ActivityError> {
    if !cluster.unready_checks().await.map_err(|e| cluster_error(&e))?.is_empty() {
        return Ok(None);
    }
    let pods = cluster.system_pods().await.map_err(|e| cluster_error(&e))?;
    let is_member = |pod: &&Pod| pod.node == node && pod.name == format!("etcd-{node}");
    let up = |pod: &Pod| pod.ready && pod.images.iter().any(|it| it == image);
    let runs = pods.iter().find(is_member).is_some_and(up);
    Ok(runs.then(|| format!("etcd of {node} runs {image} and is ready")))
}

/// Returns the evidence that a control plane is back at `version`. Where the API does not answer, its own API server may: the others may
/// be away until it is their turn.
pub(super) async fn back_at(
    cx: &StepContext,
    world: &World,
    version: &str,
) -> Result<Option<Proof>, ActivityError> {
    let told = match world.cluster().await {
        Ok(cluster) => at_version(cluster, &cx.target, version).await,
        Err(error) => Err(error),
    };
    match told {
        Err(error) if super::passes(&error) => says_itself(cx, world, version).await,
        Ok(_) | Err(_) => Ok(told?.map(Proof::from)),
    }
}

async fn says_itself(
    cx: &StepContext,
    world: &World,
    version: &str,
) -> Result<Option<Proof>, ActivityError> {
    let host = world.host(&cx.target).await?;
    let survey = MachineSurvey::read(host).await.map_err(|e| host_error(&e))?;
    let is_back =
        survey.api_server.is_some_and(|it| it.version == version && it.unready.is_empty());
    let evidence = || format!("the API server on {} itself is ready at {version}", cx.target);
    Ok(is_back.then(|| Proof::from(evidence())))
}

/// Returns the evidence that etcd of a node is back at an image: told by the API, else by etcd.
pub(super) async fn etcd_back_at(
    cx: &StepContext,
    world: &World,
    image: &str,
) -> Result<Option<Proof>, ActivityError> {
    let told = match world.cluster().await {
        Ok(cluster) => etcd_at(cluster, &cx.target, image).await,
        Err(error) => Err(error),
    };
    match told {
        Err(error) if super::passes(&error) => {
            let Ok(survey) = EtcdSurvey::read(world.host(&cx.target).await?).await else {
                return Ok(None);
            };
            let member = survey.members.iter().find(|member| member.name == cx.target);
            let evidence = || format!("the etcd member {} answers", cx.target);
            Ok(member.filter(|it| it.status.is_ok()).map(|_| Proof::from(evidence())))
        }
        Ok(_) | Err(_) => Ok(told?.map(Proof::from)),
    }
}
