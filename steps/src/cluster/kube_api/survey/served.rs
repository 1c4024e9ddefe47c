//! Which versions of an API group the server has, and which services have somebody behind them.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use crate::cluster::ClusterError;
use crate::cluster::kube_api::objects::{list, text};
use crate::cluster::kube_api::{KubeApi, escape};

/// Services that are asked about at once.
const AT_ONCE: usize = 8;

/// Namespace and name of a service.
pub(super) type Service = (String, String);

/// Returns the versions of a group, the server's favourite first; none where it has no such group.
pub(super) async fn versions(api: &KubeApi, group: &str) -> Result<Vec<String>, ClusterError> {
    let doing = format!("ask for the versions of {group}");
    let found = api.find(&doing, &format!("/apis/{}", escape(group))).await?.unwrap_or_default();
    let favourite = text(&found, "/preferredVersion/version");
    let mut versions: Vec<String> =
        list(&found, "/versions").iter().map(|it| text(it, "/version")).collect();
    versions.sort_by_key(|version| *version != favourite);
    Ok(versions)
}

/// Returns the service of a client configuration; a URL has none.
pub(super) fn service(config: Option<&Value>) -> Option<Service> {
    let service = config?.get("service")?;
    Some((text(service, "/namespace"), text(service, "/name"))).filter(|(_, name)| !name.is_empty())
}

/// Where a service has ready endpoints: the names of their nodes, each once; an empty name for one that is on no node.
pub(super) type Places = Vec<String>;

/// Returns for each service where it has ready endpoints.
pub(super) async fn places(
    api: &KubeApi,
    services: impl Iterator<Item = Service>,
) -> Result<BTreeMap<Service, Places>, ClusterError> {
    let mut services: Vec<Service> = services.collect();
    services.sort();
    services.dedup();
    if services.is_empty() {
        return Ok(BTreeMap::new());
    }
    let slices = versions(api, "discovery.k8s.io").await?.iter().any(|version| version == "v1");
    let asked = stream::iter(services).map(|service| async move {
        let mut places = match slices {
            true => by_slices(api, &service).await?,
            false => by_endpoints(api, &service).await?,
        };
        places.sort();
        places.dedup();
        Ok((service, places))
    });
    asked.buffer_unordered(AT_ONCE).try_collect().await
}

async fn by_slices(api: &KubeApi, service: &Service) -> Result<Places, ClusterError> {
    let (namespace, name) = (escape(&service.0), escape(&service.1));
    let doing = format!("list the endpoints of {}/{}", service.0, service.1);
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
    let query = format!("labelSelector=kubernetes.io%2Fservice-name%3D{name}");
    let slices = api.list(&doing, &path, &query).await?;
    // No word on readiness is to be taken for a yes.
    let is_ready = |it: &&Value| it.pointer("/conditions/ready").is_none_or(|it| *it != false);
    let endpoints = slices.iter().flat_map(|slice| list(slice, "/endpoints"));
    Ok(endpoints.filter(is_ready).map(|endpoint| text(endpoint, "/nodeName")).collect())
}

async fn by_endpoints(api: &KubeApi, service: &Service) -> Result<Places, ClusterError> {
    let (namespace, name) = (escape(&service.0), escape(&service.1));
    let doing = format!("read the endpoints of {}/{}", service.0, service.1);
    let path = format!("/api/v1/namespaces/{namespace}/endpoints/{name}");
    let found = api.find(&doing, &path).await?.unwrap_or_default();
    let addresses = list(&found, "/subsets").iter().flat_map(|subset| list(subset, "/addresses"));
    Ok(addresses.map(|address| text(address, "/nodeName")).collect())
}
