//! Is every API server ready, and does every control plane have its manifests and key pairs?

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::{DirectAnswer, VERSIONED};
use crate::inventory::{Inventory, NodeInventory};
use crate::planner::standing;

pub(super) const ABOUT: About = About {
    code: "K104",
    name: "control-plane-healthy",
    question: "Is every API server ready, and has every control plane its manifests and matching key pairs?",
    why: "kubeadm waits for pods of every control plane and rolls back when one is missing; a key without its certificate stops a component at its next start (kubeadm phases/upgrade/staticpods.go).",
    remedy: "repair it first: `kubectl get --raw '/readyz?verbose'` and `crictl ps -a` on the machine tell what is wrong; kubeadm's copies of manifests are in /etc/kubernetes/tmp",
    overruling: Overruling::Allowed,
};

/// What is said of everything that the plan begins with mending.
const PUT_BACK: &str = "nothing to do: the run puts the newest of kubeadm's copies in /etc/kubernetes/tmp back before anything else";

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    let ready = "see what it waits for with `kubectl get --raw '/readyz?verbose'`";
    for check in &inventory.unready_checks {
        findings.block(format!("/readyz says {check} is not ok"), ready);
    }
    for pod in &inventory.unready_pods {
        unready_pod(inventory, pod, &mut findings);
    }
    let standing = standing(inventory);
    let masters = || inventory.nodes.iter().filter(|node| node.node.control_plane);
    for node in masters() {
        manifests(inventory, node, &mut findings);
        key_pairs(node, &mut findings);
        match standing.brings_etcd_back(node) {
            true => without_etcd(node, &mut findings),
            false => api_server(node, &mut findings),
        }
    }
    let n_masters = masters().count();
    findings.verdict(format!(
        "{n_masters} API servers are ready; manifests and key pairs of {n_masters} control planes are whole"
    ))
}

/// A static pod that is not ready stops kubeadm; another pod of kube-system is for the operator to judge.
fn unready_pod(inventory: &Inventory, pod: &str, findings: &mut Findings) {
    let remedy = format!(
        "see why with `kubectl -n kube-system describe pod {pod}` and wait until it is ready"
    );
    let is_of = |node: &&NodeInventory| {
        let component = pod.strip_suffix(node.node.name.as_str()).unwrap_or_default();
        let component = component.strip_suffix('-').unwrap_or_default();
        component == "etcd" || VERSIONED.contains(&component)
    };
    let evidence = format!("pod kube-system/{pod} is not ready");
    match inventory.nodes.iter().find(is_of) {
        Some(node) if standing(inventory).brings_etcd_back(node) => {
            findings.warn(format!("{evidence}: {} has no etcd", node.node.name), PUT_BACK);
        }
        Some(_) => findings.block(evidence, remedy),
        None => findings.warn(evidence, remedy),
    }
}

/// The plan begins with putting those back of which kubeadm has left a copy.
fn manifests(inventory: &Inventory, node: &NodeInventory, findings: &mut Findings) {
    let (name, state) = (&node.node.name, &node.control_plane);
    let etcd = inventory.has_etcd(node).then_some("etcd");
    let missing = |component: &&str| state.image(component).is_empty();
    for component in etcd.into_iter().chain(VERSIONED).filter(missing) {
        let evidence = format!("{name} has no manifest of {component}");
        if node.has_copies() {
            findings.warn(evidence, PUT_BACK);
        } else {
            findings.block(evidence, anew(component, name));
        }
    }
    for file in &state.stray {
        let remedy = format!(
            "move it out of the folder on {name}: `mv /etc/kubernetes/manifests/{file} /root/`"
        );
        findings.block(
            format!("{name} has {file} in /etc/kubernetes/manifests: the kubelet runs it too"),
            remedy,
        );
    }
}

/// Says how a manifest is written anew, from the cluster's own configuration: without it kubeadm would take its defaults.
fn anew(component: &str, name: &str) -> String {
    let phase = match component {
        "etcd" => "etcd local",
        "kube-apiserver" => "control-plane apiserver",
        "kube-controller-manager" => "control-plane controller-manager",
        _ => "control-plane scheduler",
    };
    let config = "kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{.data.ClusterConfiguration}' >cluster.yaml";
    let wholly = if component == "etcd" { ", where /var/lib/etcd still has its data" } else { "" };
    format!(
        "write it anew on {name}{wholly}: `{config}`, `kubeadm init phase {phase} --config cluster.yaml`"
    )
}

/// An API server asks the member of etcd beside it, and is away with it.
fn without_etcd(node: &NodeInventory, findings: &mut Findings) {
    let is_ready = |it: &DirectAnswer| !it.version.is_empty() && it.unready.is_empty();
    if !node.survey.api_server.as_ref().is_some_and(is_ready) {
        let told = format!("the API server of {} is away with its etcd", node.node.name);
        findings.warn(told, PUT_BACK);
    }
}

fn key_pairs(node: &NodeInventory, findings: &mut Findings) {
    let name = &node.node.name;
    for pair in node.control_plane.broken_pairs() {
        let remedy = format!(
            "renew it on {name}: `kubeadm certs renew all` (`kubeadm alpha certs renew all` before 1.20), then restart the static pods"
        );
        findings.block(format!("key and certificate of {pair} on {name} differ"), remedy);
    }
}

