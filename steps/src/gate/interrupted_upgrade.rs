//! Is the cluster half-way through an upgrade that somebody began?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;
use crate::planner::standing;
use crate::version::Version;

pub(super) const ABOUT: About = About {
    code: "K133",
    name: "interrupted-upgrade",
    question: "Is the cluster half-way through an upgrade that somebody began and nobody ended?",
    why: "kubeadm says nowhere that it was interrupted; what it had not done yet, such as writing kubeadm-config or a node's kubelet configuration, stays undone though the versions look right (kubeadm phases/upgrade/staticpods.go, postupgrade.go).",
    remedy: "`kup start VERSION` with the version that the upgrade went to finishes it, whoever began it",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let standing = standing(inventory);
    let mut findings = Findings::default();
    if let Some(unfinished) = standing.unfinished {
        let told = format!(
            "an upgrade from {} to {unfinished} was interrupted: {}",
            standing.at,
            super::some(&standing.seen)
        );
        match question.hops.first() {
            Some(first) if *first == unfinished => {
                findings.warn(told, format!("nothing to do: the run first finishes that upgrade to {unfinished}, with kubeadm again on every control plane, whatever looks done"));
            }
            Some(_) | None => {
                findings.block(told, format!("finish it first: `kup start {unfinished}`"));
            }
        }
    } else if !standing.missing.is_empty() {
        let told = format!("manifests are missing: {}", super::some(&standing.seen));
        findings
            .warn(told, "nothing to do: the run begins with putting kubeadm's copies of them back");
    }
    if let Some((name, from)) = &standing.kubelet_config {
        let told = format!(
            "an upgrade was interrupted after it wrote kubeadm-config: there is no ConfigMap {name}"
        );
        findings.warn(told, format!("nothing to do: the run begins with a copy of {from}, which kubeadm then writes anew"));
    }
    left_behind(question, &mut findings);
    torn(question, &mut findings);
    findings.verdict("no upgrade is half-way")
}

/// An upgrade that was stopped before the kubelets, or that left nodes out on purpose: nobody can tell which.
fn left_behind(question: &Question<'_>, findings: &mut Findings) {
    let at = question.inventory.version;
    let kubelet = |node: &NodeInventory| node.node.kubelet_version.parse::<Version>().ok();
    let behind = question.inventory.nodes.iter().filter_map(|node| {
        let kubelet = kubelet(node).filter(|kubelet| kubelet.minor < at.minor)?;
        Some(format!("{} ({kubelet})", node.node.name))
    });
    let behind: Vec<String> = behind.collect();
    if !behind.is_empty() {
        let told = format!(
            "the control plane is at {at}, these kubelets are not: {}",
            super::some(&behind)
        );
        let remedy = match question.says("workers-skip-hops") {
            true => "nothing to do: they go to the last release of this run at once".to_owned(),
            false => format!("nothing to do: the run takes them to {at} first"),
        };
        findings.warn(told, remedy);
    }
}

/// kubeadm removes what it has rendered when it ends, whether well or not; a kill leaves it.
fn torn(question: &Question<'_>, findings: &mut Findings) {
    for node in &question.inventory.nodes {
        let left = node.survey.kubeadm_leftovers.iter();
        let left: Vec<&str> = left
            .map(String::as_str)
            .filter(|it| it.starts_with("kubeadm-upgraded-manifests"))
            .collect();
        if !left.is_empty() {
            let (name, left) = (&node.node.name, left.join(", "));
            let told = format!(
                "a kubeadm upgrade was killed or failed on {name}: /etc/kubernetes/tmp has {left}"
            );
            let remedy = format!(
                "look whether that was long ago: `ls -l /etc/kubernetes/tmp` on {name}; the run does all of kubeadm's work again; then remove it"
            );
            findings.warn(told, remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, at, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    #[test]
    fn an_upgrade_that_stopped_after_the_first_control_plane_says_where_it_stands() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.version = at("v1.36.2");
        for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
            let manifests = &mut inventory.node_mut("cp1").control_plane.manifests;
            let manifest = manifests.get_mut(component).unwrap().as_mut().unwrap();
            manifest.image = Some(format!("registry.k8s.io/{component}:v1.36.2"));
        }
        let words = [
            "from v1.35.6 to v1.36.2",
            "kube-apiserver of cp2 is at v1.35.6",
            "finishes that upgrade",
        ];
        warns(ask(check, &inventory, &TO), &words);
        blocks(ask(check, &inventory, &["v1.36.3"]), &["kup start v1.36.2"]);
    }

    #[test]
    fn one_that_stopped_between_two_renames_is_put_back() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let manifests = &mut inventory.node_mut("cp1").control_plane.manifests;
        manifests.insert("kube-scheduler".to_owned(), None);
        warns(ask(check, &inventory, &TO), &["cp1 has no manifest of kube-scheduler", "copies"]);
    }

    #[test]
    fn one_that_stopped_before_the_kubelets_configuration_says_what_is_missing() {
        let mut inventory = healthy(1, 1, "v1.20.2");
        let maps = inventory.survey.config_maps.as_mut().unwrap();
        let older = maps.remove("kubelet-config-1.20").unwrap();
        maps.insert("kubelet-config-1.19".to_owned(), older);
        warns(ask(check, &inventory, &["v1.20.2"]), &["no ConfigMap kubelet-config-1.20", "1.19"]);
    }

    #[test]
    fn one_that_stopped_before_the_kubelets_names_them_until_they_are_there() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w2").node.kubelet_version = "v1.34.9".to_owned();
        warns(ask(check, &inventory, &TO), &["w2 (v1.34.9)", "v1.35.6 first"]);
        inventory.node_mut("w2").node.kubelet_version = "v1.35.6".to_owned();
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn what_a_killed_kubeadm_leaves_is_named() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let left = &mut inventory.node_mut("cp2").survey.kubeadm_leftovers;
        left.extend(
            ["kubeadm-backup-etcd-2026-01-01-10-00-00", "kubeadm-upgraded-manifests123"]
                .map(str::to_owned),
        );
        warns(ask(check, &inventory, &TO), &["cp2", "kubeadm-upgraded-manifests123"]);
        inventory.node_mut("cp2").survey.kubeadm_leftovers.pop();
        passes(ask(check, &inventory, &TO));
    }
}
