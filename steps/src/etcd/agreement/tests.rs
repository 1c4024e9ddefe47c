use std::sync::Mutex;

use async_trait::async_trait;
use kup_core::clock::Timestamp;
use kup_core::event::ErrorClass;

use super::*;
use crate::etcd::{Downgrade, Members, Pieces};

/// A member's version, its revision, and its hashes one after the other, each with what was compacted by then.
type Told<'a> = (&'static str, i64, &'a [(u32, i64)]);
/// The same as it is kept, the next hash last.
type Kept = (&'static str, i64, Vec<KvHash>);

/// Members by endpoint.
struct Town(Mutex<BTreeMap<String, Kept>>);

impl Town {
    fn of(members: &[(&str, Told<'_>)]) -> (Self, Vec<Member>) {
        let (mut town, mut list) = (BTreeMap::new(), Vec::new());
        for (name, (version, revision, hashes)) in members {
            let hashes = hashes
                .iter()
                .rev()
                .map(|(hash, compacted)| KvHash { hash: *hash, compacted: *compacted });
            town.insert((*name).to_owned(), (*version, *revision, hashes.collect()));
            let (name, clients) = ((*name).to_owned(), vec![(*name).to_owned()]);
            list.push(Member {
                id: name.clone(),
                name,
                peers: Vec::new(),
                clients,
                is_learner: false,
            });
        }
        (Self(Mutex::new(town)), list)
    }
}

fn silent(endpoint: &str) -> EtcdError {
    EtcdError::Silent { endpoint: endpoint.to_owned(), source: "refused".into() }
}

#[async_trait]
impl EtcdApi for Town {
    fn endpoints(&self) -> &[String] {
        &[]
    }

    async fn members(&self, endpoint: &str) -> Result<Members, EtcdError> {
        Err(silent(endpoint))
    }

    async fn status(&self, endpoint: &str) -> Result<Status, EtcdError> {
        let town = self.0.lock().unwrap();
        let (version, revision, _) = town.get(endpoint).ok_or_else(|| silent(endpoint))?;
        Ok(Status {
            member: endpoint.to_owned(),
            version: (*version).to_owned(),
            revision: *revision,
            db_size: 0,
            has_leader: true,
            is_learner: false,
            errors: Vec::new(),
            storage: String::new(),
            downgrade: None,
        })
    }

    async fn hash(&self, endpoint: &str, revision: i64) -> Result<KvHash, EtcdError> {
        let mut town = self.0.lock().unwrap();
        let (_, has, hashes) = town.get_mut(endpoint).ok_or_else(|| silent(endpoint))?;
        if revision > *has {
            let (endpoint, why) = (endpoint.to_owned(), "a future revision".to_owned());
            return Err(EtcdError::Revision { endpoint, revision, why });
        }
        let last = hashes.last().copied().unwrap();
        Ok(if hashes.len() > 1 { hashes.pop().unwrap() } else { last })
    }

    async fn changed_since(
        &self,
        endpoint: &str,
        _: i64,
    ) -> Result<BTreeMap<String, u64>, EtcdError> {
        Err(silent(endpoint))
    }

    async fn downgrade(&self, endpoint: &str, _: Downgrade, _: &str) -> Result<(), EtcdError> {
        Err(silent(endpoint))
    }

    async fn snapshot(&self, endpoint: &str) -> Result<Box<dyn Pieces>, EtcdError> {
        Err(silent(endpoint))
    }
}

struct Quick;

#[async_trait]
impl Clock for Quick {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn since_boot(&self) -> u64 {
        0
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test]
async fn members_that_hold_the_same_agree_at_the_last_revision_that_all_have() {
    let (town, members) =
        Town::of(&[("a", ("3.5.24", 90, &[(7, 50)])), ("b", ("3.5.24", 80, &[(7, 50)]))]);
    let agreement = agree(&town, &members, &Quick).await.unwrap();
    assert_eq!((agreement.revision, agreement.hashes.len()), (80, 2));
}

#[tokio::test]
async fn members_that_differ_are_named_and_asking_again_does_not_help() {
    let (town, members) =
        Town::of(&[("a", ("3.5.24", 80, &[(7, 50)])), ("b", ("3.5.24", 80, &[(8, 50)]))]);
    let error = agree(&town, &members, &Quick).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.message.contains("a has 00000007, b has 00000008"), "{error}");
}

#[tokio::test]
async fn a_compaction_under_way_is_waited_for_and_is_no_difference() {
    let (town, members) =
        Town::of(&[("a", ("3.5.24", 80, &[(7, 50), (9, 60)])), ("b", ("3.5.24", 80, &[(9, 60)]))]);
    let agreement = agree(&town, &members, &Quick).await.unwrap();
    assert_eq!(agreement.hashes["a"], KvHash { hash: 9, compacted: 60 });
    let (town, members) =
        Town::of(&[("a", ("3.5.24", 80, &[(7, 50)])), ("b", ("3.5.24", 80, &[(9, 60)]))]);
    assert_eq!(agree(&town, &members, &Quick).await.unwrap_err().class, ErrorClass::Transient);
}

#[tokio::test]
async fn another_version_may_count_in_another_way_and_who_is_silent_is_named() {
    let (town, mut members) =
        Town::of(&[("a", ("3.5.24", 80, &[(7, 50)])), ("b", ("3.6.4", 80, &[(8, 50)]))]);
    members.push(Member {
        clients: vec!["c".to_owned()],
        name: "c".to_owned(),
        ..members[0].clone()
    });
    let agreement = agree(&town, &members, &Quick).await.unwrap();
    assert_eq!(agreement.hashes.len(), 2);
    assert!(agreement.silent["c"].contains("does not answer"), "{:?}", agreement.silent);
}