/// The load balancer may hide that one of them does not answer.
fn api_server(node: &NodeInventory, findings: &mut Findings) {
    let name = &node.node.name;
    if node.control_plane.image("kube-apiserver").is_empty() {
        return;
    }
    match &node.survey.api_server {
        None => findings.unread(
            &format!("whether the API server of {name} is ready"),
            "the machine did not say",
        ),
        Some(answer) if answer.version.is_empty() => {
            let remedy = format!(
                "see why on {name}: `crictl ps -a --name kube-apiserver` and `journalctl -u kubelet`"
            );
            findings.block(
                format!("the API server of {name} does not answer on its own machine"),
                remedy,
            );
        }
        Some(answer) if !answer.unready.is_empty() => {
            let address = &node.node.address;
            let remedy = format!(
                "see on {name} what it waits for: `kubectl --server https://{address}:6443 --kubeconfig /etc/kubernetes/admin.conf get --raw '/readyz?verbose'`"
            );
            findings.block(
                format!("the API server of {name} is not ready: {}", answer.unready),
                remedy,
            );
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::facts::PairState;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn broken(breaking: impl Fn(&mut Inventory)) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        breaking(&mut inventory);
        inventory
    }

    #[test]
    fn an_api_server_that_is_not_ready_blocks_wherever_it_is() {
        let unready = broken(|it| it.unready_checks.push("etcd".to_owned()));
        blocks(ask(check, &unready, &TO), &["/readyz says etcd"]);
        let behind = |edit: fn(&mut crate::facts::DirectAnswer)| {
            broken(|it| edit(it.node_mut("cp2").survey.api_server.as_mut().unwrap()))
        };
        let silent = behind(|answer| answer.version.clear());
        blocks(ask(check, &silent, &TO), &["API server of cp2 does not answer", "crictl"]);
        let unready = behind(|answer| answer.unready = "informer-sync".to_owned());
        blocks(ask(check, &unready, &TO), &["cp2 is not ready: informer-sync"]);
        let unread = broken(|it| it.node_mut("cp2").survey.api_server = None);
        warns(ask(check, &unread, &TO), &["cp2", "nobody could tell"]);
    }

    #[test]
    fn a_static_pod_that_is_not_ready_blocks_and_another_pod_warns() {
        let mut inventory = broken(|it| it.unready_pods.push("kube-scheduler-cp3".to_owned()));
        blocks(ask(check, &inventory, &TO), &["kube-system/kube-scheduler-cp3"]);
        inventory.unready_pods = vec!["metrics-server-5f8-x".to_owned()];
        warns(ask(check, &inventory, &TO), &["metrics-server-5f8-x", "describe pod"]);
        inventory.unready_pods.clear();
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn a_missing_manifest_blocks_unless_the_run_can_put_it_back() {
        let lose = |component: &str| {
            broken(|it| {
                let manifests = &mut it.node_mut("cp1").control_plane.manifests;
                manifests.insert(component.to_owned(), None);
            })
        };
        let mut inventory = lose("kube-scheduler");
        blocks(
            ask(check, &inventory, &TO),
            &["cp1 has no manifest of kube-scheduler", "phase control-plane scheduler"],
        );
        let copies = "kubeadm-backup-manifests-2026-11-25-10-04-15".to_owned();
        inventory.node_mut("cp1").survey.kubeadm_leftovers.push(copies);
        warns(ask(check, &inventory, &TO), &["cp1 has no manifest of kube-scheduler", "puts"]);
        let words = ["cp1 has no manifest of etcd", "still has its data", "phase etcd local"];
        blocks(ask(check, &lose("etcd"), &TO), &words);
    }

    #[test]
    fn an_api_server_is_away_with_its_etcd_until_the_run_puts_that_back() {
        let mut inventory = broken(|it| {
            it.unready_pods.push("kube-apiserver-cp3".to_owned());
            let cp3 = it.node_mut("cp3");
            cp3.control_plane.manifests.insert("etcd".to_owned(), None);
            cp3.survey.api_server.as_mut().unwrap().unready = "etcd".to_owned();
        });
        blocks(ask(check, &inventory, &TO), &["cp3 has no manifest of etcd"]);
        let copies = "kubeadm-backup-manifests-2026-11-25-10-04-15".to_owned();
        inventory.node_mut("cp3").survey.kubeadm_leftovers.push(copies);
        let words = ["cp3 has no manifest of etcd", "API server of cp3 is away with its etcd"];
        warns(ask(check, &inventory, &TO), &words);
        inventory.unready_pods.push("kube-apiserver-cp2".to_owned());
        blocks(ask(check, &inventory, &TO), &["kube-apiserver-cp2"]);
    }

    #[test]
    fn what_else_lies_among_the_manifests_blocks() {
        let stray =
            broken(|it| it.node_mut("cp1").control_plane.stray.push("old.yaml.bak".to_owned()));
        blocks(ask(check, &stray, &TO), &["cp1 has old.yaml.bak", "mv "]);
    }

    #[test]
    fn a_key_without_its_certificate_blocks() {
        let pair = broken(|it| {
            let pairs = &mut it.node_mut("cp1").control_plane.pairs;
            pairs.insert("/etc/kubernetes/pki/apiserver".to_owned(), PairState::Mismatch);
        });
        blocks(ask(check, &pair, &TO), &["pki/apiserver on cp1", "kubeadm certs renew"]);
    }
}
