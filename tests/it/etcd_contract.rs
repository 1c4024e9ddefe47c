//! What every way to etcd must do, the simulated one too: the members and their hashes are told, and a snapshot comes whole or not at all.
//!
//! `KUP_TEST_ETCD=/usr/bin/etcd` (with `etcdctl` beside it) runs it on a real etcd of three members with TLS, started here and thrown away.

use kup_core::journal::Blobs;
use kup_steps::etcd::agreement::agree;
use kup_steps::etcd::snapshot::Check;
use kup_steps::etcd::{Etcd, EtcdApi, EtcdError};
use kup_steps::host::Host;
use kup_store::MemoryBlobs;

use crate::sim_rig::{ManualClock, Rig};

mod real;

/// Checks a healthy etcd of `n_members`, and returns a snapshot of it.
async fn check(etcd: &dyn Etcd, host: &dyn Host, n_members: usize) -> Vec<u8> {
    let api = etcd.reach(host).await.unwrap();
    let endpoint = api.endpoints().first().unwrap().clone();
    let found = api.members(&endpoint).await.unwrap();
    assert_eq!(found.members.len(), n_members);
    let mut ids = Vec::new();
    for member in &found.members {
        assert!(!member.name.is_empty() && !member.peers.is_empty() && !member.is_learner);
        let status = api.status(&member.clients[0]).await.unwrap();
        assert_eq!((&status.member, status.has_leader), (&member.id, true));
        assert!(status.version.starts_with("3.") && status.revision > 0 && status.db_size > 0);
        assert!(status.errors.is_empty(), "{:?}", status.errors);
        ids.push(status.member);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), n_members, "each member is another one");
    let agreement = agree(api.as_ref(), &found.members, &*ManualClock::new()).await.unwrap();
    assert_eq!((agreement.hashes.len(), agreement.silent.len()), (n_members, 0));
    nobody_answers_elsewhere(api.as_ref()).await;
    whole(api.as_ref(), &endpoint).await
}

async fn nobody_answers_elsewhere(api: &dyn EtcdApi) {
    for result in [
        api.status("https://127.0.0.1:1").await.map(|_| ()),
        api.members("https://127.0.0.1:1").await.map(|_| ()),
        api.snapshot("https://127.0.0.1:1").await.map(|_| ()),
    ] {
        let error = result.unwrap_err();
        assert!(error.passes(), "{error:?}");
    }
}

async fn whole(api: &dyn EtcdApi, endpoint: &str) -> Vec<u8> {
    let (mut pieces, mut check) = (api.snapshot(endpoint).await.unwrap(), Check::default());
    let (blobs, mut bytes) = (MemoryBlobs::default(), Vec::new());
    let mut blob = blobs.begin().await.unwrap();
    while let Some(piece) = pieces.next().await.unwrap() {
        check.pass(&piece);
        blob.write(&piece).await.unwrap();
        bytes.extend(piece);
    }
    assert_eq!(check.finish(), Ok(bytes.len() as u64));
    assert_eq!(blobs.get(&blob.finish().await.unwrap()).await.unwrap(), bytes);
    bytes
}

#[tokio::test]
async fn a_simulated_etcd_keeps_the_contract() {
    let rig = Rig::new("sim:3x0@v1.35.6").await;
    let bytes = check(&*rig.world.etcd(), &*rig.host("cp2"), 3).await;
    assert!(String::from_utf8_lossy(&bytes).contains("kubeadm-config"));
}

#[tokio::test]
async fn a_control_plane_whose_manifests_are_gone_does_not_say_where_etcd_is() {
    let rig = Rig::new("sim:1x0@v1.35.6").await;
    let take = |component: &str| {
        let manifest = format!("/etc/kubernetes/manifests/{component}.yaml");
        rig.world.foreign_file("cp1", &manifest, None).unwrap();
    };
    let (etcd, host) = (rig.world.etcd(), rig.host("cp1"));
    take("kube-apiserver");
    // kubeadm's own files tell, while etcd is there.
    assert!(etcd.reach(&*host).await.is_ok());
    take("etcd");
    let refused = etcd.reach(&*host).await.map(|_| ());
    assert!(matches!(refused, Err(EtcdError::Unknown { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_simulated_snapshot_breaks_off_when_it_is_told_to() {
    let rig = Rig::new("sim:1x0@v1.35.6").await;
    rig.world.break_next_snapshot("cp1").unwrap();
    let (etcd, host) = (rig.world.etcd(), rig.host("cp1"));
    let api = etcd.reach(&*host).await.unwrap();
    let endpoint = api.endpoints()[0].clone();
    let mut pieces = api.snapshot(&endpoint).await.unwrap();
    assert!(pieces.next().await.unwrap().is_some());
    assert!(matches!(pieces.next().await, Err(EtcdError::Silent { .. })));
    whole(api.as_ref(), &endpoint).await;
}
