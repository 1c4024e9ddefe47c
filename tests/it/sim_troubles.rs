//! The simulated cluster when it is surveyed: healthy by itself, and other where a test says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::clock::Clock;
use kup_steps::cluster::ClusterSurvey;
use kup_steps::facts::etcd::EtcdSurvey;
use kup_steps::facts::{Certificate, KubeletFlag, MachineSurvey, NodeFacts, PairState};
use kup_steps::host::Host;
use kup_steps::inventory::{Asking, Inventory, InventoryError, collect};
use kup_steps::sim::SimWorld;

use crate::sim_rig::Rig;

/// Takes the inventory of a simulated cluster.
pub(crate) async fn inventory(
    world: &SimWorld,
    clock: Arc<dyn Clock>,
) -> Result<Inventory, InventoryError> {
    let cluster = world.cluster();
    let nodes = cluster.nodes().await.unwrap();
    let host = |name: &String| (name.clone(), (format!("of {name}"), world.host(name)));
    let hosts: BTreeMap<String, (String, Arc<dyn Host>)> =
        nodes.iter().map(|node| host(&node.name)).collect();
    let minors = vec!["v1.35".to_owned(), "v1.36".to_owned()];
    collect(cluster.as_ref(), &nodes, &hosts, &Asking { minors, programs_from: None, clock }).await
}

