//! What the API tells beyond nodes and a node's pods: everything that the gates ask about. Plain data; read all at once before planning.
//!
//! Each part is read for itself: one that could not be read says why, and the gates that need it say so instead of guessing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Pod;

/// A part of the survey, or why it could not be read.
pub type Part<T> = Result<T, String>;

/// The cluster's objects as far as an upgrade rests on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSurvey {
    /// All pods of all namespaces, sorted by namespace and name.
    pub pods: Part<Vec<Pod>>,
    /// Disruption budgets.
    pub budgets: Part<Vec<Budget>>,
    /// Deployments, ReplicaSets, StatefulSets and DaemonSets.
    pub workloads: Part<Vec<Workload>>,
    /// Claims that are bound to a volume.
    pub claims: Part<Vec<Claim>>,
    /// Admission webhooks, each entry of each configuration.
    pub webhooks: Part<Vec<Webhook>>,
    /// Custom resource definitions.
    pub custom_resources: Part<Vec<CustomResource>>,
    /// API versions that clients asked for although they will be removed, from the API servers' metrics.
    pub deprecated_requests: Part<Vec<DeprecatedRequest>>,
    /// Objects whose last applied configuration names an API version that is removed later.
    pub last_applied: Part<Vec<AppliedObject>>,
    /// The DaemonSets of kured, which reboots nodes.
    pub kured: Part<Vec<Kured>>,
    /// Aggregated APIs.
    pub api_services: Part<Vec<ApiService>>,
    /// `data` of the ConfigMaps of kube-system that kubeadm writes, by name: `kubeadm-config`, `kubelet-config`, `coredns`, `kube-proxy`.
    pub config_maps: Part<BTreeMap<String, BTreeMap<String, String>>>,
}

impl ClusterSurvey {
    /// Returns the survey of a cluster that does not answer.
    #[must_use]
    pub fn unreadable(why: &str) -> Self {
        let why = why.to_owned();
        Self {
            pods: Err(why.clone()),
            budgets: Err(why.clone()),
            workloads: Err(why.clone()),
            claims: Err(why.clone()),
            webhooks: Err(why.clone()),
            custom_resources: Err(why.clone()),
            deprecated_requests: Err(why.clone()),
            last_applied: Err(why.clone()),
            kured: Err(why.clone()),
            api_services: Err(why.clone()),
            config_maps: Err(why),
        }
    }

    /// Returns the survey of a cluster with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            pods: Ok(Vec::new()),
            budgets: Ok(Vec::new()),
            workloads: Ok(Vec::new()),
            claims: Ok(Vec::new()),
            webhooks: Ok(Vec::new()),
            custom_resources: Ok(Vec::new()),
            deprecated_requests: Ok(Vec::new()),
            last_applied: Ok(Vec::new()),
            kured: Ok(Vec::new()),
            api_services: Ok(Vec::new()),
            config_maps: Ok(BTreeMap::new()),
        }
    }
}

/// A PodDisruptionBudget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which pods of its namespace it covers.
    pub selector: Selector,
    /// `spec.minAvailable` as written: `2` or `50%`.
    pub min_available: Option<String>,
    /// `spec.maxUnavailable` as written.
    pub max_unavailable: Option<String>,
    /// `status.disruptionsAllowed`.
    pub allowed: i64,
    /// `status.currentHealthy`.
    pub healthy: i64,
    /// `status.desiredHealthy`.
    pub desired: i64,
    /// `status.expectedPods`.
    pub expected: i64,
    /// Whether the controller has seen the newest form of it.
    pub is_current: bool,
    /// Whether pods that are not ready may go whatever the budget says (`unhealthyPodEvictionPolicy: AlwaysAllow`).
    pub lets_unhealthy_go: bool,
}

/// A label selector. An empty one selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Selector {
    /// Labels that must have exactly this value.
    pub labels: BTreeMap<String, String>,
    /// Further conditions.
    pub conditions: Vec<Condition>,
}

/// One of a selector's `matchExpressions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The label.
    pub label: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values.
    pub values: Vec<String>,
}

impl Selector {
    /// Whether it selects something with these labels. An operator that is not known selects: better a warning too many.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = self.labels.iter().all(|(label, value)| labels.get(label) == Some(value));
        equal && self.conditions.iter().all(|condition| condition.holds(labels))
    }
}

