//! What can stand between a request and its effect: admission webhooks, and webhooks that convert custom resources.

use std::collections::BTreeMap;

use serde_json::Value;

use super::served::{Places, Service, places, service};
use super::workload::{number, selector, texts};
use crate::cluster::ClusterError;
use crate::cluster::kube_api::KubeApi;
use crate::cluster::kube_api::objects::{list, map, text};
use crate::cluster::survey::{CustomResource, Webhook};

const KINDS: [(&str, &str); 2] = [
    ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
    ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
];
/// What a rule may write to mean pods or their evictions.
const PODS: [&str; 5] = ["pods", "pods/eviction", "pods/*", "*/eviction", "*/*"];
/// The API server's default.
const TIMEOUT_SECONDS: i64 = 10;

pub(super) async fn webhooks(api: &KubeApi) -> Result<Vec<Webhook>, ClusterError> {
    let doing = "read namespace kube-system";
    let system = api.need(doing, "/api/v1/namespaces/kube-system").await?;
    let labels = map(&system, "/metadata/labels");
    let mut webhooks = Vec::new();
    for (kind, resource) in KINDS {
        let path = format!("/apis/admissionregistration.k8s.io/v1/{resource}");
        for configuration in api.list(&format!("list all {resource}"), &path, "").await? {
            let entries = list(&configuration, "/webhooks").iter();
            let name = text(&configuration, "/metadata/name");
            webhooks.extend(entries.map(|entry| read_webhook((kind, &name), entry, &labels)));
        }
    }
    // Where nobody could tell who is behind a service, the rest is still known.
    let services = webhooks.iter().filter_map(|webhook| webhook.service.clone());
    let served = places(api, services).await.unwrap_or_default();
    for webhook in &mut webhooks {
        webhook.served_from = webhook.service.as_ref().and_then(|it| served.get(it).cloned());
    }
    Ok(webhooks)
}

fn read_webhook(
    (kind, configuration): (&str, &str),
    entry: &Value,
    system: &BTreeMap<String, String>,
) -> Webhook {
    Webhook {
        kind: kind.to_owned(),
        configuration: configuration.to_owned(),
        name: text(entry, "/name"),
        fails_closed: text(entry, "/failurePolicy") != "Ignore",
        covers_pods: list(entry, "/rules").iter().any(covers_pods),
        covers_kube_system: selector(entry.get("namespaceSelector")).selects(system),
        service: service(entry.get("clientConfig")),
        served_from: None,
        timeout_seconds: match number(entry, "/timeoutSeconds") {
            0 => TIMEOUT_SECONDS,
            seconds => seconds,
        },
        matches_equivalent: text(entry, "/matchPolicy") != "Exact",
    }
}

fn covers_pods(rule: &Value) -> bool {
    let is_core = texts(rule, "/apiGroups").iter().any(|it| it.is_empty() || it == "*");
    let resources = texts(rule, "/resources");
    is_core && resources.iter().any(|it| it == "*" || PODS.contains(&it.as_str()))
}

pub(super) async fn custom_resources(api: &KubeApi) -> Result<Vec<CustomResource>, ClusterError> {
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let found = api.list("list custom resource definitions", path, "").await?;
    let services = found.iter().filter_map(converter);
    let served = places(api, services).await?;
    Ok(found.iter().map(|object| read_custom_resource(object, &served)).collect())
}

/// Returns the service that converts between the versions.
fn converter(object: &Value) -> Option<Service> {
    let conversion = object.pointer("/spec/conversion")?;
    let config = conversion.pointer("/webhook/clientConfig");
    service(config).filter(|_| text(conversion, "/strategy") == "Webhook")
}

fn read_custom_resource(object: &Value, served: &BTreeMap<Service, Places>) -> CustomResource {
    let versions = list(object, "/spec/versions");
    let is_served = |it: &&Value| it.get("served").and_then(Value::as_bool).unwrap_or_default();
    let name = |it: &Value| text(it, "/name");
    let conversion = converter(object).map(|service| {
        let is_ready = served.get(&service).is_some_and(|places| !places.is_empty());
        (format!("{}/{}", service.0, service.1), is_ready)
    });
    CustomResource {
        name: text(object, "/metadata/name"),
        stored: texts(object, "/status/storedVersions"),
        served: versions.iter().filter(is_served).map(name).collect(),
        versions: versions.iter().map(name).collect(),
        conversion,
    }
}