#[tokio::test]
async fn a_healthy_cluster_says_so_in_every_part() {
    let rig = Rig::new("sim:3x2@v1.35.6").await;
    let seen = inventory(&rig.world, rig.clock.clone()).await.unwrap();
    assert_eq!((seen.nodes.len(), seen.silent.len(), seen.foreign.len()), (5, 0, 0));
    let etcd = seen.etcd.unwrap();
    assert_eq!(etcd.members.len(), 3);
    let statuses: Vec<_> = etcd.members.iter().map(|it| it.status.as_ref().unwrap()).collect();
    assert!(statuses.iter().all(|it| it.version == "3.6.6" && it.leader == etcd.members[0].id));
    let survey = seen.survey;
    assert!(!survey.pods.unwrap().is_empty() && !survey.workloads.unwrap().is_empty());
    let budgets = survey.budgets.unwrap();
    assert!(budgets.iter().all(|it| it.allowed >= 1 && it.expected == it.healthy), "{budgets:?}");
    assert!(survey.config_maps.unwrap().contains_key("kubeadm-config"));
    for node in &seen.nodes {
        let survey = &node.survey;
        let year = 365 * 24 * 3600;
        assert!(survey.certificates.iter().all(|it| it.ends > node.facts.now + year));
        assert_eq!(survey.api_server.is_some(), node.node.control_plane);
        assert_eq!(survey.manifests.len(), if node.node.control_plane { 4 } else { 0 });
        assert_eq!(survey.kubelet_process, "v1.35.6");
        assert!(!survey.images.as_ref().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_a_test_changes_is_what_every_process_sees_until_it_is_taken_back() {
    let rig = Rig::new("sim:1x2@v1.35.6").await;
    let healthy = inventory(&rig.world, rig.clock.clone()).await.unwrap();
    rig.world
        .disturb(|seen| {
            seen.machines.get_mut("w1").unwrap().survey.swap.push("/dev/sda2".to_owned());
            seen.nodes.get_mut("w2").unwrap().os = "windows".to_owned();
            seen.survey.api_services = Err("cannot list".to_owned());
            seen.etcd.as_mut().unwrap().alarms.push("NOSPACE on cp1".to_owned());
            seen.unready_checks.push("poststarthook/x failed".to_owned());
        })
        .unwrap();
    let other = SimWorld::open(&rig.path(), rig.clock.clone()).unwrap();
    let seen = inventory(&other, rig.clock.clone()).await.unwrap();
    let w1 = seen.nodes.iter().find(|node| node.node.name == "w1").unwrap();
    assert_eq!(w1.survey.swap, ["/dev/sda2"]);
    assert_eq!(seen.foreign[0].name, "w2");
    assert_eq!(seen.survey.api_services, Err("cannot list".to_owned()));
    assert_eq!(seen.survey.pods, healthy.survey.pods, "the rest is as it was");
    assert_eq!(seen.etcd.unwrap().alarms, ["NOSPACE on cp1"]);
    assert_eq!(seen.unready_checks, ["poststarthook/x failed"]);
    other.calm().unwrap();
    let calm = inventory(&rig.world, rig.clock.clone()).await.unwrap();
    assert_eq!(format!("{:?}", calm.nodes), format!("{:?}", healthy.nodes));
    assert_eq!((calm.etcd, calm.survey), (healthy.etcd, healthy.survey));
}

#[tokio::test]
async fn everything_that_a_machine_says_can_be_other() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let odd = odd_survey();
    rig.world
        .disturb(|seen| {
            let machine = seen.machines.get_mut("cp1").unwrap();
            machine.survey = odd.clone();
            machine.facts.free_kib.insert("/var/lib/etcd".to_owned(), 7);
            machine.facts.other_upgrade.push("dpkg".to_owned());
            machine.packages.packages.get_mut("kubelet").unwrap().is_held = false;
            machine.packages.audit = Some("half-installed".to_owned());
            machine.offers.minors.get_mut("v1.36").unwrap().unreadable = Some("404".to_owned());
            machine.control_plane.stray.push("extra.yaml".to_owned());
            machine.control_plane.pairs.insert("/x".to_owned(), PairState::Unknown);
        })
        .unwrap();
    let seen = inventory(&rig.world, rig.clock.clone()).await.unwrap();
    let cp1 = &seen.nodes[0];
    assert_eq!(cp1.survey, odd);
    assert_eq!(cp1.facts.free_kib["/var/lib/etcd"], 7);
    assert_eq!(cp1.facts.other_upgrade, ["dpkg"]);
    assert!(!cp1.packages.is_held("kubelet") && cp1.packages.is_held("kubeadm"));
    assert_eq!(cp1.packages.audit.as_deref(), Some("half-installed"));
    assert_eq!(cp1.offers.minors["v1.36"].unreadable.as_deref(), Some("404"));
    assert_eq!(cp1.offers.minors.len(), 2, "{:?}", cp1.offers.minors.keys());
    assert_eq!(cp1.control_plane.stray, ["extra.yaml"]);
    assert_eq!(cp1.control_plane.pairs["/x"], PairState::Unknown);
}

fn odd_survey() -> MachineSurvey {
    let text = |it: &str| it.to_owned();
    MachineSurvey {
        kernel: text("2.6"),
        os: text("an = sign"),
        architecture: text("arm64"),
        cgroup_version: 1,
        swap: vec![text("/swap")],
        runtime_endpoint: text("unix:///run/crio/crio.sock"),
        images: None,
        certificates: vec![Certificate { path: text("/etc/kubernetes/pki/ca.crt"), ends: -5 }],
        kubelet_flags: vec![KubeletFlag { flag: text("--a=b=c"), place: text("process") }],
        kubelet_config: text("a: b\n"),
        manifests: [(text("etcd"), text("lines\nof = text\n"))].into(),
        kubeadm_leftovers: vec![text("kubeadm-backup")],
        automatic_upgrades: vec![text("apt-daily-upgrade.timer")],
        cni: Vec::new(),
        patches: vec![text("etcd+json.yaml")],
        kubelet_process: String::new(),
        free_inodes: [(text("/usr/bin"), 3)].into(),
        unreadable: vec![text("swap")],
        api_server: None,
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_goes_on_from_there() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let hour = 3600;
    rig.world.disturb(|seen| seen.machines.get_mut("w1").unwrap().facts.now -= hour).unwrap();
    rig.clock.forward(10_000);
    let now = rig.clock.now().to_utc().timestamp();
    let facts = NodeFacts::read(rig.host("w1").as_ref()).await.unwrap();
    assert_eq!(facts.now, now - hour);
}

#[tokio::test]
async fn pods_and_nodes_may_be_added() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    rig.world
        .disturb(|seen| {
            let pods = seen.survey.pods.as_mut().unwrap();
            let mut pod = pods.iter().find(|pod| pod.namespace == "kube-system").unwrap().clone();
            (pod.name, pod.uid, pod.node) = ("extra".into(), "u".into(), "w1".into());
            pods.push(pod);
            let mut node = seen.nodes["w1"].clone();
            node.name = "w9".to_owned();
            seen.nodes.insert("w9".to_owned(), node);
        })
        .unwrap();
    let cluster = rig.cluster();
    let has_extra = |pods: &[kup_steps::cluster::Pod]| pods.iter().any(|pod| pod.name == "extra");
    assert!(has_extra(&cluster.system_pods().await.unwrap()));
    assert!(has_extra(&cluster.pods_on("w1").await.unwrap()));
    assert!(has_extra(&cluster.survey().await.pods.unwrap()));
    let seen = inventory(&rig.world, rig.clock.clone()).await.unwrap();
    assert_eq!(seen.silent[0].node.name, "w9");
    assert!(seen.silent[0].why.contains("w9"), "{}", seen.silent[0].why);
}

#[tokio::test]
async fn without_a_quorum_etcd_has_no_leader_and_the_api_says_nothing() {
    let rig = Rig::new("sim:3x1@v1.35.6").await;
    rig.world.kill_machine("cp2").unwrap();
    rig.world.kill_machine("cp3").unwrap();
    let etcd = EtcdSurvey::read(rig.host("cp1").as_ref()).await.unwrap();
    let up: Vec<_> = etcd.members.iter().filter_map(|it| it.status.as_ref().ok()).collect();
    assert_eq!(up.len(), 1);
    assert_eq!(up[0].leader, "");
    let why = "the API server at https://10.77.0.10:6443 does not answer";
    assert_eq!(rig.cluster().survey().await, ClusterSurvey::unreadable(why));
}
