//! A cluster made of a list of pods and the rules by which it answers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_core::event::ClusterIdentity;
use serde_json::Value;

use crate::cluster::{
    Cluster, ClusterError, ClusterSurvey, ConfigMap, Eviction, Node, ObjectName, Pod,
};
use crate::drain::{DrainError, DrainOptions, DrainReport, drain};

const OPTIONS: DrainOptions =
    DrainOptions { delete_emptydir_data: false, force: false, grace_period: None };

/// A clock that moves only when somebody waits; in nanoseconds.
#[derive(Default)]
pub(in crate::drain) struct Hands(pub(super) AtomicI64);

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn since_boot(&self) -> u64 {
        0
    }

    async fn sleep(&self, time: Duration) {
        self.0.store(self.now().plus(time).0, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// The cluster. Times are seconds of its clock; a rule is about the pods whose name begins with its text.
pub(super) struct World {
    pub(super) clock: Hands,
    /// The pods, and from when on one that is being deleted is gone.
    pods: Mutex<Vec<(Pod, Option<i64>)>>,
    evictions: Mutex<Vec<String>>,
    said: Mutex<Vec<String>>,
    /// Blocked until then.
    pub(super) budget: Option<(&'static str, i64)>,
    /// Never evicted.
    pub(super) refuse: Option<&'static str>,
    /// Takes so long to stop.
    pub(super) slow: Option<(&'static str, i64)>,
    /// An evicted pod is created again there, with another UID.
    pub(super) recreate_on: Option<&'static str>,
    /// Turns up with the first eviction.
    pub(super) arrives: Option<Pod>,
    /// When the API does not answer.
    pub(super) away: std::ops::Range<i64>,
}

impl World {
    pub(super) fn new(pods: Vec<Pod>) -> Self {
        let slow = |pod: Pod| {
            let gone = pod.terminating.then_some(5);
            (pod, gone)
        };
        Self {
            clock: Hands::default(),
            pods: Mutex::new(pods.into_iter().map(slow).collect()),
            evictions: Mutex::default(),
            said: Mutex::default(),
            budget: None,
            refuse: None,
            slow: None,
            recreate_on: None,
            arrives: None,
            away: 0..0,
        }
    }

    pub(super) async fn drain(&self, seconds: u64) -> Result<DrainReport, DrainError> {
        let deadline = self.clock.now().plus(Duration::from_secs(seconds));
        let say = |text: &str| self.said.lock().unwrap().push(text.to_owned());
        drain(self, &self.clock, "w1", &OPTIONS, deadline, &say).await
    }

    fn seconds(&self) -> i64 {
        self.clock.now().0 / 1_000_000_000
    }

    pub(super) fn evictions(&self) -> Vec<String> {
        self.evictions.lock().unwrap().clone()
    }

    pub(super) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Returns the pods there are now.
    pub(super) fn pods(&self) -> Vec<Pod> {
        let mut pods = self.pods.lock().unwrap();
        pods.retain(|(_, gone)| gone.is_none_or(|at| at > self.seconds()));
        pods.iter().map(|(pod, _)| pod.clone()).collect()
    }

    fn answers(&self) -> Result<(), ClusterError> {
        if !self.away.contains(&self.seconds()) {
            return Ok(());
        }
        Err(ClusterError::Unavailable { endpoint: "here".to_owned(), source: "away".into() })
    }

    /// Lets the pod stop, and its controller do what it does.
    fn delete(&self, pod: &Pod) {
        let stops = self.slow.filter(|(name, _)| pod.name.starts_with(name)).map_or(1, |it| it.1);
        let mut pods = self.pods.lock().unwrap();
        for (there, gone) in pods.iter_mut().filter(|(there, _)| there.uid == pod.uid) {
            there.terminating = true;
            *gone = Some(self.seconds() + stops);
        }
        if let Some(node) = self.recreate_on {
            let uid = format!("{}-again", pod.uid);
            pods.push((Pod { uid, node: node.to_owned(), ..pod.clone() }, None));
        }
        if let Some(late) = self.arrives.clone().filter(|_| pod.name == "a") {
            pods.push((late, None));
        }
    }
}

#[async_trait]
impl Cluster for World {
    async fn pods_on(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        self.answers()?;
        Ok(self.pods().into_iter().filter(|pod| pod.node == node).collect())
    }

    async fn daemon_set_exists(&self, _: &str, _: &str) -> Result<bool, ClusterError> {
        Ok(true)
    }

    async fn evict(&self, pod: &Pod, _: Option<u32>) -> Result<Eviction, ClusterError> {
        self.answers()?;
        self.evictions.lock().unwrap().push(pod.uid.clone());
        if !self.pods().iter().any(|there| there.uid == pod.uid) {
            return Ok(Eviction::Gone);
        }
        if self.refuse == Some(pod.name.as_str()) {
            return Ok(Eviction::Refused { why: "two budgets".to_owned() });
        }
        let is_blocked =
            |(name, until): (&str, i64)| pod.name.starts_with(name) && self.seconds() < until;
        if self.budget.is_some_and(is_blocked) {
            return Ok(Eviction::Blocked { why: "budget web needs 2".to_owned() });
        }
        self.delete(pod);
        Ok(Eviction::Accepted)
    }

    async fn pod_exists(&self, pod: &Pod) -> Result<bool, ClusterError> {
        self.answers()?;
        Ok(self.pods().iter().any(|there| there.uid == pod.uid))
    }

    async fn identity(&self) -> Result<ClusterIdentity, ClusterError> {
        unreachable!()
    }

    async fn server_version(&self) -> Result<String, ClusterError> {
        unreachable!()
    }

    async fn unready_checks(&self) -> Result<Vec<String>, ClusterError> {
        unreachable!()
    }

    async fn survey(&self) -> ClusterSurvey {
        ClusterSurvey::empty()
    }

    async fn nodes(&self) -> Result<Vec<Node>, ClusterError> {
        unreachable!()
    }

    async fn node(&self, _: &str) -> Result<Option<Node>, ClusterError> {
        unreachable!()
    }

    async fn cordon(&self, _: &str, _: &str) -> Result<bool, ClusterError> {
        unreachable!()
    }

    async fn uncordon(&self, _: &str, _: &str) -> Result<bool, ClusterError> {
        unreachable!()
    }

    async fn system_pods(&self) -> Result<Vec<Pod>, ClusterError> {
        unreachable!()
    }

    async fn object(&self, _: &ObjectName) -> Result<Option<Value>, ClusterError> {
        unreachable!()
    }

    async fn config_map(&self, _: &str) -> Result<Option<ConfigMap>, ClusterError> {
        unreachable!()
    }

    async fn put_object(&self, _: &ObjectName, _: &Value) -> Result<(), ClusterError> {
        unreachable!()
    }

    async fn put_config_map(
        &self,
        _: &str,
        _: &BTreeMap<String, String>,
        _: Option<&str>,
    ) -> Result<(), ClusterError> {
        unreachable!()
    }
}

/// Returns a pod on w1 that a drain evicts.
pub(in crate::drain) fn pod(name: &str) -> Pod {
    Pod {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        node: "w1".to_owned(),
        phase: "Running".to_owned(),
        ready: true,
        terminating: false,
        controller: owner("ReplicaSet"),
        mirror: false,
        tolerates_cordon: false,
        empty_dirs: Vec::new(),
        claims: Vec::new(),
        labels: BTreeMap::new(),
        images: Vec::new(),
    }
}

pub(super) fn owner(kind: &str) -> Option<(String, String)> {
    Some((kind.to_owned(), "web".to_owned()))
}
