//! Is every component near enough to every other, at every hop? Source: the version skew policy of Kubernetes, and kubeadm's
//! `phases/upgrade/policy.go`. Nodes with other systems are left to their own gate.

use kup_core::event::Verdict;

use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::cluster::Node;
use crate::facts::upstream;
use crate::inventory::NodeInventory;
use crate::planner::standing;
use crate::version::{Version, tag_of};

#[cfg(test)]
mod tests;

pub(super) const ABOUT: About = About {
    code: "K102",
    name: "version-skew",
    question: "Is every component near enough to every other, at every hop?",
    why: "Kubernetes supports API servers one minor apart, kubelets and kube-proxy up to three minors (two before 1.25) behind them and none ahead, kubectl one minor around them (version skew policy); kubeadm goes one minor at a time.",
    remedy: "finish the earlier upgrade first: `kup start VERSION` with the version that the control plane has takes nodes along that were left out; then try again",
    overruling: Overruling::Never,
};

/// Returns how many minors a kubelet or kube-proxy may be behind the API server: two where it is older than 1.25, then three.
#[must_use]
pub fn most_behind(component: Version) -> u32 {
    if component.minor < 25 { 2 } else { 3 }
}

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    one_minor_at_a_time(question, &mut findings);
    control_planes(question, &mut findings);
    for node in &inventory.nodes {
        kubelet(question, &node.node, stops_everywhere(question, node), &mut findings);
        packages(question, node, &mut findings);
    }
    for node in &inventory.silent {
        kubelet(question, &node.node, false, &mut findings);
    }
    kube_proxy(question, &mut findings);
    let (n_nodes, target) = (inventory.nodes.len(), question.target());
    findings.verdict(format!("{n_nodes} nodes are near enough at every hop to {target}"))
}

fn one_minor_at_a_time(question: &Question<'_>, findings: &mut Findings) {
    let before = std::iter::once(&question.from).chain(&question.hops);
    for (before, hop) in before.zip(&question.hops) {
        if !(before.minor..=before.minor + 1).contains(&hop.minor) {
            let remedy = format!(
                "name the minors between as hops: `kup start {hop}` finds them where repositories offer them"
            );
            findings.block(format!("from {before} to {hop} is not one minor up"), remedy);
        }
    }
}

/// The load balancer shows one API server; the manifests show them all.
fn control_planes(question: &Question<'_>, findings: &mut Findings) {
    let inventory = question.inventory;
    let standing = standing(inventory);
    let newest = standing.unfinished.unwrap_or(standing.at);
    let remedy = format!("finish that upgrade first: `kup start {newest}`");
    let is_planned = standing.unfinished.is_some_and(|it| question.hops.contains(&it));
    if newest.minor > standing.at.minor + 1 {
        let told = format!(
            "the control plane is at {} and at {newest}, more than one minor apart",
            standing.at
        );
        findings.block(told, remedy.clone());
    }
    if standing.unfinished.is_some() && !is_planned {
        for seen in &standing.seen {
            findings.block(seen.clone(), remedy.clone());
        }
    }
    let known = standing.at.minor..=newest.minor;
    if !known.contains(&inventory.server_version.minor) {
        let (server, config) = (inventory.server_version, inventory.version);
        findings
            .block(format!("the API server is at {server}, kubeadm-config at {config}"), remedy);
    }
}

/// Whether the node's kubelet goes through every hop, so that it is never further behind than one hop.
fn stops_everywhere(question: &Question<'_>, node: &NodeInventory) -> bool {
    node.node.control_plane || !question.says("workers-skip-hops")
}

