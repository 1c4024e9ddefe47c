//! Are the images there, or can they be fetched?

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use super::cluster_configuration::ClusterConfiguration;
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::VERSIONED;
use crate::inventory::NodeInventory;
use crate::release;
use crate::version::Version;

pub(super) const ABOUT: About = About {
    code: "K119",
    name: "images",
    question: "Are the images of every hop there, or can they be fetched?",
    why: "A static pod whose image cannot be pulled never starts, and kubeadm waits five minutes for it and rolls back. kubeadm pulls what is missing before it begins, where the registry has it.",
    remedy: "on a control plane: `kubeadm config images list --kubernetes-version VERSION`, then `crictl pull IMAGE` for each; a registry of your own must have them all first",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    let config = match ClusterConfiguration::of(question.inventory) {
        Ok(config) => config,
        Err(why) => {
            findings.unread("where images come from", &why);
            return findings.verdict("");
        }
    };
    let repository = config.image_repository();
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for node in &question.inventory.nodes {
        let name = &node.node.name;
        let Some(has) = &node.survey.images else {
            findings
                .unread(&format!("which images {name} has"), "neither crictl nor ctr could tell");
            continue;
        };
        let wanted = question.hops.iter().flat_map(|hop| wanted(&config, node, *hop));
        for image in wanted.filter(|image| !has.contains(image)) {
            missing.entry(image).or_default().push(name);
        }
    }
    let n_missing = missing.len();
    if config.own_image_repository().is_none() {
        return findings.verdict(match n_missing {
            0 => "every node has the images of every hop".to_owned(),
            n => format!("{n} images are still to be fetched from {repository}: the run does that before it cordons any node"),
        });
    }
    for (nodes, images) in by_nodes(missing) {
        let (images, verb) = (images.join(", "), if images.len() == 1 { "is" } else { "are" });
        let told = format!(
            "{images} {verb} not on {}, and kup cannot see what {repository} has",
            nodes.join(", ")
        );
        let remedy = "try it on one node: `crictl pull IMAGE`; fill your registry with what `kubeadm config images list --kubernetes-version VERSION` names";
        findings.warn(told, remedy);
    }
    findings.verdict("every node has the images of every hop")
}

/// What the same nodes lack is said once.
fn by_nodes(missing: BTreeMap<String, Vec<&str>>) -> BTreeMap<Vec<&str>, Vec<String>> {
    let mut sorted: BTreeMap<Vec<&str>, Vec<String>> = BTreeMap::new();
    for (image, nodes) in missing {
        sorted.entry(nodes).or_default().push(image);
    }
    sorted
}

/// Returns the images that kubeadm brings to a node: of a version that kup knows nothing of, those that are named by the version itself.
fn wanted(config: &ClusterConfiguration, node: &NodeInventory, hop: Version) -> Vec<String> {
    let repository = config.image_repository();
    let mut wanted = vec![format!("{repository}/kube-proxy:{hop}")];
    if !node.node.control_plane {
        return wanted;
    }
    for component in VERSIONED {
        wanted.push(format!("{repository}/{component}:{hop}"));
    }
    let Some(images) = release::images(hop) else { return wanted };
    wanted.push(format!("{repository}/pause:{}", images.pause));
    // What an operator has set is theirs.
    if !config.has(&["dns", "imageTag"]) && !config.has(&["dns", "imageRepository"]) {
        // In kubeadm's own registry CoreDNS has lain one folder deeper since 1.21.
        let is_public = config.own_image_repository().is_none();
        let folder = if is_public && hop.minor >= 21 { "coredns/" } else { "" };
        wanted.push(format!("{repository}/{folder}coredns:{}", images.coredns));
    }
    if config.has(&["etcd", "local"]) && !config.has(&["etcd", "local", "imageTag"]) {
        wanted.push(format!("{repository}/etcd:{}", images.etcd));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::{ClusterConfiguration, check, wanted};
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, at, healthy, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn mirrored() -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace("registry.k8s.io", "mirror.example/k8s")
        });
        inventory
    }

    #[test]
    fn images_that_a_mirror_may_lack_warn_until_they_are_there() {
        let mut inventory = mirrored();
        let words = [
            "mirror.example/k8s/etcd:3.6.8-0, ",
            "mirror.example/k8s/pause:3.10.2 are not on cp1, cp2, cp3, and",
            "mirror.example/k8s/kube-proxy:v1.36.2 is not on cp1, cp2, cp3, w1, w2, and",
            "crictl pull",
        ];
        warns(ask(check, &inventory, &TO), &words);
        let config = ClusterConfiguration::of(&inventory).unwrap();
        for node in &mut inventory.nodes {
            node.survey.images = Some(wanted(&config, node, at("v1.36.2")));
        }
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn images_of_the_public_registry_are_only_counted() {
        let told = passes(ask(check, &healthy(3, 2, "v1.35.6"), &TO));
        assert!(told.contains("7 images are still to be fetched from registry.k8s.io"), "{told}");
    }

    #[test]
    fn a_machine_that_cannot_tell_its_images_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.node_mut("w2").survey.images = None;
        warns(ask(check, &inventory, &TO), &["w2", "crictl"]);
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["403"]);
    }

    #[test]
    fn kubeadm_names_images_like_this() {
        let inventory = healthy(1, 1, "v1.35.6");
        let config = ClusterConfiguration::of(&inventory).unwrap();
        let images = wanted(&config, &inventory.nodes[0], at("v1.36.3"));
        // As recorded of kubeadm 1.36.
        for image in [
            "registry.k8s.io/kube-apiserver:v1.36.3",
            "registry.k8s.io/coredns/coredns:v1.14.2",
            "registry.k8s.io/pause:3.10.2",
            "registry.k8s.io/etcd:3.6.8-0",
        ] {
            assert!(images.iter().any(|it| it == image), "{image}: {images:?}");
        }
        assert_eq!(wanted(&config, &inventory.nodes[1], at("v1.36.3")).len(), 1);
    }
}
