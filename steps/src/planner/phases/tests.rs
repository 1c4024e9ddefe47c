use kup_core::plan::{Plan, StepSpec};

use crate::inventory::Inventory;
use crate::inventory::sample::{at, healthy};
use crate::planner::{Addon, KubeadmOptions, Options, PlanProblem, UpgradeConfig, plan};

fn planned(inventory: &Inventory, hops: &[&str], kubeadm: KubeadmOptions) -> Plan {
    plan(inventory, &options(hops, kubeadm)).unwrap()
}

fn options(hops: &[&str], kubeadm: KubeadmOptions) -> Options {
    let hops = hops.iter().map(|hop| at(hop)).collect();
    Options { hops, max_unavailable: 1, kubeadm, ..Options::default() }
}

/// The ids of a wave's steps.
fn steps(plan: &Plan, wave: &str) -> Vec<String> {
    let wave = plan.waves.iter().find(|it| it.name == wave);
    let stages = wave.into_iter().flat_map(|wave| &wave.stages);
    stages.flat_map(|stage| &stage.steps).map(|step| step.id.to_string()).collect()
}

fn step<'a>(plan: &'a Plan, id: &str) -> &'a StepSpec {
    plan.steps().map(|(_, step)| step).find(|step| step.id.as_str() == id).unwrap()
}

#[test]
fn kubeadm_is_called_phase_by_phase_and_whole_at_the_end() {
    let plan = planned(&healthy(2, 1, "v1.35.6"), &["v1.36.2"], KubeadmOptions::default());
    let wanted = [
        "repository.cp1",
        "kubeadm-package.cp1",
        "upgrade-plan.cp1",
        "kubeadm-preflight.cp1",
        "kubeadm-control-plane.cp1",
        "kubeadm-etcd.cp1",
        "kubeadm-upload-config.cp1",
        "kubeadm-kubelet-config.cp1",
        "kubeadm-bootstrap-token.cp1",
        "repository.cp2",
        "kubeadm-package.cp2",
        "kubeadm-preflight.cp2",
        "kubeadm-control-plane.cp2",
        "kubeadm-etcd.cp2",
        "kubeadm-kubelet-config.cp2",
    ];
    assert_eq!(steps(&plan, "control-plane"), wanted);
    let wanted = [
        "kubeadm-addons.cp1",
        "kubeadm-post-upgrade.cp1",
        "kubeadm-closing.cp1",
        "kubeadm-closing.cp2",
    ];
    assert_eq!(steps(&plan, "addons"), wanted);
    assert_eq!(step(&plan, "kubeadm-node.w1").params["role"], "worker");
    let names: Vec<&str> = plan.waves.iter().map(|wave| wave.name.as_str()).collect();
    let wanted = [
        "prefetch",
        "backup",
        "control-plane",
        "addons",
        "control-plane-kubelets",
        "workers",
        "verify",
    ];
    assert_eq!(names, wanted);
}

#[test]
fn an_older_kubeadm_is_called_whole() {
    let plan =
        planned(&healthy(2, 0, "v1.30.3"), &["v1.31.2", "v1.32.4"], KubeadmOptions::default());
    assert!(steps(&plan, "control-plane to v1.31.2").contains(&"kubeadm-apply.cp1".to_owned()));
    assert!(steps(&plan, "addons to v1.31.2").is_empty());
    let last = steps(&plan, "control-plane");
    assert!(last.contains(&"hop2.kubeadm-control-plane.cp1".to_owned()), "{last:?}");
    assert_eq!(steps(&plan, "addons").len(), 4);
}

#[test]
fn an_etcd_elsewhere_is_left_alone() {
    let mut inventory = healthy(1, 0, "v1.35.6");
    let state = &mut inventory.node_mut("cp1").control_plane;
    state.manifests.remove("etcd");
    state.pairs.retain(|pair, _| !pair.contains("/etcd/"));
    let plan = planned(&inventory, &["v1.36.2"], KubeadmOptions::default());
    assert!(plan.steps().all(|(_, step)| step.activity != "kubeadm-etcd"));
}

#[test]
fn an_etcd_whose_manifest_is_put_back_is_upgraded_too() {
    let mut inventory = healthy(3, 0, "v1.35.6");
    inventory.node_mut("cp2").control_plane.manifests.insert("etcd".to_owned(), None);
    let plan = planned(&inventory, &["v1.36.2"], KubeadmOptions::default());
    assert!(steps(&plan, "control-plane").contains(&"kubeadm-etcd.cp2".to_owned()));
}

#[test]
fn addons_can_be_left_out_one_by_one() {
    let inventory = healthy(1, 0, "v1.35.6");
    let without = |addons: &[Addon]| {
        let skip_addons = addons.iter().copied().collect();
        KubeadmOptions { skip_addons, ..KubeadmOptions::default() }
    };
    let plan = planned(&inventory, &["v1.36.2"], without(&[Addon::KubeProxy]));
    let addons = step(&plan, "kubeadm-addons.cp1");
    assert_eq!(addons.params["addons"], "coredns");
    assert_eq!(addons.params["call"], "upgrade\napply\nphase\naddon\ncoredns\nv1.36.2");
    let closing = &step(&plan, "kubeadm-closing.cp1").params["call"];
    assert!(closing.contains("--skip-phases=addon/kube-proxy"), "{closing}");
    let plan = planned(&inventory, &["v1.36.2"], without(&Addon::ALL));
    assert_eq!(steps(&plan, "addons").first().unwrap(), "kubeadm-post-upgrade.cp1");
}

#[test]
fn what_only_phases_can_be_told_is_refused_before_them() {
    let skip_addons = [Addon::CoreDns].into();
    let kubeadm = KubeadmOptions { skip_addons, ..KubeadmOptions::default() };
    let told = plan(&healthy(1, 0, "v1.29.4"), &options(&["v1.30.1"], kubeadm)).unwrap_err();
    assert!(matches!(&told, PlanProblem::NoPhases { option, .. } if option == "--skip-addon"));
}

#[test]
fn by_force_nothing_is_taken_as_done() {
    let kubeadm = KubeadmOptions { force: true, ..KubeadmOptions::default() };
    let plan = planned(&healthy(1, 1, "v1.35.6"), &["v1.36.2"], kubeadm);
    let calls = plan.steps().filter(|(_, step)| step.params.contains_key("call"));
    for (_, step) in calls {
        assert_eq!(step.params["again"], "yes", "{}", step.id);
    }
}

#[test]
fn a_workers_kubeadm_gets_the_file_too() {
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\n";
    let config = Some(UpgradeConfig::parse(text).unwrap());
    let ignore_preflight_errors = vec!["Swap".to_owned()];
    let kubeadm = KubeadmOptions { config, ignore_preflight_errors, ..KubeadmOptions::default() };
    let plan = planned(&healthy(1, 1, "v1.35.6"), &["v1.36.2"], kubeadm);
    let worker = step(&plan, "kubeadm-node.w1");
    assert!(worker.params["config"].contains("UpgradeConfiguration"));
    assert_eq!(worker.params["flags"], "--ignore-preflight-errors=Swap");
    let plan = planned(&healthy(1, 1, "v1.35.6"), &["v1.36.2"], KubeadmOptions::default());
    assert!(!step(&plan, "kubeadm-node.w1").params.contains_key("config"));
}
