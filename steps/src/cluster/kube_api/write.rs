//! The writes besides evictions. Each looks, decides, and writes under the version of the object that it looked at; when
//! somebody else wrote in between, the server says so (409) and it looks again.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::http::{Payload, Reply, escape};
use super::objects::{path, read_config_map, read_node, text};
use super::{CORDONED_BY, KubeApi};
use crate::cluster::{ClusterError, Node, ObjectName};

/// How often somebody else may be faster before that is an error. Kubelets write their node every few seconds at most.
const MAX_LOOKS: usize = 10;
const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";

/// What is to be done about a node after a look at it.
enum Decision {
    /// Nothing: this is the answer.
    Answer(bool),
    /// This merge patch; done, the answer is yes.
    Patch(Value),
}

/// Cordons a node for a run, see [`crate::cluster::Cluster::cordon`].
pub(super) async fn cordon(api: &KubeApi, node: &str, run: &str) -> Result<bool, ClusterError> {
    change(api, &format!("cordon node {node}"), node, |seen| {
        let is_ours = seen.cordoned_by.as_deref() == Some(run);
        match (seen.unschedulable, is_ours) {
            (true, true) => Decision::Answer(true),
            (true, false) => Decision::Answer(false),
            (false, _) => Decision::Patch(json!({
                "metadata": {"annotations": {CORDONED_BY: run}},
                "spec": {"unschedulable": true},
            })),
        }
    })
    .await
}

/// Takes a run's cordon away, see [`crate::cluster::Cluster::uncordon`].
pub(super) async fn uncordon(api: &KubeApi, node: &str, run: &str) -> Result<bool, ClusterError> {
    change(api, &format!("uncordon node {node}"), node, |seen| {
        if seen.cordoned_by.as_deref() != Some(run) {
            return Decision::Answer(false);
        }
        Decision::Patch(json!({
            "metadata": {"annotations": {CORDONED_BY: null}},
            "spec": {"unschedulable": null},
        }))
    })
    .await
}

/// Looks at a node and patches it as decided, only if it is still the node looked at.
async fn change(
    api: &KubeApi,
    doing: &str,
    node: &str,
    decide: impl Fn(&Node) -> Decision + Send,
) -> Result<bool, ClusterError> {
    let path = format!("/api/v1/nodes/{}", escape(node));
    for _ in 0..MAX_LOOKS {
        let seen = api.find(doing, &path).await?;
        let seen = seen.ok_or_else(|| api.failed(doing, "there is no such node"))?;
        let mut patch = match decide(&read_node(&seen)) {
            Decision::Answer(answer) => return Ok(answer),
            Decision::Patch(patch) => patch,
        };
        pin(&mut patch, &seen);
        let payload = Payload { kind: "application/merge-patch+json", body: &patch };
        let reply = api.write(doing, Method::PATCH, &path, payload).await?;
        if settled(api, doing, &reply)? {
            return Ok(true);
        }
    }
    Err(api.failed(doing, "others change the node all the time"))
}

/// Makes a patch valid only for exactly the object seen.
fn pin(patch: &mut Value, seen: &Value) {
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("uid".to_owned(), json!(text(seen, "/metadata/uid")));
        let version = text(seen, "/metadata/resourceVersion");
        metadata.insert("resourceVersion".to_owned(), json!(version));
    }
}

/// Returns whether a write took effect; `false` when somebody else was faster.
fn settled(api: &KubeApi, doing: &str, reply: &Reply) -> Result<bool, ClusterError> {
    match reply.status {
        409 => Ok(false),
        _ if reply.is_success() => Ok(true),
        _ => Err(api.refused(doing, reply)),
    }
}

/// Returns the path of a ConfigMap of kube-system.
pub(super) fn config_map_path(name: &str) -> String {
    format!("{CONFIG_MAPS}/{}", escape(name))
}

/// Names the reading of a ConfigMap.
pub(super) fn reading(name: &str) -> String {
    format!("read ConfigMap kube-system/{name}")
}

/// Writes a ConfigMap, see [`crate::cluster::Cluster::put_config_map`]. One that already has this data is left alone
/// whatever its version, so that asking again after a lost answer succeeds.
pub(super) async fn put_config_map(
    api: &KubeApi,
    name: &str,
    data: &BTreeMap<String, String>,
    expected: Option<&str>,
) -> Result<(), ClusterError> {
    let doing = format!("write ConfigMap kube-system/{name}");
    for _ in 0..MAX_LOOKS {
        let seen = api.find(&doing, &config_map_path(name)).await?;
        if let Some(object) = &seen
            && read_config_map(object).data == *data
        {
            return Ok(());
        }
        check_version(api, &doing, seen.as_ref(), expected)?;
        let reply = put(api, &doing, name, with_data(seen, name, data)).await?;
        if settled(api, &doing, &reply)? {
            return Ok(());
        }
    }
    Err(api.failed(&doing, "others change it all the time"))
}

/// Writes an object, see [`crate::cluster::Cluster::put_object`].
pub(super) async fn put_object(
    api: &KubeApi,
    name: &ObjectName,
    object: &Value,
) -> Result<(), ClusterError> {
    let doing = format!("write {name}");
    let payload = Payload { kind: "application/json", body: object };
    let reply = api.write(&doing, Method::PUT, &path(name), payload).await?;
    match settled(api, &doing, &reply)? {
        true => Ok(()),
        false => Err(api.failed(&doing, "somebody changed it since it was read")),
    }
}

/// Refuses where the ConfigMap is not the one that the caller read.
fn check_version(
    api: &KubeApi,
    doing: &str,
    seen: Option<&Value>,
    expected: Option<&str>,
) -> Result<(), ClusterError> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let Some(object) = seen else {
        return Err(api.failed(doing, "it has been deleted since it was read"));
    };
    let version = text(object, "/metadata/resourceVersion");
    if version == expected {
        return Ok(());
    }
    let why = format!("somebody changed it since it was read (version {expected}, now {version})");
    Err(api.failed(doing, &why))
}

/// Returns the object to write, and whether it exists: all that is not `data` stays as it is.
fn with_data(seen: Option<Value>, name: &str, data: &BTreeMap<String, String>) -> (Value, Method) {
    let Some(mut object) = seen else {
        let metadata = json!({"name": name, "namespace": "kube-system"});
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        return (object, Method::POST);
    };
    if let Some(fields) = object.as_object_mut() {
        fields.insert("data".to_owned(), json!(data));
    }
    (object, Method::PUT)
}

async fn put(
    api: &KubeApi,
    doing: &str,
    name: &str,
    (object, method): (Value, Method),
) -> Result<Reply, ClusterError> {
    let is_new = method == Method::POST;
    let path = if is_new { CONFIG_MAPS.to_owned() } else { config_map_path(name) };
    api.write(doing, method, &path, Payload { kind: "application/json", body: &object }).await
}
