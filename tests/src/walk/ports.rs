//! The ports of a process: the simulated ones, with a moment before and after each call. The judge is asked before a call that changes
//! something, and looks at the world after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::AttemptName;
use kup_core::event::{ClusterIdentity, Entry};
use kup_core::id::{Epoch, RunId};
use kup_core::journal::{AppendError, Journal, NewEntry};
use kup_steps::cluster::{
    Cluster, ClusterError, ClusterSurvey, ConfigMap, Eviction, Node, ObjectName, Pod,
};
use kup_steps::host::{
    Address, AttemptStatus, Host, HostError, KeptFiles, Order, Owner, Reply, Stream,
};
use kup_steps::script::Script;
use serde_json::Value;

use super::process::{Call, Cue, Moment, Process};

mod etcd;

pub(super) use etcd::WatchedEtcd;

/// A journal as a process has it.
pub(super) struct WatchedJournal(pub(super) Box<dyn Journal>, pub(super) Arc<Process>);

fn no_room() -> AppendError {
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    AppendError::Storage { place: "the journal".to_owned(), source }
}

#[async_trait]
impl Journal for WatchedJournal {
    fn epoch(&self) -> Epoch {
        self.0.epoch()
    }

    async fn append(&mut self, entries: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
        if self.1.pass(Moment::BeforeAppend).await == Cue::Fail {
            return Err(no_room());
        }
        let written = self.0.append(entries).await?;
        self.1.judge().appended(&written, self.0.epoch());
        match self.1.pass(Moment::AfterAppend).await {
            Cue::Fail => Err(no_room()),
            Cue::GoOn | Cue::Die | Cue::Delay => Ok(written),
        }
    }
}

/// A machine as a process reaches it.
pub(super) struct WatchedHost {
    pub(super) inner: Arc<dyn Host>,
    pub(super) process: Arc<Process>,
}

impl WatchedHost {
    fn call(&self, what: &'static str) -> Call {
        Call { node: Some(self.inner.node().to_owned()), what }
    }

    fn lost(&self) -> HostError {
        let node = self.inner.node().to_owned();
        let source = Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        HostError::Unreachable { address: node.clone(), node, source }
    }

    async fn before(&self, what: &'static str) -> Result<(), HostError> {
        match self.process.pass(Moment::BeforeCall(self.call(what))).await {
            Cue::Fail => Err(self.lost()),
            Cue::GoOn | Cue::Die | Cue::Delay => Ok(()),
        }
    }

    async fn after<T>(
        &self,
        what: &'static str,
        answer: Result<T, HostError>,
    ) -> Result<T, HostError> {
        match self.process.pass(Moment::AfterCall(self.call(what))).await {
            Cue::Fail => Err(self.lost()),
            Cue::GoOn | Cue::Die | Cue::Delay => answer,
        }
    }
}

#[async_trait]
impl Host for WatchedHost {
    fn node(&self) -> &str {
        self.inner.node()
    }

    async fn ask(&self, script: &Script) -> Result<Reply, HostError> {
        self.before("ask").await?;
        let answer = self.inner.ask(script).await;
        self.after("ask", answer).await
    }

    async fn claim(
        &self,
        owner: &Owner,
        is_over: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<(), HostError> {
        self.before("claim").await?;
        let answer = self.inner.claim(owner, is_over).await;
        if answer.is_ok() {
            self.process.judge().claimed(self.inner.node(), owner.epoch);
        }
        self.after("claim", answer).await
    }

    async fn release(&self, owner: &Owner) -> Result<(), HostError> {
        self.before("release").await?;
        let answer = self.inner.release(owner).await;
        self.after("release", answer).await
    }

    async fn keep(&self, run: &RunId, name: &str, bytes: &[u8]) -> Result<String, HostError> {
        self.before("keep").await?;
        let answer = self.inner.keep(run, name, bytes).await;
        self.after("keep", answer).await
    }

    async fn keep_files(
        &self,
        run: &RunId,
        name: &str,
        paths: &[String],
    ) -> Result<KeptFiles, HostError> {
        self.before("keep-files").await?;
        let answer = self.inner.keep_files(run, name, paths).await;
        self.after("keep-files", answer).await
    }

    async fn tidy(&self, script: &Script) -> Result<Reply, HostError> {
        self.before("tidy").await?;
        let answer = self.inner.tidy(script).await;
        self.after("tidy", answer).await
    }

    async fn start(&self, order: &Order) -> Result<(), HostError> {
        self.process.look();
        self.process.judge().sent(self.inner.node(), order);
        match self.process.pass(Moment::BeforeCall(self.call("start"))).await {
            Cue::Fail => return Err(self.lost()),
            Cue::Delay => {
                self.process.director().takes(self.inner.node(), order);
                return Err(self.lost());
            }
            Cue::GoOn | Cue::Die => {}
        }
        let answer = self.inner.start(order).await;
        self.process.look();
        self.after("start", answer).await
    }

    async fn status(&self, name: &AttemptName) -> Result<AttemptStatus, HostError> {
        self.before("status").await?;
        self.inner.status(name).await
    }

    async fn output(&self, name: &AttemptName) -> Result<Vec<u8>, HostError> {
        self.before("output").await?;
        self.inner.output(name).await
    }

    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError> {
        self.before("dial").await?;
        self.inner.dial(address).await
    }
}

/// The API as a process reaches it.
pub(super) struct WatchedCluster {
    pub(super) inner: Arc<dyn Cluster>,
    pub(super) process: Arc<Process>,
}

impl WatchedCluster {
    fn lost(&self) -> ClusterError {
        let source = Box::new(std::io::Error::from(std::io::ErrorKind::TimedOut));
        ClusterError::Unavailable { endpoint: "the API".to_owned(), source }
    }

