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

impl Standing {
    /// Whether the member of etcd of a node is away only because its manifest is gone, and the plan begins with putting that back.
    #[must_use]
    pub fn brings_etcd_back(&self, node: &NodeInventory) -> bool {
        let is_it = |(name, it): &(String, String)| *name == node.node.name && it == "etcd";
        node.has_copies() && self.missing.iter().any(is_it)
    }
}

impl Standing {
    /// Whether something is gone that no kubeadm can begin without.
    #[must_use]
    pub fn needs_repair(&self) -> bool {
        !self.missing.is_empty() || self.kubelet_config.is_some()
    }
}

/// Says where a cluster stands. kubeadm upgrades the static pods of the first control plane, then writes the version into
/// `kubeadm-config`, then come the other control planes: whatever of that is newer than the rest shows where it stopped.
#[must_use]
pub fn standing(inventory: &Inventory) -> Standing {
    let config = inventory.version;
    let pods: Vec<(String, Version)> = inventory.nodes.iter().flat_map(static_pods).collect();
    let versions = || pods.iter().map(|(_, version)| *version).chain([config]);
    let (oldest, newest) = (versions().min().unwrap_or(config), versions().max().unwrap_or(config));
    let missing: Vec<(String, String)> =
        inventory.nodes.iter().flat_map(|node| missing(inventory, node)).collect();
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
    // Around 1.24 a feature gate of kubeadm decides which name it is.
    let with_minor = format!("kubelet-config-1.{}", inventory.version.minor);
    let is_there = [&name, &with_minor, "kubelet-config"].iter().any(|it| maps.contains_key(*it));
    (!is_there).then_some((name, from))
}

fn missing(inventory: &Inventory, node: &NodeInventory) -> Vec<(String, String)> {
    let etcd = inventory.has_etcd(node).then_some("etcd");
    let wanted = etcd.into_iter().chain(VERSIONED).filter(|_| node.node.control_plane);
    let gone = wanted.filter(|it| node.control_plane.manifest(it).is_empty());
    gone.map(|it| (node.node.name.clone(), it.to_owned())).collect()
}

fn static_pods(node: &NodeInventory) -> Vec<(String, Version)> {
    let version = |it: &str| tag_of(node.control_plane.image(it))?.parse::<Version>().ok();
    let name = |it: &str| format!("{it} of {}", node.node.name);
    VERSIONED.into_iter().filter_map(|it| Some((name(it), version(it)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::standing;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{at, healthy};
    use crate::planner::{Options, plan};

    fn without(component: &str) -> Inventory {
        let mut inventory = healthy(3, 1, "v1.35.6");
        let manifests = &mut inventory.node_mut("cp3").control_plane.manifests;
        manifests.insert(component.to_owned(), None);
        inventory
    }

    #[test]
    fn what_is_missing_is_put_back_before_anything_else_etcd_too() {
        for component in ["etcd", "kube-scheduler"] {
            let inventory = without(component);
            let hops = vec![at("v1.36.2")];
            let options = Options { hops, max_unavailable: 1, ..Options::default() };
            let plan = plan(&inventory, &options).unwrap();
            let step = &plan.waves[0].stages[0].steps[0];
            assert_eq!((plan.waves[0].name.as_str(), step.id.as_str()), ("repair", "put-back.cp3"));
            assert_eq!(step.params["components"], component);
        }
    }

    #[test]
    fn an_etcd_that_was_never_there_is_not_missing() {
        let mut inventory = without("etcd");
        inventory.node_mut("cp3").control_plane.pairs.retain(|pair, _| !pair.contains("/etcd/"));
        assert_eq!(standing(&inventory).missing, []);
    }

    #[test]
    fn a_key_pair_that_is_left_from_before_etcd_moved_is_no_member() {
        let mut inventory = without("etcd");
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            let external = "  external:\n    endpoints:\n    - https://10.0.0.9:2379\n";
            text.replace("  local:\n    dataDir: /var/lib/etcd\n", external)
        });
        assert_eq!(standing(&inventory).missing, []);
    }

    #[test]
    fn a_feature_gate_may_name_the_kubelets_configuration_otherwise() {
        let mut inventory = healthy(1, 0, "v1.24.1");
        let maps = inventory.survey.config_maps.as_mut().unwrap();
        let map = maps.remove("kubelet-config").unwrap();
        maps.insert("kubelet-config-1.23".to_owned(), map.clone());
        assert!(standing(&inventory).kubelet_config.is_some());
        let maps = inventory.survey.config_maps.as_mut().unwrap();
        maps.insert("kubelet-config-1.24".to_owned(), map);
        assert_eq!(standing(&inventory).kubelet_config, None);
    }

    #[test]
    fn etcd_comes_back_only_where_kubeadm_has_left_a_copy() {
        let mut inventory = without("etcd");
        let comes_back = |inventory: &Inventory| {
            let node = inventory.nodes.iter().find(|node| node.node.name == "cp3").unwrap();
            standing(inventory).brings_etcd_back(node)
        };
        assert!(!comes_back(&inventory));
        let copies = "kubeadm-backup-manifests-2026-11-25-10-04-15".to_owned();
        inventory.node_mut("cp3").survey.kubeadm_leftovers.push(copies);
        assert!(comes_back(&inventory));
    }
}
