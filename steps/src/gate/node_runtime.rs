//! Can the new kubelet work with the machine's cgroups and container runtime?

use kup_core::event::Verdict;
use serde_yaml_ng::Value;

use super::cluster_configuration::kubelet_configuration;
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::inventory::NodeInventory;
use crate::release::{self, CgroupV1};

pub(super) const ABOUT: About = About {
    code: "K111",
    name: "node-runtime",
    question: "Can the new kubelet work with the machine's cgroups and container runtime?",
    why: "From 1.24 kubelets speak to no Docker Engine, from 1.26 only CRI v1 (containerd 1.6 and newer), from 1.35 they refuse cgroup v1 (changelogs 1.24, 1.26, 1.35), and from 1.38 they will need containerd 2.0 (KEP-4033).",
    remedy: "upgrade the runtime node by node, drained: `apt-get install containerd.io`; cgroup v2: boot with `systemd.unified_cgroup_hierarchy=1`",
    overruling: Overruling::Allowed,
};

/// How many minors ahead an operator should know.
const LOOK_AHEAD: u32 = 2;
/// The minor in which the kubelet lost its own adapter to Docker Engine.
const WITHOUT_DOCKERSHIM: u32 = 24;

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    let accepts =
        kubelet_configuration(question).ok().and_then(|config| accepts_cgroup_v1(&config));
    for node in &inventory.nodes {
        cgroups(question, node, accepts, &mut findings);
        runtime(question, node, &mut findings);
    }
    let n_nodes = inventory.nodes.len();
    let target = question.target();
    findings.verdict(format!("cgroups and container runtimes of {n_nodes} machines fit {target}"))
}

/// Returns whether kubelets are told to start on cgroup v1.
fn accepts_cgroup_v1(config: &Value) -> Option<bool> {
    config.get("failCgroupV1").and_then(Value::as_bool).map(|fails| !fails)
}

fn cgroups(
    question: &Question<'_>,
    node: &NodeInventory,
    accepts: Option<bool>,
    findings: &mut Findings,
) {
    let (name, target) = (&node.node.name, question.target());
    let Some(fate) = release::cgroup_v1(target) else { return };
    let version_2 = format!(
        "move {name} to cgroup v2: `systemd.unified_cgroup_hierarchy=1` on the kernel's command line, or a newer system; see with `stat -fc %T /sys/fs/cgroup`"
    );
    match (node.survey.cgroup_version, fate) {
        (0, _) => findings.unread(&format!("which cgroups {name} has"), "the machine did not say"),
        (1, CgroupV1::Maintenance) => {
            findings.warn(
                format!("{name} has cgroup v1: kubelets still start on it, those of 1.35 do not"),
                version_2,
            );
        }
        (1, CgroupV1::RefusedByDefault) if accepts == Some(true) => {
            let remedy = format!(
                "kubeadm still refuses it: `--ignore-preflight-errors=SystemVerification`; better {version_2}"
            );
            findings.warn(
                format!("{name} has cgroup v1, and kubelet-config lets kubelets start on it"),
                remedy,
            );
        }
        (1, CgroupV1::RefusedByDefault) => {
            let remedy = format!(
                "{version_2}; or set failCgroupV1: false in `kubectl -n kube-system edit configmap kubelet-config` and use --ignore-preflight-errors=SystemVerification"
            );
            findings.block(
                format!("{name} has cgroup v1: the kubelet of {target} does not start on it"),
                remedy,
            );
        }
        (_, CgroupV1::Maintenance | CgroupV1::RefusedByDefault) => {}
    }
}

fn runtime(question: &Question<'_>, node: &NodeInventory, findings: &mut Findings) {
    let (name, target) = (&node.node.name, question.target());
    let Some((kind, version)) = node.node.runtime.split_once("://") else {
        let what = format!("which container runtime {name} has");
        return findings.unread(&what, "the API shows none");
    };
    let is_adapted = node.survey.runtime_endpoint.contains("cri-dockerd");
    if kind == "docker"
        && !is_adapted
        && question.entered().iter().any(|it| *it >= WITHOUT_DOCKERSHIM)
    {
        let remedy = format!(
            "move {name} to containerd first (https://kubernetes.io/docs/tasks/administer-cluster/migrating-from-dockershim/), or put cri-dockerd between"
        );
        return findings.block(
            format!("{name} runs Docker Engine {version}, which no kubelet from 1.24 on speaks to"),
            remedy,
        );
    }
    if kind == "containerd" {
        containerd(question, (name, version), findings);
    } else if target.minor >= 26 && !["cri-o", "docker"].contains(&kind) {
        let remedy = format!("ask it on {name}: `crictl version` must name RuntimeApiVersion v1");
        findings.warn(format!("{name} runs {kind} {version}, which kup knows nothing of"), remedy);
    }
}