    async fn pass(
        &self,
        moment: fn(Call) -> Moment,
        what: &'static str,
    ) -> Result<(), ClusterError> {
        match self.process.pass(moment(Call { node: None, what })).await {
            Cue::Fail => Err(self.lost()),
            Cue::GoOn | Cue::Die | Cue::Delay => Ok(()),
        }
    }

    async fn look<T>(
        &self,
        answer: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        self.pass(Moment::BeforeCall, "look").await?;
        answer.await
    }

    async fn change<T>(
        &self,
        (what, node): (&'static str, &str),
        answer: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        self.pass(Moment::BeforeCall, what).await?;
        self.process.judge().changes(what, node);
        let answer = answer.await;
        self.process.look();
        self.pass(Moment::AfterCall, what).await?;
        answer
    }
}

#[async_trait]
impl Cluster for WatchedCluster {
    async fn identity(&self) -> Result<ClusterIdentity, ClusterError> {
        self.look(self.inner.identity()).await
    }

    async fn server_version(&self) -> Result<String, ClusterError> {
        self.look(self.inner.server_version()).await
    }

    async fn unready_checks(&self) -> Result<Vec<String>, ClusterError> {
        self.look(self.inner.unready_checks()).await
    }

    async fn survey(&self) -> ClusterSurvey {
        self.inner.survey().await
    }

    async fn nodes(&self) -> Result<Vec<Node>, ClusterError> {
        self.look(self.inner.nodes()).await
    }

    async fn node(&self, name: &str) -> Result<Option<Node>, ClusterError> {
        self.look(self.inner.node(name)).await
    }

    async fn cordon(&self, node: &str, run: &str) -> Result<bool, ClusterError> {
        self.change(("cordon", node), self.inner.cordon(node, run)).await
    }

    async fn uncordon(&self, node: &str, run: &str) -> Result<bool, ClusterError> {
        self.change(("uncordon", node), self.inner.uncordon(node, run)).await
    }

    async fn pods_on(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        self.look(self.inner.pods_on(node)).await
    }

    async fn system_pods(&self) -> Result<Vec<Pod>, ClusterError> {
        self.look(self.inner.system_pods()).await
    }

    async fn daemon_set_exists(&self, namespace: &str, name: &str) -> Result<bool, ClusterError> {
        self.look(self.inner.daemon_set_exists(namespace, name)).await
    }

    async fn evict(&self, pod: &Pod, grace: Option<u32>) -> Result<Eviction, ClusterError> {
        self.change(("evict", &pod.node), self.inner.evict(pod, grace)).await
    }

    async fn pod_exists(&self, pod: &Pod) -> Result<bool, ClusterError> {
        self.look(self.inner.pod_exists(pod)).await
    }

    async fn object(&self, name: &ObjectName) -> Result<Option<Value>, ClusterError> {
        self.look(self.inner.object(name)).await
    }

    async fn config_map(&self, name: &str) -> Result<Option<ConfigMap>, ClusterError> {
        self.look(self.inner.config_map(name)).await
    }

    async fn put_object(&self, name: &ObjectName, object: &Value) -> Result<(), ClusterError> {
        let answer = self.inner.put_object(name, object);
        self.change(("put-object", "cluster"), answer).await
    }

    async fn put_config_map(
        &self,
        name: &str,
        data: &BTreeMap<String, String>,
        expected: Option<&str>,
    ) -> Result<(), ClusterError> {
        let answer = self.inner.put_config_map(name, data, expected);
        self.change(("put-config-map", "cluster"), answer).await
    }
}
