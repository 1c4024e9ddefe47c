//! The ConfigMaps of kube-system that `kubeadm upgrade apply` rewrites: read, kept as one blob, put back.

use std::collections::BTreeMap;

use kup_core::activity::{ActivityError, StepContext};
use kup_core::event::Backup;
use kup_core::id::BlobId;
use sha2::{Digest, Sha256};

use crate::cluster::{Cluster, ConfigMap};
use crate::digest::hex;
use crate::world::cluster_error;

/// By this name the backup is found again.
pub(crate) const WHAT: &str = "ConfigMaps of kube-system";

/// What a rollback puts back. The addons' ConfigMaps are not among them: their new images stay, and an old Corefile may be one that the new
/// CoreDNS refuses. Before 1.24 the kubelet's one is named by minor, and the new minor's is a new object.
const NAMES: [&str; 2] = ["kubeadm-config", "kubelet-config"];

/// Returns the version that `kubeadm-config` names.
pub(crate) async fn cluster_version(cluster: &dyn Cluster) -> Result<String, ActivityError> {
    let map = cluster.config_map("kubeadm-config").await.map_err(|e| cluster_error(&e))?;
    let map = map.ok_or_else(|| {
        ActivityError::permanent(
            "there is no ConfigMap kubeadm-config: was this cluster made by kubeadm?",
        )
    })?;
    let text = map.data.get("ClusterConfiguration").map_or("", String::as_str);
    let line = text.lines().find_map(|line| line.strip_prefix("kubernetesVersion:"));
    let version = line.map(|value| value.trim().trim_matches('"').to_owned());
    version.ok_or_else(|| {
        ActivityError::permanent("the ConfigMap kubeadm-config names no kubernetesVersion")
    })
}

/// Keeps the ConfigMaps as one blob.
pub(super) async fn take(cx: &StepContext, cluster: &dyn Cluster) -> Result<Backup, ActivityError> {
    let mut maps = BTreeMap::new();
    for name in NAMES {
        let map = cluster.config_map(name).await.map_err(|e| cluster_error(&e))?;
        maps.insert(name, map.map(|map| map.data));
    }
    let bytes = serde_json::to_vec(&maps)
        .map_err(|e| ActivityError::permanent("cannot write the ConfigMaps down").because(&e))?;
    let blob = cx.blobs.put(&bytes).await;
    let blob =
        blob.map_err(|e| ActivityError::permanent("cannot keep the ConfigMaps").because(&e))?;
    Ok(Backup { what: WHAT.to_owned(), blob, size: u64::try_from(bytes.len()).unwrap_or(u64::MAX) })
}

/// Returns what the upgrade left in the ConfigMaps, by which a rollback tells whether somebody came later.
pub(super) async fn left(cluster: &dyn Cluster) -> Result<Vec<(String, String)>, ActivityError> {
    let mut left = Vec::new();
    for name in NAMES {
        let map = cluster.config_map(name).await.map_err(|e| cluster_error(&e))?;
        left.extend(map.map(|map| (format!("configmap:{name}"), digest(&map.data))));
    }
    Ok(left)
}

pub(crate) fn digest(data: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (key, value) in data {
        hash.update(key.len().to_le_bytes());
        hash.update(key);
        hash.update(value.len().to_le_bytes());
        hash.update(value);
    }
    hex(&hash.finalize())
}

/// A kept ConfigMap that is not as it was, and the object as it is now.
pub(super) struct Differing {
    pub(super) name: String,
    kept: BTreeMap<String, String>,
    now: Option<ConfigMap>,
}

/// Returns the kept ConfigMaps that differ from the present ones. One that was not there before stays: nothing reads it.
pub(super) async fn differing(
    cx: &StepContext,
    cluster: &dyn Cluster,
) -> Result<Vec<Differing>, ActivityError> {
    let blob: BlobId = cx
        .param("blob")?
        .parse()
        .map_err(|e| ActivityError::permanent("the plan names no blob").because(&e))?;
    let bytes = cx.blobs.get(&blob).await;
    let bytes = bytes
        .map_err(|e| ActivityError::permanent("cannot read the kept ConfigMaps").because(&e))?;
    let maps: BTreeMap<String, Option<BTreeMap<String, String>>> = serde_json::from_slice(&bytes)
        .map_err(|e| {
        ActivityError::permanent("cannot understand the kept ConfigMaps").because(&e)
    })?;
    let mut differing = Vec::new();
    for (name, kept) in maps.into_iter().filter_map(|(name, data)| Some((name, data?))) {
        let now = cluster.config_map(&name).await.map_err(|e| cluster_error(&e))?;
        if now.as_ref().is_none_or(|now| now.data != kept) {
            differing.push(Differing { name, kept, now });
        }
    }
    Ok(differing)
}

impl Differing {
    /// Whether it is neither as kept nor as the upgrade left it. `left` is `name=digest,...` of what it left.
    pub(super) fn was_changed_later(&self, left: &str) -> bool {
        let key = format!("configmap:{}", self.name);
        let left =
            left.split(',').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key);
        let now = self.now.as_ref().map(|now| digest(&now.data));
        left.is_some_and(|(_, left)| now.as_deref() != Some(left))
    }
}

/// Puts the ConfigMaps back that differ, and returns how many did.
pub(super) async fn put_back(
    cx: &StepContext,
    cluster: &dyn Cluster,
) -> Result<usize, ActivityError> {
    let differing = differing(cx, cluster).await?;
    for Differing { name, kept, now } in &differing {
        let expected = now.as_ref().map(|now| now.resource_version.as_str());
        cluster.put_config_map(name, kept, expected).await.map_err(|e| cluster_error(&e))?;
    }
    Ok(differing.len())
}
