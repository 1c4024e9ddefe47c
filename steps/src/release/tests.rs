use std::collections::BTreeSet;

use super::*;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn every_minor_is_there_once_and_in_order() {
    let all = parse(TEXT).unwrap();
    let minors: Vec<u32> = all.iter().map(|release| release.minor).collect();
    assert_eq!(minors, (15..=38).collect::<Vec<_>>());
    for release in all.iter().filter(|release| !release.planned) {
        let since: Vec<u32> = release.images.iter().map(|images| images.since).collect();
        assert_eq!(since.first(), Some(&0), "1.{}", release.minor);
        assert!(since.is_sorted(), "1.{}", release.minor);
        assert!(!release.images_source.is_empty(), "1.{}", release.minor);
        let ids: BTreeSet<&str> = release.notes.iter().map(|note| note.id.as_str()).collect();
        assert_eq!(ids.len(), release.notes.len(), "1.{}", release.minor);
    }
}

#[test]
fn every_fact_has_a_source() {
    let value: serde_yaml_ng::Value = serde_yaml_ng::from_str(TEXT).unwrap();
    let mut n_facts = 0;
    walk(&value, &mut n_facts);
    assert!(n_facts > 120, "{n_facts}");
}

/// A mapping that states something names its source; the minor itself and its images have theirs beside them.
fn walk(value: &serde_yaml_ng::Value, n_facts: &mut usize) {
    match value {
        serde_yaml_ng::Value::Sequence(items) => items.iter().for_each(|item| walk(item, n_facts)),
        serde_yaml_ng::Value::Mapping(fields) => {
            let states = ["names", "what", "why", "version", "kind"];
            if states.iter().any(|name| fields.contains_key(name)) {
                let source = fields.get("source").and_then(|source| source.as_str());
                assert!(source.is_some_and(|source| !source.is_empty()), "{fields:?}");
                *n_facts += 1;
            }
            fields.values().for_each(|field| walk(field, n_facts));
        }
        serde_yaml_ng::Value::Null
        | serde_yaml_ng::Value::Bool(_)
        | serde_yaml_ng::Value::Number(_)
        | serde_yaml_ng::Value::String(_)
        | serde_yaml_ng::Value::Tagged(_) => {}
    }
}

#[test]
fn an_upgrade_enters_the_minors_after_its_own() {
    let entered = |from, to| -> Vec<u32> {
        entered(version(from), version(to)).map(|release| release.minor).collect()
    };
    assert_eq!(entered("v1.33.1", "v1.36.0"), [34, 35, 36]);
    assert_eq!(entered("v1.36.0", "v1.36.3"), [0; 0]);
}

#[test]
fn images_are_those_of_the_patch() {
    let etcd = |text| images(version(text)).map(|images| images.etcd.as_str());
    assert_eq!(etcd("v1.20.2"), Some("3.4.13-0"));
    assert_eq!(etcd("v1.27.9"), Some("3.5.9-0"));
    assert_eq!(etcd("v1.27.12"), Some("3.5.12-0"));
    assert_eq!(etcd("v1.36.3"), Some("3.6.8-0"));
    assert_eq!(etcd("v1.40.0"), Some("3.7.0-0"), "newer than this build knows");
    assert_eq!(etcd("v1.9.0"), None, "older than this build knows");
}

#[test]
fn etcd_must_be_patched_before_its_minor_changes() {
    let least = |minor| of(minor).and_then(|release| release.least_etcd_before.as_ref());
    assert_eq!(least(34).map(|least| least.tag.as_str()), Some("3.5.26-0"));
    assert_eq!(least(37).map(|least| least.tag.as_str()), Some("3.6.11-0"));
    assert!(least(36).is_none());
}

#[test]
fn nodes_are_migrated_in_the_minors_that_say_so() {
    let all = parse(TEXT).unwrap();
    let migrating = all.iter().filter(|release| release.migrates_nodes.is_some());
    assert_eq!(migrating.map(|release| release.minor).collect::<Vec<_>>(), [24, 26, 34, 35]);
}

#[test]
fn what_begins_in_a_minor_stays() {
    assert!(!has_upgrade_phases(version("v1.31.14")));
    assert!(has_upgrade_phases(version("v1.32.0")) && has_upgrade_phases(version("v1.40.1")));
    assert_eq!(cgroup_v1(version("v1.30.0")), None);
    assert_eq!(cgroup_v1(version("v1.34.0")), Some(CgroupV1::Maintenance));
    assert_eq!(cgroup_v1(version("v1.36.0")), Some(CgroupV1::RefusedByDefault));
    let containerd = |text| least_containerd(version(text)).map(|least| least.version.as_str());
    assert_eq!(containerd("v1.25.0"), None);
    assert_eq!(containerd("v1.37.0"), Some("1.6"));
    assert_eq!(containerd("v1.38.0"), Some("2.0"));
}

#[test]
fn removals_are_found_by_component() {
    let release = of(35).unwrap();
    let flags: Vec<&str> = release.flags_removed_from(Component::Kubelet).collect();
    assert_eq!(flags, ["pod-infra-container-image"]);
    assert_eq!(release.flags_removed_from(Component::KubeApiserver).count(), 0);
    assert!(release.feature_gates_removed().any(|gate| gate == "SizeMemoryBackedVolumes"));
    assert!(of(25).unwrap().admission_plugins_removed().eq(["PodSecurityPolicy"]));
}

#[test]
fn bad_patches_are_known() {
    assert_eq!(of(28).unwrap().faults_of(2).count(), 1);
    assert_eq!(of(28).unwrap().faults_of(3).count(), 0);
}
