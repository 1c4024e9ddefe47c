//! What kubeadm will change, before it does: files of nodes and objects of the cluster, as unified diffs. The kubeadm of the release is asked
//! itself, on the control planes, without being installed there; what follows from its answers for other nodes is worked out here.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use similar::TextDiff;

use crate::host::Host;
use crate::inventory::{Inventory, NodeInventory};
use crate::package::Installer;
use crate::release;
use crate::version::{Version, image_minor};

pub mod dry_run;

use dry_run::{DryRun, as_far_as, parse, parse_diff, plain};

const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// What a hop will change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// The release that it goes to.
    pub to: String,
    /// What is known to change; equal changes of several nodes stand together.
    pub changes: Vec<Change>,
    /// What could not be worked out, and why.
    pub untold: Vec<String>,
}

/// One file or object that will change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The nodes that have it; empty for an object of the cluster.
    pub nodes: Vec<String>,
    /// The file, or kind, namespace and name of the object.
    pub what: String,
    /// The change as a unified diff, without its head.
    pub diff: String,
}

/// Machines by the names of their nodes, each with its address.
type Hosts = BTreeMap<String, (String, Arc<dyn Host>)>;

/// Asks the kubeadm of a release what it will change.
pub async fn differences(
    inventory: &Inventory,
    hosts: &Hosts,
    to: Version,
    flags: &[String],
) -> Differences {
    let mut found = Differences { to: to.to_string(), ..Differences::default() };
    let control_planes: Vec<&NodeInventory> =
        inventory.nodes.iter().filter(|node| node.node.control_plane).collect();
    let first = control_planes.iter().find(|node| node.facts.has_admin_conf);
    let Some(first) = first else { return found };
    match ask(first, hosts, ("apply", to), flags).await {
        Ok(text) => found.of_dry_run(inventory, first, &parse(&text)),
        Err(why) => found
            .untold
            .push(format!("objects and kubelets, and static pods of {}: {why}", first.node.name)),
    }
    let asked = control_planes.iter().filter(|node| node.node.name != first.node.name);
    let answers = asked.map(async |node| (node, ask(node, hosts, ("diff", to), &[]).await));
    for (node, answer) in futures::future::join_all(answers).await {
        match answer {
            Ok(text) => {
                for (path, diff) in parse_diff(&text) {
                    found.add(Some(&node.node.name), &path, diff);
                }
            }
            Err(why) => found.untold.push(format!("static pods of {}: {why}", node.node.name)),
        }
    }
    for node in control_planes {
        found.of_etcd(node, to);
    }
    found
}

async fn ask(
    node: &NodeInventory,
    hosts: &Hosts,
    (how, to): (&str, Version),
    flags: &[String],
) -> Result<String, String> {
    let offered = node.offers.version("kubeadm", to);
    if offered.is_empty() {
        return Err(format!("its repository does not offer kubeadm {}", to.bare()));
    }
    let host = hosts.get(&node.node.name).ok_or("the machine has no address")?;
    let installer = Installer::new(node.facts.package_manager, None);
    let script = installer.difference(("kubeadm", offered), (how, to), flags);
    let reply = host.1.ask(&script).await;
    let reply = reply.map_err(|e| crate::world::host_error(&e).to_record().to_string())?;
    match reply.status {
        0 => Ok(String::from_utf8_lossy(&reply.stdout).into_owned()),
        _ => Err(reply.stderr.lines().map(str::trim).collect::<Vec<_>>().join("; ")),
    }
}

impl Differences {
    fn of_dry_run(&mut self, inventory: &Inventory, first: &NodeInventory, run: &DryRun) {
        let name = &first.node.name;
        for (path, new) in &run.files {
            let component = path.strip_prefix(MANIFESTS).map(|it| it.trim_matches('/'));
            let component = component.and_then(|it| it.strip_suffix(".yaml"));
            let old = component.and_then(|it| first.survey.manifests.get(it));
            match old {
                Some(old) => self.add(Some(name), path, unified(old, new)),
                None if path == KUBELET_CONFIG => self.of_kubelets(inventory, new),
                None => self.untold.push(format!("{path} of {name}: what is there was not read")),
            }
        }
        let mut unread = Vec::new();
        for object in &run.objects {
            let Some(old) = &object.old else {
                unread.push(object.name.clone());
                continue;
            };
            let new = plain(&object.new);
            let old = as_far_as(&plain(old), &new);
            self.add(None, &object.name, unified(&yaml(&old), &yaml(&new)));
        }
        if !unread.is_empty() {
            unread.sort_unstable();
            unread.dedup();
            self.untold.push(format!(
                "written, new or as they are, which kubeadm did not compare: {}",
                unread.join(", ")
            ));
        }
        self.untold.extend(run.others.iter().map(|other| format!("kubeadm {other}")));
    }

    /// kubeadm writes on every node what the cluster's ConfigMap says, patches and the machine's own settings apart.
    fn of_kubelets(&mut self, inventory: &Inventory, new: &str) {
        for node in &inventory.nodes {
            match node.survey.kubelet_config.as_str() {
                "" => self.untold.push(format!(
                    "{KUBELET_CONFIG} of {}: what is there was not read",
                    node.node.name
                )),
                old => self.add(
                    Some(&node.node.name),
                    KUBELET_CONFIG,
                    unified(&sorted(old), &sorted(new)),
                ),
            }
        }
    }

    /// A dry run says nothing of etcd; of its manifest the image is known.
    fn of_etcd(&mut self, node: &NodeInventory, to: Version) {
        let image = node.control_plane.image("etcd");
        let (Some((place, _)), Some(images)) = (image.rsplit_once(':'), release::images(to)) else {
            return;
        };
        let wanted = format!("{place}:{}", images.etcd);
        let Some(old) = node.survey.manifests.get("etcd").filter(|_| wanted != image) else {
            return;
        };
        if image_minor(&wanted) < image_minor(image) {
            return;
        }
        let path = format!("{MANIFESTS}/etcd.yaml");
        self.add(Some(&node.node.name), &path, unified(old, &old.replace(image, &wanted)));
        let note = "etcd.yaml: its image only; flags that the newer kubeadm writes are not told by a dry run";
        if !self.untold.iter().any(|it| it == note) {
            self.untold.push(note.to_owned());
        }
    }

    fn add(&mut self, node: Option<&String>, what: &str, diff: String) {
        if diff.is_empty() {
            return;
        }
        let same = self.changes.iter_mut().find(|it| it.what == what && it.diff == diff);
        match (same, node) {
            (Some(change), Some(node)) => change.nodes.push(node.clone()),
            (Some(_), None) => {}
            (None, node) => {
                let nodes = node.into_iter().cloned().collect();
                self.changes.push(Change { nodes, what: what.to_owned(), diff });
            }
        }
    }
}

/// Returns the hunks of a unified diff; empty where the texts are equal.
fn unified(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new).unified_diff().context_radius(3).to_string()
}

fn yaml(value: &serde_yaml_ng::Value) -> String {
    serde_yaml_ng::to_string(value).unwrap_or_default()
}

/// The order of fields is no change.
fn sorted(text: &str) -> String {
    let value: Result<BTreeMap<String, serde_yaml_ng::Value>, _> = serde_yaml_ng::from_str(text);
    match value.and_then(|value| serde_yaml_ng::to_string(&value)) {
        Ok(sorted) => sorted,
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
