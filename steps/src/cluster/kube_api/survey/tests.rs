//! Objects as API servers have them, and what becomes of them.

use serde_json::{Value, json};

use super::super::stub::Stub;
use crate::cluster::Cluster;
use crate::cluster::survey::{ApiService, AppliedObject, Claim, ClusterSurvey, Kured};

mod webhooks;

const NAMESPACE: &str = "/api/v1/namespaces/kube-system";

fn items(items: Value) -> String {
    json!({"metadata": {}, "items": items}).to_string()
}

async fn survey(routes: Vec<(&str, u16, String)>) -> ClusterSurvey {
    Stub::serve(routes).api().await.survey().await
}

fn group(name: &str, versions: &[&str]) -> String {
    let of =
        |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = versions.iter().map(of).collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions[0]}).to_string()
}

#[tokio::test]
async fn a_part_that_cannot_be_read_says_why_and_spoils_no_other() {
    let pod = json!([{"metadata": {"name": "a", "namespace": "n"}}]);
    let seen = survey(vec![
        ("/api/v1/pods", 200, items(pod)),
        ("/apis/apiregistration.k8s.io/v1/apiservices", 403, json!({"message": "no"}).to_string()),
    ])
    .await;
    assert_eq!(seen.pods.unwrap()[0].name, "a");
    let why = seen.api_services.unwrap_err();
    assert!(why.contains("cannot list APIServices: no"), "{why}");
    assert!(seen.config_maps.unwrap_err().contains("404"));
}

#[tokio::test]
async fn budgets_are_read_in_the_version_that_the_server_has() {
    let budget = json!([{
        "metadata": {"name": "db", "namespace": "shop", "generation": 3},
        "spec": {"minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {"app": "db"}, "matchExpressions": [{"key": "t", "operator": "Exists"}]}},
        "status": {"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 4, "observedGeneration": 2},
    }]);
    for (version, versions) in [("v1", vec!["v1", "v1beta1"]), ("v1beta1", vec!["v1beta1"])] {
        let path = format!("/apis/policy/{version}/poddisruptionbudgets");
        let routes = vec![
            ("/apis/policy", 200, group("policy", &versions)),
            (&path, 200, items(budget.clone())),
        ];
        let budgets = survey(routes).await.budgets.unwrap();
        let db = &budgets[0];
        assert_eq!((db.min_available.as_deref(), &db.max_unavailable), (Some("50%"), &None));
        assert_eq!((db.allowed, db.healthy, db.desired, db.expected), (1, 3, 2, 4));
        assert!(db.lets_unhealthy_go && !db.is_current);
        assert!(db.selector.selects(&[("app", "db"), ("t", "")].map(owned).into()));
        assert!(!db.selector.selects(&[("app", "db")].map(owned).into()));
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[tokio::test]
async fn an_empty_selector_means_all_in_policy_v1_and_none_before() {
    let budget = |selector: Value| items(json!([{"spec": {"selector": selector}}]));
    for (version, selector, expected) in
        [("v1", json!({}), true), ("v1", Value::Null, false), ("v1beta1", json!({}), false)]
    {
        let path = format!("/apis/policy/{version}/poddisruptionbudgets");
        let routes = vec![
            ("/apis/policy", 200, group("policy", &[version])),
            (&path, 200, budget(selector.clone())),
        ];
        let budgets = survey(routes).await.budgets.unwrap();
        let selects = budgets[0].selector.selects(&[("a", "b")].map(owned).into());
        assert_eq!(selects, expected, "{version} {selector}");
    }
}

#[tokio::test]
async fn workloads_are_what_keeps_something_running() {
    let template = json!({"spec": {"containers": [{"image": "web:1"}]}});
    let owner = json!([{"kind": "Deployment", "name": "web", "controller": true}]);
    let sets = json!([
        {"metadata": {"name": "web-1", "namespace": "n", "ownerReferences": owner}, "spec": {"replicas": 0, "template": template}},
        {"metadata": {"name": "web-2", "namespace": "n", "ownerReferences": owner}, "spec": {"replicas": 2, "template": template},
            "status": {"readyReplicas": 1}},
    ]);
    let daemons = json!([{"metadata": {"name": "d"}, "status": {"desiredNumberScheduled": 3, "numberReady": 2}}]);
    let seen = survey(vec![
        ("/apis/apps/v1/deployments", 200, items(json!([]))),
        ("/apis/apps/v1/replicasets", 200, items(sets)),
        ("/apis/apps/v1/statefulsets", 200, items(json!([{"metadata": {"name": "s"}}]))),
        ("/apis/apps/v1/daemonsets", 200, items(daemons)),
    ])
    .await;
    let found = seen.workloads.unwrap();
    let counts: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.wanted, it.ready)).collect();
    assert_eq!(counts, [("web-2", 2, 1), ("s", 1, 0), ("d", 3, 2)]);
    assert_eq!(found[0].controller, Some(("Deployment".to_owned(), "web".to_owned())));
    assert_eq!(found[0].images, ["web:1"]);
}

#[tokio::test]
async fn a_volume_that_is_bound_to_nodes_says_to_which() {
    let host = |values: Value| json!({"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": values}]});
    let volume = |name: &str, terms: Value| json!({"metadata": {"name": name}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}});
    let zone = json!({"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]});
    let volumes = json!([
        volume("here", json!([host(json!(["w2"])), host(json!(["w1"]))])),
        volume("anywhere", json!([host(json!(["w1"])), zone])),
        {"metadata": {"name": "net"}},
    ]);
    let claim = |name: &str, phase: &str| json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"volumeName": name}, "status": {"phase": phase}});
    let claims = json!([
        claim("here", "Bound"),
        claim("anywhere", "Bound"),
        claim("net", "Bound"),
        claim("lost", "Pending")
    ]);
    let seen = survey(vec![
        ("/api/v1/persistentvolumes", 200, items(volumes)),
        ("/api/v1/persistentvolumeclaims", 200, items(claims)),
    ])
    .await;
    let claim = |name: &str, hostnames: &[&str]| Claim {
        namespace: "n".to_owned(),
        name: name.to_owned(),
        volume: name.to_owned(),
        hostnames: hostnames.iter().map(|it| (*it).to_owned()).collect(),
    };
    let wanted = vec![claim("here", &["w1", "w2"]), claim("anywhere", &[]), claim("net", &[])];
    assert_eq!(seen.claims.unwrap(), wanted);
}

