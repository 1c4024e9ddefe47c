//! Will kubeadm write over what somebody changed by hand?

use std::collections::BTreeMap;

use kup_core::event::Verdict;
use serde_yaml_ng::Value;

use super::cluster_configuration::{ClusterConfiguration, kubelet_configuration, parse};
use super::findings::{Findings, some};
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

mod rendered;

pub(super) const ABOUT: About = About {
    code: "K130",
    name: "hand-edits",
    question: "Will kubeadm write over what somebody changed by hand in manifests or in a kubelet's configuration?",
    why: "kubeadm writes manifests anew from kubeadm-config, and config.yaml from kubelet-config; what was changed on the node alone is lost without a word (kubeadm#950, kubeadm#2157, k/k#84634).",
    remedy: "bring it where kubeadm reads it: extraArgs in `kubectl -n kube-system edit configmap kubeadm-config`, `kubectl -n kube-system edit configmap kubelet-config`, or a folder of patches with --patches; `kubeadm upgrade diff VERSION` on a control plane shows what it would write there",
    overruling: Overruling::Allowed,
};

/// Of a node's own configuration, what does not come from the ConfigMap: kubeadm adds it on the node.
const OF_THE_NODE: [&str; 2] = ["containerRuntimeEndpoint", "resolvConf"];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    match ClusterConfiguration::of(inventory) {
        Ok(config) => inventory
            .nodes
            .iter()
            .for_each(|node| manifests(question, (node, &config), &mut findings)),
        Err(why) => findings.unread("what kubeadm would write into manifests", &why),
    }
    match kubelet_configuration(question) {
        Ok(config) => kubelets(question, &config, &mut findings),
        Err(why) => {
            findings.unread("what kubeadm would write into the kubelets' configuration", &why);
        }
    }
    findings.verdict(
        "the flags in manifests and the kubelets' configurations are those that kubeadm writes",
    )
}

fn manifests(
    question: &Question<'_>,
    (node, config): (&NodeInventory, &ClusterConfiguration),
    findings: &mut Findings,
) {
    let name = &node.node.name;
    for (component, text) in &node.survey.manifests {
        let Ok(manifest) = parse(text) else {
            let remedy = format!(
                "look at /etc/kubernetes/manifests/{component}.yaml on {name}: kubeadm writes it anew"
            );
            findings.warn(format!("the manifest of {component} on {name} is no YAML"), remedy);
            continue;
        };
        let changes =
            rendered::changes(component, &flags(&manifest), &config.extra_args(component));
        if !changes.is_empty() {
            let told = format!("{component} of {name}: {}", changes.join(", "));
            findings.warn(told, remedy(question, component));
        }
    }
}

fn remedy(question: &Question<'_>, component: &str) -> String {
    let place = match component {
        "kube-apiserver" => "apiServer.extraArgs",
        "kube-controller-manager" => "controllerManager.extraArgs",
        "kube-scheduler" => "scheduler.extraArgs",
        _ => "etcd.local.extraArgs",
    };
    let unless = unless_patched(question);
    format!(
        "put what is to stay into {place}: `kubectl -n kube-system edit configmap kubeadm-config`{unless}"
    )
}

/// Returns the flags of a manifest's container, each as `name=value`.
fn flags(manifest: &Value) -> Vec<String> {
    let container = manifest.get("spec").and_then(|spec| spec.get("containers")?.get(0));
    let list = |key: &str| container.and_then(|it| it.get(key)?.as_sequence());
    let words = list("command").into_iter().chain(list("args")).flatten();
    let flags = words.filter_map(|word| word.as_str()?.strip_prefix("--"));
    flags.map(str::to_owned).collect()
}

