use super::check;
use crate::inventory::sample::{ask, ask_with, at, blocks, healthy, params, passes, warns};
use crate::inventory::{Inventory, SilentNode};

/// Gives a component of a control plane another version.
fn give(inventory: &mut Inventory, node: &str, component: &str, version: &str) {
    let state = &mut inventory.node_mut(node).control_plane;
    let manifest = state.manifests.get_mut(component).unwrap().as_mut().unwrap();
    manifest.image = Some(format!("registry.k8s.io/{component}:{version}"));
}

#[test]
fn an_upgrade_that_was_left_half_way_blocks_unless_the_plan_goes_there_first() {
    let mut inventory = healthy(3, 2, "v1.35.6");
    give(&mut inventory, "cp1", "kube-apiserver", "v1.36.1");
    let words = ["kube-apiserver of cp1 is at v1.36.1", "kup start v1.36.1"];
    blocks(ask(check, &inventory, &["v1.36.2"]), &words);
    passes(ask(check, &inventory, &["v1.36.1", "v1.36.2"]));
    give(&mut inventory, "cp1", "kube-apiserver", "v1.37.0");
    blocks(ask(check, &inventory, &["v1.36.2", "v1.37.0"]), &["more than one minor apart"]);
    give(&mut inventory, "cp1", "kube-apiserver", "v1.35.6");
    passes(ask(check, &inventory, &["v1.36.2"]));
}

#[test]
fn another_api_server_than_the_configured_one_blocks() {
    let mut inventory = healthy(1, 2, "v1.35.6");
    inventory.server_version = at("v1.34.0");
    blocks(ask(check, &inventory, &["v1.36.2"]), &["the API server is at v1.34.0"]);
}

#[test]
fn a_minor_cannot_be_jumped() {
    let inventory = healthy(3, 2, "v1.35.6");
    blocks(ask(check, &inventory, &["v1.37.0"]), &["v1.35.6 to v1.37.0", "kup start v1.37.0"]);
    passes(ask(check, &inventory, &["v1.36.2", "v1.37.0"]));
}

#[test]
fn kubelets_may_be_behind_by_three_minors_and_two_before_1_25() {
    for (version, target, behind, is_fine) in [
        ("v1.35.6", "v1.36.2", "v1.33.0", true),
        ("v1.35.6", "v1.36.2", "v1.32.9", false),
        ("v1.26.0", "v1.27.0", "v1.25.0", true),
        ("v1.26.0", "v1.27.0", "v1.24.9", false),
        ("v1.25.0", "v1.26.0", "v1.24.9", true),
    ] {
        let mut inventory = healthy(3, 2, version);
        inventory.node_mut("w1").node.kubelet_version = behind.to_owned();
        let verdict = ask(check, &inventory, &[target]);
        if is_fine {
            passes(verdict);
        } else {
            blocks(
                verdict,
                &[&format!("w1 runs kubelet {behind}"), &format!("kup start {version}")],
            );
        }
    }
}

#[test]
fn a_kubelet_that_is_too_old_already_is_upgraded_by_hand() {
    let mut inventory = healthy(3, 2, "v1.35.6");
    inventory.node_mut("w1").node.kubelet_version = "v1.31.9".to_owned();
    let words = ["w1 runs kubelet v1.31.9, too old beside v1.35.6", "by hand"];
    blocks(ask(check, &inventory, &["v1.35.6", "v1.36.2"]), &words);
}

#[test]
fn a_kubelet_ahead_of_the_api_server_warns_and_one_ahead_of_the_target_blocks() {
    let mut inventory = healthy(3, 2, "v1.35.6");
    inventory.node_mut("w2").node.kubelet_version = "v1.36.2".to_owned();
    warns(ask(check, &inventory, &["v1.36.2"]), &["w2", "ahead of the API servers at v1.35.6"]);
    blocks(ask(check, &inventory, &["v1.36.1"]), &["w2", "newer than v1.36.1", "v1.36.2 or newer"]);
    inventory.node_mut("w2").node.kubelet_version = "v1.35.9".to_owned();
    passes(ask(check, &inventory, &["v1.36.1"]));
}

#[test]
fn a_kubelet_that_is_never_upgraded_must_stand_all_hops() {
    let mut inventory = healthy(3, 2, "v1.33.13");
    let hops = ["v1.34.9", "v1.35.6", "v1.36.2", "v1.37.0"];
    passes(ask(check, &inventory, &hops));
    let mut skipping = params(&inventory, &hops);
    skipping.insert("workers-skip-hops".to_owned(), "yes".to_owned());
    blocks(
        ask_with(check, &inventory, &skipping),
        &["w1 runs kubelet v1.33.13, too old beside v1.37.0"],
    );
    passes(ask_with(check, &inventory, &{
        let hops = "v1.34.9,v1.35.6,v1.36.2".to_owned();
        skipping.into_iter().chain([("hops".to_owned(), hops)]).collect()
    }));
    let gone = inventory.nodes.pop().unwrap();
    let why = "no answer".to_owned();
    inventory.silent.push(SilentNode { node: gone.node, address: gone.address, why });
    blocks(ask(check, &inventory, &hops), &["w2 runs kubelet v1.33.13, too old beside v1.37.0"]);
}

#[test]
fn a_version_that_nobody_understands_blocks() {
    let mut inventory = healthy(3, 2, "v1.35.6");
    inventory.node_mut("w1").node.kubelet_version = "unknown".to_owned();
    blocks(ask(check, &inventory, &["v1.36.2"]), &["w1", "unknown"]);
}

#[test]
fn packages_that_are_newer_than_what_comes_block() {
    let mut inventory = healthy(3, 2, "v1.35.6");
    let packages = &mut inventory.node_mut("cp2").packages.packages;
    packages.get_mut("kubeadm").unwrap().version = Some("1.37.0-1.1".to_owned());
    blocks(
        ask(check, &inventory, &["v1.36.2", "v1.37.0"]),
        &["cp2 has package kubeadm v1.37.0, newer than v1.36.2", "kubeadm=1.36.2-*"],
    );
    let packages = &mut inventory.node_mut("cp2").packages.packages;
    packages.get_mut("kubeadm").unwrap().version = Some("1.36.2-1.1".to_owned());
    passes(ask(check, &inventory, &["v1.36.2", "v1.37.0"]));
}

#[test]
fn kubectl_and_kube_proxy_are_compared_too() {
    let mut inventory = healthy(3, 2, "v1.35.6");
    let packages = &mut inventory.node_mut("w1").packages.packages;
    packages.get_mut("kubectl").unwrap().version = Some("1.33.1-1.1".to_owned());
    warns(ask(check, &inventory, &["v1.36.2"]), &["w1 has kubectl v1.33.1"]);
    let mut inventory = healthy(3, 2, "v1.35.6");
    let mut proxy = |tag: &str| {
        let workloads = inventory.survey.workloads.as_mut().unwrap();
        workloads[0].images = vec![format!("registry.k8s.io/kube-proxy:{tag}")];
        ask(check, &inventory, &["v1.36.2"])
    };
    blocks(proxy("v1.32.0"), &["kube-proxy is at v1.32.0, too old beside v1.36.2", "set image"]);
    warns(proxy("v1.36.2"), &["kube-proxy is at v1.36.2, ahead"]);
    passes(proxy("v1.33.0"));
    inventory.survey.workloads = Err("403".to_owned());
    warns(ask(check, &inventory, &["v1.36.2"]), &["kube-proxy", "403"]);
}
