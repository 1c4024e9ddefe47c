//! What every adapter of the `Cluster` port does alike. The simulated cluster runs it in its own tests; a real one is checked
//! when `KUP_TEST_KUBECONFIG` names a kubeconfig (and `KUP_TEST_WORKER` a worker, by default `w1`). Nobody else may be
//! working on that cluster. A ConfigMap of kube-system, `kup-contract`, is left behind: the port deletes nothing.

#![allow(clippy::expect_used, reason = "a contract is checked by panicking")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_steps::cluster::kube_api::KubeApi;
use kup_steps::cluster::{Cluster, ClusterError, Eviction, Node, Pod};
use kup_steps::drain::{DrainOptions, drain};

const CONFIG_MAP: &str = "kup-contract";
const NOBODY: &str = "kup-there-is-no-such-thing";

/// Checks an adapter against a cluster at rest. `worker` is a schedulable node that nobody has cordoned.
///
/// # Panics
/// Where the adapter does not do what the port says.
pub(crate) async fn check(cluster: &dyn Cluster, worker: &str) {
    check_identity(cluster).await;
    check_nodes(cluster, worker).await;
    check_pods(cluster, worker).await;
    check_survey(cluster).await;
    check_absences(cluster).await;
    check_cordon(cluster, worker).await;
    check_config_map(cluster).await;
}

async fn check_identity(cluster: &dyn Cluster) {
    let identity = cluster.identity().await.expect("an identity");
    assert!(!identity.uid.is_empty() && !identity.endpoint.is_empty(), "{identity:?}");
    assert_eq!(identity.ca_sha256.len(), 64, "{identity:?}");
    assert_eq!(cluster.identity().await.expect("an identity"), identity, "it is stable");
    let version = cluster.server_version().await.expect("a version");
    assert!(version.starts_with('v'), "{version}");
    assert_eq!(cluster.unready_checks().await.expect("checks"), Vec::<String>::new());
}

async fn check_nodes(cluster: &dyn Cluster, worker: &str) {
    let nodes = cluster.nodes().await.expect("nodes");
    assert!(nodes.is_sorted_by(|a, b| a.name < b.name), "{nodes:?}");
    assert!(nodes.iter().any(|node| node.control_plane), "{nodes:?}");
    let found = nodes.into_iter().find(|node| node.name == worker).expect("the worker");
    assert!(found.ready && !found.control_plane, "{found:?}");
    assert!(!found.uid.is_empty() && !found.address.is_empty(), "{found:?}");
    assert!(found.kubelet_version.starts_with('v'), "{found:?}");
    assert_eq!(read(cluster, worker).await.uid, found.uid);
}

async fn check_pods(cluster: &dyn Cluster, worker: &str) {
    let pods = cluster.pods_on(worker).await.expect("pods");
    assert!(pods.iter().all(|pod| pod.node == worker), "{pods:?}");
    assert!(pods.is_sorted_by(|a, b| (&a.namespace, &a.name) < (&b.namespace, &b.name)));
    let system = cluster.system_pods().await.expect("pods of kube-system");
    assert!(system.iter().all(|pod| pod.namespace == "kube-system"), "{system:?}");
    assert!(system.is_sorted_by(|a, b| a.name < b.name), "{system:?}");
    if let Some(pod) = pods.iter().find(|pod| !pod.terminating) {
        check_uid_matters(cluster, pod).await;
    }
}

/// Another pod under the same name is never taken for the one that is meant.
async fn check_uid_matters(cluster: &dyn Cluster, pod: &Pod) {
    assert!(cluster.pod_exists(pod).await.expect("an answer"), "{pod:?}");
    let former = Pod { uid: "00000000-0000-4000-8000-000000000000".to_owned(), ..pod.clone() };
    assert!(!cluster.pod_exists(&former).await.expect("an answer"), "{former:?}");
    assert_eq!(cluster.evict(&former, None).await.expect("an answer"), Eviction::Gone);
    assert!(cluster.pod_exists(pod).await.expect("an answer"), "{pod:?} was evicted");
    let gone = Pod { name: NOBODY.to_owned(), ..pod.clone() };
    assert_eq!(cluster.evict(&gone, None).await.expect("an answer"), Eviction::Gone);
}

