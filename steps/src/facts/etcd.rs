//! What etcd says of itself, through a control plane. Reads `node/etcd.sh`.

use serde::{Deserialize, Serialize};

/// Where etcd lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EtcdKind {
    /// As static pods of the control planes.
    Stacked,
    /// Somewhere else: kup takes its snapshot and touches nothing.
    External,
}

/// etcd's members and their health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdSurvey {
    /// Where it lives.
    pub kind: EtcdKind,
    /// The members in its list.
    pub members: Vec<EtcdMember>,
    /// Alarms, each as `NOSPACE on cp1`.
    pub alarms: Vec<String>,
}

/// A member of etcd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdMember {
    /// Its name; empty when it was added and never started.
    pub name: String,
    /// Its id in hexadecimal.
    pub id: String,
    /// Where clients reach it; empty when it never started.
    pub endpoint: String,
    /// Whether it does not vote yet.
    pub is_learner: bool,
    /// What it says of itself, or why it did not.
    pub status: Result<EtcdStatus, String>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdStatus {
    /// Its version, e.g. `3.5.24`.
    pub version: String,
    /// The size of its file in bytes.
    pub db_size: u64,
    /// How much of that is in use.
    pub db_in_use: u64,
    /// Its quota in bytes (etcd's default of 2 GiB where the member does not say).
    pub quota: u64,
    /// The id of the member that it takes for the leader; empty when there is none.
    pub leader: String,
    /// What it complains of.
    pub errors: Vec<String>,
}