fn containerd(question: &Question<'_>, (name, version): (&str, &str), findings: &mut Findings) {
    let target = question.target();
    let remedy = |least: &str| {
        format!(
            "upgrade containerd on {name} to {least} or newer, drained, before its kubelet: `apt-get install containerd.io` and `systemctl restart containerd`"
        )
    };
    if let Some(least) =
        release::least_containerd(target).filter(|it| is_older(version, &it.version))
    {
        let told = format!(
            "{name} runs containerd {version}, {target} needs {}: {}",
            least.version, least.why
        );
        return findings.block(told, remedy(&least.version));
    }
    let ahead = (target.minor + 1..=target.minor + LOOK_AHEAD).filter_map(release::of);
    let ahead =
        ahead.filter_map(|release| Some((release.minor, release.least_containerd.as_ref()?)));
    for (minor, least) in ahead.filter(|(_, it)| is_older(version, &it.version)) {
        let told = format!(
            "{name} runs containerd {version}; v1.{minor} will need {}: {}",
            least.version, least.why
        );
        findings.warn(told, remedy(&least.version));
    }
}

/// Compares the first two numbers.
fn is_older(version: &str, least: &str) -> bool {
    let numbers = |text: &str| {
        let mut numbers =
            text.trim_start_matches('v').split(['.', '-', '~', '+']).map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    numbers(version) < numbers(least)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    fn cgroup(version: &str, cgroup: u32) -> Inventory {
        let mut inventory = healthy(3, 2, version);
        inventory.node_mut("w1").survey.cgroup_version = cgroup;
        inventory
    }

    fn runtime(version: &str, runtime: &str) -> Inventory {
        let mut inventory = healthy(3, 2, version);
        inventory.node_mut("w1").node.runtime = runtime.to_owned();
        inventory
    }

    #[test]
    fn cgroup_v1_is_fine_then_doubtful_then_refused() {
        passes(ask(check, &cgroup("v1.29.0", 1), &["v1.30.5"]));
        warns(ask(check, &cgroup("v1.33.13", 1), &["v1.34.9"]), &["w1 has cgroup v1", "stat -fc"]);
        let mut inventory = cgroup("v1.34.9", 1);
        blocks(ask(check, &inventory, &["v1.35.6"]), &["w1 has cgroup v1", "failCgroupV1"]);
        inventory.edit("kubelet-config", "kubelet", |text| format!("{text}failCgroupV1: false\n"));
        warns(ask(check, &inventory, &["v1.35.6"]), &["w1", "SystemVerification"]);
        passes(ask(check, &cgroup("v1.34.9", 2), &["v1.35.6"]));
        warns(ask(check, &cgroup("v1.34.9", 0), &["v1.35.6"]), &["w1", "nobody could tell"]);
    }

    #[test]
    fn containerd_must_be_new_enough_for_the_target_and_soon_for_the_next() {
        let old = runtime("v1.25.4", "containerd://1.5.9");
        blocks(
            ask(check, &old, &["v1.26.2"]),
            &["w1 runs containerd 1.5.9", "1.6", "systemctl restart"],
        );
        passes(ask(check, &runtime("v1.25.4", "containerd://1.6.20~ds1"), &["v1.26.2"]));
        let old = runtime("v1.35.6", "containerd://1.7.28");
        warns(ask(check, &old, &["v1.36.2"]), &["containerd 1.7.28; v1.38 will need 2.0"]);
        passes(ask(check, &runtime("v1.35.6", "containerd://2.0.0"), &["v1.36.2"]));
    }

    #[test]
    fn docker_needs_an_adapter_from_1_24_on() {
        let mut docker = runtime("v1.23.9", "docker://20.10.7");
        passes(ask(check, &docker, &["v1.23.17"]));
        blocks(ask(check, &docker, &["v1.24.4"]), &["w1 runs Docker Engine 20.10.7", "containerd"]);
        docker.node_mut("w1").survey.runtime_endpoint = "unix:///run/cri-dockerd.sock".to_owned();
        passes(ask(check, &docker, &["v1.24.4"]));
    }

    #[test]
    fn a_runtime_that_nobody_knows_warns() {
        warns(ask(check, &runtime("v1.35.6", "other://1.0"), &["v1.36.2"]), &["w1 runs other 1.0"]);
        warns(ask(check, &runtime("v1.35.6", ""), &["v1.36.2"]), &["w1", "shows none"]);
        passes(ask(check, &runtime("v1.35.6", "cri-o://1.35.0"), &["v1.36.2"]));
    }
}
