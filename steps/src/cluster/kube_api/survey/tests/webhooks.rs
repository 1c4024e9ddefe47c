//! Webhooks: what they guard, and whether the services behind them are there.

use serde_json::{Value, json};

use super::{NAMESPACE, group, items, survey};
use crate::cluster::survey::{CustomResource, Webhook};

fn webhooks(slices: Value, rule: Value, selector: Value) -> Vec<(&'static str, u16, String)> {
    let service = json!({"service": {"namespace": "sec", "name": "guard"}});
    let hook = json!([{"metadata": {"name": "guard"}, "webhooks": [{
        "name": "guard.sec", "clientConfig": service, "rules": [rule], "namespaceSelector": selector,
    }]}]);
    let url = json!([{"metadata": {"name": "far"}, "webhooks": [{
        "name": "far.away", "clientConfig": {"url": "https://far"}, "failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 3,
    }]}]);
    let labels = json!({"metadata": {"labels": {"kubernetes.io/metadata.name": "kube-system"}}});
    vec![
        (NAMESPACE, 200, labels.to_string()),
        ("/apis/discovery.k8s.io", 200, group("discovery.k8s.io", &["v1"])),
        ("/apis/discovery.k8s.io/v1/namespaces/sec/endpointslices", 200, items(slices)),
        ("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", 200, items(hook)),
        ("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", 200, items(url)),
    ]
}

#[tokio::test]
async fn webhooks_say_what_they_guard_and_whether_somebody_is_there() {
    let pods = json!({"apiGroups": [""], "resources": ["pods/eviction"], "operations": ["CREATE"]});
    let away = json!([{"endpoints": [{"conditions": {"ready": false}}]}, {"endpoints": null}]);
    let found = survey(webhooks(away, pods.clone(), json!({}))).await.webhooks.unwrap();
    let guard = Webhook {
        kind: "ValidatingWebhookConfiguration".to_owned(),
        configuration: "guard".to_owned(),
        name: "guard.sec".to_owned(),
        fails_closed: true,
        covers_pods: true,
        covers_kube_system: true,
        service: Some(("sec".to_owned(), "guard".to_owned())),
        served_from: Some(Vec::new()),
        timeout_seconds: 10,
        matches_equivalent: true,
    };
    assert_eq!(found[0], guard);
    let far = &found[1];
    assert!(!far.fails_closed && !far.covers_pods && !far.matches_equivalent);
    assert_eq!((&far.served_from, &far.service, far.timeout_seconds), (&None, &None, 3));

    let there = json!([
        {"endpoints": [{"conditions": {}, "nodeName": "w2"}, {"conditions": {"ready": true}, "nodeName": "w1"}]},
        {"endpoints": [{"nodeName": "w2"}, {"conditions": {"ready": false}, "nodeName": "w3"}]}]);
    let deployments = json!({"apiGroups": ["apps"], "resources": ["*"]});
    let spared = json!({"matchExpressions": [
        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]});
    let found = survey(webhooks(there, deployments, spared)).await.webhooks.unwrap();
    assert_eq!(found[0].served_from, Some(["w1", "w2"].map(str::to_owned).to_vec()));
    assert!(!found[0].covers_pods && !found[0].covers_kube_system);
}

#[tokio::test]
async fn an_old_server_tells_of_endpoints_and_custom_resources_name_their_converter() {
    let resource = json!([{
        "metadata": {"name": "certificates.cert-manager.io"},
        "spec": {"versions": [{"name": "v1", "served": true}, {"name": "v1alpha2", "served": false}],
            "conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"namespace": "cm", "name": "hook"}}}}},
        "status": {"storedVersions": ["v1alpha2", "v1"]},
    }]);
    let endpoints = json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]});
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let seen = survey(vec![
        (path, 200, items(resource)),
        ("/apis/discovery.k8s.io", 200, group("discovery.k8s.io", &["v1beta1"])),
        ("/api/v1/namespaces/cm/endpoints/hook", 200, endpoints.to_string()),
    ])
    .await;
    let wanted = CustomResource {
        name: "certificates.cert-manager.io".to_owned(),
        stored: vec!["v1alpha2".to_owned(), "v1".to_owned()],
        served: vec!["v1".to_owned()],
        versions: vec!["v1".to_owned(), "v1alpha2".to_owned()],
        conversion: Some(("cm/hook".to_owned(), true)),
    };
    assert_eq!(seen.custom_resources.unwrap(), [wanted]);
}
