//! Everything that gates ask of the API, all parts at once. A part that cannot be read says why and spoils no other.
//!
//! Objects are read in the versions that stay longest, so that kup's own questions are not taken for somebody's use of an API that goes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::KubeApi;
use super::objects::{map, text};
use crate::cluster::ClusterError;
use crate::cluster::survey::{ApiService, ClusterSurvey, Part};
use crate::world::cluster_error;

mod admission;
mod applied;
mod kured;
mod metrics;
mod served;
#[cfg(test)]
mod tests;
mod workload;

/// ConfigMaps that kubeadm writes.
const CONFIG_MAPS: [&str; 3] = ["kubeadm-config", "coredns", "kube-proxy"];
/// Another one, of which every minor until 1.23 had its own.
const KUBELET_CONFIG: &str = "kubelet-config";

/// Reads it all.
pub(super) async fn survey(api: &KubeApi) -> ClusterSurvey {
    let pods = api.pods("list all pods", "/api/v1/pods", "");
    let running = async {
        tokio::join!(pods, workload::budgets(api), workload::workloads(api), workload::claims(api))
    };
    let beside = async {
        tokio::join!(
            admission::webhooks(api),
            admission::custom_resources(api),
            api_services(api),
            kured::kured(api)
        )
    };
    let used =
        async { tokio::join!(metrics::deprecated(api), applied::objects(api), config_maps(api)) };
    let (running, beside, used) = tokio::join!(running, beside, used);
    ClusterSurvey {
        pods: part(running.0),
        budgets: part(running.1),
        workloads: part(running.2),
        claims: part(running.3),
        webhooks: part(beside.0),
        custom_resources: part(beside.1),
        api_services: part(beside.2),
        kured: part(beside.3),
        deprecated_requests: part(used.0),
        last_applied: part(used.1),
        config_maps: part(used.2),
    }
}

fn part<T>(read: Result<T, ClusterError>) -> Part<T> {
    read.map_err(|error| cluster_error(&error).to_record().to_string())
}

async fn api_services(api: &KubeApi) -> Result<Vec<ApiService>, ClusterError> {
    let path = "/apis/apiregistration.k8s.io/v1/apiservices";
    let found = api.list("list APIServices", path, "").await?;
    Ok(found.iter().map(read_api_service).collect())
}

fn read_api_service(object: &Value) -> ApiService {
    let conditions = super::objects::list(object, "/status/conditions").iter();
    let away = |it: &&Value| text(it, "/type") == "Available" && text(it, "/status") != "True";
    let why = |it: &Value| format!("{}: {}", text(it, "/reason"), text(it, "/message"));
    let unavailable = conditions.clone().find(away).map(why);
    ApiService { name: text(object, "/metadata/name"), unavailable }
}

async fn config_maps(
    api: &KubeApi,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, ClusterError> {
    let path = "/api/v1/namespaces/kube-system/configmaps";
    let found = api.list("list the ConfigMaps of kube-system", path, "").await?;
    let named = found.iter().map(|object| (text(object, "/metadata/name"), object));
    let ours = named.filter(|(name, _)| {
        CONFIG_MAPS.contains(&name.as_str()) || name.starts_with(KUBELET_CONFIG)
    });
    Ok(ours.map(|(name, object)| (name, map(object, "/data"))).collect())
}
