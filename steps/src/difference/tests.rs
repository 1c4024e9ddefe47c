//! What kubeadm prints, old and new, read.

use super::dry_run::{Object, as_far_as, parse, parse_diff, plain};
use super::unified;

/// From kubeadm 1.20, shortened.
const OLD: &str =
    "[dryrun] Would perform action GET on resource \"configmaps\" in API group \"core/v1\"
[dryrun] Resource name: \"kubeadm-config\"
[dryrun] Returning faked GET response:
\tapiVersion: v1
\tdata:
\t  ClusterConfiguration: |
\t    kubernetesVersion: v1.19.16
\tkind: ConfigMap
\tmetadata:
\t  name: kubeadm-config
\t  namespace: kube-system
\t  resourceVersion: \"207\"
[upgrade/apply] Upgrading your Static Pod-hosted control plane to version \"v1.20.2\"...
[dryrun] Would write file \"/etc/kubernetes/manifests/kube-scheduler.yaml\" with content:
\tapiVersion: v1
\tkind: Pod
[upload-config] Storing the configuration used in ConfigMap
[dryrun] Would perform action CREATE on resource \"configmaps\" in API group \"core/v1\"
[dryrun] Attached object:
\tapiVersion: v1
\tdata:
\t  ClusterConfiguration: |
\t    kubernetesVersion: v1.20.2
\tkind: ConfigMap
\tmetadata:
\t  creationTimestamp: null
\t  name: kubeadm-config
\t  namespace: kube-system
[dryrun] Would perform action CREATE on resource \"secrets\" in API group \"core/v1\"
[dryrun] Attached object:
\tapiVersion: v1
\tkind: Secret
\tmetadata:
\t  name: s
[dryrun] Would perform action DELETE on resource \"deployments\" in API group \"apps/v1\"
[dryrun] Resource name: \"kube-dns\"
[dryrun] Finished dryrunning successfully!
";

fn names(objects: &[Object]) -> Vec<&str> {
    objects.iter().map(|object| object.name.as_str()).collect()
}

#[test]
fn a_dry_run_is_read_whether_contents_have_tabs_or_not() {
    for text in [OLD.to_owned(), OLD.replace('\t', "")] {
        let run = parse(&text);
        let path = "/etc/kubernetes/manifests/kube-scheduler.yaml";
        assert_eq!(run.files, [(path.to_owned(), "apiVersion: v1\nkind: Pod\n".to_owned())]);
        assert_eq!(names(&run.objects), ["ConfigMap kube-system/kubeadm-config"]);
        assert_eq!(run.others, ["deletes kube-dns of deployments, where it is"]);
    }
}

#[test]
fn of_an_object_is_shown_what_kubeadm_says_of_it() {
    let run = parse(OLD);
    let object = &run.objects[0];
    let new = plain(&object.new);
    let old = as_far_as(&plain(object.old.as_ref().unwrap()), &new);
    let text = |value| serde_yaml_ng::to_string(value).unwrap();
    let diff = unified(&text(&old), &text(&new));
    let changed: Vec<&str> = diff.lines().filter(|line| line.starts_with(['+', '-'])).collect();
    assert_eq!(
        changed,
        ["-    kubernetesVersion: v1.19.16", "+    kubernetesVersion: v1.20.2"],
        "{diff}"
    );
}

#[test]
fn files_and_hunks_of_upgrade_diff_are_read() {
    let text = "[upgrade/diff] Reading\n--- /etc/a.yaml\n+++ new manifest\n@@ -1 +1 @@\n-a\n+b\n--- /etc/b.yaml\n+++ new manifest\n@@ -2 +2 @@\n-c\n+d\n";
    let a = ("/etc/a.yaml".to_owned(), "@@ -1 +1 @@\n-a\n+b\n".to_owned());
    let b = ("/etc/b.yaml".to_owned(), "@@ -2 +2 @@\n-c\n+d\n".to_owned());
    assert_eq!(parse_diff(text), [a, b]);
}
