//! Is any feature gate set that the new versions no longer know?

use kup_core::event::Verdict;

use super::cluster_configuration::{
    ClusterConfiguration, feature_gates, gates_in_flag, kubelet_configuration, parse, text,
};
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::VERSIONED;

pub(super) const ABOUT: About = About {
    code: "K113",
    name: "removed-feature-gates",
    question: "Is any feature gate set that the new versions no longer know?",
    why: "A component does not start with a feature gate that it does not know, also where the gate only says what is so anyway (talos#13480, k/k#100988).",
    remedy: "take the gate out where it stands: `kubectl -n kube-system edit configmap kubeadm-config` (extraArgs), kubelet-config, kube-proxy, or the kubelet's flags",
    overruling: Overruling::Allowed,
};

/// Gates that are set, and where.
type Set = Vec<(String, String)>;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    let set = set(question, &mut findings);
    for release in question.releases() {
        for gate in release.feature_gates_removed() {
            for (_, place) in set.iter().filter(|(name, _)| name == gate) {
                let told = format!(
                    "v1.{} no longer knows feature gate {gate}, which is set in {place}",
                    release.minor
                );
                findings.block(told, format!("take {gate} out of {place}"));
            }
        }
    }
    let n_set = set.len();
    findings.verdict(format!("{n_set} feature gates are set, {} knows them all", question.target()))
}

fn set(question: &Question<'_>, findings: &mut Findings) -> Set {
    let mut set = Set::new();
    let mut add = |names: Vec<String>, place: &str| {
        set.extend(names.into_iter().map(|name| (name, place.to_owned())));
    };
    match ClusterConfiguration::of(question.inventory) {
        Ok(config) => {
            for component in VERSIONED {
                let args = config.extra_args(component);
                let value = args.get("feature-gates").map_or("", String::as_str);
                add(
                    gates_in_flag(value),
                    &format!(
                        "the extraArgs of {component} in kubeadm-config: `kubectl -n kube-system edit configmap kubeadm-config`"
                    ),
                );
            }
        }
        Err(why) => findings.unread("which feature gates the control plane gets", &why),
    }
    match kubelet_configuration(question) {
        Ok(config) => {
            add(
                feature_gates(&config),
                "the kubelets' configuration: `kubectl -n kube-system edit configmap kubelet-config`",
            );
        }
        Err(why) => findings.unread("which feature gates kubelets get", &why),
    }
    // Without kube-proxy there is nothing to read.
    if let Ok(config) = text(question.inventory, "kube-proxy", "config.conf").and_then(parse) {
        add(
            feature_gates(&config),
            "kube-proxy's configuration: `kubectl -n kube-system edit configmap kube-proxy`",
        );
    }
    for node in &question.inventory.nodes {
        let flags = node.survey.kubelet_flags.iter().filter(|it| it.place != "process");
        for flag in flags {
            let value = flag.flag.strip_prefix("--feature-gates=").unwrap_or_default();
            add(gates_in_flag(value), &format!("{} of {}", flag.place, node.node.name));
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::facts::KubeletFlag;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.35.6"];
    const GATE: &str = "UserNamespacesPodSecurityStandards";

    #[test]
    fn a_gate_that_is_gone_blocks_wherever_it_is_set_until_it_is_out() {
        let edits = [
            (
                "kubeadm-config",
                "ClusterConfiguration",
                "scheduler: {}",
                "scheduler: {extraArgs: [{name: feature-gates, value: \"GATE=true\"}]}",
            ),
            ("kubelet-config", "kubelet", "kind: ", "featureGates: {GATE: true}\nkind: "),
            ("kube-proxy", "config.conf", "kind: ", "featureGates: {GATE: true}\nkind: "),
        ];
        for (map, key, from, to) in edits {
            let mut inventory = healthy(3, 2, "v1.34.9");
            inventory.edit(map, key, |text| text.replace(from, &to.replace("GATE", GATE)));
            blocks(ask(check, &inventory, &TO), &[GATE, map]);
            passes(ask(check, &inventory, &["v1.34.20"]));
            inventory.edit(map, key, |text| text.replace(&to.replace("GATE", GATE), from));
            passes(ask(check, &inventory, &TO));
        }
    }

    #[test]
    fn a_flag_of_one_kubelet_is_enough() {
        let mut inventory = healthy(3, 2, "v1.34.9");
        let (flag, place) =
            (format!("--feature-gates={GATE}=true"), "/etc/default/kubelet".to_owned());
        inventory.node_mut("w2").survey.kubelet_flags.push(KubeletFlag { flag, place });
        blocks(ask(check, &inventory, &TO), &[GATE, "/etc/default/kubelet of w2"]);
    }

    #[test]
    fn unread_configurations_warn() {
        let mut inventory = healthy(3, 2, "v1.34.9");
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["403", "kubelets"]);
    }
}
