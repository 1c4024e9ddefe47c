//! kured, and who holds its lock: an annotation of its DaemonSet (kubereboot/kured, pkg/daemonsetlock).

use serde_json::Value;

use crate::cluster::ClusterError;
use crate::cluster::kube_api::KubeApi;
use crate::cluster::kube_api::objects::{list, map, text};
use crate::cluster::survey::Kured;

const LOCK: &str = "weave.works/kured-node-lock";

pub(super) async fn kured(api: &KubeApi) -> Result<Vec<Kured>, ClusterError> {
    let named = "fieldSelector=metadata.name%3Dkured";
    let found = api.list("look for kured", "/apis/apps/v1/daemonsets", named).await?;
    // A server that does not know the selector names them all.
    let is_kured = |object: &&Value| text(object, "/metadata/name") == "kured";
    Ok(found.iter().filter(is_kured).map(read).collect())
}

/// The lock is JSON with the node that is rebooted, or with a list of such locks where several may be at once.
fn read(object: &Value) -> Kured {
    let annotations = map(object, "/metadata/annotations");
    let lock = annotations.get(LOCK).map(String::as_str).unwrap_or_default();
    let lock: Value = serde_json::from_str(lock).unwrap_or_default();
    let locks = std::iter::once(&lock).chain(list(&lock, "/locks"));
    let holders = locks.map(|lock| text(lock, "/nodeID")).filter(|holder| !holder.is_empty());
    Kured { namespace: text(object, "/metadata/namespace"), holders: holders.collect() }
}
