//! The objects that kubeadm writes, as the simulated API shows them and as kubeadm would have them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::access::Access;
use super::api::Api;
use super::{addons, release};
use crate::cluster::ObjectName;
use crate::release::kubelet_config_map;
use crate::version::Version;

/// Returns an object of kube-system, `None` where there is none.
pub(super) fn object(api: &Api, kind: &str, name: &str) -> Option<Value> {
    match (kind, name) {
        ("ConfigMap", _) => Some(config_map(name, &api.config_maps.get(name)?.data)),
        ("DaemonSet", "kube-proxy") => {
            let image = api.daemon_sets.get("kube-system/kube-proxy")?;
            let (n_pods, n_up) = pods_of(api, "kube-proxy", image);
            let status = json!({
                "desiredNumberScheduled": n_pods, "updatedNumberScheduled": n_up, "numberReady": n_up,
            });
            Some(with_status(workload("DaemonSet", name, image), status))
        }
        ("Deployment", "coredns") => {
            let image = &api.pods.values().find(|pod| pod.app == "kube-dns")?.image;
            let (n_pods, n_up) = pods_of(api, "kube-dns", image);
            let status =
                json!({"replicas": n_pods, "updatedReplicas": n_pods, "availableReplicas": n_up});
            Some(with_status(workload("Deployment", name, image), status))
        }
        _ => None,
    }
}

/// Returns how many pods an app has, and how many of them are up with an image.
fn pods_of(api: &Api, app: &str, image: &str) -> (usize, usize) {
    let pods = || api.pods.values().filter(|pod| pod.app == app);
    (pods().count(), pods().filter(|pod| pod.ready && pod.image == image).count())
}

fn with_status(mut object: Value, status: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("status".to_owned(), status);
    }
    object
}

/// Writes an object of kube-system; of a workload its image is all that there is. Returns whether it was there.
pub(super) fn put(world: &mut Access<'_>, name: &ObjectName, new: &Value) -> bool {
    if object(&world.api, &name.kind, &name.name).is_none() {
        return false;
    }
    let image = new.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    let now = world.now;
    match (name.kind.as_str(), image) {
        ("ConfigMap", _) => {
            let data = new.get("data").cloned().unwrap_or_default();
            let data = serde_json::from_value(data).unwrap_or_default();
            world.api.put_config_map(&name.name, data);
        }
        ("DaemonSet", Some(image)) => {
            world.api.daemon_sets.insert("kube-system/kube-proxy".to_owned(), image.to_owned());
            addons::replace_pods((&mut world.api, &mut world.agenda, now), "kube-proxy", image);
        }
        ("Deployment", Some(image)) => {
            addons::replace_pods((&mut world.api, &mut world.agenda, now), "kube-dns", image);
        }
        _ => return false,
    }
    true
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
