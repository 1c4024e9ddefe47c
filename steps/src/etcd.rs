//! The port to etcd itself: what its maintenance API tells, and its snapshot. Adapters: gRPC through a machine ([`grpc`]), and the
//! simulated cluster's ([`crate::sim`]). No data are changed through it; a downgrade ([`downgrade`]) changes the version at which they are stored.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::host::{Host, HostError};

pub mod agreement;
mod credentials;
pub mod downgrade;
pub mod grpc;
mod keys;
pub mod record;
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "it is generated from rpc.proto"
)]
#[rustfmt::skip]
mod rpc;
pub mod snapshot;

/// A member as etcd's list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name; empty when it was added and never started.
    pub name: String,
    /// Its id in hexadecimal.
    pub id: String,
    /// Where other members reach it.
    pub peers: Vec<String>,
    /// Where clients reach it.
    pub clients: Vec<String>,
    /// Whether it does not vote yet.
    pub is_learner: bool,
}

/// etcd's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// The cluster's id in hexadecimal.
    pub cluster: String,
    /// All of them.
    pub members: Vec<Member>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its id in hexadecimal.
    pub member: String,
    /// Its version, e.g. `3.5.24`.
    pub version: String,
    /// The revision of its store.
    pub revision: i64,
    /// The size of its file in bytes.
    pub db_size: u64,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// Whether it does not vote yet.
    pub is_learner: bool,
    /// What it complains of; alarms too.
    pub errors: Vec<String>,
    /// The version at which its data are stored, e.g. `3.6.0`: no older etcd reads them. Empty where it does not say (before 3.6).
    pub storage: String,
    /// The version to which a downgrade is enabled, e.g. `3.5.0`; `None` where none is, or where it does not say (before 3.6).
    pub downgrade: Option<String>,
}

/// What is asked of etcd about its way to the minor before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downgrade {
    /// Whether it would begin; changes nothing.
    Validate,
    /// To begin: members lower the version of their storage by themselves, and members of the older minor may then take their places.
    Enable,
    /// To end it, as long as a member of the newer minor runs.
    Cancel,
}

/// A hash over all keys and revisions of a member's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvHash {
    /// The hash.
    pub hash: u32,
    /// What was compacted away by then; only hashes with the same can be compared.
    pub compacted: i64,
}

/// Says why etcd did not answer.
#[derive(Debug, Error)]
pub enum EtcdError {
    /// A control plane does not say how etcd is reached.
    #[error("{node} does not say how its API server reaches etcd: {why}")]
    Unknown {
        /// The node.
        node: String,
        /// Why.
        why: String,
    },
    /// The way to the control plane is broken.
    #[error("cannot ask etcd through a control plane")]
    Host(#[source] HostError),
    /// No answer, or a connection that broke.
    #[error("etcd at {endpoint} does not answer")]
    Silent {
        /// The endpoint.
        endpoint: String,
        /// What was said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It answers and does not do it: asking again will not help.
    #[error("etcd at {endpoint} refuses: {why}")]
    Refused {
        /// The endpoint.
        endpoint: String,
        /// What it says.
        why: String,
    },
    /// The revision asked for is compacted away, or not there yet.
    #[error("etcd at {endpoint} cannot hash the revision {revision}: {why}")]
    Revision {
        /// The endpoint.
        endpoint: String,
        /// The revision.
        revision: i64,
        /// What it says.
        why: String,
    },
}

impl EtcdError {
    /// Whether asking again may help.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Silent { .. } | Self::Revision { .. } => true,
            Self::Host(error) => matches!(error, HostError::Unreachable { .. }),
            Self::Unknown { .. } | Self::Refused { .. } => false,
        }
    }
}

/// The way to etcd.
#[async_trait]
pub trait Etcd: Send + Sync {
    /// Reaches etcd as the API server of a control plane does: its endpoints, its key.
    ///
    /// # Errors
    /// See [`EtcdError`]. That etcd answers is not known yet.
    async fn reach<'a>(&self, host: &'a dyn Host) -> Result<Box<dyn EtcdApi + 'a>, EtcdError>;
}

/// etcd as a control plane reaches it.
#[async_trait]
pub trait EtcdApi: Send + Sync {
    /// Returns the endpoints that the API server uses.
    fn endpoints(&self) -> &[String];

    /// Returns the members as the one behind an endpoint knows them; needs no quorum.
    ///
    /// # Errors
    /// See [`EtcdError`].
    async fn members(&self, endpoint: &str) -> Result<Members, EtcdError>;

    /// Returns what the member behind an endpoint says of itself.
    ///
    /// # Errors
    /// See [`EtcdError`].
    async fn status(&self, endpoint: &str) -> Result<Status, EtcdError>;

    /// Returns the hash of everything up to a revision.
    ///
    /// # Errors
    /// See [`EtcdError`]; [`EtcdError::Revision`] when it is compacted away or not there yet.
    async fn hash(&self, endpoint: &str, revision: i64) -> Result<KvHash, EtcdError>;

    /// Returns how many objects were made or changed after a revision and are still there, by resource (`pods`, `leases.coordination.k8s.io`).
    /// Reads all keys, no values.
    ///
    /// # Errors
    /// See [`EtcdError`].
    async fn changed_since(
        &self,
        endpoint: &str,
        revision: i64,
    ) -> Result<BTreeMap<String, u64>, EtcdError>;

    /// Asks for a downgrade of the whole cluster to a minor such as `3.5`, through the member behind an endpoint.
    ///
    /// # Errors
    /// See [`EtcdError`]; [`EtcdError::Refused`] where etcd does not do it, which changes nothing.
    async fn downgrade(
        &self,
        endpoint: &str,
        what: Downgrade,
        minor: &str,
    ) -> Result<(), EtcdError>;

    /// Begins a snapshot of the member behind an endpoint.
    ///
    /// # Errors
    /// See [`EtcdError`].
    async fn snapshot(&self, endpoint: &str) -> Result<Box<dyn Pieces>, EtcdError>;
}

/// A snapshot on its way.
#[async_trait]
pub trait Pieces: Send {
    /// Returns the next piece; none at the end.
    ///
    /// # Errors
    /// See [`EtcdError`]. An end alone proves nothing: [`snapshot::Check`] does.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, EtcdError>;
}
