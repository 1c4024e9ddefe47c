//! Is anybody else at work: a kubeadm by hand, a package manager, something that upgrades or reboots nodes by itself? Another kup says so on
//! the nodes themselves, see `no-unfinished-run`.

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::cluster::survey::Kured;
use crate::inventory::{Inventory, NodeInventory};

pub(super) const ABOUT: About = About {
    code: "K121",
    name: "no-other-upgrade",
    question: "Is anybody else at work: a kubeadm by hand, a package manager, something that upgrades or reboots nodes by itself?",
    why: "Two that change the same packages or manifests leave neither's result; unattended-upgrades takes packages along between an unhold and a hold, and kured reboots a node in the middle of its upgrade. Whether another kup is at work is asked by K191.",
    remedy: "let it end, or stop it for the time of the upgrade: `systemctl stop unattended-upgrades apt-daily-upgrade.timer`; kured: `kubectl -n kube-system annotate daemonset kured weave.works/kured-node-lock='{\"nodeID\":\"manual\"}'`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    inventory.nodes.iter().for_each(|node| on_node(node, &mut findings));
    match &inventory.survey.kured {
        Ok(found) => found.iter().for_each(|kured| reboots(inventory, kured, &mut findings)),
        Err(why) => findings.unread("whether kured is there", why),
    }
    findings.verdict("no kubeadm, no package manager and no other upgrade is at work on any node")
}

fn on_node(node: &NodeInventory, findings: &mut Findings) {
    let name = &node.node.name;
    if !node.facts.other_upgrade.is_empty() {
        let running = node.facts.other_upgrade.join(", ");
        let remedy = format!(
            "let it end, then ask again; see what it does on {name}: `ps -ef | grep -E 'kubeadm|apt|dpkg|dnf|zypper'`"
        );
        findings.block(format!("{name} runs {running}"), remedy);
    } else if node.control_plane.is_kubeadm_running {
        findings.block(format!("{name} runs kubeadm"), "let it end, then ask again");
    }
    if !node.survey.automatic_upgrades.is_empty() {
        let units = node.survey.automatic_upgrades.join(" ");
        let remedy = format!(
            "stop it for the time of the upgrade, on {name}: `systemctl stop {units}`, and start it afterwards"
        );
        findings.warn(
            format!("{name} upgrades itself: {}", node.survey.automatic_upgrades.join(", ")),
            remedy,
        );
    }
}

/// A holder that is no node is somebody who has locked kured, as its manual says: then it reboots nothing.
fn reboots(inventory: &Inventory, kured: &Kured, findings: &mut Findings) {
    let Kured { namespace, holders } = kured;
    let annotate =
        format!("kubectl -n {namespace} annotate daemonset kured weave.works/kured-node-lock");
    let rebooted: Vec<&String> = holders.iter().filter(|it| is_node(inventory, it)).collect();
    for node in &rebooted {
        let told = format!("kured ({namespace}) reboots {node}");
        let remedy = format!(
            "wait until {node} is back and kured has given its lock away; where it never will: `{annotate}-`"
        );
        findings.block(told, remedy);
    }
    if holders.is_empty() {
        let told = format!("kured ({namespace}) may reboot nodes while they are upgraded");
        let remedy = format!(
            "lock it for the time of the upgrade: `{annotate}='{{\"nodeID\":\"manual\"}}'`, and take the annotation away afterwards: `{annotate}-`"
        );
        findings.warn(told, remedy);
    }
}

fn is_node(inventory: &Inventory, name: &str) -> bool {
    let silent = inventory.silent.iter().map(|it| &it.node);
    let foreign = inventory.foreign.iter();
    inventory.nodes.iter().map(|it| &it.node).chain(silent).chain(foreign).any(|it| it.name == name)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cluster::survey::Kured;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn with_kured(holders: &[&str]) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let holders = holders.iter().map(|it| (*it).to_owned()).collect();
        inventory.survey.kured = Ok(vec![Kured { namespace: "ops".to_owned(), holders }]);
        inventory
    }

    #[test]
    fn a_program_at_work_blocks_until_it_has_ended() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w1").facts.other_upgrade = vec!["apt-get".to_owned()];
        blocks(ask(check, &inventory, &TO), &["w1 runs apt-get", "ps -ef"]);
        inventory.node_mut("w1").facts.other_upgrade.clear();
        inventory.node_mut("cp2").control_plane.is_kubeadm_running = true;
        blocks(ask(check, &inventory, &TO), &["cp2 runs kubeadm"]);
        inventory.node_mut("cp2").control_plane.is_kubeadm_running = false;
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn a_reboot_blocks_while_it_lasts() {
        let words = [
            "kured (ops) reboots w2",
            "kubectl -n ops annotate daemonset kured weave.works/kured-node-lock-`",
        ];
        blocks(ask(check, &with_kured(&["w2"]), &TO), &words);
        blocks(ask(check, &with_kured(&["manual", "w1"]), &TO), &["kured (ops) reboots w1"]);
    }

    #[test]
    fn kured_warns_until_it_is_locked_as_the_remedy_says() {
        let words = ["kured (ops) may reboot", "kured-node-lock='{\"nodeID\":\"manual\"}'"];
        warns(ask(check, &with_kured(&[]), &TO), &words);
        passes(ask(check, &with_kured(&["manual"]), &TO));
    }

    #[test]
    fn what_may_begin_by_itself_warns_until_it_is_stopped() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let unit = "unattended-upgrades.service".to_owned();
        inventory.node_mut("w2").survey.automatic_upgrades.push(unit);
        warns(
            ask(check, &inventory, &TO),
            &["w2 upgrades itself", "systemctl stop unattended-upgrades.service"],
        );
        inventory.node_mut("w2").survey.automatic_upgrades.clear();
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn what_nobody_could_look_for_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.kured = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["whether kured is there: 403"]);
    }
}
