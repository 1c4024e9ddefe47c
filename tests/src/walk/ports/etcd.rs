//! etcd as a process reaches it, with a moment before each question.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kup_steps::etcd::{Downgrade, Etcd, EtcdApi, EtcdError, KvHash, Members, Pieces, Status};
use kup_steps::host::Host;

use super::super::process::{Call, Cue, Moment, Process};

/// The way to etcd.
pub(in crate::walk) struct WatchedEtcd {
    pub(in crate::walk) inner: Arc<dyn Etcd>,
    pub(in crate::walk) process: Arc<Process>,
}

#[async_trait]
impl Etcd for WatchedEtcd {
    async fn reach<'a>(&self, host: &'a dyn Host) -> Result<Box<dyn EtcdApi + 'a>, EtcdError> {
        let inner = self.inner.reach(host).await?;
        let way = Way { node: host.node().to_owned(), process: Arc::clone(&self.process) };
        Ok(Box::new(WatchedApi { inner, way }))
    }
}

#[derive(Clone)]
struct Way {
    node: String,
    process: Arc<Process>,
}

impl Way {
    async fn pass(&self) -> Result<(), EtcdError> {
        self.pass_at(Moment::BeforeCall, "etcd").await
    }

    async fn pass_at(
        &self,
        moment: fn(Call) -> Moment,
        what: &'static str,
    ) -> Result<(), EtcdError> {
        let call = Call { node: Some(self.node.clone()), what };
        match self.process.pass(moment(call)).await {
            Cue::Fail => {
                let source = Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
                Err(EtcdError::Silent { endpoint: self.node.clone(), source })
            }
            Cue::GoOn | Cue::Die | Cue::Delay => Ok(()),
        }
    }
}

struct WatchedApi<'a> {
    inner: Box<dyn EtcdApi + 'a>,
    way: Way,
}

#[async_trait]
impl EtcdApi for WatchedApi<'_> {
    fn endpoints(&self) -> &[String] {
        self.inner.endpoints()
    }

    async fn members(&self, endpoint: &str) -> Result<Members, EtcdError> {
        self.way.pass().await?;
        self.inner.members(endpoint).await
    }

    async fn status(&self, endpoint: &str) -> Result<Status, EtcdError> {
        self.way.pass().await?;
        self.inner.status(endpoint).await
    }

    async fn hash(&self, endpoint: &str, revision: i64) -> Result<KvHash, EtcdError> {
        self.way.pass().await?;
        self.inner.hash(endpoint, revision).await
    }

    async fn changed_since(
        &self,
        endpoint: &str,
        revision: i64,
    ) -> Result<BTreeMap<String, u64>, EtcdError> {
        self.way.pass().await?;
        self.inner.changed_since(endpoint, revision).await
    }

    async fn downgrade(
        &self,
        endpoint: &str,
        what: Downgrade,
        minor: &str,
    ) -> Result<(), EtcdError> {
        if what == Downgrade::Validate {
            self.way.pass().await?;
            return self.inner.downgrade(endpoint, what, minor).await;
        }
        self.way.pass_at(Moment::BeforeCall, "etcd-downgrade").await?;
        self.way.process.judge().changes("etcd-downgrade", &self.way.node);
        let answer = self.inner.downgrade(endpoint, what, minor).await;
        self.way.process.look();
        self.way.pass_at(Moment::AfterCall, "etcd-downgrade").await?;
        answer
    }

    async fn snapshot(&self, endpoint: &str) -> Result<Box<dyn Pieces>, EtcdError> {
        self.way.pass().await?;
        let inner = self.inner.snapshot(endpoint).await?;
        Ok(Box::new(WatchedPieces { inner, way: self.way.clone() }))
    }
}

struct WatchedPieces {
    inner: Box<dyn Pieces>,
    way: Way,
}

#[async_trait]
impl Pieces for WatchedPieces {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, EtcdError> {
        self.way.pass().await?;
        self.inner.next().await
    }
}