fn kubelet(question: &Question<'_>, node: &Node, stops: bool, findings: &mut Findings) {
    let (name, target, from) = (&node.name, question.target(), question.from);
    let bare = node.kubelet_version.split('+').next().unwrap_or_default();
    let kubelet: Version = match bare.parse() {
        Ok(kubelet) => kubelet,
        Err(error) => return findings.block(format!("{name}: {error}"), ABOUT.remedy),
    };
    if kubelet > target {
        let told = format!("{name} runs kubelet {kubelet}, newer than {target}");
        return findings.block(told, format!("name a target of {kubelet} or newer"));
    }
    if kubelet.minor > from.minor {
        let told = format!("{name} runs kubelet {kubelet}, ahead of the API servers at {from}");
        let remedy = "no kubelet may be newer than an API server: this upgrade takes the control plane there first; until then restart nothing on that node";
        findings.warn(told, remedy);
    }
    let mut at = kubelet;
    for hop in &question.hops {
        if at.minor + most_behind(at) < hop.minor {
            let told = format!("{name} runs kubelet {at}, too old beside {hop}");
            return findings.block(told, too_old(name, (kubelet, from)));
        }
        if stops {
            at = at.max(*hop);
        }
    }
}

/// A kubelet that is too old already is beyond what kup plans: every plan would break the rule in its first hop.
fn too_old(name: &str, (kubelet, from): (Version, Version)) -> String {
    match kubelet.minor + most_behind(kubelet) < from.minor {
        true => format!(
            "upgrade {name} by hand first, drained, one minor at a time: package kubeadm, `kubeadm upgrade node`, package kubelet; or take it out of the cluster"
        ),
        false => format!(
            "bring it nearer first: `kup start {from}` takes along nodes that were left out"
        ),
    }
}

/// What is installed already must not be newer than what comes: no package goes back on the way up. And kubectl serves its neighbours only.
fn packages(question: &Question<'_>, node: &NodeInventory, findings: &mut Findings) {
    let Some(first) = question.hops.first() else { return };
    let (name, from) = (&node.node.name, question.from);
    for package in ["kubeadm", "kubelet"] {
        let Some(installed) = upstream(node.packages.version(package)) else { continue };
        if installed > *first {
            let told = format!("{name} has package {package} {installed}, newer than {first}");
            let older = first.bare();
            let remedy = format!(
                "name a target of {installed} or newer, or put the older one back on the node: `apt-get install --allow-downgrades --allow-change-held-packages '{package}={older}-*'`"
            );
            findings.block(told, remedy);
        }
    }
    let Some(kubectl) = upstream(node.packages.version("kubectl")) else { return };
    if kubectl.minor.abs_diff(from.minor) > 1 {
        let told = format!(
            "{name} has kubectl {kubectl}, more than one minor from the API server at {from}"
        );
        findings.warn(told, "do not use it until kup has brought it to the target with the node");
    }
}

/// kubeadm upgrades kube-proxy with the addons of every hop, unless it is told to leave it.
fn kube_proxy(question: &Question<'_>, findings: &mut Findings) {
    let workloads = match &question.inventory.survey.workloads {
        Ok(workloads) => workloads,
        Err(why) => return findings.unread("the version of kube-proxy", why),
    };
    let is_it = |it: &&crate::cluster::survey::Workload| {
        it.kind == "DaemonSet" && it.namespace == "kube-system" && it.name == "kube-proxy"
    };
    let set = workloads.iter().find(is_it);
    let tag = set.and_then(|set| tag_of(set.images.first()?));
    let Some(proxy) = tag.and_then(|tag| tag.parse::<Version>().ok()) else { return };
    let remedy = "give the DaemonSet kube-proxy the image of the control plane's version: `kubectl -n kube-system set image daemonset/kube-proxy kube-proxy=REGISTRY/kube-proxy:VERSION`";
    let last = match question.skips_addon("kube-proxy") {
        true => question.hops.last(),
        false => question.hops.first(),
    };
    let Some(last) = last else { return };
    if proxy.minor > question.from.minor {
        let told =
            format!("kube-proxy is at {proxy}, ahead of the API servers at {}", question.from);
        findings.warn(told, remedy);
    } else if proxy.minor + most_behind(proxy) < last.minor {
        findings.block(format!("kube-proxy is at {proxy}, too old beside {last}"), remedy);
    }
}
