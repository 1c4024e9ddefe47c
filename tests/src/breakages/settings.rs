//! Breakages of what kubeadm and the components are told.

use kup_steps::sim::Appearance;

use super::control_plane::{broken, machine};
use super::{Answer, Breakage, Mended, On};

const USUAL: On = On::USUAL;
const EDIT: Mended = Mended::By("kubectl -n kube-system edit configmap kubeadm-config");

/// All of them.
pub const ALL: [Breakage; 15] = [
    broken(
        (
            "K112",
            "the API servers get a flag that goes",
            On { cluster: "sim:3x2@v1.32.13", hops: &["v1.33.13"] },
        ),
        |seen| {
            edit(
                seen,
                "kubeadm-config",
                (
                    "apiServer: {}",
                    "apiServer: {extraArgs: [{name: cloud-config, value: /etc/cloud.conf}]}",
                ),
            );
        },
        (Answer::Blocks, "kube-apiserver of v1.33 refuses --cloud-config"),
        EDIT,
    ),
    broken(
        (
            "K113",
            "kubelets get a feature gate that goes",
            On { cluster: "sim:3x2@v1.34.9", hops: &["v1.35.6"] },
        ),
        |seen| {
            edit(
                seen,
                "kubelet-config",
                ("kind: ", "featureGates: {UserNamespacesPodSecurityStandards: true}\nkind: "),
            );
        },
        (Answer::Blocks, "UserNamespacesPodSecurityStandards"),
        Mended::By("kubectl -n kube-system edit configmap kubelet-config"),
    ),
    broken(
        (
            "K114",
            "the API servers get an admission plugin that goes",
            On { cluster: "sim:3x2@v1.24.17", hops: &["v1.25.5"] },
        ),
        |seen| {
            edit(
                seen,
                "kubeadm-config",
                (
                    "apiServer: {}",
                    "apiServer: {extraArgs: {enable-admission-plugins: \"NodeRestriction,PodSecurityPolicy\"}}",
                ),
            );
        },
        (Answer::Blocks, "PodSecurityPolicy"),
        EDIT,
    ),
    broken(
        ("K130", "a flag stands in a manifest alone", USUAL),
        |seen| {
            let manifests = &mut machine(seen, "cp2").survey.manifests;
            let text = manifests.get_mut("kube-apiserver").unwrap();
            *text =
                text.replacen("    - --", "    - --audit-log-path=/var/log/audit.log\n    - --", 1);
        },
        (Answer::Warns, "--audit-log-path=/var/log/audit.log will be lost"),
        EDIT,
    ),
    broken(
        ("K130", "a kubelet is told something that the others are not", USUAL),
        |seen| machine(seen, "w1").survey.kubelet_config.push_str("maxPods: 250\n"),
        (Answer::Warns, "differs from kubelet-config in maxPods on w1"),
        Mended::By("kubectl -n kube-system edit configmap kubelet-config"),
    ),
    broken(
        ("K131", "there is no kube-proxy but its configuration", USUAL),
        |seen| seen.survey.workloads.as_mut().unwrap().retain(|it| it.name != "kube-proxy"),
        (Answer::Blocks, "kubeadm takes that for a wish"),
        Mended::With("--skip-addon kube-proxy", ("skip-addons", "kube-proxy")),
    ),
    broken(
        ("K131", "another program does kube-proxy's work", USUAL),
        |seen| {
            seen.survey.workloads.as_mut().unwrap().retain(|it| it.name != "kube-proxy");
            seen.survey.config_maps.as_mut().unwrap().remove("kube-proxy");
        },
        (Answer::Warns, "another program does its work"),
        Mended::With("--skip-addon kube-proxy", ("skip-addons", "kube-proxy")),
    ),
    broken(
        ("K131", "CoreDNS has an image of one's own", USUAL),
        |seen| {
            let workloads = seen.survey.workloads.as_mut().unwrap().iter_mut();
            let dns = { workloads }.find(|it| it.kind == "Deployment" && it.name == "coredns");
            dns.unwrap().images = vec!["mine.example/coredns:1".to_owned()];
        },
        (Answer::Warns, "CoreDNS runs mine.example/coredns:1"),
        Mended::With("--skip-addon coredns", ("skip-addons", "coredns")),
    ),
    broken(
        ("K131", "the Corefile has a plugin that kubeadm does not know", USUAL),
        |seen| edit(seen, "coredns", ("    errors\n", "    errors\n    dnssec\n")),
        (Answer::Blocks, "dnssec"),
        Mended::With(
            "--ignore-preflight-errors CoreDNSUnsupportedPlugins",
            ("ignore-preflight-errors", "CoreDNSUnsupportedPlugins"),
        ),
    ),
    broken(
        (
            "K136",
            "kubeadm-config has a form that the next kubeadm does not read",
            On { cluster: "sim:3x2@v1.36.3", hops: &["v1.37.0"] },
        ),
        |seen| edit(seen, "kubeadm-config", ("kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1beta3")),
        (Answer::Blocks, "kubeadm-config is v1beta3"),
        Mended::By(
            "kubeadm config migrate --old-config OLD --new-config NEW && kubeadm init phase upload-config kubeadm --config NEW",
        ),
    ),
    broken(
        ("K136", "kubeadm-config sets a gate of kubeadm that goes", USUAL),
        |seen| {
            edit(
                seen,
                "kubeadm-config",
                ("kind: ", "featureGates: {ControlPlaneKubeletLocalMode: true}\nkind: "),
            );
        },
        (Answer::Blocks, "ControlPlaneKubeletLocalMode"),
        EDIT,
    ),
    broken(
        ("K136", "images come from the frozen registry", USUAL),
        |seen| {
            edit(
                seen,
                "kubeadm-config",
                ("imageRepository: registry.k8s.io", "imageRepository: k8s.gcr.io"),
            );
        },
        (Answer::Warns, "k8s.gcr.io"),
        EDIT,
    ),
    broken(
        ("K136", "kubeadm-config is no YAML", USUAL),
        |seen| edit(seen, "kubeadm-config", ("apiServer: {}", "apiServer: [")),
        (Answer::Blocks, "ClusterConfiguration"),
        EDIT,
    ),
    broken(
        ("K136", "ConfigMaps cannot be read", USUAL),
        |seen| seen.survey.config_maps = Err("403 Forbidden".to_owned()),
        (Answer::Warns, "403 Forbidden"),
        Mended::By("kubectl create clusterrolebinding kup --clusterrole=cluster-admin --user=USER"),
    ),
    broken(
        ("K106", "etcd is pinned in kubeadm-config", USUAL),
        |seen| edit(seen, "kubeadm-config", ("dataDir:", "imageTag: 3.5.26-0\n    dataDir:")),
        (Answer::Warns, "etcd.local.imageTag in kubeadm-config is 3.5.26-0"),
        EDIT,
    ),
];

/// Replaces something in the texts of a ConfigMap of kube-system.
pub(super) fn edit(seen: &mut Appearance, map: &str, (from, to): (&str, &str)) {
    let data = seen.survey.config_maps.as_mut().unwrap().get_mut(map).unwrap();
    let before = data.clone();
    for text in data.values_mut() {
        *text = text.replacen(from, to, 1);
    }
    assert!(*data != before, "{map} has no `{from}`: {before:?}");
}
