//! Is every certificate good until long after the upgrade?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::Certificate;
use crate::inventory::NodeInventory;

pub(super) const ABOUT: About = About {
    code: "K107",
    name: "certificates",
    question: "Is every certificate good until after the upgrade?",
    why: "kubeadm cannot work through an API whose certificates have ended (kubeadm#2185, kubeadm#1317); it renews those of the control plane in an upgrade, but neither authorities nor the kubelet's (kubeadm phases/certs/renewal).",
    remedy: "control plane: `kubeadm certs renew all` on it, then restart its static pods; kubelet: `systemctl restart kubelet` and approve what `kubectl get csr` shows; authorities: replace them before, by hand",
    overruling: Overruling::Allowed,
};

const DAY: i64 = 86_400;
/// A run over many nodes, with its pauses, may take as long.
const RUN_DAYS: i64 = 2;
/// The kubelet renews its own with more than a tenth of the year left; what is older than that is stuck.
const WARN_DAYS: i64 = 30;
/// Replacing an authority is a project of its own.
const AUTHORITY_DAYS: i64 = 180;

/// Who looks after a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeper {
    /// kubeadm, in every upgrade.
    Kubeadm,
    /// The kubelet itself.
    Kubelet,
    /// Nobody.
    Operator,
}

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    let now = inventory.taken_at.0 / 1_000_000_000;
    for node in &inventory.nodes {
        if node.survey.certificates.is_empty() {
            let name = &node.node.name;
            findings
                .unread(&format!("when the certificates of {name} end"), "the machine names none");
        }
        for certificate in &node.survey.certificates {
            one(question, node, (certificate, now), &mut findings);
        }
    }
    let all = inventory.nodes.iter().flat_map(|node| &node.survey.certificates);
    let first = all.clone().map(|certificate| (certificate.ends - now) / DAY).min();
    let days = first.unwrap_or_default();
    findings.verdict(format!("{} certificates, the first ends in {days} days", all.count()))
}

fn keeper(path: &str) -> Keeper {
    let is_authority = path.ends_with("/ca.crt") || path.ends_with("/front-proxy-ca.crt");
    if path.starts_with("/var/lib/kubelet/") || path.ends_with("/kubelet.conf") {
        Keeper::Kubelet
    } else if is_authority {
        Keeper::Operator
    } else {
        Keeper::Kubeadm
    }
}

fn one(
    question: &Question<'_>,
    node: &NodeInventory,
    (certificate, now): (&Certificate, i64),
    findings: &mut Findings,
) {
    let (name, path) = (&node.node.name, &certificate.path);
    let (keeper, days) = (keeper(path), (certificate.ends - now).div_euclid(DAY));
    let ends = format!(
        "{path} on {name} ends in {}",
        if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
    );
    let remedy = remedy(keeper, name);
    let limit = if keeper == Keeper::Operator { AUTHORITY_DAYS } else { WARN_DAYS };
    if certificate.ends <= now {
        findings.block(format!("{path} on {name} has ended"), remedy);
    } else if days < RUN_DAYS {
        findings.block(format!("{ends}, perhaps within the run"), remedy);
    } else if days < limit && keeper == Keeper::Kubeadm && !question.says("keep-certificates") {
        let remedy = "nothing to do: kubeadm renews it in this upgrade";
        findings.warn(ends, remedy);
    } else if days < limit {
        findings.warn(ends, remedy);
    }
}

fn remedy(keeper: Keeper, name: &str) -> String {
    match keeper {
        Keeper::Kubeadm => format!("on {name}: `kubeadm certs renew all` (`kubeadm alpha certs renew all` before 1.20), then move its manifests out of /etc/kubernetes/manifests and back"),
        Keeper::Kubelet => format!("on {name}: `systemctl restart kubelet`, then approve what `kubectl get csr` shows as pending; where it has ended: give it a fresh kubelet.conf with `kubeadm kubeconfig user --org system:nodes --client-name system:node:{name}`"),
        Keeper::Operator => "replace the authority first: https://kubernetes.io/docs/tasks/tls/manual-rotation-of-ca-certificates/; nothing renews it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{
        DAY, NOW, ask, ask_with, blocks, healthy, params, passes, warns,
    };

    const TO: [&str; 1] = ["v1.36.2"];

    fn ending(node: &str, path: &str, seconds: i64) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let certificates = &mut inventory.node_mut(node).survey.certificates;
        certificates.iter_mut().find(|it| it.path.ends_with(path)).unwrap().ends = NOW + seconds;
        inventory
    }

    #[test]
    fn a_certificate_that_has_ended_or_ends_within_the_run_blocks() {
        let words = ["pki/apiserver.crt on cp2 has ended", "kubeadm certs renew all"];
        blocks(ask(check, &ending("cp2", "pki/apiserver.crt", -1), &TO), &words);
        let soon = ending("cp2", "admin.conf", 2 * DAY - 1);
        blocks(ask(check, &soon, &TO), &["admin.conf on cp2 ends in 1 day,"]);
    }

    #[test]
    fn one_that_ends_within_a_month_warns_and_says_who_renews_it() {
        let soon = ending("cp2", "pki/apiserver.crt", 20 * DAY);
        warns(ask(check, &soon, &TO), &["ends in 20 days", "kubeadm renews it"]);
        let mut keeping = params(&soon, &TO);
        keeping.insert("keep-certificates".to_owned(), "yes".to_owned());
        warns(ask_with(check, &soon, &keeping), &["kubeadm certs renew all"]);
        passes(ask(check, &ending("cp2", "pki/apiserver.crt", 31 * DAY), &TO));
    }

    #[test]
    fn the_kubelets_own_certificate_counts_on_workers_too() {
        let path = "kubelet-client-current.pem";
        blocks(ask(check, &ending("w1", path, -DAY), &TO), &[path, "w1", "kubectl get csr"]);
        warns(ask(check, &ending("w1", path, 10 * DAY), &TO), &[path, "systemctl restart kubelet"]);
    }

    #[test]
    fn an_authority_needs_more_time() {
        let soon = ending("cp1", "pki/ca.crt", 100 * DAY);
        warns(ask(check, &soon, &TO), &["pki/ca.crt on cp1 ends in 100 days", "rotation-of-ca"]);
        passes(ask(check, &ending("cp1", "pki/ca.crt", 200 * DAY), &TO));
    }

    #[test]
    fn a_machine_that_names_none_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w2").survey.certificates.clear();
        warns(ask(check, &inventory, &TO), &["certificates of w2"]);
    }
}
