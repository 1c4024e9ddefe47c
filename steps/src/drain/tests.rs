//! Drains against a cluster made of a list of pods and the rules by which it answers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_core::event::ClusterIdentity;

use super::{DrainError, DrainOptions, DrainReport, drain};
use crate::cluster::{Cluster, ClusterError, ConfigMap, Eviction, Node, Pod};

const OPTIONS: DrainOptions =
    DrainOptions { delete_emptydir_data: false, force: false, grace_period: None };

#[tokio::test]
async fn evicts_what_may_go_and_leaves_the_rest() {
    let daemon = Pod { controller: owner("DaemonSet"), ..pod("daemon") };
    let mirror = Pod { mirror: true, controller: None, ..pod("static") };
    let world = World::new(vec![pod("a"), pod("b"), daemon, mirror]);
    let report = world.drain(60).await.expect("drained");
    assert_eq!(names(&report.evicted), ["a", "b"]);
    assert_eq!(report.left.len(), 2);
    assert_eq!(world.evictions(), ["uid-a", "uid-b"]);
}

#[tokio::test]
async fn evicts_nothing_when_one_pod_is_refused_and_names_all_that_are() {
    let data = Pod { empty_dirs: vec!["cache".to_owned()], ..pod("data") };
    let bare = Pod { controller: None, ..pod("bare") };
    let world = World::new(vec![pod("a"), bare, data]);
    let error = world.drain(60).await.expect_err("refused").to_string();
    assert!(
        error.contains(
            "default/data has emptyDir volumes: cache (allowed by --delete-emptydir-data)"
        ),
        "{error}"
    );
    assert!(error.contains("default/bare has no controller"), "{error}");
    assert!(world.evictions().is_empty());
}

#[tokio::test]
async fn waits_for_a_budget_and_says_which() {
    let mut world = World::new(vec![pod("a"), pod("b")]);
    world.budget = Some(("b", 12));
    world.drain(60).await.expect("drained");
    assert_eq!(world.evictions(), ["uid-a", "uid-b", "uid-b", "uid-b", "uid-b"]);
    let said = world.said();
    let blocked = "default/b: cannot be evicted yet: budget web needs 2";
    assert_eq!(said.iter().filter(|line| *line == blocked).count(), 1, "{said:?}");
    assert!(said.contains(&"default/b: is gone".to_owned()), "{said:?}");
}

#[tokio::test]
async fn a_time_that_is_over_names_who_is_still_there_and_why() {
    let mut world = World::new(vec![pod("a"), pod("b"), pod("c")]);
    world.budget = Some(("b", 999));
    world.slow = Some(("c", 999));
    let error = world.drain(30).await.expect_err("too slow");
    let said = error.to_string();
    assert!(matches!(error, DrainError::Timeout { .. }), "{error:?}");
    assert!(said.contains("default/b: cannot be evicted yet: budget web needs 2"), "{said}");
    assert!(said.contains("default/c: is being deleted"), "{said}");
    assert!(!said.contains("default/a"), "{said}");
}

#[tokio::test]
async fn many_blocked_pods_hold_nobody_else_up() {
    let mut pods: Vec<Pod> = (0..60).map(|number| pod(&format!("blocked-{number:02}"))).collect();
    pods.push(pod("z"));
    let mut world = World::new(pods);
    world.budget = Some(("blocked", 999));
    let error = world.drain(10).await.expect_err("blocked").to_string();
    assert!(error.contains("and 40 more"), "{error}");
    assert!(!error.contains("default/z"), "{error}");
}

