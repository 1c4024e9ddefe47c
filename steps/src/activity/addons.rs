//! The objects of CoreDNS and kube-proxy, which kubeadm writes anew: kept as one blob before it does, compared, and put back.
//!
//! Of a ConfigMap its data go back, of a Deployment or DaemonSet its `spec` but for the number of replicas, which is not the upgrade's. All that is
//! not there any more stays away: whoever has taken it away has another one.

use std::collections::BTreeMap;

use kup_core::activity::{ActivityError, StepContext};
use kup_core::event::Backup;
use kup_core::id::BlobId;
use serde_json::{Value, json};

use crate::cluster::{Cluster, ClusterError, ObjectName};
use crate::digest::sha256;
use crate::world::cluster_error;

/// By this name the backup is known.
pub(crate) const WHAT: &str = "CoreDNS and kube-proxy of kube-system";
/// How the names begin under which a step says what it left of them.
pub(crate) const LEFT: &str = "addon:";

/// What a workload reads comes before it, so that its new pods find it.
const OBJECTS: [(&str, &str, &str); 4] = [
    ("v1", "ConfigMap", "coredns"),
    ("v1", "ConfigMap", "kube-proxy"),
    ("apps/v1", "Deployment", "coredns"),
    ("apps/v1", "DaemonSet", "kube-proxy"),
];
/// What the API server writes by itself, and what no object could be made anew with.
const NOT_KEPT: [&str; 5] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];

fn names() -> impl Iterator<Item = (String, ObjectName)> {
    OBJECTS.into_iter().map(|(api_version, kind, name)| {
        let object = ObjectName {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: "kube-system".to_owned(),
            name: name.to_owned(),
        };
        (format!("{kind}/{name}"), object)
    })
}

