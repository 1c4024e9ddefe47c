//! What is sent, and how answers are understood, against scripted API servers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stub::{Stub, kubeconfig};
use super::{ConnectError, KubeApi, objects};
use crate::cluster::{Cluster, ClusterError, Eviction, ObjectName, Pod};

const BUDGET: &str = "The disruption budget web needs 2 healthy pods and has 2 currently";

#[test]
fn an_object_is_read_where_its_kind_is() {
    let path = |api_version: &str, kind: &str, namespace: &str| {
        let [api_version, kind, namespace, name] =
            [api_version, kind, namespace, "x"].map(str::to_owned);
        objects::path(&ObjectName { api_version, kind, namespace, name })
    };
    let found = [
        path("v1", "ConfigMap", "kube-system"),
        path("apps/v1", "DaemonSet", "kube-system"),
        path("rbac.authorization.k8s.io/v1", "ClusterRole", ""),
    ];
    let wanted = [
        "/api/v1/namespaces/kube-system/configmaps/x",
        "/apis/apps/v1/namespaces/kube-system/daemonsets/x",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/x",
    ];
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn an_eviction_names_the_pod_by_uid_and_asks_for_the_grace_period() {
    let stub = Stub::start(vec![discovery("v1"), (201, "{}".to_owned())]);
    let answer = stub.api().await.evict(&pod(), Some(7)).await.expect("an answer");
    assert_eq!(answer, Eviction::Accepted);
    let asked = stub.asked();
    assert_eq!(asked[1].line, "POST /api/v1/namespaces/default/pods/web-0/eviction");
    assert_eq!(
        asked[1].body,
        json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": "web-0", "namespace": "default"},
            "deleteOptions": {"preconditions": {"uid": "u1"}, "gracePeriodSeconds": 7},
        })
    );
}

#[tokio::test]
async fn a_server_before_1_22_gets_the_eviction_that_it_knows() {
    let stub = Stub::start(vec![discovery("v1beta1"), (201, "{}".to_owned())]);
    stub.api().await.evict(&pod(), None).await.expect("an answer");
    let body = &stub.asked()[1].body;
    assert_eq!(body["apiVersion"], "policy/v1beta1");
    assert_eq!(body["deleteOptions"], json!({"preconditions": {"uid": "u1"}}));
}

#[tokio::test]
async fn every_answer_to_an_eviction_is_understood() {
    let blocked = |why: &str| Eviction::Blocked { why: why.to_owned() };
    let refused = |why: &str| Eviction::Refused { why: why.to_owned() };
    check_eviction(404, status("pods \"web-0\" not found", Value::Null), Eviction::Gone).await;
    let cause = json!([{"reason": "DisruptionBudget", "message": BUDGET}]);
    let said = "Cannot evict pod as it would violate the pod's disruption budget.";
    check_eviction(429, status(said, cause), blocked(&format!("{said} {BUDGET}"))).await;
    check_eviction(429, "Too many requests".to_owned(), blocked("Too many requests")).await;
    let ending = json!([{"reason": "NamespaceTerminating", "message": "being terminated"}]);
    check_eviction(
        403,
        status("it is being terminated", ending),
        blocked("it is being terminated"),
    )
    .await;
    check_eviction(403, status("you may not", Value::Null), refused("you may not")).await;
    let two = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    check_eviction(500, status(two, Value::Null), refused(two)).await;
    let hook = "Internal error occurred: failed calling webhook \"a.b\": connection refused";
    check_eviction(500, status(hook, Value::Null), blocked(hook)).await;
    check_eviction(400, status("bad", Value::Null), refused("bad")).await;
}

#[tokio::test]
async fn a_conflict_is_another_pod_or_a_race_and_the_pod_itself_tells() {
    let said = "the UID in the precondition (u1) does not match the UID in record (u2)";
    for (uid, expected) in [("u2", Eviction::Gone), ("u1", Eviction::Blocked { why: said.into() })]
    {
        let found = json!({"metadata": {"uid": uid}}).to_string();
        let conflict = (409, status(said, Value::Null));
        let stub = Stub::start(vec![discovery("v1"), conflict, (200, found)]);
        assert_eq!(stub.api().await.evict(&pod(), None).await.expect("an answer"), expected);
    }
}

