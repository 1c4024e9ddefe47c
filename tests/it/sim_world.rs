//! The simulated cluster: attempts, eviction, cordons, the API, size.

use std::time::Instant;

use kup_core::id::Epoch;
use kup_steps::cluster::{ClusterError, Eviction};
use kup_steps::host::{AttemptStatus, HostError};
use kup_steps::script;
use kup_steps::sim::{SimSpec, SimWorld};

use crate::sim_rig::{RUN, Rig};

#[tokio::test]
async fn the_same_attempt_runs_once_and_an_old_epoch_never() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let order = rig.order(script::KUBELET_RESTART, &[]);
    rig.host("w1").start(&order).await.unwrap();
    rig.settle();
    let invocation = rig.value("w1", script::KUBELET, "invocation").await;
    rig.host("w1").start(&order).await.unwrap();
    rig.settle();
    assert_eq!(rig.value("w1", script::KUBELET, "invocation").await, invocation);

    let mut late = rig.order(script::KUBELET_RESTART, &[]);
    rig.world.cut("w1").unwrap();
    assert!(matches!(rig.host("w1").start(&late).await, Err(HostError::Unreachable { .. })));
    rig.world.mend("w1").unwrap();
    rig.claim("w1", 2).await;
    rig.world.deliver_late("w1", &late).unwrap();
    let status = rig.host("w1").status(&late.name).await.unwrap();
    assert!(matches!(status, AttemptStatus::Refused { .. }), "{status:?}");
    assert_eq!(rig.value("w1", script::KUBELET, "invocation").await, invocation);
    late.epoch = Epoch(2);
    rig.host("w1").start(&late).await.unwrap();
    rig.settle();
    assert_eq!(
        rig.host("w1").status(&late.name).await.unwrap(),
        AttemptStatus::Ended { status: 0 }
    );
}

#[tokio::test]
async fn a_cut_machine_goes_on_and_another_process_sees_it() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let name = rig.start("w1", script::REPOSITORY, &["v1.36"]).await;
    rig.world.cut("w1").unwrap();
    let other = SimWorld::open(&rig.path(), rig.clock.clone()).unwrap();
    assert!(other.host("w1").status(&name).await.is_err());
    rig.settle();
    other.mend("w1").unwrap();
    assert_eq!(rig.host("w1").status(&name).await.unwrap(), AttemptStatus::Ended { status: 0 });
    assert_eq!(other.picture().unwrap(), rig.world.picture().unwrap());
    assert!(
        SimWorld::create(
            &rig.path(),
            &SimSpec::parse("sim:1x1@v1.35.6", None).unwrap(),
            rig.clock.clone()
        )
        .is_err()
    );
}

#[tokio::test]
async fn a_failure_on_order_comes_once_and_before_any_effect() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let before = rig.world.picture().unwrap();
    rig.world.fail_next("w1", "repository", 7).unwrap();
    assert_eq!(rig.run("w1", script::REPOSITORY, &["v1.36"]).await.0, 7);
    assert_eq!(rig.world.picture().unwrap(), before);
    assert_eq!(rig.run("w1", script::REPOSITORY, &["v1.36"]).await.0, 0);
}

#[tokio::test]
async fn a_budget_holds_an_eviction_back_until_the_pod_before_is_ready_elsewhere() {
    let rig = Rig::new("sim:1x3@v1.35.6").await;
    let cluster = rig.cluster();
    let db = |pods: Vec<kup_steps::cluster::Pod>| {
        pods.into_iter().find(|pod| pod.name.starts_with("db-")).unwrap()
    };
    assert!(cluster.cordon("w1", RUN).await.unwrap());
    let first = db(cluster.pods_on("w1").await.unwrap());
    let second = db(cluster.pods_on("w2").await.unwrap());
    assert_eq!(cluster.evict(&first, None).await.unwrap(), Eviction::Accepted);
    assert!(matches!(cluster.evict(&second, None).await.unwrap(), Eviction::Blocked { .. }));
    assert!(cluster.pod_exists(&first).await.unwrap());
    rig.clock.forward(400);
    assert!(!cluster.pod_exists(&first).await.unwrap());
    assert_eq!(cluster.evict(&first, None).await.unwrap(), Eviction::Gone);
    assert_eq!(cluster.evict(&second, None).await.unwrap(), Eviction::Accepted);
    rig.settle();
    assert!(!cluster.pods_on("w1").await.unwrap().iter().any(|pod| pod.name.starts_with("db-")));
}

#[tokio::test]
async fn a_cordon_of_somebody_else_stands() {
    let rig = Rig::new("sim:1x2@v1.35.6").await;
    let cluster = rig.cluster();
    rig.world.foreign_cordon("w1").unwrap();
    assert!(!cluster.cordon("w1", RUN).await.unwrap());
    assert!(!cluster.uncordon("w1", RUN).await.unwrap());
    assert!(cluster.node("w1").await.unwrap().unwrap().unschedulable);
    assert!(cluster.cordon("w2", RUN).await.unwrap());
    assert!(cluster.cordon("w2", RUN).await.unwrap());
    assert!(cluster.uncordon("w2", RUN).await.unwrap());
    assert!(!cluster.node("w2").await.unwrap().unwrap().unschedulable);
}

#[tokio::test]
async fn without_an_api_server_the_cluster_does_not_answer() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let cluster = rig.cluster();
    assert_eq!(cluster.unready_checks().await.unwrap(), Vec::<String>::new());
    rig.world.foreign_file("cp1", "/etc/kubernetes/manifests/etcd.yaml", None).unwrap();
    assert_eq!(cluster.unready_checks().await.unwrap(), ["etcd"]);
    assert!(matches!(cluster.nodes().await, Err(ClusterError::Unavailable { .. })));
    rig.world.kill_machine("cp1").unwrap();
    assert!(cluster.unready_checks().await.is_err());
}

#[tokio::test]
async fn a_config_map_is_not_overwritten_by_who_read_an_older_one() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let cluster = rig.cluster();
    let read = cluster.config_map("coredns").await.unwrap().unwrap();
    let mut data = read.data.clone();
    data.insert("Corefile".to_owned(), "other".to_owned());
    let version = Some(read.resource_version.as_str());
    cluster.put_config_map("coredns", &data, version).await.unwrap();
    assert!(cluster.put_config_map("coredns", &read.data, version).await.is_err());
    cluster.put_config_map("coredns", &read.data, None).await.unwrap();
    assert!(cluster.config_map("none").await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_kept_is_written_once() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let run = RUN.parse().unwrap();
    let host = rig.host("w1");
    let path = host.keep(&run, "pre.tar", b"first").await.unwrap();
    assert_eq!(host.keep(&run, "pre.tar", b"second").await.unwrap(), path);
    let kept = rig.path().join("disk/w1").join(path.trim_start_matches('/'));
    assert_eq!(std::fs::read(kept).unwrap(), b"first");
    assert!(host.keep(&run, "../x", b"").await.is_err());
}

#[tokio::test]
async fn five_hundred_nodes_are_born_and_listed_quickly() {
    let began = Instant::now();
    let rig = SimSpec::parse("sim:5x495@v1.35.6", None).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = crate::sim_rig::ManualClock::new();
    let world = SimWorld::create(dir.path(), &rig, clock).unwrap();
    assert_eq!(world.cluster().nodes().await.unwrap().len(), 500);
    let taken = began.elapsed();
    println!("500 nodes took {taken:?}");
    assert!(taken.as_secs() < 5, "{taken:?}");
}
