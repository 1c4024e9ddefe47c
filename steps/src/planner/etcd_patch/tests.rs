use kup_core::plan::{Plan, Wave};

use crate::facts::Manifest;
use crate::inventory::Inventory;
use crate::inventory::sample::{at, healthy};
use crate::planner::{KubeadmOptions, Options, PlanProblem, plan};

fn planned(inventory: &Inventory, hops: &[&str], tag: Option<&str>) -> Result<Plan, PlanProblem> {
    let hops = hops.iter().map(|hop| at(hop)).collect();
    let etcd_image_tag = tag.map(str::to_owned);
    let kubeadm = KubeadmOptions { etcd_image_tag, ..KubeadmOptions::default() };
    plan(inventory, &Options { hops, max_unavailable: 1, kubeadm, ..Options::default() })
}

fn patch(plan: &Plan) -> Option<&Wave> {
    plan.waves.iter().find(|wave| wave.name.starts_with("etcd-patch"))
}

fn ids(wave: &Wave) -> Vec<&str> {
    wave.stages.iter().flat_map(|stage| &stage.steps).map(|step| step.id.as_str()).collect()
}

/// Says of every step of the wave what it is told: its call, or its tag.
fn told(wave: &Wave) -> Vec<String> {
    let steps = wave.stages.iter().flat_map(|stage| &stage.steps);
    steps
        .map(|step| step.params.get("call").unwrap_or(&step.params["tag"]).replace('\n', " "))
        .collect()
}

#[test]
fn members_are_patched_one_at_a_time_with_the_old_kubeadm() {
    let plan = planned(&healthy(3, 1, "v1.33.13"), &["v1.34.1"], None).unwrap();
    let wave = patch(&plan).unwrap();
    assert_eq!(plan.waves[1].name, "backup-before-etcd-patch");
    assert_eq!(plan.waves[2].name, wave.name, "before anything else moves");
    assert_eq!(wave.max_parallel, 1);
    assert_eq!(
        ids(wave),
        [
            "etcd-image-tag.cluster",
            "etcd-patch.cp1",
            "etcd-patch.cp2",
            "etcd-patch.cp3",
            "etcd-image-tag-back.cluster"
        ]
    );
    assert_eq!(
        told(wave),
        [
            "3.5.26-0",
            "upgrade apply phase control-plane v1.33.13 --etcd-upgrade=true",
            "upgrade node phase control-plane --etcd-upgrade=true",
            "upgrade node phase control-plane --etcd-upgrade=true",
            ""
        ]
    );
    assert!(wave.stages[1].steps[0].params["tag"] == "3.5.26-0");
}

#[test]
fn what_is_new_enough_is_not_patched() {
    for (version, hop) in [("v1.35.6", "v1.36.2"), ("v1.33.1", "v1.33.13")] {
        let plan = planned(&healthy(1, 0, version), &[hop], None).unwrap();
        assert_eq!(patch(&plan), None, "{version} to {hop}");
    }
    let mut inventory = healthy(2, 0, "v1.33.13");
    let newer = |sha256: &str| {
        Some(Manifest {
            sha256: sha256.to_owned(),
            image: Some("registry.k8s.io/etcd:3.5.32-0".to_owned()),
        })
    };
    inventory.node_mut("cp1").control_plane.manifests.insert("etcd".to_owned(), newer("a"));
    let plan = planned(&inventory, &["v1.34.1"], None).unwrap();
    let names = ids(patch(&plan).unwrap());
    assert_eq!(names, ["etcd-image-tag.cluster", "etcd-patch.cp2", "etcd-image-tag-back.cluster"]);
    inventory.node_mut("cp2").control_plane.manifests.insert("etcd".to_owned(), newer("b"));
    assert_eq!(patch(&planned(&inventory, &["v1.34.1"], None).unwrap()), None);
}

#[test]
fn a_member_whose_manifest_is_put_back_is_patched_too() {
    let mut inventory = healthy(3, 0, "v1.33.13");
    inventory.node_mut("cp2").control_plane.manifests.insert("etcd".to_owned(), None);
    let plan = planned(&inventory, &["v1.34.1"], None).unwrap();
    assert!(ids(patch(&plan).unwrap()).contains(&"etcd-patch.cp2"));
    assert_eq!(plan.waves[0].name, "repair");
}

#[test]
fn the_hop_that_needs_it_is_patched_before() {
    let inventory = healthy(1, 0, "v1.32.13");
    let plan = planned(&inventory, &["v1.33.13", "v1.34.1"], None).unwrap();
    let wave = patch(&plan).unwrap();
    assert_eq!(wave.hop, 2);
    assert_eq!(ids(wave)[1], "hop2.etcd-patch.cp1");
    assert_eq!(told(wave)[1], "upgrade apply phase control-plane v1.33.13 --etcd-upgrade=true");
    let plan = planned(&healthy(1, 0, "v1.36.1"), &["v1.37.0"], None).unwrap();
    assert_eq!(told(patch(&plan).unwrap())[0], "3.6.11-0");
}

#[test]
fn an_operator_may_name_a_newer_one_and_none_that_is_too_old() {
    let inventory = healthy(1, 0, "v1.33.13");
    let plan = planned(&inventory, &["v1.34.1"], Some("3.5.32-0")).unwrap();
    assert_eq!(told(patch(&plan).unwrap())[0], "3.5.32-0");
    let told = planned(&inventory, &["v1.34.1"], Some("3.5.25-0")).unwrap_err();
    assert!(matches!(told, PlanProblem::EtcdTag { .. }));
}

#[test]
fn a_tag_is_for_its_own_minor_of_etcd_only() {
    let inventory = healthy(1, 0, "v1.33.13");
    let plan = planned(&inventory, &["v1.34.1"], Some("3.6.14-0")).unwrap();
    assert_eq!(told(patch(&plan).unwrap())[0], "3.5.26-0");
    let plan = planned(&healthy(1, 0, "v1.36.1"), &["v1.37.0"], Some("3.6.14-0")).unwrap();
    assert_eq!(told(patch(&plan).unwrap())[0], "3.6.14-0");
}

#[test]
fn a_kubeadm_that_would_do_more_is_refused() {
    let mut inventory = healthy(2, 0, "v1.33.13");
    let packages = &mut inventory.node_mut("cp2").packages.packages;
    packages.get_mut("kubeadm").unwrap().version = Some("1.34.1-1.1".to_owned());
    let told = planned(&inventory, &["v1.34.1"], None).unwrap_err();
    assert!(matches!(&told, PlanProblem::NewerKubeadm { node, .. } if node == "cp2"), "{told}");
}

#[test]
fn a_tag_of_the_operators_own_comes_back() {
    let mut inventory = healthy(1, 0, "v1.33.13");
    inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
        text.replace("  local:\n", "  local:\n    imageTag: 3.5.24-0\n")
    });
    let plan = planned(&inventory, &["v1.34.1"], None).unwrap();
    assert_eq!(told(patch(&plan).unwrap()).last().unwrap(), "3.5.24-0");
}
