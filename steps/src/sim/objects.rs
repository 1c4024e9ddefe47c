//! The objects that kubeadm writes, as the simulated API shows them and as kubeadm would have them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::Api;
use super::release;
use crate::release::kubelet_config_map;
use crate::version::Version;

/// Returns an object of kube-system, `None` where there is none.
pub(super) fn object(api: &Api, kind: &str, name: &str) -> Option<Value> {
    match (kind, name) {
        ("ConfigMap", _) => Some(config_map(name, &api.config_maps.get(name)?.data)),
        ("DaemonSet", "kube-proxy") => {
            Some(workload("DaemonSet", name, api.daemon_sets.get("kube-system/kube-proxy")?))
        }
        ("Deployment", "coredns") => {
            let image = &api.pods.values().find(|pod| pod.app == "kube-dns")?.image;
            Some(workload("Deployment", name, image))
        }
        _ => None,
    }
}

/// Returns what kubeadm would write on the way to a version, but for the addons that it is told to leave alone.
pub(super) fn written(api: &Api, version: &Version, skipped: &str) -> Vec<Value> {
    let one = |key: &str, text: String| BTreeMap::from([(key.to_owned(), text)]);
    let cluster = api.config("kubeadm-config", "ClusterConfiguration").unwrap_or_default();
    let cluster = release::with_version(cluster, version);
    let kubelet = kubelet_config_map(*version);
    let mut written = vec![
        config_map("kubeadm-config", &one("ClusterConfiguration", cluster)),
        config_map(&kubelet, &one("kubelet", release::kubelet_config(version))),
    ];
    for (kind, name) in [("Deployment", "coredns"), ("DaemonSet", "kube-proxy")] {
        if !skipped.contains(&format!("addon/{name}")) {
            written.push(workload(kind, name, &release::image(name, version)));
        }
    }
    written
}

fn config_map(name: &str, data: &BTreeMap<String, String>) -> Value {
    json!({
        "apiVersion": "v1",
        "data": data,
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "kube-system"},
    })
}

fn workload(kind: &str, name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [{"image": image, "name": name}]}}},
    })
}