#[tokio::test]
async fn kured_is_found_with_whoever_holds_its_lock() {
    let kured = |lock: Value| {
        let annotations = json!({"weave.works/kured-node-lock": lock.to_string()});
        json!({"metadata": {"name": "kured", "namespace": "ops", "annotations": annotations}})
    };
    let one = kured(json!({"nodeID": "w3", "created": "2026-11-25T09:00:00Z"}));
    let two = kured(json!({"maxOwners": 2, "locks": [{"nodeID": "w1"}, {"nodeID": "w2"}]}));
    let idle = json!({"metadata": {"name": "kured", "namespace": "ops"}});
    let other = json!({"metadata": {"name": "kube-proxy", "namespace": "kube-system"}});
    let sets = json!([one, two, idle, other]);
    let found = survey(vec![("/apis/apps/v1/daemonsets", 200, items(sets))]).await.kured.unwrap();
    let held_by = |holders: &[&str]| Kured {
        namespace: "ops".to_owned(),
        holders: holders.iter().map(|it| (*it).to_owned()).collect(),
    };
    assert_eq!(found, [held_by(&["w3"]), held_by(&["w1", "w2"]), held_by(&[])]);
}

#[tokio::test]
async fn objects_are_found_by_the_version_that_they_were_applied_in() {
    let object = |name: &str, version: &str| {
        let applied = json!({"apiVersion": version, "kind": "CronJob"}).to_string();
        json!({"metadata": {"name": name, "namespace": "n", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}})
    };
    let jobs = json!([object("old", "batch/v1beta1"), object("new", "batch/v1"), {"metadata": {"name": "bare"}}]);
    let verbs = json!({"resources": [{"name": "cronjobs", "verbs": ["get", "list"]}]});
    let stub = Stub::serve(vec![
        ("/version", 200, json!({"gitVersion": "v1.24.17+build"}).to_string()),
        ("/apis/batch", 200, group("batch", &["v1", "v1beta1"])),
        ("/apis/batch/v1", 200, verbs.to_string()),
        ("/apis/batch/v1/cronjobs", 200, items(jobs)),
    ]);
    let found = stub.api().await.survey().await.last_applied.unwrap();
    let old = AppliedObject {
        api_version: "batch/v1beta1".to_owned(),
        kind: "CronJob".to_owned(),
        namespace: "n".to_owned(),
        name: "old".to_owned(),
    };
    assert_eq!(found, [old]);
    let asked = stub.asked();
    assert!(
        !asked.iter().any(|it| it.line.contains("batch/v1beta1/")),
        "kup uses what goes itself"
    );
}

#[tokio::test]
async fn what_is_aggregated_and_away_is_named_and_only_kubeadms_config_maps_are_kept() {
    let away = json!({"type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "no endpoints"});
    let services = json!([
        {"metadata": {"name": "v1.apps"}, "status": {"conditions": [{"type": "Available", "status": "True"}]}},
        {"metadata": {"name": "v1beta1.metrics.k8s.io"}, "status": {"conditions": [away]}},
    ]);
    let named = |name: &str| json!({"metadata": {"name": name}, "data": {"a": name}});
    let names = ["kubeadm-config", "kubelet-config-1.20", "coredns", "kube-proxy", "mine"];
    let maps = json!(names.map(named));
    let path = format!("{NAMESPACE}/configmaps");
    let seen = survey(vec![
        ("/apis/apiregistration.k8s.io/v1/apiservices", 200, items(services)),
        (&path, 200, items(maps)),
    ])
    .await;
    let service = |name: &str, unavailable: Option<&str>| ApiService {
        name: name.to_owned(),
        unavailable: unavailable.map(str::to_owned),
    };
    let wanted = [
        service("v1.apps", None),
        service("v1beta1.metrics.k8s.io", Some("MissingEndpoints: no endpoints")),
    ];
    assert_eq!(seen.api_services.unwrap(), wanted);
    let names: Vec<String> = seen.config_maps.unwrap().into_keys().collect();
    assert_eq!(names, ["coredns", "kube-proxy", "kubeadm-config", "kubelet-config-1.20"]);
}
