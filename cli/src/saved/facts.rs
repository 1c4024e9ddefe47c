//! What a plan rests on, in words: compared when a saved plan is to be done. Pure.

use std::collections::BTreeMap;

use kup_core::plan::Plan;
use kup_steps::inventory::{Inventory, NodeInventory};

use crate::asked::Asked;

/// Facts by name.
pub(crate) type Facts = BTreeMap<String, String>;

/// How many differences are named.
const NAMED: usize = 10;

/// Collects what a plan rests on.
pub(crate) fn facts(inventory: &Inventory, plan: &Plan, gates: &[Asked]) -> Facts {
    let cluster = &inventory.cluster;
    let mut facts = Facts::from([
        ("kup".to_owned(), crate::command::VERSION.to_owned()),
        ("cluster: uid".to_owned(), cluster.uid.clone()),
        ("cluster: CA".to_owned(), cluster.ca_sha256.clone()),
        ("cluster: version in kubeadm-config".to_owned(), inventory.version.to_string()),
        ("cluster: kubeadm-config".to_owned(), kubeadm_config(inventory)),
    ]);
    for node in &inventory.nodes {
        let name = &node.node.name;
        let own = of_node(node, plan);
        facts.extend(own.into_iter().map(|(what, value)| (format!("{name}: {what}"), value)));
    }
    for silent in &inventory.silent {
        facts.insert(format!("{}: machine", silent.node.name), "does not answer".to_owned());
    }
    for foreign in &inventory.foreign {
        facts.insert(format!("{}: operating system", foreign.name), foreign.os.clone());
    }
    for gate in gates {
        let name = format!("gate {} {}", gate.about.code, gate.about.name);
        facts.insert(name, gate.word().to_owned());
    }
    facts
}

fn kubeadm_config(inventory: &Inventory) -> String {
    let maps = inventory.survey.config_maps.as_ref();
    match maps.map(|maps| maps.get("kubeadm-config")) {
        Ok(Some(data)) => {
            let text = data.iter().map(|(name, value)| format!("{name}\n{value}\n"));
            super::sha256(&text.collect::<String>())
        }
        Ok(None) => "(none)".to_owned(),
        Err(_) => "(unreadable)".to_owned(),
    }
}

fn of_node(node: &NodeInventory, plan: &Plan) -> Vec<(String, String)> {
    let api = &node.node;
    let mut facts = vec![
        ("uid".to_owned(), api.uid.clone()),
        ("machine-id".to_owned(), node.facts.machine_id.clone()),
        ("address".to_owned(), node.address.clone()),
        ("role".to_owned(), if api.control_plane { "control plane" } else { "worker" }.to_owned()),
        ("kubelet".to_owned(), api.kubelet_version.clone()),
        ("cordon".to_owned(), if api.unschedulable { "cordoned" } else { "none" }.to_owned()),
    ];
    for (name, package) in &node.packages.packages {
        let version = package.version.clone().unwrap_or_else(|| "(not installed)".to_owned());
        let held = if package.is_held { ", held" } else { "" };
        facts.push((format!("package {name}"), format!("{version}{held}")));
    }
    for (component, manifest) in &node.control_plane.manifests {
        let text = manifest.as_ref().map_or_else(
            || "(none)".to_owned(),
            |it| format!("{} {}", it.image.as_deref().unwrap_or_default(), it.sha256),
        );
        facts.push((format!("manifest of {component}"), text));
    }
    facts.extend(offered(node, plan));
    facts
}

/// The package versions that the plan installs on the node, as far as its repository still offers them.
fn offered(node: &NodeInventory, plan: &Plan) -> Vec<(String, String)> {
    let own = plan.steps().filter(|(stage, _)| stage.target == node.node.name);
    let wanted = own.filter_map(|(_, step)| step.params.get("packages"));
    let pinned =
        wanted.flat_map(|packages| packages.split(',')).filter_map(|it| it.split_once('='));
    let offers = |name: &str, version: &str| {
        let minors = node.offers.minors.values();
        let mut all = minors.filter_map(|minor| minor.packages.get(name)).flatten();
        all.any(|offer| offer == version)
    };
    let fact = |(name, version): (&str, &str)| {
        let word = if offers(name, version) { "offered" } else { "not offered" };
        (format!("{name} {version}"), word.to_owned())
    };
    pinned.map(fact).collect()
}

/// Says which facts are others now, each in a sentence. A gate that has become better is none of them.
pub(crate) fn compare(then: &Facts, now: &Facts) -> Vec<String> {
    let mut names: Vec<&String> = then.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let absent = || "(absent)".to_owned();
    let one = |name: &String| {
        let (old, new) = (then.get(name), now.get(name));
        let is_gate = name.starts_with("gate ");
        if old == new || (is_gate && worse(new) <= worse(old)) {
            return None;
        }
        let (old, new) = (old.cloned().unwrap_or_else(absent), new.cloned().unwrap_or_else(absent));
        Some(format!("{name}: was {old}, is {new}"))
    };
    let mut changed: Vec<String> = names.into_iter().filter_map(one).collect();
    if let Some(more) = changed.len().checked_sub(NAMED + 1) {
        changed.truncate(NAMED);
        changed.push(format!("and {} more", more + 1));
    }
    changed
}

fn worse(word: Option<&String>) -> u8 {
    match word.map(String::as_str) {
        Some("pass") => 0,
        Some("warn") => 1,
        Some(_) | None => 2,
    }
}
