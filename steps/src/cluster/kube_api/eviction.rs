//! Eviction of exactly one pod. The request is built by hand, because kube writes the delete options under a name that
//! servers ignore: the UID and the grace period would silently be lost.

use http::Method;
use serde_json::{Value, json};

use super::KubeApi;
use super::http::{Payload, Reply, escape};
use super::objects::text;
use crate::cluster::{Cluster, ClusterError, Eviction, Pod};

/// Asks for an eviction, see [`crate::cluster::Cluster::evict`].
pub(super) async fn evict(
    api: &KubeApi,
    pod: &Pod,
    grace: Option<u32>,
) -> Result<Eviction, ClusterError> {
    let doing = format!("evict pod {}/{}", pod.namespace, pod.name);
    let body = body(pod, grace, version(api, &doing).await?);
    let (namespace, name) = (escape(&pod.namespace), escape(&pod.name));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
    let payload = Payload { kind: "application/json", body: &body };
    let reply = api.write(&doing, Method::POST, &path, payload).await?;
    // A conflict is another pod under this name, or a race about the budget. Servers say which in
    // words that have changed more than once, so the pod itself is asked.
    if reply.status == 409 && !api.pod_exists(pod).await? {
        return Ok(Eviction::Gone);
    }
    read(&reply).map_or_else(|| Err(api.refused(&doing, &reply)), Ok)
}

/// Asks which version of the Eviction this API server takes: servers before 1.22 know only v1beta1, those from 1.25 on need
/// not. Asked every time, because the server changes under a run.
async fn version(api: &KubeApi, doing: &str) -> Result<&'static str, ClusterError> {
    let core = api.need(doing, "/api/v1").await?;
    let resources = core.get("resources").and_then(Value::as_array);
    let eviction =
        resources.and_then(|all| all.iter().find(|it| text(it, "/name") == "pods/eviction"));
    let version = eviction.map(|it| text(it, "/version"));
    Ok(if version.as_deref() == Some("v1beta1") { "policy/v1beta1" } else { "policy/v1" })
}

fn body(pod: &Pod, grace: Option<u32>, version: &str) -> Value {
    let mut options = json!({"preconditions": {"uid": pod.uid}});
    if let (Some(seconds), Some(fields)) = (grace, options.as_object_mut()) {
        fields.insert("gracePeriodSeconds".to_owned(), json!(seconds));
    }
    json!({
        "apiVersion": version,
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": options,
    })
}

/// Reads the answer to an eviction; `None` when it says nothing about this pod.
fn read(reply: &Reply) -> Option<Eviction> {
    let why = explain(reply);
    match reply.status {
        200..=299 => Some(Eviction::Accepted),
        404 => Some(Eviction::Gone),
        409 | 429 => Some(Eviction::Blocked { why }),
        403 if causes(reply)
            .iter()
            .any(|cause| text(cause, "/reason") == "NamespaceTerminating") =>
        {
            Some(Eviction::Blocked { why })
        }
        500 if why.contains("more than one PodDisruptionBudget") => Some(Eviction::Refused { why }),
        // The webhook's own pod may be the one that has just been evicted.
        500 if why.contains("failed calling") && why.contains("webhook") => {
            Some(Eviction::Blocked { why })
        }
        401 | 408 | 500..=599 => None,
        _ => Some(Eviction::Refused { why }),
    }
}

/// Returns what the server says with its causes, which are where it names the budget.
fn explain(reply: &Reply) -> String {
    let message = reply.message();
    let messages = causes(reply).iter().map(|cause| text(cause, "/message")).collect::<Vec<_>>();
    let new = messages.into_iter().filter(|it| !it.is_empty() && !message.contains(it.as_str()));
    std::iter::once(message.clone()).chain(new).collect::<Vec<_>>().join(" ")
}

fn causes(reply: &Reply) -> Vec<Value> {
    let status = reply.json();
    let causes = status.pointer("/details/causes").and_then(Value::as_array);
    causes.cloned().unwrap_or_default()
}
