//! Reads the API's objects into kup's plain types. What is missing, null or of an unknown kind reads as empty.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CORDONED_BY;
use super::http::escape;
use crate::cluster::{ConfigMap, Node, ObjectName, Pod};

const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
const MIRROR: &str = "kubernetes.io/config.mirror";
/// The conditions that are bad when they are true; what others mean, only those who set them know.
const BAD_CONDITIONS: [&str; 4] =
    ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

/// Returns the text at a JSON pointer, empty where there is none.
pub(super) fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Returns where an object is read. The kinds that kubeadm writes all have the plural that one expects.
pub(super) fn path(object: &ObjectName) -> String {
    let ObjectName { api_version, kind, namespace, name } = object;
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    let place = match namespace.as_str() {
        "" => String::new(),
        namespace => format!("/namespaces/{}", escape(namespace)),
    };
    format!("{root}/{api_version}{place}/{}s/{}", kind.to_lowercase(), escape(name))
}

/// Reads a Node.
pub(super) fn read_node(object: &Value) -> Node {
    let labels = map(object, "/metadata/labels");
    let conditions = list(object, "/status/conditions");
    Node {
        name: text(object, "/metadata/name"),
        uid: text(object, "/metadata/uid"),
        control_plane: CONTROL_PLANE_LABELS.iter().any(|label| labels.contains_key(*label)),
        address: address(object),
        kubelet_version: text(object, "/status/nodeInfo/kubeletVersion"),
        ready: is_ready(conditions),
        conditions: trouble(conditions),
        unschedulable: flag(object, "/spec/unschedulable"),
        cordoned_by: map(object, "/metadata/annotations").remove(CORDONED_BY),
        os: text(object, "/status/nodeInfo/operatingSystem"),
        machine_id: text(object, "/status/nodeInfo/machineID"),
        boot_id: text(object, "/status/nodeInfo/bootID"),
        runtime: text(object, "/status/nodeInfo/containerRuntimeVersion"),
        hostname: labels.get("kubernetes.io/hostname").cloned().unwrap_or_default(),
        taints: list(object, "/spec/taints").iter().map(taint).collect(),
    }
}

/// Reads a Pod.
pub(super) fn read_pod(object: &Value) -> Pod {
    let volumes = list(object, "/spec/volumes").iter();
    let empty_dirs =
        volumes.filter(|volume| volume.get("emptyDir").is_some_and(|it| !it.is_null()));
    let claims =
        list(object, "/spec/volumes").iter().map(|it| text(it, "/persistentVolumeClaim/claimName"));
    let containers = list(object, "/spec/containers");
    Pod {
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
        uid: text(object, "/metadata/uid"),
        node: text(object, "/spec/nodeName"),
        phase: text(object, "/status/phase"),
        ready: is_ready(list(object, "/status/conditions")),
        terminating: !text(object, "/metadata/deletionTimestamp").is_empty(),
        controller: controller(object),
        mirror: map(object, "/metadata/annotations").contains_key(MIRROR),
        tolerates_cordon: list(object, "/spec/tolerations").iter().any(tolerates_cordon),
        empty_dirs: empty_dirs.map(|volume| text(volume, "/name")).collect(),
        claims: claims.filter(|name| !name.is_empty()).collect(),
        labels: map(object, "/metadata/labels"),
        images: containers.iter().map(|container| text(container, "/image")).collect(),
    }
}

fn taint(taint: &Value) -> String {
    let (key, value, effect) = (text(taint, "/key"), text(taint, "/value"), text(taint, "/effect"));
    let equals = if value.is_empty() { "" } else { "=" };
    format!("{key}{equals}{value}:{effect}")
}

/// Whether a toleration covers the taint of a cordoned node: by its key, or by no key at all, and for its effect.
fn tolerates_cordon(toleration: &Value) -> bool {
    let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
    let any_key = key.is_empty() && text(toleration, "/operator") == "Exists";
    let covers_key = any_key || key == "node.kubernetes.io/unschedulable";
    covers_key && (effect.is_empty() || effect == "NoSchedule")
}

/// Reads a ConfigMap.
pub(super) fn read_config_map(object: &Value) -> ConfigMap {
    ConfigMap {
        data: map(object, "/data"),
        resource_version: text(object, "/metadata/resourceVersion"),
    }
}

/// Returns the list at a JSON pointer, empty where there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn flag(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// Returns the texts of an object by their keys.
pub(super) fn map(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let Some(entries) = object.pointer(pointer).and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    let texts = entries.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
    texts.map(|(key, value)| (key.clone(), value.to_owned())).collect()
}

