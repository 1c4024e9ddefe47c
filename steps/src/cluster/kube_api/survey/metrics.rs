//! Which APIs that will go were asked for, by the API server's own count. It counts from its start, and each of several API servers counts
//! for itself: this is the count of the one that answered.

use crate::cluster::ClusterError;
use crate::cluster::kube_api::KubeApi;
use crate::cluster::survey::DeprecatedRequest;

const METRIC: &str = "apiserver_requested_deprecated_apis{";

pub(super) async fn deprecated(api: &KubeApi) -> Result<Vec<DeprecatedRequest>, ClusterError> {
    let doing = "read the API server's metrics";
    let reply = api.call(doing, KubeApi::get_request("/metrics")).await?;
    if !reply.is_success() {
        return Err(api.refused(doing, &reply));
    }
    Ok(read_metrics(&reply.text()))
}

/// Reads lines such as `apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",...} 1`.
fn read_metrics(metrics: &str) -> Vec<DeprecatedRequest> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(METRIC));
    let asked = lines.filter(|line| !line.ends_with("} 0"));
    let mut requests: Vec<DeprecatedRequest> = asked.map(read_labels).collect();
    // A subresource of the same is the same here.
    requests.dedup();
    requests
}

fn read_labels(labels: &str) -> DeprecatedRequest {
    let value = |name: &str| {
        let pairs = labels.split("\",").map(|pair| pair.trim_start_matches(','));
        let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\""));
        let value = values.next().unwrap_or_default();
        value.split('"').next().unwrap_or_default().to_owned()
    };
    DeprecatedRequest {
        group: value("group"),
        version: value("version"),
        resource: value("resource"),
        removed_in: value("removed_release"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gauge_of_deprecated_requests_is_read_and_nothing_else() {
        let metrics = "# HELP apiserver_requested_deprecated_apis [STABLE] Gauge\n\
            apiserver_request_total{group=\"policy\",version=\"v1beta1\"} 7\n\
            apiserver_requested_deprecated_apis{group=\"policy\",removed_release=\"1.25\",resource=\"podsecuritypolicies\",subresource=\"\",version=\"v1beta1\"} 1\n\
            apiserver_requested_deprecated_apis{group=\"\",removed_release=\"\",resource=\"componentstatuses\",subresource=\"\",version=\"v1\"} 1\n\
            apiserver_requested_deprecated_apis{group=\"batch\",removed_release=\"1.25\",resource=\"cronjobs\",subresource=\"\",version=\"v1beta1\"} 0\n";
        let request = |group: &str, version: &str, resource: &str, removed_in: &str| {
            let [group, version, resource, removed_in] =
                [group, version, resource, removed_in].map(str::to_owned);
            DeprecatedRequest { group, version, resource, removed_in }
        };
        let wanted = [
            request("policy", "v1beta1", "podsecuritypolicies", "1.25"),
            request("", "v1", "componentstatuses", ""),
        ];
        assert_eq!(read_metrics(metrics), wanted);
    }
}
