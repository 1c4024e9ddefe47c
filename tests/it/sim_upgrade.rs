//! A whole upgrade of the simulated cluster by hand, and back.

use kup_core::clock::Clock;
use kup_steps::cluster::Eviction;
use kup_steps::script;

use crate::sim_rig::{RUN, Rig};

const OLD: &str = "1.35.6-1.1";
const NEW: &str = "1.36.2-1.1";

#[tokio::test]
async fn an_upgrade_and_its_way_back_leave_the_same_picture() {
    let rig = Rig::new("sim:3x3@v1.35.6").await;
    let before = without_addons(&rig.world.picture().unwrap());
    let maps = config_maps(&rig).await;
    let began = rig.clock.now();
    upgrade(&rig).await;
    let taken = rig.clock.now().since(began);
    assert!(taken.as_secs() < 20, "an upgrade takes {taken:?}");
    let nodes = rig.cluster().nodes().await.unwrap();
    assert!(nodes.iter().all(|node| node.ready && node.kubelet_version == "v1.36.2"));
    assert!(nodes.iter().all(|node| !node.unschedulable));
    rig.settle();
    let pods = rig.cluster().system_pods().await.unwrap();
    assert!(pods.iter().all(|pod| pod.ready), "{pods:#?}");
    let proxies = pods.iter().filter(|pod| pod.name.starts_with("kube-proxy"));
    assert!(proxies.clone().all(|pod| pod.images == ["registry.k8s.io/kube-proxy:v1.36.2"]));
    assert_eq!(proxies.count(), 6);
    assert_ne!(without_addons(&rig.world.picture().unwrap()), before);
    roll_back(&rig, maps).await;
    assert_eq!(without_addons(&rig.world.picture().unwrap()), before);
}

/// Nobody takes the addons back by hand here.
fn without_addons(picture: &str) -> Vec<String> {
    let is_addon = |line: &&str| line.starts_with("kube-proxy ") || line.starts_with("coredns ");
    picture.lines().filter(|line| !is_addon(line)).map(str::to_owned).collect()
}

async fn upgrade(rig: &Rig) {
    for node in ["cp1", "cp2", "cp3", "w1", "w2", "w3"] {
        let preimage = rig.preimage(node, "pre").await;
        rig.kubeadm_package(node, "v1.36", NEW).await;
        if node == "cp1" {
            rig.must(node, script::KUBEADM_APPLY, &[&preimage, "v1.36.2"]).await;
        } else {
            let role = if node.starts_with("cp") { "control-plane" } else { "worker" };
            rig.must(node, script::KUBEADM_NODE, &[&preimage, role]).await;
        }
    }
    for node in ["cp1", "cp2", "cp3", "w1", "w2", "w3"] {
        drain(rig, node).await;
        let args = [format!("kubelet={NEW}"), format!("kubectl={NEW}")];
        rig.must(node, script::INSTALL, &args.each_ref().map(String::as_str)).await;
        rig.must(node, script::KUBELET_RESTART, &[]).await;
        while !rig.cluster().node(node).await.unwrap().unwrap().ready {
            rig.clock.forward(50);
        }
        assert!(rig.cluster().uncordon(node, RUN).await.unwrap());
    }
}

async fn drain(rig: &Rig, node: &str) {
    let cluster = rig.cluster();
    assert!(cluster.cordon(node, RUN).await.unwrap());
    for round in 0.. {
        let pods = cluster.pods_on(node).await.unwrap();
        let leaves = |pod: &kup_steps::cluster::Pod| {
            let kind = pod.controller.as_ref().map(|(kind, _)| kind.as_str());
            !pod.mirror && kind != Some("DaemonSet")
        };
        let pods: Vec<_> = pods.into_iter().filter(leaves).collect();
        if pods.is_empty() {
            return;
        }
        for pod in pods {
            let answer = cluster.evict(&pod, None).await.unwrap();
            assert!(!matches!(answer, Eviction::Refused { .. }), "{answer:?}");
        }
        assert!(round < 100, "{node} is never drained");
        rig.clock.forward(50);
    }
}

type Maps = Vec<(&'static str, std::collections::BTreeMap<String, String>)>;

async fn config_maps(rig: &Rig) -> Maps {
    let mut maps = Vec::new();
    for name in ["kubeadm-config", "kubelet-config"] {
        maps.push((name, rig.cluster().config_map(name).await.unwrap().unwrap().data));
    }
    maps
}

async fn roll_back(rig: &Rig, maps: Maps) {
    for node in ["w3", "w2", "w1", "cp3", "cp2", "cp1"] {
        let preimage = format!("/var/lib/kup/backups/{RUN}/pre");
        let packages = ["kubeadm", "kubelet", "kubectl"].map(|name| format!("{name}={OLD}"));
        let mut args = vec!["hold:kubeadm,kubelet,kubectl"];
        args.extend(packages.iter().map(String::as_str));
        rig.must(node, script::REPOSITORY, &["v1.35"]).await;
        rig.must(node, script::DOWNGRADE, &args).await;
        let paths = ["/etc/kubernetes/manifests/", "/var/lib/kubelet/config.yaml"];
        let args: Vec<&str> = std::iter::once(preimage.as_str()).chain(paths).collect();
        rig.must(node, script::RESTORE_FILES, &args).await;
        rig.must(node, script::KUBELET_RESTART, &[]).await;
        rig.settle();
    }
    for (name, data) in maps {
        rig.cluster().put_config_map(name, &data, None).await.unwrap();
    }
}

#[tokio::test]
async fn before_1_24_every_minor_has_its_own_kubelet_config_map() {
    let rig = Rig::new("sim:1x0@v1.19.16").await;
    let preimage = rig.preimage("cp1", "pre").await;
    rig.kubeadm_package("cp1", "v1.20", "1.20.2-1.1").await;
    rig.must("cp1", script::KUBEADM_APPLY, &[&preimage, "v1.20.2"]).await;
    for name in ["kubelet-config-1.19", "kubelet-config-1.20"] {
        assert!(rig.cluster().config_map(name).await.unwrap().is_some(), "{name}");
    }
    let etcd = rig.value("cp1", script::CONTROL_PLANE, "image:etcd").await;
    assert_eq!(etcd, "registry.k8s.io/etcd:3.4.13-0");
}
