//! What keeps pods running, what protects them, and where their volumes hold them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::served::versions;
use crate::cluster::ClusterError;
use crate::cluster::kube_api::KubeApi;
use crate::cluster::kube_api::objects::{controller, list, map, text};
use crate::cluster::survey::{Budget, Claim, Condition, Selector, Workload};

const HOSTNAME: &str = "kubernetes.io/hostname";
/// Kinds of group `apps`, and their names in paths.
const KINDS: [(&str, &str); 4] = [
    ("Deployment", "deployments"),
    ("ReplicaSet", "replicasets"),
    ("StatefulSet", "statefulsets"),
    ("DaemonSet", "daemonsets"),
];

pub(super) async fn budgets(api: &KubeApi) -> Result<Vec<Budget>, ClusterError> {
    let has_v1 = versions(api, "policy").await?.iter().any(|version| version == "v1");
    // policy/v1 came with 1.21.
    let path = match has_v1 {
        true => "/apis/policy/v1/poddisruptionbudgets",
        false => "/apis/policy/v1beta1/poddisruptionbudgets",
    };
    let found = api.list("list disruption budgets", path, "").await?;
    Ok(found.iter().map(|object| read_budget(object, has_v1)).collect())
}

fn read_budget(object: &Value, is_v1: bool) -> Budget {
    let status = |field: &str| number(object, &format!("/status/{field}"));
    let mut selector = selector(object.pointer("/spec/selector"));
    let is_empty = selector.labels.is_empty() && selector.conditions.is_empty();
    // An empty selector selects everything in policy/v1 and nothing in v1beta1.
    if is_empty && (!is_v1 || object.pointer("/spec/selector").is_none_or(Value::is_null)) {
        selector.conditions.push(nothing());
    }
    Budget {
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
        selector,
        min_available: written(object, "/spec/minAvailable"),
        max_unavailable: written(object, "/spec/maxUnavailable"),
        allowed: status("disruptionsAllowed"),
        healthy: status("currentHealthy"),
        desired: status("desiredHealthy"),
        expected: status("expectedPods"),
        is_current: status("observedGeneration") >= number(object, "/metadata/generation"),
        lets_unhealthy_go: text(object, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow",
    }
}

/// A condition that no label meets.
fn nothing() -> Condition {
    Condition { label: String::new(), operator: "In".to_owned(), values: Vec::new() }
}

/// Reads a label selector; a missing one is empty.
pub(super) fn selector(object: Option<&Value>) -> Selector {
    let Some(object) = object else { return Selector::default() };
    let condition = |it: &Value| Condition {
        label: text(it, "/key"),
        operator: text(it, "/operator"),
        values: texts(it, "/values"),
    };
    let conditions = list(object, "/matchExpressions").iter().map(condition).collect();
    Selector { labels: map(object, "/matchLabels"), conditions }
}

/// Returns the texts in a list.
pub(super) fn texts(object: &Value, pointer: &str) -> Vec<String> {
    list(object, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a number, zero where there is none.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// Returns `2` or `50%` as it is written.
fn written(object: &Value, pointer: &str) -> Option<String> {
    let value = object.pointer(pointer)?;
    value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))
}

pub(super) async fn workloads(api: &KubeApi) -> Result<Vec<Workload>, ClusterError> {
    let of = |(kind, resource): (&'static str, &'static str)| async move {
        let path = format!("/apis/apps/v1/{resource}");
        let found = api.list(&format!("list all {resource}"), &path, "").await?;
        Ok::<_, ClusterError>(found.iter().map(|it| read_workload(kind, it)).collect::<Vec<_>>())
    };
    let all = futures::future::try_join_all(KINDS.map(of)).await?;
    // A Deployment's former ReplicaSets stay for a rollback and keep nothing running.
    Ok(all.into_iter().flatten().filter(|it| it.wanted > 0 || it.ready > 0).collect())
}

fn read_workload(kind: &str, object: &Value) -> Workload {
    let (wanted, ready) = match kind {
        "DaemonSet" => (
            number(object, "/status/desiredNumberScheduled"),
            number(object, "/status/numberReady"),
        ),
        _ => (
            object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1),
            number(object, "/status/readyReplicas"),
        ),
    };
    let containers = list(object, "/spec/template/spec/containers").iter();
    Workload {
        kind: kind.to_owned(),
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
        controller: controller(object),
        wanted,
        ready,
        images: containers.map(|container| text(container, "/image")).collect(),
    }
}

pub(super) async fn claims(api: &KubeApi) -> Result<Vec<Claim>, ClusterError> {
    let (claims, volumes) = tokio::join!(
        api.list("list volume claims", "/api/v1/persistentvolumeclaims", ""),
        api.list("list volumes", "/api/v1/persistentvolumes", ""),
    );
    let (claims, volumes) = (claims?, volumes?);
    let homes: BTreeMap<String, Vec<String>> =
        volumes.iter().map(|it| (text(it, "/metadata/name"), hostnames(it))).collect();
    let bound = claims.iter().filter(|claim| text(claim, "/status/phase") == "Bound");
    Ok(bound.map(|claim| read_claim(claim, &homes)).collect())
}

fn read_claim(object: &Value, homes: &BTreeMap<String, Vec<String>>) -> Claim {
    let volume = text(object, "/spec/volumeName");
    Claim {
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
        hostnames: homes.get(&volume).cloned().unwrap_or_default(),
        volume,
    }
}

/// One of the terms must hold: one that names no host lets the volume be anywhere.
fn hostnames(volume: &Value) -> Vec<String> {
    let terms = list(volume, "/spec/nodeAffinity/required/nodeSelectorTerms");
    let hosts = |term: &Value| {
        let names_host =
            |it: &&Value| text(it, "/key") == HOSTNAME && text(it, "/operator") == "In";
        list(term, "/matchExpressions").iter().find(names_host).map(|it| texts(it, "/values"))
    };
    let named: Option<Vec<Vec<String>>> = terms.iter().map(hosts).collect();
    let mut names: Vec<String> = named.unwrap_or_default().into_iter().flatten().collect();
    names.sort();
    names.dedup();
    names
}