#[tokio::test]
async fn a_pod_that_will_not_be_evicted_does_not_keep_the_others() {
    let mut world = World::new(vec![pod("a"), pod("b")]);
    world.refuse = Some("a");
    let error = world.drain(60).await.expect_err("refused by the server");
    assert!(matches!(error, DrainError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("default/a: cannot be evicted: two budgets"), "{error}");
    assert_eq!(names(&world.pods()), ["a"]);
}

#[tokio::test]
async fn a_pod_created_again_elsewhere_under_its_name_is_left_alone() {
    let mut world = World::new(vec![Pod { controller: owner("StatefulSet"), ..pod("db-0") }]);
    world.recreate_on = Some("w2");
    world.drain(60).await.expect("drained");
    assert_eq!(world.evictions(), ["uid-db-0"]);
    assert_eq!(world.pods()[0].node, "w2");
}

#[tokio::test]
async fn a_pod_that_turns_up_meanwhile_is_evicted_too() {
    let mut world = World::new(vec![pod("a")]);
    world.arrives = Some(pod("late"));
    let report = world.drain(60).await.expect("drained");
    assert_eq!(names(&report.evicted), ["a", "late"]);
}

#[tokio::test]
async fn pods_that_come_back_to_the_node_for_ever_end_with_the_time() {
    let mut world = World::new(vec![pod("a")]);
    world.recreate_on = Some("w1");
    let error = world.drain(20).await.expect_err("never done");
    assert!(matches!(error, DrainError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn an_api_that_is_away_for_a_while_is_waited_for() {
    for (from, to) in [(0, 9), (1, 9), (2, 9), (3, 9)] {
        let mut world = World::new(vec![pod("a"), pod("b")]);
        world.slow = Some(("b", 3));
        world.away = from..to;
        let report = world.drain(60).await;
        assert_eq!(names(&report.expect("drained").evicted), ["a", "b"], "away from {from}");
        let said = world.said();
        assert!(said.iter().any(|line| line.contains("does not answer")), "{from}: {said:?}");
    }
}

#[tokio::test]
async fn an_api_that_stays_away_ends_with_the_time() {
    let mut world = World::new(vec![pod("a")]);
    world.away = 0..999;
    let error = world.drain(30).await.expect_err("away");
    assert!(matches!(error, DrainError::Unlisted { .. }), "{error:?}");
    world.away = 1..999;
    world.clock.0.store(0, Ordering::SeqCst);
    world.slow = Some(("a", 2));
    let error = world.drain(30).await.expect_err("away");
    assert!(error.to_string().contains("the API server does not answer"), "{error}");
}

#[tokio::test]
async fn a_pod_that_is_being_deleted_is_waited_for_and_not_evicted() {
    let mut world = World::new(vec![Pod { terminating: true, controller: None, ..pod("a") }]);
    world.slow = Some(("a", 5));
    world.drain(60).await.expect("drained");
    assert!(world.evictions().is_empty());
}

/// Returns a pod on w1 that a drain evicts.
pub(super) fn pod(name: &str) -> Pod {
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
        empty_dirs: Vec::new(),
        labels: BTreeMap::new(),
        images: Vec::new(),
    }
}

fn owner(kind: &str) -> Option<(String, String)> {
    Some((kind.to_owned(), "web".to_owned()))
}

fn names(pods: &[Pod]) -> Vec<&str> {
    pods.iter().map(|pod| pod.name.as_str()).collect()
}

/// A clock that moves only when somebody waits; in nanoseconds.
#[derive(Default)]
struct Hands(AtomicI64);

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
struct World {
    clock: Hands,
    /// The pods, and from when on one that is being deleted is gone.
    pods: Mutex<Vec<(Pod, Option<i64>)>>,
    evictions: Mutex<Vec<String>>,
    said: Mutex<Vec<String>>,
    /// Blocked until then.
    budget: Option<(&'static str, i64)>,
    /// Never evicted.
    refuse: Option<&'static str>,
    /// Takes so long to stop.
    slow: Option<(&'static str, i64)>,
    /// An evicted pod is created again there, with another UID.
    recreate_on: Option<&'static str>,
    /// Turns up with the first eviction.
    arrives: Option<Pod>,
    /// When the API does not answer.
    away: std::ops::Range<i64>,
}

impl World {
    fn new(pods: Vec<Pod>) -> Self {
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

    async fn drain(&self, seconds: u64) -> Result<DrainReport, DrainError> {
        let deadline = self.clock.now().plus(Duration::from_secs(seconds));
        let say = |text: &str| self.said.lock().unwrap().push(text.to_owned());
        drain(self, &self.clock, "w1", &OPTIONS, deadline, &say).await
    }

    fn seconds(&self) -> i64 {
        self.clock.now().0 / 1_000_000_000
    }

    fn evictions(&self) -> Vec<String> {
        self.evictions.lock().unwrap().clone()
    }

    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Returns the pods there are now.
    fn pods(&self) -> Vec<Pod> {
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

    async fn config_map(&self, _: &str) -> Result<Option<ConfigMap>, ClusterError> {
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
