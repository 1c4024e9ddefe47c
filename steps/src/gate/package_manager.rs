//! Is the package manager of every node ready to work?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::PackageManager;

pub(super) const ABOUT: About = About {
    code: "K120",
    name: "package-manager",
    question: "Is the package manager of every node in order, with nothing half installed?",
    why: "A package that was left half configured is configured by the next transaction, in the middle of the upgrade and with the scripts of whatever it is (dpkg(1), --audit).",
    remedy: "finish what was begun: `dpkg --configure -a`, then `dpkg --audit` must say nothing; rpm: `rpm -Va kubeadm kubelet kubectl`",
    overruling: Overruling::Allowed,
};

const PACKAGES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let nodes = &question.inventory.nodes;
    let mut findings = Findings::default();
    for node in nodes {
        let name = &node.node.name;
        if let Some(mess) = node.packages.interrupted(&PACKAGES) {
            let repair = repair(node.facts.package_manager);
            findings.block(format!("{name}: {mess}"), format!("on {name}: {repair}"));
        }
    }
    let holds = |name: &&str| nodes.iter().any(|node| node.packages.is_held(name));
    let held: Vec<&str> = PACKAGES.into_iter().filter(holds).collect();
    let held = match held.is_empty() {
        true => "nothing is held".to_owned(),
        false => format!("holds of {} are kept", held.join(", ")),
    };
    findings.verdict(format!("no package is half installed on {} nodes; {held}", nodes.len()))
}

fn repair(manager: PackageManager) -> &'static str {
    match manager {
        PackageManager::Apt => "`dpkg --configure -a`, then `dpkg --audit` must say nothing",
        PackageManager::Dnf => {
            "see `dnf history info last`, then `dnf check` and `dnf history redo last`"
        }
        PackageManager::Zypper => {
            "see /var/log/zypp/history, then `zypper verify` must say nothing"
        }
        PackageManager::Binaries | PackageManager::None => {
            "see what is half there: `ls -l /usr/bin/kube*`, and put the whole programs back"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PackageManager, check};
    use crate::inventory::sample::{ask, blocks, healthy, passes};

    const TO: [&str; 1] = ["v1.36.2"];

    #[test]
    fn a_half_installed_package_blocks_until_it_is_configured() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let packages = &mut inventory.node_mut("w1").packages.packages;
        packages.get_mut("kubelet").unwrap().is_broken = true;
        blocks(
            ask(check, &inventory, &TO),
            &["w1: an installation was interrupted at kubelet", "--configure -a"],
        );
        inventory.node_mut("w1").facts.package_manager = PackageManager::Dnf;
        blocks(ask(check, &inventory, &TO), &["interrupted at kubelet", "dnf history redo last"]);
        let packages = &mut inventory.node_mut("w1").packages;
        packages.packages.get_mut("kubelet").unwrap().is_broken = false;
        packages.audit = Some("libc6 is half configured".to_owned());
        blocks(ask(check, &inventory, &TO), &["libc6 is half configured"]);
        inventory.node_mut("w1").packages.audit = None;
        assert!(passes(ask(check, &inventory, &TO)).contains("holds of kubeadm, kubelet, kubectl"));
    }
}
