//! Is anybody else at work: another kup, a kubeadm by hand, a package manager, something that reboots nodes?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::cluster::survey::Lease;
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K121",
    name: "no-other-upgrade",
    question: "Is anybody else at work: another kup, a kubeadm by hand, a package manager, something that reboots nodes?",
    why: "Two that change the same packages or manifests leave neither's result; unattended-upgrades takes packages along between an unhold and a hold, and kured reboots a node in the middle of its upgrade.",
    remedy: "let it end, or stop it for the time of the upgrade: `systemctl stop unattended-upgrades apt-daily-upgrade.timer`; kured: `kubectl -n kube-system annotate daemonset kured weave.works/kured-node-lock='{\"nodeID\":\"manual\"}'`",
    overruling: Overruling::Allowed,
};

/// A holder that has not renewed for so long is gone.
const LEASE_SECONDS: i64 = 120;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    inventory.nodes.iter().for_each(|node| on_node(node, &mut findings));
    match &inventory.survey.leases {
        Ok(leases) => leases.iter().for_each(|lease| held(lease, &mut findings)),
        Err(why) => findings.unread("whether another kup or kured is at work", why),
    }
    match &inventory.survey.workloads {
        Ok(workloads) => {
            if let Some(kured) =
                workloads.iter().find(|it| it.kind == "DaemonSet" && it.name == "kured")
            {
                let told =
                    format!("kured ({}) may reboot nodes while they are upgraded", kured.namespace);
                let remedy = format!(
                    "lock it for the time of the upgrade: `kubectl -n {} annotate daemonset kured weave.works/kured-node-lock='{{\"nodeID\":\"manual\"}}'`, and take the annotation away afterwards",
                    kured.namespace
                );
                findings.warn(told, remedy);
            }
        }
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

fn held(lease: &Lease, findings: &mut Findings) {
    let is_fresh = lease.age_seconds.is_some_and(|age| age < LEASE_SECONDS);
    let (holder, name) = (&lease.holder, &lease.name);
    if holder.is_empty() {
        return;
    }
    // kured does not renew its lock: it holds it until the node is back.
    if name.contains("kured") {
        let remedy = "wait until the node is back and kured has given its lock away";
        findings.block(format!("kured reboots {holder} ({name})"), remedy);
    } else if name == "kup" && is_fresh {
        let remedy = "see there what it does: `kup status`; one upgrade at a time";
        findings.block(format!("another kup is at work: {holder}"), remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cluster::survey::Lease;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn with_lease(name: &str, holder: &str, age: i64) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.leases.as_mut().unwrap().push(Lease {
            namespace: "kube-system".to_owned(),
            name: name.to_owned(),
            holder: holder.to_owned(),
            age_seconds: Some(age),
        });
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
    fn another_kup_and_a_reboot_block_while_they_last() {
        blocks(
            ask(check, &with_lease("kup", "anna@desk", 5), &TO),
            &["another kup is at work: anna@desk"],
        );
        passes(ask(check, &with_lease("kup", "anna@desk", 500), &TO));
        blocks(ask(check, &with_lease("kured", "w2", 500), &TO), &["kured reboots w2"]);
        passes(ask(check, &with_lease("kured", "", 500), &TO));
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
        let mut kured = inventory.survey.workloads.as_ref().unwrap()[0].clone();
        kured.name = "kured".to_owned();
        inventory.survey.workloads.as_mut().unwrap().push(kured);
        warns(ask(check, &inventory, &TO), &["kured (kube-system)", "kured-node-lock"]);
    }

    #[test]
    fn unread_leases_and_workloads_warn() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.leases = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["403"]);
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.workloads = Err("500".to_owned());
        warns(ask(check, &inventory, &TO), &["500"]);
    }
}
