//! Objects that somebody applied in an API version that a later minor removes. They are listed in another version: an object has all of
//! them, and only the annotation that `kubectl apply` leaves tells in which one its manifest is written.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;

use super::served::versions;
use crate::cluster::kube_api::objects::{list, map, text};
use crate::cluster::kube_api::{KubeApi, escape};
use crate::cluster::survey::AppliedObject;
use crate::cluster::{Cluster, ClusterError};
use crate::release::{self, RemovedApi};
use crate::version::Version;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Lists that are read at once.
const AT_ONCE: usize = 6;
/// Made by the cluster itself in great numbers; nobody applies them.
const NOT_APPLIED: [&str; 5] =
    ["events", "endpointslices", "leases", "csistoragecapacities", "volumeattachments"];

pub(super) async fn objects(api: &KubeApi) -> Result<Vec<AppliedObject>, ClusterError> {
    let removed = removed_after(&api.server_version().await?);
    let served = served(api, &removed).await?;
    let listable = removed.iter().filter(|it| !NOT_APPLIED.contains(&it.resource.as_str()));
    let lists: BTreeSet<(String, String)> = listable
        .filter_map(|it| Some((group_version(it, &served)?, it.resource.clone())))
        .collect();
    let found = stream::iter(lists).map(|(place, resource)| applied(api, place, resource));
    let found: Vec<Vec<AppliedObject>> = found.buffered(AT_ONCE).try_collect().await?;
    let is_removed = |object: &AppliedObject| removed.iter().any(|it| is_of(object, it));
    Ok(found.into_iter().flatten().filter(is_removed).collect())
}

fn is_of(object: &AppliedObject, api: &RemovedApi) -> bool {
    let RemovedApi { group, version, kind, .. } = api;
    *kind == object.kind && format!("{group}/{version}") == object.api_version
}

/// Returns the versions that the server has of the groups that matter.
async fn served(
    api: &KubeApi,
    removed: &[&RemovedApi],
) -> Result<BTreeMap<String, Vec<String>>, ClusterError> {
    let groups = removed.iter().flat_map(|it| [it.group.as_str(), replacing_group(it)]);
    let groups: BTreeSet<String> =
        groups.filter(|group| !group.is_empty()).map(str::to_owned).collect();
    let asked = stream::iter(groups).map(|group| async move {
        let versions = versions(api, &group).await?;
        Ok::<_, ClusterError>((group, versions))
    });
    asked.buffer_unordered(AT_ONCE).try_collect().await
}

/// Returns what minors above this version remove.
fn removed_after(version: &str) -> Vec<&'static RemovedApi> {
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or_default();
    let at = |minor| Version { major: 1, minor, patch: 0 };
    release::entered(at(minor), at(u32::MAX)).flat_map(|release| &release.removed_apis).collect()
}

fn replacing_group(api: &RemovedApi) -> &str {
    api.replacement.split_once('/').map_or("", |(group, _)| group)
}

/// Returns the group and version to read through: the one that replaces it, else whatever its group still has.
fn group_version(api: &RemovedApi, served: &BTreeMap<String, Vec<String>>) -> Option<String> {
    let (group, version) = api.replacement.split_once('/').unwrap_or_default();
    let has = |group: &str, version: &str| {
        served.get(group).is_some_and(|versions| versions.iter().any(|it| it == version))
    };
    if has(group, version) {
        return Some(api.replacement.clone());
    }
    has(&api.group, &api.version).then(|| format!("{}/{}", api.group, api.version))
}

async fn applied(
    api: &KubeApi,
    place: String,
    resource: String,
) -> Result<Vec<AppliedObject>, ClusterError> {
    if !can_list(api, &place, &resource).await? {
        return Ok(Vec::new());
    }
    let doing = format!("list {resource} of {place}");
    let found = api.list(&doing, &format!("/apis/{place}/{}", escape(&resource)), "").await?;
    Ok(found.iter().filter_map(read_applied).collect())
}

/// Reviews are asked and never kept, and a version need not have all kinds of its group.
async fn can_list(api: &KubeApi, place: &str, resource: &str) -> Result<bool, ClusterError> {
    let doing = format!("ask what {place} has");
    let found = api.find(&doing, &format!("/apis/{place}")).await?.unwrap_or_default();
    let lists = |it: &Value| list(it, "/verbs").iter().any(|verb| verb == "list");
    Ok(list(&found, "/resources").iter().any(|it| text(it, "/name") == resource && lists(it)))
}

fn read_applied(object: &Value) -> Option<AppliedObject> {
    let manifest = map(object, "/metadata/annotations").remove(LAST_APPLIED)?;
    let manifest: Value = serde_json::from_str(&manifest).ok()?;
    Some(AppliedObject {
        api_version: text(&manifest, "/apiVersion"),
        kind: text(&manifest, "/kind"),
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
    })
}
