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

#[tokio::test]
async fn a_slow_world_has_what_its_description_asks_for() {
    let mut spec = SimSpec::parse("sim:1x1@v1.35.6", None).unwrap();
    (spec.speed, spec.empty_dir, spec.bare_pod) = (0.1, true, true);
    let rig = Rig::of(&spec).await;
    let pods = rig.cluster().pods_on("w1").await.unwrap();
    assert!(pods.iter().any(|pod| !pod.empty_dirs.is_empty()));
    assert!(pods.iter().any(|pod| pod.controller.is_none()));
    rig.start("w1", script::REPOSITORY, &["v1.36"]).await;
    rig.clock.forward(150);
    let key = "minor:/etc/apt/sources.list.d/kubernetes.list";
    assert_eq!(rig.value("w1", script::PACKAGES, key).await, "v1.35");
    rig.clock.forward(100);
    assert_eq!(rig.value("w1", script::PACKAGES, key).await, "v1.36");
}

#[tokio::test]
async fn a_node_of_another_run_is_taken_only_when_that_run_is_over() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let host = rig.host("w1");
    let owner = |run: &str, epoch| kup_steps::host::Owner {
        cluster: "c".to_owned(),
        run: run.parse().unwrap(),
        epoch: Epoch(epoch),
        operator: "me@here".to_owned(),
    };
    let other = owner("20261123-bbbbbbb", 1);
    let refused = host.claim(&other, &|_| false).await;
    assert!(matches!(refused, Err(HostError::Owned { .. })), "{refused:?}");
    host.claim(&owner(RUN, 3), &|_| false).await.unwrap();
    assert!(host.claim(&owner(RUN, 2), &|_| true).await.is_err());
    host.claim(&other, &|run| run == RUN).await.unwrap();
    let shown = rig.value("w1", script::FACTS, "owner").await;
    assert!(shown.contains("run=20261123-bbbbbbb"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_who_open_one_world_lose_nothing_of_each_other() {
    let rig = Rig::new("sim:1x4@v1.35.6").await;
    let counters = (1..=4).map(|number| {
        let world = SimWorld::open(&rig.path(), rig.clock.clone()).unwrap();
        tokio::spawn(async move {
            for round in 0..20 {
                let data = [("round".to_owned(), round.to_string())].into();
                let name = format!("map-{number}");
                world.cluster().put_config_map(&name, &data, None).await.unwrap();
                world.fail_next(&format!("w{number}"), &format!("script-{round}"), 1).unwrap();
            }
        })
    });
    for counter in counters.collect::<Vec<_>>() {
        counter.await.unwrap();
    }
    for number in 1..=4 {
        let map = rig.cluster().config_map(&format!("map-{number}")).await.unwrap().unwrap();
        assert_eq!(map.data["round"], "19");
    }
}
