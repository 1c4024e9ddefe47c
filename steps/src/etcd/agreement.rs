//! Do all members of etcd hold the same? Asked before a snapshot is taken of one of them: a copy of a member that differs would be none of the
//! cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use kup_core::activity::ActivityError;
use kup_core::clock::Clock;

use super::snapshot::etcd_error;
use super::{EtcdApi, EtcdError, KvHash, Member, Status};

/// While a compaction is on its way from member to member their hashes cannot be compared.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What the members that answer agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Up to this revision.
    pub revision: i64,
    /// What each member that answers says, by name.
    pub hashes: BTreeMap<String, KvHash>,
    /// The members that do not answer, by name, with the reason.
    pub silent: BTreeMap<String, String>,
}

/// A member that answers.
struct Voice<'a> {
    member: &'a Member,
    endpoint: &'a str,
    status: Status,
}

/// Compares the members' hashes at one revision.
///
/// # Errors
/// Permanent when members of one version differ: etcd is corrupt.
pub async fn agree(
    api: &dyn EtcdApi,
    members: &[Member],
    clock: &dyn Clock,
) -> Result<Agreement, ActivityError> {
    let mut tries = 1;
    loop {
        let (voices, silent) = voices(api, members).await;
        match hashes(api, &voices).await {
            Ok((revision, hashes)) => {
                if same(&voices, &hashes)? {
                    let named = voices.iter().map(|voice| voice.member.name.clone());
                    let hashes = named.zip(hashes).collect();
                    return Ok(Agreement { revision, hashes, silent });
                }
            }
            Err(EtcdError::Revision { .. }) => {}
            Err(error) => return Err(etcd_error(&error)),
        }
        if tries >= TRIES {
            let why = "the members of etcd cannot be compared: each has compacted another part of its history";
            return Err(ActivityError::transient(why));
        }
        tries += 1;
        clock.sleep(PAUSE).await;
    }
}

async fn voices<'a>(
    api: &dyn EtcdApi,
    members: &'a [Member],
) -> (Vec<Voice<'a>>, BTreeMap<String, String>) {
    let (mut voices, mut silent) = (Vec::new(), BTreeMap::new());
    for member in members.iter().filter(|member| !member.is_learner) {
        let Some(endpoint) = member.clients.first() else {
            silent.insert(called(member), "it was added and never started".to_owned());
            continue;
        };
        match api.status(endpoint).await {
            Ok(status) => voices.push(Voice { member, endpoint, status }),
            Err(error) => {
                silent.insert(called(member), etcd_error(&error).to_record().to_string());
            }
        }
    }
    (voices, silent)
}

fn called(member: &Member) -> String {
    if member.name.is_empty() { member.id.clone() } else { member.name.clone() }
}

/// Asks everybody for the hash at the last revision that all of them have.
async fn hashes(api: &dyn EtcdApi, voices: &[Voice<'_>]) -> Result<(i64, Vec<KvHash>), EtcdError> {
    let revision = voices.iter().map(|voice| voice.status.revision).min().unwrap_or_default();
    let mut hashes = Vec::new();
    for voice in voices {
        hashes.push(api.hash(voice.endpoint, revision).await?);
    }
    Ok((revision, hashes))
}

/// Whether all hashes are the same; false where they cannot be compared yet. Another version of etcd may count in another way.
fn same(voices: &[Voice<'_>], hashes: &[KvHash]) -> Result<bool, ActivityError> {
    let mut is_comparable = true;
    let all = || voices.iter().zip(hashes);
    for (voice, hash) in all() {
        let others = all().filter(|(other, _)| other.status.version == voice.status.version);
        for (other, its) in others {
            if its.compacted != hash.compacted {
                is_comparable = false;
            } else if its.hash != hash.hash {
                return Err(corrupt((voice, hash), (other, its)));
            }
        }
    }
    Ok(is_comparable)
}

fn corrupt(one: (&Voice<'_>, &KvHash), other: (&Voice<'_>, &KvHash)) -> ActivityError {
    let told = |(voice, hash): (&Voice<'_>, &KvHash)| {
        format!("{} has {:08x}", called(voice.member), hash.hash)
    };
    let mut error = ActivityError::permanent(format!(
        "etcd is corrupt: its members hold different data at the same revision ({}, {})",
        told(one),
        told(other)
    ));
    error.causes.push(
        "find the member that is wrong (etcd's documentation, data corruption), take it out and let it join anew; never upgrade over it"
            .to_owned(),
    );
    error
}

#[cfg(test)]
mod tests;