fn address(node: &Value) -> String {
    let addresses = list(node, "/status/addresses");
    let of_type = |kind: &str| addresses.iter().find(|it| text(it, "/type") == kind);
    let best = of_type("InternalIP").or_else(|| of_type("ExternalIP"));
    best.map(|it| text(it, "/address")).unwrap_or_default()
}

fn is_ready(conditions: &[Value]) -> bool {
    conditions.iter().any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True")
}

fn trouble(conditions: &[Value]) -> Vec<String> {
    conditions.iter().filter(|it| is_bad(it)).map(describe).collect()
}

fn is_bad(condition: &Value) -> bool {
    let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
    match kind.as_str() {
        "Ready" => status != "True",
        other => BAD_CONDITIONS.contains(&other) && status == "True",
    }
}

fn describe(condition: &Value) -> String {
    let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
    let said = [text(condition, "/reason"), text(condition, "/message")];
    let said: Vec<&str> = said.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    format!("{kind} is {status}: {}", said.join(": "))
}

/// Returns kind and name of an object's controller.
pub(super) fn controller(object: &Value) -> Option<(String, String)> {
    let owners = list(object, "/metadata/ownerReferences");
    let owner = owners.iter().find(|it| flag(it, "/controller"))?;
    Some((text(owner, "/kind"), text(owner, "/name")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read_config_map, read_node, read_pod};

    #[test]
    fn reads_a_node_of_1_19() {
        let node = read_node(&json!({
            "metadata": {
                "name": "cp1", "uid": "u1",
                "labels": {"node-role.kubernetes.io/master": "", "kubernetes.io/os": "linux"},
                "annotations": {"kup.dev/cordoned-by": "run-1"},
            },
            "spec": {"unschedulable": true},
            "status": {
                "addresses": [
                    {"type": "ExternalIP", "address": "192.0.2.1"},
                    {"type": "InternalIP", "address": "10.0.0.1"},
                ],
                "conditions": [
                    {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory"},
                    {"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure"},
                    {"type": "ClockIsRight", "status": "True"},
                    {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "silent"},
                ],
                "nodeInfo": {
                    "kubeletVersion": "v1.19.16", "machineID": "m", "bootID": "b", "operatingSystem": "linux",
                },
            },
        }));
        assert!(node.control_plane && node.unschedulable && !node.ready);
        assert_eq!((node.address.as_str(), node.os.as_str()), ("10.0.0.1", "linux"));
        assert_eq!(node.cordoned_by.as_deref(), Some("run-1"));
        let expected = [
            "DiskPressure is True: KubeletHasDiskPressure",
            "Ready is Unknown: NodeStatusUnknown: silent",
        ];
        assert_eq!(node.conditions, expected);
    }

    #[test]
    fn reads_a_pod_and_its_controller() {
        let pod = read_pod(&json!({
            "metadata": {
                "namespace": "default", "name": "web-0", "uid": "u", "labels": {"app": "web"},
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [
                    {"kind": "Thing", "name": "other"},
                    {"kind": "StatefulSet", "name": "web", "controller": true},
                ],
            },
            "spec": {
                "nodeName": "w1",
                "volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {}}, {"name": "c", "emptyDir": null}],
                "containers": [{"image": "web:1"}, {"image": "side:2"}],
            },
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }));
        assert_eq!(pod.controller, Some(("StatefulSet".to_owned(), "web".to_owned())));
        assert_eq!(
            (pod.empty_dirs, pod.images),
            (vec!["a".to_owned()], vec!["web:1".into(), "side:2".into()])
        );
        assert!(pod.terminating && pod.ready && !pod.mirror);
    }

    #[test]
    fn a_pod_tolerates_the_cordon_by_key_or_by_everything() {
        let pod = |toleration: serde_json::Value| {
            read_pod(&json!({"spec": {"tolerations": [toleration]}}))
        };
        assert!(pod(json!({"operator": "Exists"})).tolerates_cordon);
        let key = "node.kubernetes.io/unschedulable";
        assert!(pod(json!({"key": key, "effect": "NoSchedule"})).tolerates_cordon);
        assert!(!pod(json!({"key": key, "effect": "NoExecute"})).tolerates_cordon);
        assert!(!pod(json!({"key": "other", "operator": "Exists"})).tolerates_cordon);
    }

    #[test]
    fn what_is_missing_or_null_reads_as_empty() {
        let odd = json!({"metadata": {"labels": null, "name": 5}, "spec": null, "data": null});
        assert_eq!(read_node(&odd).name, "");
        assert!(read_pod(&odd).labels.is_empty());
        assert!(read_config_map(&odd).data.is_empty());
    }
}
