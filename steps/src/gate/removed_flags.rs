//! Is any flag in use that the new versions refuse?

use kup_core::event::Verdict;

use super::cluster_configuration::{ClusterConfiguration, place_of};
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;
use crate::release::{Component, Release};

pub(super) const ABOUT: About = About {
    code: "K112",
    name: "removed-flags",
    question: "Is any flag in use that the new versions refuse?",
    why: "A component does not start with a flag that it does not know. kubeadm writes manifests anew, but with the extraArgs of kubeadm-config, and it leaves the kubelet's flags as they are, but for a few of its own (kubeadm#3281, kubespray#13125).",
    remedy: "take the flag out where it stands: `kubectl -n kube-system edit configmap kubeadm-config`, /var/lib/kubelet/kubeadm-flags.env, /etc/default/kubelet, drop-ins of kubelet.service",
    overruling: Overruling::Allowed,
};

/// Flags that kubeadm of a minor takes out of its own file by itself, and where that is known from.
/// `container-runtime`: k/k#112000; `pod-infra-container-image`: kubeadm#3281; `cloud-config` and others are never there by kubeadm's hand.
const TAKEN_OUT: [&str; 2] = ["container-runtime", "pod-infra-container-image"];
/// kubeadm's own file.
const OF_KUBEADM: &str = "/var/lib/kubelet/kubeadm-flags.env";

/// Components whose flags kubeadm writes.
const STATIC_PODS: [Component; 3] =
    [Component::KubeApiserver, Component::KubeControllerManager, Component::KubeScheduler];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    match ClusterConfiguration::of(inventory) {
        Ok(config) => {
            for release in question.releases() {
                STATIC_PODS
                    .iter()
                    .for_each(|it| static_pods(release, (*it, &config), &mut findings));
                etcd(release, &config, &mut findings);
            }
        }
        Err(why) => findings.unread("which flags the control plane gets", &why),
    }
    for node in &inventory.nodes {
        question.releases().for_each(|release| kubelet(release, node, &mut findings));
    }
    findings.verdict(format!("no flag is in use that {} refuses", question.target()))
}

fn static_pods(
    release: &Release,
    (component, config): (Component, &ClusterConfiguration),
    findings: &mut Findings,
) {
    let given = config.extra_args(component.name());
    for flag in release.flags_removed_from(component).filter(|flag| given.contains_key(*flag)) {
        let (minor, place) = (release.minor, place_of(component));
        let told =
            format!("{} of v1.{minor} refuses --{flag}, which is in {place}", component.name());
        findings.block(
            told,
            format!(
                "take {flag} out of {place}: `kubectl -n kube-system edit configmap kubeadm-config`"
            ),
        );
    }
}

/// etcd 3.6, which comes with 1.34, knows no second version of its API; etcd 3.7, which comes with 1.37, no experimental flag
/// (<https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/>, <https://etcd.io/docs/v3.7/upgrades/upgrade_3_7/>).
fn etcd(release: &Release, config: &ClusterConfiguration, findings: &mut Findings) {
    let refuses = |flag: &str| match release.minor {
        34 => flag == "enable-v2",
        37 => flag == "enable-v2" || flag.starts_with("experimental-"),
        _ => false,
    };
    for flag in config.extra_args("etcd").into_keys().filter(|flag| refuses(flag)) {
        let told = format!(
            "etcd of v1.{} refuses --{flag}, which is in etcd.local.extraArgs of kubeadm-config",
            release.minor
        );
        findings.block(told, format!("take {flag} out, or name it without `experimental-`: `kubectl -n kube-system edit configmap kubeadm-config`"));
    }
}

