//! What is kept, compared, and written of the addons' objects.

use serde_json::json;

use super::*;

#[test]
fn what_the_api_server_writes_by_itself_is_not_kept() {
    let metadata = json!({"name": "coredns", "uid": "1", "managedFields": [], "labels": {}});
    let object = json!({"kind": "Deployment", "metadata": metadata, "spec": {}, "status": {}});
    let metadata = json!({"name": "coredns", "labels": {}});
    let expected = json!({"kind": "Deployment", "metadata": metadata, "spec": {}});
    assert_eq!(plain(object), expected);
}

fn deployment(image: &str, replicas: u32) -> Value {
    json!({
        "metadata": {"name": "coredns", "resourceVersion": "9", "annotations": {"mine": "yes"}},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"creationTimestamp": null}, "spec": {"containers": [{"name": "coredns", "image": image}]}},
        },
        "status": {"replicas": replicas},
    })
}

#[test]
fn the_spec_goes_back_and_replicas_and_annotations_stay() {
    let (kept, now) = (plain(deployment("dns:1", 2)), deployment("dns:2", 5));
    assert!(!is_as_kept(&now, &kept));
    let name = names().nth(2).unwrap().1;
    let differing =
        Differing { key: "Deployment/coredns".to_owned(), name, kept: kept.clone(), now };
    let wanted = differing.wanted();
    assert_eq!(wanted["spec"], deployment("dns:1", 5)["spec"]);
    assert_eq!(wanted["metadata"], deployment("dns:2", 5)["metadata"]);
    assert!(is_as_kept(&wanted, &kept), "the number of replicas is no difference");
}

#[test]
fn what_a_server_adds_is_no_difference_and_anything_else_is() {
    let kept = plain(deployment("dns:1", 2));
    let mut now = deployment("dns:1", 2);
    now["spec"]["template"]["spec"]["containers"][0]["resizePolicy"] = json!([]);
    now["spec"]["template"]["metadata"] = json!({});
    assert!(is_as_kept(&now, &kept));
    now["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().push(json!({}));
    assert!(!is_as_kept(&now, &kept));
    let map = |text: &str| json!({"data": {"Corefile": text}});
    assert!(!is_as_kept(&map("new"), &map("old")));
    let more = json!({"data": {"Corefile": "old", "more": ""}});
    assert!(!is_as_kept(&more, &map("old")), "a key that was not there goes away");
}

#[test]
fn who_came_later_is_told_by_images_and_data_and_not_by_defaults() {
    let left = format!("{LEFT}Deployment/coredns={}", digest(&deployment("dns:2", 2)));
    let name = names().nth(2).unwrap().1;
    let is_later = |now: Value| {
        let (key, kept) = ("Deployment/coredns".to_owned(), plain(deployment("dns:1", 2)));
        Differing { key, name: name.clone(), kept, now }.was_changed_later(&left)
    };
    let mut with_default = deployment("dns:2", 3);
    with_default["spec"]["template"]["spec"]["schedulerName"] = json!("default-scheduler");
    assert!(!is_later(with_default));
    assert!(is_later(deployment("mine:1", 2)));
}

#[test]
fn a_rollout_is_waited_for_but_not_on_nodes_that_are_away() {
    let set = |generation: u64, updated: u64| {
        json!({
            "metadata": {"generation": generation},
            "status": {"observedGeneration": 4, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberReady": 3},
        })
    };
    assert_eq!(lacks("DaemonSet", &set(4, 3), 0), None);
    assert!(lacks("DaemonSet", &set(5, 3), 0).unwrap().contains("controller"));
    assert!(lacks("DaemonSet", &set(4, 2), 0).unwrap().contains("2 of 3"));
    assert_eq!(lacks("DaemonSet", &set(4, 2), 1), None);
    let dns = |updated: u64, available: u64| json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": updated, "availableReplicas": available}});
    assert_eq!(lacks("Deployment", &dns(2, 1), 0), None);
    assert!(
        lacks("Deployment", &dns(2, 0), 0).is_some()
            && lacks("Deployment", &dns(1, 2), 0).is_some()
    );
    assert_eq!(lacks("ConfigMap", &json!({}), 0), None);
}