/// Keeps the objects as one blob.
pub(super) async fn take(cx: &StepContext, cluster: &dyn Cluster) -> Result<Backup, ActivityError> {
    let mut objects = BTreeMap::new();
    for (key, name) in names() {
        let found = cluster.object(&name).await.map_err(|e| cluster_error(&e))?;
        objects.insert(key, found.map(plain));
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

/// Returns what the upgrade left of them, by which a rollback tells whether somebody came later.
pub(crate) async fn left(cluster: &dyn Cluster) -> Result<Vec<(String, String)>, ClusterError> {
    let mut left = Vec::new();
    for (key, name) in names() {
        let found = cluster.object(&name).await?;
        left.extend(found.map(|object| (format!("{LEFT}{key}"), digest(&object))));
    }
    Ok(left)
}

/// Returns a hash over what people change: data, images, commands and arguments. Not over all, for API servers of two minors show the same object with
/// other defaults.
fn digest(object: &Value) -> String {
    let fields = ["name", "image", "command", "args"];
    let pick = |container: &Value| fields.map(|field| container.get(field).cloned());
    let of = |list: &str| -> Vec<_> {
        let place = format!("/spec/template/spec/{list}");
        let found = object.pointer(&place).and_then(Value::as_array);
        found.into_iter().flatten().map(pick).collect()
    };
    let (init, containers) = (of("initContainers"), of("containers"));
    let seen = json!([object.get("data"), object.get("binaryData"), init, containers]);
    sha256(seen.to_string().as_bytes())
}

/// A kept object that is not as it was, and the object as it is now.
pub(super) struct Differing {
    pub(super) key: String,
    name: ObjectName,
    kept: Value,
    now: Value,
}

/// Returns the kept objects that differ from the present ones.
pub(super) async fn differing(
    cx: &StepContext,
    cluster: &dyn Cluster,
) -> Result<Vec<Differing>, ActivityError> {
    let kept = kept(cx).await?;
    let mut differing = Vec::new();
    for (key, name) in names() {
        let Some(Some(kept)) = kept.get(&key) else { continue };
        let now = cluster.object(&name).await.map_err(|e| cluster_error(&e))?;
        let Some(now) = now.filter(|now| !is_as_kept(now, kept)) else { continue };
        differing.push(Differing { key, name, kept: kept.clone(), now });
    }
    Ok(differing)
}

async fn kept(cx: &StepContext) -> Result<BTreeMap<String, Option<Value>>, ActivityError> {
    let wrong = |why: &str| ActivityError::permanent(format!("{why} CoreDNS and kube-proxy"));
    let blob: BlobId =
        cx.param("blob")?.parse().map_err(|e| wrong("the plan names no copy of").because(&e))?;
    let bytes = cx.blobs.get(&blob).await.map_err(|e| wrong("cannot read the kept").because(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| wrong("cannot understand the kept").because(&e))
}

fn is_as_kept(now: &Value, kept: &Value) -> bool {
    let same = |field: &str| now.get(field) == kept.get(field);
    same("data") && same("binaryData") && covers(spec(now).as_ref(), spec(kept).as_ref())
}

fn spec(object: &Value) -> Option<Value> {
    let mut spec = object.get("spec")?.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("replicas");
    }
    Some(spec)
}

/// Whether all that was kept is there now. What a server adds by itself is no difference.
fn covers(now: Option<&Value>, kept: Option<&Value>) -> bool {
    match (now, kept) {
        (_, None | Some(Value::Null)) => true,
        (Some(Value::Object(now)), Some(Value::Object(kept))) => {
            kept.iter().all(|(field, kept)| covers(now.get(field), Some(kept)))
        }
        (Some(Value::Array(now)), Some(Value::Array(kept))) => {
            let pairs = || now.iter().zip(kept);
            now.len() == kept.len() && pairs().all(|(now, kept)| covers(Some(now), Some(kept)))
        }
        (now, kept) => now == kept,
    }
}

impl Differing {
    /// Whether it is not as the upgrade left it. `left` is `name=digest,...` of what it left.
    pub(super) fn was_changed_later(&self, left: &str) -> bool {
        let key = format!("{LEFT}{}", self.key);
        let mut left = left.split(',').filter_map(|pair| pair.split_once('='));
        left.find(|(name, _)| *name == key).is_some_and(|(_, left)| digest(&self.now) != left)
    }

    /// Returns the present object with what goes back in it.
    fn wanted(&self) -> Value {
        let mut wanted = self.now.clone();
        let Some(fields) = wanted.as_object_mut() else { return wanted };
        for field in ["data", "binaryData", "spec"] {
            match self.kept.get(field) {
                Some(kept) => fields.insert(field.to_owned(), kept.clone()),
                None => fields.remove(field),
            };
        }
        let replicas = self.now.pointer("/spec/replicas");
        let spec = fields.get_mut("spec").and_then(Value::as_object_mut);
        if let (Some(spec), Some(replicas)) = (spec, replicas) {
            spec.insert("replicas".to_owned(), replicas.clone());
        }
        wanted
    }
}

/// Puts those back that differ, and returns how many did.
pub(super) async fn put_back(
    cx: &StepContext,
    cluster: &dyn Cluster,
) -> Result<usize, ActivityError> {
    let differing = differing(cx, cluster).await?;
    for it in &differing {
        cluster.put_object(&it.name, &it.wanted()).await.map_err(|e| cluster_error(&e))?;
    }
    Ok(differing.len())
}

/// Says what a rollout still waits for; nothing when it is through. A node that is not Ready keeps its old pod: it is not waited for.
pub(super) async fn waits_for(cluster: &dyn Cluster) -> Result<Option<String>, ActivityError> {
    let nodes = cluster.nodes().await.map_err(|e| cluster_error(&e))?;
    let n_away = nodes.iter().filter(|node| !node.ready).count() as u64;
    for (key, name) in names() {
        let found = cluster.object(&name).await.map_err(|e| cluster_error(&e))?;
        let lacks = found.and_then(|object| lacks(&name.kind, &object, n_away));
        if let Some(lacks) = lacks {
            return Ok(Some(format!("{key}: {lacks}")));
        }
    }
    Ok(None)
}

fn lacks(kind: &str, object: &Value, n_away: u64) -> Option<String> {
    let find = |place: &str| object.pointer(place).and_then(Value::as_u64);
    let number = |place: &str| find(place).unwrap_or(0);
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return Some("its controller has not seen it yet".to_owned());
    }
    let (there, wanted) = match kind {
        "DaemonSet" => {
            let there = number("/status/updatedNumberScheduled").min(number("/status/numberReady"));
            (there, number("/status/desiredNumberScheduled").saturating_sub(n_away))
        }
        "Deployment" => {
            let wanted = find("/spec/replicas").unwrap_or(1);
            // Some of its pods may never have found a node; that one serves is what counts.
            let serves = number("/status/availableReplicas") >= wanted.min(1);
            (if serves { number("/status/updatedReplicas") } else { 0 }, wanted)
        }
        _ => return None,
    };
    (there < wanted).then(|| format!("{there} of {wanted} pods are the old ones again and up"))
}

#[cfg(test)]
mod tests;
