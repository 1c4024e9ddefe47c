//! What becomes of kubeadm's answers: all nodes of the hop, and a word for everything that is not known.

use super::*;
use crate::inventory::sample::{at, healthy};

const SCHEDULER: &str = "/etc/kubernetes/manifests/kube-scheduler.yaml";

fn run(files: &[(&str, &str)], kubelet: &str) -> DryRun {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let object = format!(
        "[dryrun] Would perform action CREATE on resource \"configmaps\" in API group \"core/v1\"\n[dryrun] Attached object:\napiVersion: v1\ndata:\n  kubelet: |\n    {kubelet}\nkind: ConfigMap\nmetadata:\n  name: kubelet-config\n"
    );
    DryRun { files: files.collect(), ..parse(&object) }
}

fn of(found: &Differences) -> Vec<(String, &str)> {
    found.changes.iter().map(|it| (it.nodes.join(" "), it.what.as_str())).collect()
}

fn untold(found: &Differences) -> Vec<(String, &str)> {
    found.untold.iter().map(|it| (it.nodes.join(" "), it.what.as_str())).collect()
}

#[test]
fn equal_changes_of_several_nodes_are_told_once() {
    let inventory = healthy(3, 0, "v1.35.6");
    let mut found = Differences::default();
    for node in &inventory.nodes {
        let old = node.survey.manifests.get("kube-scheduler").unwrap();
        let own = if node.node.name == "cp3" { "own: 1\n" } else { "" };
        let run = run(&[(SCHEDULER, &format!("{old}{own}new: 1\n"))], "a: 1");
        found.of_files(node, &run);
    }
    assert_eq!(of(&found), [("cp1 cp2".to_owned(), SCHEDULER), ("cp3".to_owned(), SCHEDULER)]);
    assert!(found.changes[0].diff.ends_with("+new: 1\n"), "{}", found.changes[0].diff);
}

#[test]
fn a_file_that_may_have_keys_in_it_is_named_and_not_shown() {
    let inventory = healthy(1, 0, "v1.35.6");
    let mut found = Differences::default();
    let keys = "/etc/kubernetes/admin.conf";
    found.of_files(&inventory.nodes[0], &run(&[(keys, "client-key-data: hush")], "a: 1"));
    let what = format!("{keys}: kubeadm writes it; kup does not show such files");
    assert_eq!(untold(&found), [("cp1".to_owned(), what.as_str())]);
    assert!(found.changes.is_empty());
}

#[test]
fn workers_get_what_the_cluster_says() {
    let mut inventory = healthy(1, 3, "v1.35.6");
    for (name, text) in [("w1", "a: 1\n"), ("w2", "a: 1\n"), ("w3", "")] {
        text.clone_into(&mut inventory.node_mut(name).survey.kubelet_config);
    }
    let workers: Vec<&NodeInventory> = inventory.nodes.iter().skip(1).collect();
    let mut found = Differences::default();
    let kubeadm = KubeadmOptions { patches: Some("/p".to_owned()), ..KubeadmOptions::default() };
    found.of_workers(&workers, &run(&[], "a: 2"), &kubeadm);
    assert_eq!(of(&found), [("w1 w2".to_owned(), KUBELET_CONFIG)]);
    let unread = format!("{KUBELET_CONFIG}: what is there is not known");
    let all = "w1 w2 w3".to_owned();
    assert_eq!(
        untold(&found),
        [
            (all.clone(), "the kubelet's flags: kubeadm is asked on control planes only"),
            (all, "what the patches in its /p change"),
            ("w3".to_owned(), unread.as_str()),
        ]
    );
}

#[test]
fn of_etcd_the_image_is_known_and_kubeadm_config_has_the_first_word() {
    let mut inventory = healthy(1, 0, "v1.33.4");
    let to = at("v1.34.1");
    let image = |found: &Differences| {
        let diff = found.changes.first().map(|change| change.diff.clone()).unwrap_or_default();
        diff.lines().find_map(|it| it.strip_prefix("+    image: ")).unwrap_or_default().to_owned()
    };
    let mut found = Differences::default();
    etcd::manifest(&mut found, &inventory.nodes[0], (&inventory, to));
    let shipped = &crate::release::images(to).unwrap().etcd;
    assert!(image(&found).ends_with(&format!("etcd:{shipped}")), "{found:?}");
    assert_eq!(found.untold.len(), 1, "the rest of it");
    inventory.edit("kubeadm-config", "ClusterConfiguration", |_| {
        "etcd: {local: {imageTag: 3.6.99-0}}".to_owned()
    });
    let mut found = Differences::default();
    etcd::manifest(&mut found, &inventory.nodes[0], (&inventory, to));
    assert!(image(&found).ends_with("etcd:3.6.99-0"), "{found:?}");
    // kubeadm never takes etcd back.
    inventory.edit("kubeadm-config", "ClusterConfiguration", |_| {
        "etcd: {local: {imageTag: 3.4.3-0}}".to_owned()
    });
    let mut found = Differences::default();
    etcd::manifest(&mut found, &inventory.nodes[0], (&inventory, to));
    assert!(found.changes.is_empty(), "{found:?}");
}