#[tokio::test]
async fn an_eviction_that_the_server_fails_at_is_not_an_answer() {
    let stub = Stub::start(vec![discovery("v1"), (503, "etcd is away".to_owned())]);
    let error = stub.api().await.evict(&pod(), None).await.expect_err("no answer");
    assert!(matches!(error, ClusterError::Unavailable { .. }), "{error:?}");
    let stub = Stub::start(vec![discovery("v1"), (401, status("Unauthorized", Value::Null))]);
    let error = stub.api().await.evict(&pod(), None).await.expect_err("no answer");
    assert!(matches!(error, ClusterError::Denied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_cordon_is_one_patch_pinned_to_the_node_looked_at() {
    let stub = Stub::start(vec![node(false, None), (200, "{}".to_owned())]);
    assert!(stub.api().await.cordon("w1", "run-1").await.expect("an answer"));
    let asked = stub.asked();
    assert_eq!(asked[1].line, "PATCH /api/v1/nodes/w1");
    assert_eq!(asked[1].kind, "application/merge-patch+json");
    assert_eq!(
        asked[1].body,
        json!({
            "metadata": {"annotations": {"kup.dev/cordoned-by": "run-1"}, "uid": "n1", "resourceVersion": "42"},
            "spec": {"unschedulable": true},
        })
    );
}

#[tokio::test]
async fn a_cordon_that_is_ours_already_or_not_ours_sends_nothing() {
    for (mark, expected) in [(Some("run-1"), true), (Some("run-2"), false), (None, false)] {
        let stub = Stub::start(vec![node(true, mark)]);
        assert_eq!(stub.api().await.cordon("w1", "run-1").await.expect("an answer"), expected);
    }
}

#[tokio::test]
async fn a_cordon_looks_again_when_somebody_else_was_faster() {
    let conflict = (409, status("modified", Value::Null));
    let stub = Stub::start(vec![node(false, None), conflict, node(true, None)]);
    assert!(!stub.api().await.cordon("w1", "run-1").await.expect("an answer"));
    assert_eq!(stub.asked().len(), 3);
}

#[tokio::test]
async fn an_uncordon_takes_mark_and_cordon_away_together() {
    let stub = Stub::start(vec![node(true, Some("run-1")), (200, "{}".to_owned())]);
    assert!(stub.api().await.uncordon("w1", "run-1").await.expect("an answer"));
    let body = &stub.asked()[1].body;
    assert_eq!(body["spec"], json!({"unschedulable": null}));
    assert_eq!(body["metadata"]["annotations"], json!({"kup.dev/cordoned-by": null}));
    let stub = Stub::start(vec![node(true, Some("run-2"))]);
    assert!(!stub.api().await.uncordon("w1", "run-1").await.expect("an answer"));
}

#[tokio::test]
async fn lists_are_read_to_their_end_and_from_the_start_when_they_expire() {
    let page = |name: &str, from: &str| {
        let items = json!([{"metadata": {"name": name}}]);
        (200, json!({"metadata": {"continue": from}, "items": items}).to_string())
    };
    let gone = (410, status("expired", Value::Null));
    let stub = Stub::start(vec![page("b", "next="), gone, page("b", "next="), page("a", "")]);
    let nodes = stub.api().await.nodes().await.expect("nodes");
    assert_eq!(nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let asked = stub.asked();
    assert_eq!(asked[0].line, "GET /api/v1/nodes?limit=500&continue=");
    assert_eq!(asked[3].line, "GET /api/v1/nodes?limit=500&continue=next%3D");
}

#[tokio::test]
async fn an_empty_list_may_be_null() {
    let stub = Stub::start(vec![(200, json!({"metadata": {}, "items": null}).to_string())]);
    assert!(stub.api().await.pods_on("w1").await.expect("pods").is_empty());
    let line = "GET /api/v1/pods?limit=500&continue=&fieldSelector=spec.nodeName%3Dw1";
    assert_eq!(stub.asked()[0].line, line);
}

#[tokio::test]
async fn the_checks_that_do_not_pass_are_named() {
    let said = "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n".to_owned();
    let stub = Stub::start(vec![(500, said), (200, "ok".to_owned())]);
    let api = stub.api().await;
    assert_eq!(api.unready_checks().await.expect("checks"), ["etcd failed: reason withheld"]);
    assert!(api.unready_checks().await.expect("checks").is_empty());
    let error = api.unready_checks().await.expect_err("the stub is gone");
    assert!(matches!(error, ClusterError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_config_map_keeps_all_but_its_data() {
    let seen = json!({
        "metadata": {"name": "c", "resourceVersion": "7", "labels": {"a": "b"}}, "data": {"old": "1"},
    });
    let stub = Stub::start(vec![(200, seen.to_string()), (200, "{}".to_owned())]);
    let data = BTreeMap::from([("new".to_owned(), "2".to_owned())]);
    stub.api().await.put_config_map("c", &data, Some("7")).await.expect("written");
    let body = &stub.asked()[1].body;
    assert_eq!(body["data"], json!({"new": "2"}));
    assert_eq!(body["metadata"], seen["metadata"]);
    let stub = Stub::start(vec![(200, seen.to_string())]);
    let error = stub.api().await.put_config_map("c", &data, Some("6")).await.expect_err("stale");
    assert!(error.to_string().contains("version 6, now 7"), "{error}");
}

#[tokio::test]
async fn an_object_is_written_whole_and_only_over_what_was_read() {
    let name = ObjectName {
        api_version: "apps/v1".to_owned(),
        kind: "DaemonSet".to_owned(),
        namespace: "kube-system".to_owned(),
        name: "kube-proxy".to_owned(),
    };
    let object = json!({"metadata": {"name": "kube-proxy", "resourceVersion": "7"}, "spec": {}});
    let stub = Stub::start(vec![(200, "{}".to_owned()), (409, "{}".to_owned())]);
    let api = stub.api().await;
    api.put_object(&name, &object).await.expect("written");
    let error = api.put_object(&name, &object).await.expect_err("stale");
    assert!(error.to_string().contains("kube-proxy"), "{error}");
    assert_eq!(stub.asked()[0].body, object);
}

#[tokio::test]
async fn what_is_wrong_with_a_kubeconfig_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    let why = |context: Option<&'static str>| {
        let path = path.clone();
        async move { KubeApi::connect(Some(&path), context).await.map(|_| ()).expect_err("no client") }
    };
    assert!(matches!(why(None).await, ConnectError::Missing { .. }));
    std::fs::write(&path, "{").expect("written");
    assert!(matches!(why(None).await, ConnectError::Unreadable { .. }));
    std::fs::write(&path, kubeconfig("https://127.0.0.1:1")).expect("written");
    let error = why(Some("there")).await.to_string();
    assert!(error.ends_with("has no context `there`; it has: here"), "{error}");
    std::fs::write(&path, kubeconfig("not a url")).expect("written");
    assert!(matches!(why(None).await, ConnectError::Unusable { .. }));
}

async fn check_eviction(code: u16, body: String, expected: Eviction) {
    let stub = Stub::start(vec![discovery("v1"), (code, body)]);
    assert_eq!(stub.api().await.evict(&pod(), None).await.expect("an answer"), expected);
}

fn discovery(version: &str) -> (u16, String) {
    let eviction = json!({"name": "pods/eviction", "group": "policy", "version": version});
    (200, json!({"resources": [{"name": "pods"}, eviction]}).to_string())
}

fn status(message: &str, causes: Value) -> String {
    json!({"kind": "Status", "message": message, "details": {"causes": causes}}).to_string()
}

fn node(unschedulable: bool, mark: Option<&str>) -> (u16, String) {
    let annotations = json!({"kup.dev/cordoned-by": mark});
    let metadata =
        json!({"name": "w1", "uid": "n1", "resourceVersion": "42", "annotations": annotations});
    (200, json!({"metadata": metadata, "spec": {"unschedulable": unschedulable}}).to_string())
}

fn pod() -> Pod {
    Pod {
        namespace: "default".to_owned(),
        name: "web-0".to_owned(),
        uid: "u1".to_owned(),
        node: "w1".to_owned(),
        phase: "Running".to_owned(),
        ready: true,
        terminating: false,
        controller: None,
        mirror: false,
        tolerates_cordon: false,
        empty_dirs: Vec::new(),
        claims: Vec::new(),
        labels: BTreeMap::new(),
        images: Vec::new(),
    }
}
