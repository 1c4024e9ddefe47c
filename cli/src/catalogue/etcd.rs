//! What the journal knows of a snapshot of etcd.

use std::collections::BTreeMap;

use kup_core::event::{Backup, StepPrepared};
use kup_steps::etcd::record::Record;
use kup_steps::etcd::snapshot::WHAT;
use serde::Serialize;

/// What kind of copy a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// All that etcd holds.
    EtcdSnapshot,
    /// Files of a node, or objects of the API.
    Copy,
}

impl Kind {
    pub(super) fn of(backup: &Backup) -> Self {
        if backup.what == WHAT { Self::EtcdSnapshot } else { Self::Copy }
    }
}

/// What is known of a snapshot.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OfEtcd {
    /// etcd's version.
    pub(crate) version: String,
    /// It holds everything up to this revision at least.
    pub(crate) revision: i64,
    /// The member that it was taken of.
    pub(crate) member: String,
    /// All members.
    pub(crate) members: Vec<String>,
    /// Each member that answered, with the hash over all that it held.
    pub(crate) hashes: BTreeMap<String, String>,
}

impl OfEtcd {
    pub(super) fn of(prepared: &StepPrepared, backup: &Backup) -> Option<Self> {
        let record = Record::of(&prepared.notes).filter(|_| backup.what == WHAT)?;
        let members = record.members.iter().map(|member| match member.peers.first() {
            Some(peer) => format!("{} ({peer})", member.name),
            None => member.name.clone(),
        });
        let members = members.collect();
        let Record { version, revision, member, hashes, .. } = record;
        Some(Self { version, revision, member, members, hashes })
    }
}