impl Condition {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.label);
        let is_listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator.as_str() {
            "In" => is_listed,
            "NotIn" => !is_listed,
            "DoesNotExist" => value.is_none(),
            "Exists" => value.is_some(),
            _ => true,
        }
    }
}

/// Something that keeps pods running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// `Deployment`, `ReplicaSet`, `StatefulSet` or `DaemonSet`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Kind and name of its controller: of a ReplicaSet, its Deployment.
    pub controller: Option<(String, String)>,
    /// How many pods it wants.
    pub wanted: i64,
    /// How many are ready.
    pub ready: i64,
    /// The images of its template's containers.
    pub images: Vec<String>,
}

/// A PersistentVolumeClaim that is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its volume.
    pub volume: String,
    /// The nodes, by hostname label, that the volume's node affinity is bound to; empty when it may be anywhere.
    pub hostnames: Vec<String>,
}

/// An admission webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// `ValidatingWebhookConfiguration` or `MutatingWebhookConfiguration`.
    pub kind: String,
    /// The configuration's name.
    pub configuration: String,
    /// The webhook's name in it.
    pub name: String,
    /// Whether requests fail while it does not answer (`failurePolicy: Fail`, also the default).
    pub fails_closed: bool,
    /// Whether it is asked about pods or evictions, by one of its rules.
    pub covers_pods: bool,
    /// Whether it is asked about kube-system, by its namespace selector.
    pub covers_kube_system: bool,
    /// The service that it is: namespace and name; `None` for a URL.
    pub service: Option<(String, String)>,
    /// The nodes on which that service has ready endpoints, none where it has none; `None` for a URL or where nobody could tell. An endpoint
    /// that is on no node has an empty name.
    pub served_from: Option<Vec<String>>,
    /// `timeoutSeconds`.
    pub timeout_seconds: i64,
    /// Whether it matches also other versions of what its rules name (`matchPolicy: Equivalent`, the default).
    pub matches_equivalent: bool,
}

/// A CustomResourceDefinition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomResource {
    /// Its name, e.g. `certificates.cert-manager.io`.
    pub name: String,
    /// `status.storedVersions`.
    pub stored: Vec<String>,
    /// Versions with `served: true`.
    pub served: Vec<String>,
    /// All versions of the spec.
    pub versions: Vec<String>,
    /// The service of its conversion webhook and whether it has a ready endpoint.
    pub conversion: Option<(String, bool)>,
}

/// An API version that was asked for since the API server started (`apiserver_requested_deprecated_apis`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeprecatedRequest {
    /// Its group; empty for the core.
    pub group: String,
    /// Its version.
    pub version: String,
    /// The resource.
    pub resource: String,
    /// The minor that removes it, e.g. `1.25`; empty when none is named.
    pub removed_in: String,
}

/// An object that somebody applied in an old API version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedObject {
    /// The API version in its last applied configuration, e.g. `policy/v1beta1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty without.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// kured, which reboots nodes one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kured {
    /// The namespace of its DaemonSet.
    pub namespace: String,
    /// Who holds its lock: nodes that are being rebooted, or a word of somebody who keeps it from rebooting any.
    pub holders: Vec<String>,
}

/// An APIService.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiService {
    /// Its name, e.g. `v1beta1.metrics.k8s.io`.
    pub name: String,
    /// Why it is not available; `None` when it is.
    pub unavailable: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_selector_wants_all_its_labels_and_conditions() {
        let condition = |operator: &str| {
            let (label, values) = ("tier".to_owned(), vec!["web".to_owned()]);
            Condition { label, operator: operator.to_owned(), values }
        };
        let (web, none) = (labels(&[("app", "shop"), ("tier", "web")]), labels(&[("app", "shop")]));
        let with = |it: &str| Selector { labels: none.clone(), conditions: vec![condition(it)] };
        for (operator, selects_web, selects_none) in [
            ("In", true, false),
            ("NotIn", false, true),
            ("Exists", true, false),
            ("DoesNotExist", false, true),
        ] {
            assert_eq!(with(operator).selects(&web), selects_web, "{operator}");
            assert_eq!(with(operator).selects(&none), selects_none, "{operator}");
        }
        let other = labels(&[("tier", "web")]);
        assert!(!with("In").selects(&other) && Selector::default().selects(&other));
    }
}
