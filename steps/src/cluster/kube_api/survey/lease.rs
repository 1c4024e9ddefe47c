//! Who says that he is at work: Leases of kube-system, and kured's lock, which is an annotation of its DaemonSet.

use chrono::DateTime;
use serde_json::Value;

use crate::cluster::ClusterError;
use crate::cluster::kube_api::KubeApi;
use crate::cluster::kube_api::objects::{list, map, text};
use crate::cluster::survey::Lease;

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases?limit=500";
const KURED: &str = "/apis/apps/v1/daemonsets?fieldSelector=metadata.name%3Dkured";
/// kured's lock; its value is JSON with the node that it is rebooting.
const KURED_LOCK: &str = "weave.works/kured-node-lock";

pub(super) async fn leases(api: &KubeApi) -> Result<Vec<Lease>, ClusterError> {
    let (mut leases, locks) =
        tokio::try_join!(read_all(api, LEASES, read_lease), read_all(api, KURED, read_lock))?;
    leases.extend(locks.into_iter().filter(|lock| !lock.holder.is_empty()));
    Ok(leases)
}

/// Ages are by the clock of the server that answers.
async fn read_all(
    api: &KubeApi,
    path: &str,
    read: impl Fn(&Value, Option<i64>) -> Lease,
) -> Result<Vec<Lease>, ClusterError> {
    let doing = "list leases";
    let reply = api.call(doing, KubeApi::get_request(path)).await?;
    let now = DateTime::parse_from_rfc2822(&reply.date).ok().map(|date| date.timestamp());
    let page = api.read(doing, &reply)?;
    Ok(list(&page, "/items").iter().map(|object| read(object, now)).collect())
}

fn read_lease(object: &Value, now: Option<i64>) -> Lease {
    Lease {
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
        holder: text(object, "/spec/holderIdentity"),
        age_seconds: age(&text(object, "/spec/renewTime"), now),
    }
}

fn read_lock(object: &Value, now: Option<i64>) -> Lease {
    let annotations = map(object, "/metadata/annotations");
    let lock = annotations.get(KURED_LOCK).map(String::as_str).unwrap_or_default();
    let lock: Value = serde_json::from_str(lock).unwrap_or_default();
    Lease {
        namespace: text(object, "/metadata/namespace"),
        name: text(object, "/metadata/name"),
        holder: text(&lock, "/nodeID"),
        age_seconds: age(&text(&lock, "/created"), now),
    }
}

fn age(since: &str, now: Option<i64>) -> Option<i64> {
    let since = DateTime::parse_from_rfc3339(since).ok()?.timestamp();
    Some(now?.saturating_sub(since))
}
