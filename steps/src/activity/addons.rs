//! The objects of CoreDNS and kube-proxy, which kubeadm writes anew: kept as one blob before it does. For people: a rollback lets the new
//! addons be, because an old Corefile may be one that a newer CoreDNS refuses.

use std::collections::BTreeMap;

use kup_core::activity::{ActivityError, StepContext};
use kup_core::event::Backup;
use serde_json::Value;

use crate::cluster::{Cluster, ObjectName};
use crate::world::cluster_error;

/// By this name the backup is known.
const WHAT: &str = "CoreDNS and kube-proxy of kube-system";

const OBJECTS: [(&str, &str, &str); 4] = [
    ("v1", "ConfigMap", "coredns"),
    ("v1", "ConfigMap", "kube-proxy"),
    ("apps/v1", "Deployment", "coredns"),
    ("apps/v1", "DaemonSet", "kube-proxy"),
];
/// What the API server writes by itself, and what no object could be made anew with.
const NOT_KEPT: [&str; 5] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];

/// Keeps the objects as one blob.
pub(super) async fn take(cx: &StepContext, cluster: &dyn Cluster) -> Result<Backup, ActivityError> {
    let mut objects = BTreeMap::new();
    for (api_version, kind, name) in OBJECTS {
        let object = ObjectName {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: "kube-system".to_owned(),
            name: name.to_owned(),
        };
        let found = cluster.object(&object).await.map_err(|e| cluster_error(&e))?;
        objects.insert(format!("{kind}/{name}"), found.map(plain));
    }
    let bytes = serde_json::to_vec(&objects)
        .map_err(|e| ActivityError::permanent("cannot write the addons down").because(&e))?;
    let blob = cx.blobs.put(&bytes).await;
    let blob = blob.map_err(|e| ActivityError::permanent("cannot keep the addons").because(&e))?;
    Ok(Backup { what: WHAT.to_owned(), blob, size: u64::try_from(bytes.len()).unwrap_or(u64::MAX) })
}

fn plain(mut object: Value) -> Value {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|field, _| !NOT_KEPT.contains(&field.as_str()));
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_api_server_writes_by_itself_is_not_kept() {
        let metadata = json!({"name": "coredns", "uid": "1", "managedFields": [], "labels": {}});
        let object = json!({"kind": "Deployment", "metadata": metadata, "spec": {}, "status": {}});
        let metadata = json!({"name": "coredns", "labels": {}});
        let expected = json!({"kind": "Deployment", "metadata": metadata, "spec": {}});
        assert_eq!(plain(object), expected);
    }
}
