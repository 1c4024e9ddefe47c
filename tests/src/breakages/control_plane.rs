//! Breakages of versions and control planes.

use kup_steps::facts::PairState;
use kup_steps::sim::{Appearance, MachineAppearance};

use super::{Answer, Breakage, Mended, On};

pub(super) const fn broken(
    (code, what, on): (&'static str, &'static str, On),
    breaks: fn(&mut Appearance),
    (answer, evidence): (Answer, &'static str),
    mended: Mended,
) -> Breakage {
    Breakage { code, what, on, breaks, says: &[], answer, evidence, mended }
}

const USUAL: On = On::USUAL;
/// From a minor in which the kubelets' configuration still had the minor in its name.
const OLD: On = On { cluster: "sim:1x1@v1.20.4", hops: &["v1.21.2"] };

/// All of them.
pub const ALL: [Breakage; 23] = [
    broken(
        ("K101", "a machine does not answer", USUAL),
        stranger,
        (Answer::Blocks, "w9"),
        Mended::By("kubectl delete node w9"),
    ),
    broken(
        ("K101", "a machine cannot read a part of itself", USUAL),
        |seen| machine(seen, "w1").survey.unreadable.push("swap: Permission denied".to_owned()),
        (Answer::Warns, "swap: Permission denied"),
        Mended::Once("/proc/swaps of w1 can be read"),
    ),
    broken(
        ("K102", "a kubelet was left four minors behind", USUAL),
        |seen| kubelet(seen, "w1", "v1.31.9"),
        (Answer::Blocks, "w1 runs kubelet v1.31.9, too old beside v1.35.6"),
        Mended::By(
            "apt-get install 'kubeadm=1.32.*' && kubeadm upgrade node && apt-get install 'kubelet=1.32.*'",
        ),
    ),
    broken(
        ("K102", "a kubelet is ahead of the target", USUAL),
        |seen| kubelet(seen, "w2", "v1.36.9"),
        (Answer::Blocks, "w2 runs kubelet v1.36.9, newer than v1.36.2"),
        Mended::By("kup start v1.36.9"),
    ),
    broken(
        ("K102", "a kubelet is ahead of the API servers", USUAL),
        |seen| kubelet(seen, "w2", "v1.36.2"),
        (Answer::Warns, "w2 runs kubelet v1.36.2, ahead of the API servers"),
        Mended::By("kup start v1.36.2"),
    ),
    broken(
        ("K102", "somebody began an upgrade to another patch", USUAL),
        |seen| image(seen, "cp1", "kube-apiserver", "v1.36.1"),
        (Answer::Blocks, "kube-apiserver of cp1 is at v1.36.1"),
        Mended::By("kup start v1.36.1"),
    ),
    broken(
        ("K102", "a node has a newer kubeadm already", USUAL),
        |seen| package(seen, "cp2", "kubeadm", "1.37.0-1.1"),
        (Answer::Blocks, "cp2 has package kubeadm v1.37.0"),
        Mended::By(
            "apt-get install --allow-downgrades --allow-change-held-packages 'kubeadm=1.36.2-*'",
        ),
    ),
    broken(
        ("K102", "kube-proxy was left behind", USUAL),
        old_proxy,
        (Answer::Blocks, "kube-proxy is at v1.31.0"),
        Mended::By(
            "kubectl -n kube-system set image daemonset/kube-proxy kube-proxy=registry.k8s.io/kube-proxy:v1.35.6",
        ),
    ),
    broken(
        ("K102", "a kubectl is two minors old", USUAL),
        |seen| package(seen, "w1", "kubectl", "1.33.1-1.1"),
        (Answer::Warns, "w1 has kubectl v1.33.1"),
        Mended::By("apt-get install 'kubectl=1.35.6-*'"),
    ),
    broken(
        ("K103", "a node is not ready", USUAL),
        |seen| {
            let node = seen.nodes.get_mut("w2").unwrap();
            (node.ready, node.conditions) = (false, vec!["KubeletNotReady".to_owned()]);
        },
        (Answer::Blocks, "w2 (KubeletNotReady)"),
        Mended::By("systemctl restart kubelet"),
    ),
    broken(
        ("K103", "a node runs out of disk", USUAL),
        |seen| seen.nodes.get_mut("w2").unwrap().conditions.push("DiskPressure".to_owned()),
        (Answer::Blocks, "under pressure: w2"),
        Mended::By("crictl rmi --prune"),
    ),
    broken(
        ("K103", "a node is cordoned", USUAL),
        |seen| seen.nodes.get_mut("w2").unwrap().unschedulable = true,
        (Answer::Warns, "w2 (cordoned by hand)"),
        Mended::By("kubectl uncordon w2"),
    ),
    broken(
        ("K104", "an API server behind the load balancer does not answer", USUAL),
        |seen| machine(seen, "cp2").survey.api_server.as_mut().unwrap().version.clear(),
        (Answer::Blocks, "the API server of cp2 does not answer"),
        Mended::By("mv /root/kube-apiserver.yaml /etc/kubernetes/manifests/"),
    ),
    broken(
        ("K104", "an API server is not ready", USUAL),
        |seen| seen.unready_checks.push("poststarthook/rbac".to_owned()),
        (Answer::Blocks, "poststarthook/rbac"),
        Mended::Once("poststarthook/rbac has ended"),
    ),
    broken(
        ("K104", "a manifest is gone, and kubeadm has left no copy", USUAL),
        |seen| lose(seen, "cp3", "kube-scheduler"),
        (Answer::Blocks, "cp3 has no manifest of kube-scheduler"),
        Mended::By("kubeadm init phase control-plane scheduler --config cluster.yaml"),
    ),
    broken(
        ("K104", "a manifest is gone, and kubeadm has left a copy", USUAL),
        |seen| {
            lose(seen, "cp3", "kube-scheduler");
            copies(seen, "cp3");
        },
        (Answer::Warns, "cp3 has no manifest of kube-scheduler"),
        Mended::By("kup start v1.36.2"),
    ),
    broken(
        ("K104", "etcd's manifest is gone, and kubeadm has left no copy", USUAL),
        |seen| lose(seen, "cp3", "etcd"),
        (Answer::Blocks, "cp3 has no manifest of etcd"),
        Mended::By("kubeadm init phase etcd local --config cluster.yaml"),
    ),
    broken(
        ("K104", "etcd's manifest is gone, and kubeadm has left a copy", USUAL),
        |seen| {
            lose(seen, "cp3", "etcd");
            copies(seen, "cp3");
            machine(seen, "cp3").survey.api_server.as_mut().unwrap().unready = "etcd".to_owned();
        },
        (Answer::Warns, "the API server of cp3 is away with its etcd"),
        Mended::By("kup start v1.36.2"),
    ),
    broken(
        ("K104", "somebody keeps an old manifest beside the new one", USUAL),
        |seen| machine(seen, "cp1").control_plane.stray.push("kube-apiserver.yaml.bak".to_owned()),
        (Answer::Blocks, "cp1 has kube-apiserver.yaml.bak"),
        Mended::By("mv /etc/kubernetes/manifests/kube-apiserver.yaml.bak /root/"),
    ),
    broken(
        ("K104", "a key was renewed without its certificate", USUAL),
        |seen| {
            let pairs = &mut machine(seen, "cp1").control_plane.pairs;
            pairs.insert("/etc/kubernetes/pki/apiserver".to_owned(), PairState::Mismatch);
        },
        (Answer::Blocks, "/etc/kubernetes/pki/apiserver on cp1"),
        Mended::By("kubeadm certs renew all"),
    ),
    broken(
        ("K133", "an upgrade to the target stopped after the first control plane", USUAL),
        |seen| {
            for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
                image(seen, "cp1", component, "v1.36.2");
            }
        },
        (Answer::Warns, "from v1.35.6 to v1.36.2 was interrupted"),
        Mended::By("kup start v1.36.2"),
    ),
    broken(
        ("K133", "an upgrade stopped before the kubelets", USUAL),
        |seen| kubelet(seen, "w1", "v1.34.9"),
        (Answer::Warns, "w1 (v1.34.9)"),
        Mended::By("kup start v1.35.6"),
    ),
    broken(
        ("K133", "an upgrade stopped right after it wrote kubeadm-config", OLD),
        |seen| {
            let maps = seen.survey.config_maps.as_mut().unwrap();
            let map = maps.remove("kubelet-config-1.20").unwrap();
            maps.insert("kubelet-config-1.19".to_owned(), map);
        },
        (Answer::Warns, "there is no ConfigMap kubelet-config-1.20"),
        Mended::By("kup start v1.20.4"),
    ),
];