fn kubelet(release: &Release, node: &NodeInventory, findings: &mut Findings) {
    let (name, minor) = (&node.node.name, release.minor);
    for flag in release.flags_removed_from(Component::Kubelet) {
        let is_it = |given: &str| given.trim_start_matches('-').split('=').next() == Some(flag);
        let given = node.survey.kubelet_flags.iter().filter(|given| is_it(&given.flag));
        let mut places: Vec<&str> = given.map(|given| given.place.as_str()).collect();
        // The process has what the files have.
        if places.iter().any(|place| *place != "process") {
            places.retain(|place| *place != "process");
        }
        for place in places {
            if place == OF_KUBEADM && TAKEN_OUT.contains(&flag) {
                continue;
            }
            let remedy = match place {
                "process" => format!(
                    "find the file that gives it on {name} with `systemctl cat kubelet` and take it out"
                ),
                file => format!(
                    "take it out on {name}: `sed -i 's/ *--{flag}[= ][^ \"]*//' {file}`; the running kubelet keeps it until its next start"
                ),
            };
            findings.block(
                format!("the kubelet of v1.{minor} refuses --{flag}, which {name} has in {place}"),
                remedy,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::facts::KubeletFlag;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    fn with_args(version: &str, section: &str, args: &str) -> Inventory {
        let mut inventory = healthy(3, 2, version);
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace(&format!("{section}: {{}}"), &format!("{section}: {{extraArgs: {args}}}"))
        });
        inventory
    }

    fn with_flag(version: &str, flag: &str, place: &str) -> Inventory {
        let mut inventory = healthy(3, 2, version);
        let (flag, place) = (flag.to_owned(), place.to_owned());
        inventory.node_mut("w1").survey.kubelet_flags.push(KubeletFlag { flag, place });
        inventory
    }

    #[test]
    fn a_removed_flag_in_kubeadms_configuration_blocks_until_it_is_out() {
        let args = "[{name: cloud-config, value: /etc/cloud}]";
        let inventory = with_args("v1.32.13", "apiServer", args);
        let words =
            ["kube-apiserver of v1.33 refuses --cloud-config", "edit configmap kubeadm-config"];
        blocks(ask(check, &inventory, &["v1.33.13"]), &words);
        passes(ask(check, &inventory, &["v1.32.20"]));
        let map = with_args("v1.26.2", "controllerManager", "{pod-eviction-timeout: 1m}");
        blocks(
            ask(check, &map, &["v1.27.0"]),
            &["kube-controller-manager", "pod-eviction-timeout"],
        );
        passes(ask(check, &with_args("v1.32.13", "apiServer", "[]"), &["v1.33.13"]));
    }

    #[test]
    fn every_hop_is_asked() {
        let args = "[{name: cloud-config, value: /etc/cloud}]";
        let inventory = with_args("v1.31.14", "apiServer", args);
        blocks(ask(check, &inventory, &["v1.32.13", "v1.33.13"]), &["v1.33 refuses"]);
    }

    #[test]
    fn what_stands_only_in_a_manifest_goes_with_it() {
        let mut inventory = healthy(3, 2, "v1.23.9");
        let manifests = &mut inventory.node_mut("cp1").survey.manifests;
        let text = manifests.get_mut("kube-apiserver").unwrap();
        *text = text.replace("    - --secure-port", "    - --insecure-port=0\n    - --secure-port");
        passes(ask(check, &inventory, &["v1.24.17"]));
    }

    #[test]
    fn a_removed_flag_of_a_kubelet_blocks_unless_kubeadm_takes_it_out() {
        let flag = "--pod-infra-container-image=registry.k8s.io/pause:3.10";
        let own = with_flag("v1.34.9", flag, "/etc/default/kubelet");
        blocks(ask(check, &own, &["v1.35.6"]), &["w1 has in /etc/default/kubelet", "sed -i"]);
        let kubeadms = "/var/lib/kubelet/kubeadm-flags.env";
        let mut both = with_flag("v1.34.9", flag, kubeadms);
        let (flag, place) = (flag.to_owned(), "process".to_owned());
        both.node_mut("w1").survey.kubelet_flags.push(KubeletFlag { flag, place });
        passes(ask(check, &both, &["v1.35.6"]));
        let network = with_flag("v1.23.9", "--network-plugin=cni", kubeadms);
        blocks(ask(check, &network, &["v1.24.17"]), &["--network-plugin", kubeadms]);
        let hidden = with_flag("v1.33.13", "--cloud-config=/etc/cloud", "process");
        blocks(ask(check, &hidden, &["v1.34.9"]), &["systemctl cat kubelet"]);
    }

    #[test]
    fn flags_of_etcd_count_too() {
        let with = |version: &str, args: &str| {
            let mut inventory = healthy(3, 2, version);
            inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
                text.replace("dataDir:", &format!("extraArgs: {args}\n    dataDir:"))
            });
            inventory
        };
        let args = "[{name: experimental-initial-corrupt-check, value: \"true\"}]";
        blocks(ask(check, &with("v1.36.3", args), &["v1.37.0"]), &["etcd of v1.37 refuses"]);
        passes(ask(check, &with("v1.33.13", args), &["v1.34.9"]));
    }

    #[test]
    fn an_unread_configuration_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &["v1.36.2"]), &["403"]);
    }
}
