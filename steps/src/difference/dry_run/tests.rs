//! What kubeadm prints, old and new, read.

use super::*;

/// From kubeadm 1.20, shortened.
const OLD: &str =
    "[dryrun] Would perform action GET on resource \"configmaps\" in API group \"core/v1\"
[dryrun] Resource name: \"kubeadm-config\"
[dryrun] Returning faked GET response:
\tapiVersion: v1
\tkind: ConfigMap
\tmetadata:
\t  name: kubeadm-config
\t  namespace: kube-system
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
\tdata:
\t  token: aHVzaA==
\tkind: Secret
\tmetadata:
\t  name: s
[dryrun] Would create the Job \"upgrade-health-check\" in namespace \"kube-system\" and wait until it completes
[dryrun] Would perform action CREATE on resource \"clusterroles\" in API group \"rbac.authorization.k8s.io/v1\"
[dryrun] Attached object:
\tapiVersion: rbac.authorization.k8s.io/v1
\tkind: ClusterRole
\tmetadata:
\t  name: kubeadm:get-nodes
\t  namespace: kube-system
[dryrun] Would perform action DELETE on resource \"deployments\" in API group \"apps/v1\"
[dryrun] Resource name: \"kube-dns\"
[dryrun] Finished dryrunning successfully!
";

/// From kubeadm 1.32 and later, shortened.
const NEW: &str =
    "[dryrun] Would perform action CREATE on resource \"jobs\" in API group \"batch/v1\"
[dryrun] Resource name \"\", namespace \"kube-system\"
[dryrun] Attached object:
apiVersion: batch/v1
kind: Job
metadata:
  name: upgrade-health-check-1732540000000
  namespace: kube-system

[dryrun] Would perform action DELETE on resource \"jobs\" in API group \"batch/v1\"
[dryrun] Resource name \"upgrade-health-check-1732540000000\", namespace \"kube-system\"
[preflight] Would pull the required images (like 'kubeadm config images pull')
[dryrun] Would perform action GET on resource \"configmaps\" in API group \"core/v1\"
[dryrun] Resource name \"kube-proxy\", namespace \"kube-system\"
[dryrun] Attached object:
apiVersion: v1
kind: ConfigMap
metadata:
  name: kube-proxy
  namespace: kube-system

[dryrun] Would back up kubelet config file to /etc/kubernetes/tmp/kubeadm-kubelet-config123/config.yaml
[dryrun] Would write file \"/var/lib/kubelet/config.yaml\" with content:
kind: KubeletConfiguration
[dryrun] Would perform action PATCH on resource \"nodes\" in API group \"core/v1\"
[dryrun] Resource name \"cp1\", namespace \"\"
[dryrun] Attached object:
kind: Node
[dryrun] Would perform action CREATE on resource \"daemonsets\" in API group \"apps/v1\"
[dryrun] Resource name \"\", namespace \"kube-system\"
[dryrun] Attached object:
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: kube-proxy
  namespace: kube-system

[dryrun] Would perform action UPDATE on resource \"daemonsets\" in API group \"apps/v1\"
[dryrun] Resource name \"kube-proxy\", namespace \"kube-system\"
[dryrun] Attached object:
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: kube-proxy
  namespace: kube-system
spec:
  revisionHistoryLimit: 10

[dryrun] Would perform action CREATE on resource \"things\" in API group \"x/v1\"
[dryrun] Resource name \"odd\", namespace \"\"
[dryrun] Attached object:
a: b: c
[dryrun] Would change the Server URL from \"https://a\" to \"https://b\" in /etc/kubernetes/kubelet.conf and try to restart kubelet
";

fn names(run: &DryRun) -> Vec<String> {
    run.objects.iter().map(|(name, _)| name.to_string()).collect()
}

#[test]
fn a_dry_run_with_tabs_is_read() {
    let run = parse(OLD);
    let path = "/etc/kubernetes/manifests/kube-scheduler.yaml";
    assert_eq!(run.files, [(path.to_owned(), "apiVersion: v1\nkind: Pod\n".to_owned())]);
    let wanted = ["ConfigMap kube-system/kubeadm-config", "ClusterRole kubeadm:get-nodes"];
    assert_eq!(names(&run), wanted);
    assert!(run.objects[1].1["metadata"].get("namespace").is_none());
    assert_eq!(
        run.others,
        ["write Secret s, which kup does not show", "delete kube-dns of deployments"]
    );
}

#[test]
fn a_dry_run_without_tabs_is_read() {
    let run = parse(NEW);
    let path = "/var/lib/kubelet/config.yaml";
    assert_eq!(run.files, [(path.to_owned(), "kind: KubeletConfiguration\n".to_owned())]);
    assert_eq!(names(&run), ["DaemonSet kube-system/kube-proxy"]);
    assert_eq!(run.objects[0].1["spec"]["revisionHistoryLimit"], Value::from(10), "the last word");
    assert_eq!(
        run.others,
        [
            "patch cp1 of nodes",
            "write odd of things, in words that kup does not know",
            "change the Server URL from \"https://a\" to \"https://b\" in /etc/kubernetes/kubelet.conf and try to restart kubelet",
        ]
    );
}
