//! A picture of a whole simulated world in text, to compare before and after. It shows what an upgrade changes and a rollback must
//! bring back, and nothing that is new in every world: no ids, times, numbers of certificates, attempts or backups.
//! Pods are left out too: others are made in their places.

use std::fmt::Write;

use super::agenda::sha256;
use super::api::{Api, COMPONENTS};
use super::asks;
use super::machine::{KUBELET_CONFIG, Machine, REPOSITORY_FILE, UnitState, manifest_path};
use super::release;
use super::{SimError, SimWorld};

impl SimWorld {
    /// Returns the picture: packages, holds, repositories, manifests, kubelets, cordons, ConfigMaps, one fact a line.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn picture(&self) -> Result<String, SimError> {
        self.shared.access(|world| {
            let mut lines = config_maps(&world.api);
            for name in world.api.nodes.keys().cloned().collect::<Vec<_>>() {
                lines.extend(world.look(&name, |machine, api| {
                    let facts = api_facts(api, &name).into_iter().chain(machine_facts(machine));
                    facts.map(|fact| format!("{name}: {fact}")).collect::<Vec<_>>()
                })?);
            }
            Ok(lines.join("\n") + "\n")
        })
    }
}

fn config_maps(api: &Api) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, map) in &api.config_maps {
        let keys = map.data.iter().map(|(key, text)| (key, sha256(text)));
        lines.extend(keys.map(|(key, hash)| format!("config map {name} {key} {hash}")));
    }
    let configuration = api.config("kubeadm-config", "ClusterConfiguration").unwrap_or_default();
    let version = release::version_in(configuration);
    lines.extend(version.map(|version| format!("cluster version {version}")));
    let proxy = api.daemon_sets.get("kube-system/kube-proxy");
    lines.extend(proxy.map(|image| format!("kube-proxy {image}")));
    let dns = api.pods.values().find(|pod| pod.app == "kube-dns");
    lines.extend(dns.map(|pod| format!("coredns {}", pod.image)));
    let downgrade = api.etcd_downgrade.iter();
    lines.extend(downgrade.map(|minor| format!("etcd goes down to {minor}")));
    lines
}

fn api_facts(api: &Api, name: &str) -> Vec<String> {
    let Some(node) = api.nodes.get(name) else { return Vec::new() };
    let ready = if node.status.ready { "ready" } else { "not ready" };
    let mut facts = vec![format!("{ready} at {}", node.status.kubelet_version)];
    if node.unschedulable {
        let mark = node.cordoned_by.as_ref().map_or("an administrator", |_| "a run");
        facts.push(format!("cordoned by {mark}"));
    }
    let mirrors = node.status.mirrors.iter();
    facts.extend(mirrors.map(|(component, mirror)| {
        let up = if mirror.up { "up" } else { "down" };
        format!("{component} {up} with {}", mirror.image)
    }));
    facts
}

fn machine_facts(machine: &Machine) -> Vec<String> {
    let mut facts = Vec::new();
    for (name, package) in &machine.packages {
        let mut fact = format!("package {name} {}", package.version);
        // Writing to a String does not fail.
        write!(fact, "{}", if package.configured { "" } else { ", broken" }).ok();
        write!(fact, "{}", if package.held { ", held" } else { "" }).ok();
        facts.push(fact);
    }
    let repository = machine.text(REPOSITORY_FILE).and_then(release::minor_in);
    facts.push(format!("repository {}, lists {}", repository.unwrap_or("none"), machine.lists));
    if !machine.etcd_storage.is_empty() {
        facts.push(format!("etcd stores at {}", machine.etcd_storage));
    }
    let state = match machine.kubelet.state {
        UnitState::Active => "active",
        UnitState::Inactive => "inactive",
        UnitState::Failed => "failed",
    };
    facts.push(format!("kubelet {state}, process {}", machine.kubelet.running));
    facts.extend(file_facts(machine));
    let broken = asks::pairs(machine).into_iter().filter(|(_, matches)| !matches);
    facts.extend(broken.map(|(pair, _)| format!("key pair {pair} does not match")));
    facts
}

fn file_facts(machine: &Machine) -> Vec<String> {
    let mut paths: Vec<String> = vec![
        KUBELET_CONFIG.to_owned(),
        "/var/lib/kubelet/kubeadm-flags.env".to_owned(),
        "/var/lib/kubelet/instance-config.yaml".to_owned(),
    ];
    paths.extend(COMPONENTS.map(manifest_path));
    let there = paths.into_iter().filter_map(|path| {
        let hash = sha256(machine.text(&path)?);
        Some(format!("file {path} {hash}"))
    });
    there.collect()
}