/// What many kubelets have in common is said once.
fn kubelets(question: &Question<'_>, config: &Value, findings: &mut Findings) {
    let mut nodes_by_keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &question.inventory.nodes {
        let name = &node.node.name;
        match differing(&node.survey.kubelet_config, config) {
            Some(keys) if keys.is_empty() => {}
            Some(keys) => nodes_by_keys.entry(keys.join(", ")).or_default().push(name.clone()),
            None => {
                let what = format!("what /var/lib/kubelet/config.yaml of {name} says");
                findings.unread(&what, "it is not there or no YAML");
            }
        }
    }
    let unless = unless_patched(question);
    for (keys, nodes) in nodes_by_keys {
        let told = format!(
            "/var/lib/kubelet/config.yaml differs from kubelet-config in {keys} on {}",
            some(&nodes)
        );
        findings.warn(told, format!("put what is to stay into `kubectl -n kube-system edit configmap kubelet-config`: every kubelet gets it then{unless}"));
    }
}

/// Returns the settings of a kubelet that kubeadm will write over; `None` where its configuration is not one.
fn differing(own: &str, config: &Value) -> Option<Vec<String>> {
    let own = parse(own).ok()?;
    let differs = |(key, value): (&Value, &Value)| {
        let key = key.as_str().filter(|key| !OF_THE_NODE.contains(key))?;
        (config.get(key) != Some(value)).then(|| key.to_owned())
    };
    Some(own.as_mapping()?.iter().filter_map(differs).collect())
}

fn unless_patched(question: &Question<'_>) -> String {
    match question.params.get("patches").filter(|folder| !folder.is_empty()) {
        Some(folder) => format!("; unless a patch in {folder} brings it again"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, ask_with, healthy, params, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn with_flag(component: &str, flag: &str) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let text = inventory.node_mut("cp2").survey.manifests.get_mut(component).unwrap();
        let command = format!("    - {component}\n");
        *text = text.replace(&command, &format!("{command}    - {flag}\n"));
        inventory
    }

    #[test]
    fn a_flag_that_stands_only_in_the_manifest_warns_until_kubeadm_knows_it() {
        let mut inventory = with_flag("kube-apiserver", "--audit-log-path=/var/log/audit.log");
        let words = ["kube-apiserver of cp2: --audit-log-path", "apiServer.extraArgs"];
        warns(ask(check, &inventory, &TO), &words);
        let mut patching = params(&inventory, &TO);
        patching.insert("patches".to_owned(), "/etc/kubernetes/patches".to_owned());
        warns(
            ask_with(check, &inventory, &patching),
            &["unless a patch in /etc/kubernetes/patches"],
        );
        let args = "apiServer: {extraArgs: [{name: audit-log-path, value: /var/log/audit.log}]}";
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace("apiServer: {}", args)
        });
        // The other control planes get it only now, which is a change too.
        warns(ask(check, &inventory, &TO), &["kube-apiserver of cp1: --audit-log-path"]);
        for name in ["cp1", "cp3"] {
            let text = inventory.node_mut("cp2").survey.manifests["kube-apiserver"].clone();
            inventory.node_mut(name).survey.manifests.insert("kube-apiserver".to_owned(), text);
        }
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn a_kubelet_configuration_of_one_node_warns_until_it_is_everybodys() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let config = &mut inventory.node_mut("w1").survey.kubelet_config;
        config.push_str("maxPods: 250\nresolvConf: /run/systemd/resolve/resolv.conf\n");
        warns(ask(check, &inventory, &TO), &["differs from kubelet-config in maxPods on w1"]);
        inventory.edit("kubelet-config", "kubelet", |text| format!("{text}maxPods: 250\n"));
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn what_could_not_be_read_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w1").survey.kubelet_config.clear();
        warns(ask(check, &inventory, &TO), &["config.yaml of w1"]);
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["403"]);
    }

    #[test]
    fn a_manifest_that_is_no_yaml_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("cp1").survey.manifests.insert("etcd".to_owned(), "a: [".to_owned());
        warns(ask(check, &inventory, &TO), &["etcd on cp1 is no YAML"]);
    }
}
