use kup_core::plan::{Plan, StepSpec};

use crate::facts::PackageManager;
use crate::inventory::Inventory;
use crate::inventory::sample::{at, healthy};
use crate::planner::{Addon, KubeadmOptions, Options, PlanProblem, plan};

fn planned(inventory: &Inventory, options: Options) -> Plan {
    let hops = if options.hops.is_empty() { vec![at("v1.36.2")] } else { options.hops };
    plan(inventory, &Options { hops, max_unavailable: 1, ..options }).unwrap()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a StepSpec {
    plan.steps().map(|(_, step)| step).find(|step| step.id.as_str() == id).unwrap()
}

#[test]
fn everything_of_every_hop_is_fetched_on_all_nodes_before_anything_moves() {
    let inventory = healthy(2, 1, "v1.34.4");
    let hops = ["v1.35.6", "v1.36.2"].map(at).to_vec();
    let plan = planned(&inventory, Options { hops, ..Options::default() });
    let names: Vec<&str> = plan.waves.iter().map(|wave| wave.name.as_str()).collect();
    assert_eq!(names[..2], ["prefetch to v1.35.6", "prefetch"]);
    for (wave, prefix) in plan.waves[..2].iter().zip(["", "hop2."]) {
        let steps = wave.stages.iter().flat_map(|stage| &stage.steps);
        let ids: Vec<&str> = steps.map(|step| step.id.as_str()).collect();
        let wanted = ["cp1", "cp2", "w1"].map(|node| format!("{prefix}prefetch.{node}"));
        assert_eq!(ids, wanted);
        assert!(wave.max_parallel > 3);
        // As with every stage of theirs: an operator leaves out whole nodes.
        let skippable: Vec<bool> = wave.stages.iter().map(|stage| stage.skippable).collect();
        assert_eq!(skippable, [false, false, true]);
    }
    let moves = plan.waves[2..].iter().flat_map(|wave| &wave.stages);
    assert!(moves.flat_map(|stage| &stage.steps).all(|step| step.activity != "prefetch"));
    let params = &step(&plan, "hop2.prefetch.w1").params;
    let packages = "kubeadm=1.36.2-1.1,kubelet=1.36.2-1.1,kubectl=1.36.2-1.1";
    assert_eq!(params["packages"], packages);
    assert_eq!((params["minor"].as_str(), params["role"].as_str()), ("v1.36", "worker"));
    assert_eq!((params["images"].as_str(), params["manager"].as_str()), ("-pause", "apt"));
}

#[test]
fn only_images_that_this_upgrade_brings_are_fetched() {
    let mut inventory = healthy(1, 0, "v1.35.6");
    assert_eq!(step(&planned(&inventory, Options::default()), "prefetch.cp1").params["images"], "");
    inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
        let text = text.replace("registry.k8s.io", "mirror.example/k8s");
        text.replace("dns: {}", "dns:\n  imageTag: v1.12.0-own")
    });
    let state = &mut inventory.node_mut("cp1").control_plane;
    state.manifests.remove("etcd");
    state.pairs.retain(|pair, _| !pair.contains("/etcd/"));
    let skip_addons = [Addon::KubeProxy].into();
    let kubeadm = KubeadmOptions { skip_addons, ..KubeadmOptions::default() };
    let plan = planned(&inventory, Options { kubeadm, ..Options::default() });
    let wanted = "--image-repository=mirror.example/k8s\n-coredns\n-kube-proxy\n-etcd";
    assert_eq!(step(&plan, "prefetch.cp1").params["images"], wanted);
}

#[test]
fn a_repository_without_a_minor_is_never_switched() {
    let mut inventory = healthy(1, 1, "v1.35.6");
    for repository in &mut inventory.node_mut("w1").packages.repositories {
        repository.minor = None;
    }
    let plan = planned(&inventory, Options::default());
    let is_switched = |node: &str| {
        let id = format!("repository.{node}");
        plan.steps().any(|(_, step)| step.id.as_str() == id)
    };
    assert_eq!((is_switched("cp1"), is_switched("w1")), (true, false));
    assert_eq!(step(&plan, "prefetch.w1").params["minor"], "");
}

#[test]
fn plain_programs_come_from_where_the_operator_says() {
    let mut inventory = healthy(1, 1, "v1.35.6");
    let node = inventory.node_mut("w1");
    node.facts.package_manager = PackageManager::Binaries;
    node.packages.repositories.clear();
    let programs_from = Some("/srv/kubernetes".to_owned());
    let plan = planned(&inventory, Options { programs_from, ..Options::default() });
    for id in ["prefetch.w1", "kubeadm-package.w1", "kubelet-packages.w1"] {
        let params = &step(&plan, id).params;
        assert_eq!(
            (params["manager"].as_str(), params["from"].as_str()),
            ("binaries", "/srv/kubernetes")
        );
    }
    assert!(!step(&plan, "prefetch.cp1").params.contains_key("from"));
    inventory.node_mut("w1").facts.package_manager = PackageManager::Dnf;
    let hops = vec![at("v1.36.2")];
    let refused = super::super::plan(&inventory, &Options { hops, ..Options::default() });
    assert!(matches!(refused, Err(PlanProblem::NoRepository(node)) if node == "w1"));
}
