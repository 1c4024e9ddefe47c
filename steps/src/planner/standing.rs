//! Where a cluster stands before an upgrade: whole, or half-way through one that somebody began and nobody ended.

use crate::facts::VERSIONED;
use crate::inventory::{Inventory, NodeInventory};
use crate::release;
use crate::version::{Version, tag_of};

/// Where a cluster stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The version that the whole control plane has at least.
    pub at: Version,
    /// The version that an interrupted `kubeadm upgrade` went to.
    pub unfinished: Option<Version>,
    /// Manifests that are gone, each with its node: kubeadm moves the old one away before it moves the new one in.
    pub missing: Vec<(String, String)>,
    /// The ConfigMap of the kubelets' configuration that kubeadm looks for in vain, and an older one: kubeadm writes it after `kubeadm-config`,
    /// and before 1.24 under the minor's name.
    pub kubelet_config: Option<(String, String)>,
    /// What shows that something is unfinished or missing.
    pub seen: Vec<String>,
}

/// Says where a cluster stands. kubeadm upgrades the static pods of the first control plane, then writes the version into
/// `kubeadm-config`, then come the other control planes: whatever of that is newer than the rest shows where it stopped.
#[must_use]
pub fn standing(inventory: &Inventory) -> Standing {
    let config = inventory.version;
    let pods: Vec<(String, Version)> = inventory.nodes.iter().flat_map(static_pods).collect();
    let versions = || pods.iter().map(|(_, version)| *version).chain([config]);
    let (oldest, newest) = (versions().min().unwrap_or(config), versions().max().unwrap_or(config));
    let missing: Vec<(String, String)> = inventory.nodes.iter().flat_map(missing).collect();
    let mut seen: Vec<String> =
        missing.iter().map(|(node, it)| format!("{node} has no manifest of {it}")).collect();
    if oldest != newest {
        seen.push(format!("kubeadm-config is at {config}"));
        seen.extend(pods.iter().map(|(pod, version)| format!("{pod} is at {version}")));
    }
    let kubelet_config = kubelet_config(inventory);
    seen.extend(kubelet_config.iter().map(|(name, _)| format!("there is no ConfigMap {name}")));
    let unfinished = (oldest != newest).then_some(newest);
    Standing { at: oldest, unfinished, missing, kubelet_config, seen }
}

fn kubelet_config(inventory: &Inventory) -> Option<(String, String)> {
    let maps = inventory.survey.config_maps.as_ref().ok()?;
    let name = release::kubelet_config_map(inventory.version);
    let older = maps.keys().filter_map(|name| {
        Some((name.strip_prefix("kubelet-config-1.")?.parse::<u32>().ok()?, name.clone()))
    });
    let (_, from) = older.filter(|(minor, _)| *minor < inventory.version.minor).max()?;
    (!maps.contains_key(&name)).then_some((name, from))
}

fn missing(node: &NodeInventory) -> Vec<(String, String)> {
    let gone = VERSIONED.into_iter().filter(|it| node.control_plane.manifest(it).is_empty());
    let gone = gone.filter(|_| node.node.control_plane);
    gone.map(|it| (node.node.name.clone(), it.to_owned())).collect()
}

fn static_pods(node: &NodeInventory) -> Vec<(String, Version)> {
    let version = |it: &str| tag_of(node.control_plane.image(it))?.parse::<Version>().ok();
    let name = |it: &str| format!("{it} of {}", node.node.name);
    VERSIONED.into_iter().filter_map(|it| Some((name(it), version(it)?))).collect()
}
