//! Will a kubelet that is started anew accept the swap of its machine?

use kup_core::event::Verdict;
use serde_yaml_ng::Value;

use super::cluster_configuration::{kubelet_configuration, parse};
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K110",
    name: "swap",
    question: "Will a kubelet that is started anew accept the swap of its machine?",
    why: "A kubelet does not start on a machine with swap unless failSwapOn is false, and kubeadm writes its configuration anew from the ConfigMap kubelet-config: what stands only on the node is lost (k/k#84634).",
    remedy: "turn swap off: `swapoff -a`, and take it out of /etc/fstab; or allow it for all: failSwapOn: false in `kubectl -n kube-system edit configmap kubelet-config`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    let swapping: Vec<&NodeInventory> =
        inventory.nodes.iter().filter(|node| !node.survey.swap.is_empty()).collect();
    if swapping.is_empty() {
        return findings.verdict("no machine swaps");
    }
    let n_swapping = swapping.len();
    match kubelet_configuration(question) {
        Ok(config) if allows(&config) => {}
        Ok(_) => swapping.into_iter().for_each(|node| swaps(node, &mut findings)),
        Err(why) => findings.unread("whether kubelets will accept swap", &why),
    }
    findings
        .verdict(format!("{n_swapping} machines swap, and their kubelets are told to accept it"))
}

fn swaps(node: &NodeInventory, findings: &mut Findings) {
    let (name, devices) = (&node.node.name, node.survey.swap.join(", "));
    // Flags outside of kubeadm's own file stay as they are, and win over the configuration.
    let is_flagged = node.survey.kubelet_flags.iter().any(|it| it.flag == "--fail-swap-on=false");
    if is_flagged {
        return;
    }
    let is_local = parse(&node.survey.kubelet_config).is_ok_and(|config| allows(&config));
    let told = match is_local {
        true => format!(
            "{name} swaps ({devices}), and only its own /var/lib/kubelet/config.yaml allows it: kubeadm writes that anew"
        ),
        false => format!("{name} swaps ({devices}), and its kubelet will not start with it"),
    };
    findings.block(told, ABOUT.remedy);
}

fn allows(config: &Value) -> bool {
    config.get("failSwapOn").and_then(Value::as_bool) == Some(false)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::facts::KubeletFlag;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn swapping() -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w1").survey.swap = vec!["/dev/sda2".to_owned()];
        inventory
    }

    #[test]
    fn swap_blocks_until_it_is_off_or_allowed_for_all() {
        let mut inventory = swapping();
        blocks(ask(check, &inventory, &TO), &["w1 swaps (/dev/sda2)", "swapoff -a"]);
        inventory.edit("kubelet-config", "kubelet", |text| format!("{text}failSwapOn: false\n"));
        passes(ask(check, &inventory, &TO));
        let mut inventory = swapping();
        inventory.node_mut("w1").survey.swap.clear();
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn a_file_of_the_node_alone_does_not_help_and_a_flag_does() {
        let mut inventory = swapping();
        inventory.node_mut("w1").survey.kubelet_config.push_str("failSwapOn: false\n");
        blocks(ask(check, &inventory, &TO), &["only its own", "kubelet-config"]);
        let (flag, place) = ("--fail-swap-on=false".to_owned(), "/etc/default/kubelet".to_owned());
        inventory.node_mut("w1").survey.kubelet_flags.push(KubeletFlag { flag, place });
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn an_unread_configuration_warns() {
        let mut inventory = swapping();
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["403"]);
    }
}