/// Every part of a survey of a cluster at rest can be read, and they fit each other.
async fn check_survey(cluster: &dyn Cluster) {
    let survey = cluster.survey().await;
    let pods = survey.pods.expect("pods");
    assert!(pods.is_sorted_by(|a, b| (&a.namespace, &a.name) < (&b.namespace, &b.name)));
    let system = cluster.system_pods().await.expect("pods of kube-system");
    let named = |pod: &Pod| pods.iter().any(|it| it.uid == pod.uid && it.name == pod.name);
    assert!(system.iter().all(named), "{system:?}");
    let workloads = survey.workloads.expect("workloads");
    let kept = |pod: &&Pod| !pod.mirror && !pod.terminating && pod.controller.is_some();
    for pod in pods.iter().filter(kept) {
        let (kind, name) = pod.controller.as_ref().expect("a controller");
        let is_it = |it: &&kup_steps::cluster::survey::Workload| {
            (&it.namespace, &it.kind, &it.name) == (&pod.namespace, kind, name)
        };
        let known = ["DaemonSet", "ReplicaSet", "StatefulSet"].contains(&kind.as_str());
        assert!(!known || workloads.iter().any(|it| is_it(&it)), "{pod:?} of {workloads:?}");
    }
    let maps = survey.config_maps.expect("ConfigMaps");
    let configuration = maps.get("kubeadm-config").and_then(|map| map.get("ClusterConfiguration"));
    assert!(configuration.is_some_and(|text| text.contains("kubernetesVersion: v")), "{maps:?}");
    assert!(maps.keys().any(|name| name.starts_with("kubelet-config")), "{maps:?}");
    survey.kured.expect("whether kured is there");
    survey.budgets.expect("budgets");
    survey.claims.expect("claims");
    survey.webhooks.expect("webhooks");
    survey.custom_resources.expect("custom resources");
    survey.deprecated_requests.expect("deprecated requests");
    survey.last_applied.expect("last applied configurations");
    survey.api_services.expect("API services");
}

/// What is not there is an answer where one asks for it, and an error where one writes to it.
async fn check_absences(cluster: &dyn Cluster) {
    assert_eq!(cluster.node(NOBODY).await.expect("an answer"), None);
    assert_eq!(cluster.config_map(NOBODY).await.expect("an answer"), None);
    assert!(!cluster.daemon_set_exists("kube-system", NOBODY).await.expect("an answer"));
    assert_eq!(cluster.pods_on(NOBODY).await.expect("an answer"), Vec::new());
    assert_failed(cluster.cordon(NOBODY, "run-a").await);
    assert_failed(cluster.uncordon(NOBODY, "run-a").await);
}

/// A cordon belongs to the run that made it.
async fn check_cordon(cluster: &dyn Cluster, worker: &str) {
    let before = read(cluster, worker).await;
    assert!(!before.unschedulable && before.cordoned_by.is_none(), "{before:?}");
    assert!(!cluster.uncordon(worker, "run-a").await.expect("an answer"), "nothing to take away");

    assert!(cluster.cordon(worker, "run-a").await.expect("an answer"));
    assert_cordoned_by_a(cluster, worker).await;
    assert!(cluster.cordon(worker, "run-a").await.expect("an answer"), "ours is ours again");
    assert_cordoned_by_a(cluster, worker).await;
    assert!(!cluster.cordon(worker, "run-b").await.expect("an answer"), "another run's stands");
    assert_cordoned_by_a(cluster, worker).await;
    assert!(!cluster.uncordon(worker, "run-b").await.expect("an answer"), "not ours to take");
    assert_cordoned_by_a(cluster, worker).await;

    assert!(cluster.uncordon(worker, "run-a").await.expect("an answer"));
    let after = read(cluster, worker).await;
    assert!(!after.unschedulable && after.cordoned_by.is_none(), "{after:?}");
    assert!(!cluster.uncordon(worker, "run-a").await.expect("an answer"), "it is gone already");
}

