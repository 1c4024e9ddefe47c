//! Can the new kubeadm read the cluster's configuration?

use kup_core::event::Verdict;

use super::cluster_configuration::ClusterConfiguration;
use super::findings::Findings;
use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K136",
    name: "kubeadm-config",
    question: "Can the new kubeadm read the cluster's configuration, and does it still accept what stands in it?",
    why: "kubeadm drops old versions of its configuration (v1beta1 in 1.22, v1beta2 in 1.27, v1beta3 in 1.37: k/k#136016) and its own feature gates, and refuses to begin; nothing new has come to k8s.gcr.io since 2023-04-03 (kubernetes.io blog).",
    remedy: "write it anew with the kubeadm that is installed: `kubeadm config migrate --old-config OLD --new-config NEW`, `kubeadm init phase upload-config kubeadm --config NEW`",
    overruling: Overruling::Allowed,
};

/// The minor whose kubeadm takes images from another registry.
const NEW_REGISTRY: u32 = 25;
const EDIT: &str = "`kubectl -n kube-system edit configmap kubeadm-config`";

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    let config = match ClusterConfiguration::of(question.inventory) {
        Ok(config) => config,
        Err(why) if question.inventory.survey.config_maps.is_err() => {
            findings.unread("what stands in kubeadm-config", &why);
            return findings.verdict("");
        }
        Err(why) => return super::block(why, format!("mend it: {EDIT}")),
    };
    api(question, &config, &mut findings);
    feature_gates(question, &config, &mut findings);
    registry(question, &config, &mut findings);
    findings.verdict(format!(
        "kubeadm-config is {}, which every kubeadm on the way reads",
        config.api()
    ))
}

/// The first kubeadm on the way reads what is there now; it writes what the next one reads.
fn api(question: &Question<'_>, config: &ClusterConfiguration, findings: &mut Findings) {
    let api = config.api();
    if api.is_empty() {
        return findings
            .block("ClusterConfiguration in kubeadm-config names no apiVersion", ABOUT.remedy);
    }
    let first = question.hops.first().copied().unwrap_or(question.from);
    for release in crate::release::up_to(first) {
        let removed = release.kubeadm.removed_config_apis.as_ref();
        if removed.is_some_and(|removed| removed.names.iter().any(|name| name == api)) {
            let told = format!(
                "kubeadm-config is {api}, which kubeadm of {first} does not read (removed in v1.{})",
                release.minor
            );
            findings.block(told, ABOUT.remedy);
        }
    }
}

fn feature_gates(question: &Question<'_>, config: &ClusterConfiguration, findings: &mut Findings) {
    let set = config.feature_gates();
    for release in question.releases() {
        let removed = release.kubeadm.removed_feature_gates.iter().flat_map(|gates| &gates.names);
        for gate in removed.filter(|gate| set.contains(gate)) {
            let told = format!(
                "kubeadm of v1.{} no longer knows its feature gate {gate}, which kubeadm-config sets",
                release.minor
            );
            findings.block(told, format!("take {gate} out of featureGates: {EDIT}"));
        }
    }
}

fn registry(question: &Question<'_>, config: &ClusterConfiguration, findings: &mut Findings) {
    let repository = config.image_repository();
    let is_old = repository == "k8s.gcr.io" || repository.starts_with("k8s.gcr.io/");
    if is_old && question.target().minor >= NEW_REGISTRY {
        let told = format!(
            "imageRepository in kubeadm-config is {repository}, which has had nothing new since 2023-04-03"
        );
        findings.warn(told, format!("set imageRepository to registry.k8s.io: {EDIT}"));
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    fn edited(version: &str, from: &str, to: &str) -> Inventory {
        let mut inventory = healthy(3, 2, version);
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| text.replace(from, to));
        inventory
    }

    #[test]
    fn a_form_that_the_first_kubeadm_does_not_read_blocks_until_it_is_written_anew() {
        let old = edited("v1.36.3", "v1beta4", "v1beta3");
        blocks(ask(check, &old, &["v1.37.0"]), &["v1beta3", "v1.37", "kubeadm config migrate"]);
        let rewritten_on_the_way = edited("v1.35.6", "v1beta4", "v1beta3");
        passes(ask(check, &rewritten_on_the_way, &["v1.36.3", "v1.37.0"]));
        passes(ask(check, &edited("v1.36.3", "v1beta4", "v1beta4"), &["v1.37.0"]));
        let nameless = edited("v1.36.3", "apiVersion: kubeadm.k8s.io/v1beta4\n", "");
        blocks(ask(check, &nameless, &["v1.37.0"]), &["names no apiVersion"]);
    }

    #[test]
    fn a_gate_of_kubeadm_that_is_gone_blocks_until_it_is_out() {
        let gates = "featureGates: {ControlPlaneKubeletLocalMode: true}\nkind: ClusterConf";
        let set = edited("v1.35.6", "kind: ClusterConf", gates);
        blocks(ask(check, &set, &["v1.36.2"]), &["ControlPlaneKubeletLocalMode", "v1.36"]);
        passes(ask(check, &set, &["v1.35.9"]));
    }

    #[test]
    fn the_frozen_registry_warns_once_it_matters() {
        let frozen = edited("v1.26.2", "registry.k8s.io", "k8s.gcr.io");
        warns(ask(check, &frozen, &["v1.27.0"]), &["k8s.gcr.io", "registry.k8s.io"]);
        passes(ask(check, &edited("v1.20.2", "registry.k8s.io", "k8s.gcr.io"), &["v1.21.3"]));
    }

    #[test]
    fn nonsense_blocks_and_an_unread_configuration_warns() {
        blocks(
            ask(check, &edited("v1.35.6", "apiServer: {}", "apiServer: ["), &["v1.36.2"]),
            &["edit configmap"],
        );
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &["v1.36.2"]), &["403"]);
    }
}