pub(super) fn machine<'a>(seen: &'a mut Appearance, name: &str) -> &'a mut MachineAppearance {
    seen.machines.get_mut(name).unwrap()
}

/// A node without a machine.
fn stranger(seen: &mut Appearance) {
    let mut node = seen.nodes["w1"].clone();
    (node.name, node.uid, node.machine_id) = ("w9".into(), "u9".into(), "m9".into());
    seen.nodes.insert("w9".to_owned(), node);
}

fn kubelet(seen: &mut Appearance, node: &str, version: &str) {
    seen.nodes.get_mut(node).unwrap().kubelet_version = version.to_owned();
}

pub(super) fn image(seen: &mut Appearance, node: &str, component: &str, tag: &str) {
    let manifests = &mut machine(seen, node).control_plane.manifests;
    let manifest = manifests.get_mut(component).unwrap().as_mut().unwrap();
    manifest.image = Some(format!("registry.k8s.io/{component}:{tag}"));
}

pub(super) fn lose(seen: &mut Appearance, node: &str, component: &str) {
    machine(seen, node).control_plane.manifests.insert(component.to_owned(), None);
}

/// What kubeadm leaves of every upgrade.
pub(super) fn copies(seen: &mut Appearance, node: &str) {
    let copies = "kubeadm-backup-manifests-2026-11-25-10-04-15".to_owned();
    machine(seen, node).survey.kubeadm_leftovers.push(copies);
}

fn package(seen: &mut Appearance, node: &str, name: &str, version: &str) {
    let packages = &mut machine(seen, node).packages.packages;
    packages.get_mut(name).unwrap().version = Some(version.to_owned());
}

fn old_proxy(seen: &mut Appearance) {
    let workloads = seen.survey.workloads.as_mut().unwrap().iter_mut();
    let set = { workloads }.find(|it| it.kind == "DaemonSet" && it.name == "kube-proxy").unwrap();
    set.images = vec!["registry.k8s.io/kube-proxy:v1.31.0".to_owned()];
}