/// A ConfigMap is replaced as a whole, and only by who has seen what stands there.
async fn check_config_map(cluster: &dyn Cluster) {
    let data = |key: &str| BTreeMap::from([(key.to_owned(), "text\nof lines\n".to_owned())]);
    cluster.put_config_map(CONFIG_MAP, &data("first"), None).await.expect("created");
    let first = cluster.config_map(CONFIG_MAP).await.expect("an answer").expect("it is there");
    assert_eq!(first.data, data("first"));

    let version = Some(first.resource_version.as_str());
    cluster.put_config_map(CONFIG_MAP, &data("second"), version).await.expect("written");
    let second = cluster.config_map(CONFIG_MAP).await.expect("an answer").expect("it is there");
    assert_eq!(second.data, data("second"));
    assert_ne!(second.resource_version, first.resource_version);

    assert_failed(cluster.put_config_map(CONFIG_MAP, &data("third"), version).await);
    let third = cluster.config_map(CONFIG_MAP).await.expect("an answer");
    assert_eq!(third, Some(second), "a write under an old version changes nothing");
    assert_failed(cluster.put_config_map(NOBODY, &data("third"), version).await);
    assert_eq!(cluster.config_map(NOBODY).await.expect("an answer"), None);
}

async fn assert_cordoned_by_a(cluster: &dyn Cluster, worker: &str) {
    let node = read(cluster, worker).await;
    assert!(node.unschedulable, "{node:?}");
    assert_eq!(node.cordoned_by.as_deref(), Some("run-a"), "{node:?}");
}

async fn read(cluster: &dyn Cluster, name: &str) -> Node {
    cluster.node(name).await.expect("an answer").expect("the node")
}

fn assert_failed<T: std::fmt::Debug>(answer: Result<T, ClusterError>) {
    assert!(matches!(answer, Err(ClusterError::Failed { .. })), "{answer:?}");
}

#[tokio::test]
async fn the_simulated_cluster_keeps_the_contract() {
    let rig = crate::sim_rig::Rig::new("sim:3x2@v1.35.6").await;
    check(rig.cluster().as_ref(), "w1").await;
}

#[tokio::test]
async fn a_real_cluster_keeps_the_contract() {
    if let Some(cluster) = real_cluster().await {
        check(&cluster, &setting("KUP_TEST_WORKER").unwrap_or("w1".to_owned())).await;
    }
}

/// Drains the node that `KUP_TEST_DRAIN` names, cordons it before and uncordons it after, and prints what is said.
#[tokio::test]
async fn a_real_worker_is_drained() {
    let (Some(cluster), Some(node)) = (real_cluster().await, setting("KUP_TEST_DRAIN")) else {
        return;
    };
    let clock = WallClock(std::time::Instant::now());
    let deadline = clock.now().plus(Duration::from_secs(120));
    let say = |text: &str| println!("{} {text}", clock.now());
    assert!(cluster.cordon(&node, "run-a").await.expect("an answer"));
    let options = DrainOptions::default();
    let report = drain(&cluster, &clock, &node, &options, deadline, &say).await;
    println!("{} {report:#?}", clock.now());
    assert!(cluster.uncordon(&node, "run-a").await.expect("an answer"));
    report.expect("drained");
}

async fn real_cluster() -> Option<KubeApi> {
    let path = setting("KUP_TEST_KUBECONFIG")?;
    Some(KubeApi::connect(Some(Path::new(&path)), None).await.expect("a client"))
}

fn setting(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

struct WallClock(std::time::Instant);

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(wall_time().as_nanos()).unwrap_or(i64::MAX))
    }

    fn since_boot(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock of a real cluster")]
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock of a real cluster")]
fn wall_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
