//! Breakages of versions, control planes and etcd.

use kup_steps::facts::PairState;
use kup_steps::facts::etcd::{EtcdKind, EtcdMember};
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

/// All of them.
pub const ALL: [Breakage; 27] = [
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
        Mended::By("kubeadm init phase control-plane scheduler"),
    ),
    broken(
        ("K104", "a manifest is gone, and kubeadm has left a copy", USUAL),
        |seen| {
            lose(seen, "cp3", "kube-scheduler");
            let copies = "kubeadm-backup-manifests-2026-11-25-10-04-15".to_owned();
            machine(seen, "cp3").survey.kubeadm_leftovers.push(copies);
        },
        (Answer::Warns, "cp3 has no manifest of kube-scheduler"),
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
        ("K105", "a member of etcd is away", USUAL),
        |seen| member(seen, 1).status = Err("connection refused".to_owned()),
        (Answer::Blocks, "member cp2 does not answer"),
        Mended::By("mv /root/etcd.yaml /etc/kubernetes/manifests/"),
    ),
    broken(
        ("K105", "a member was added and never started", USUAL),
        |seen| member(seen, 2).name.clear(),
        (Answer::Blocks, "was added and never started"),
        Mended::By("etcdctl member remove ID"),
    ),
    broken(
        ("K105", "etcd is full", USUAL),
        |seen| seen.etcd.as_mut().unwrap().alarms.push("NOSPACE on cp1".to_owned()),
        (Answer::Blocks, "NOSPACE on cp1"),
        Mended::By("etcdctl compact REVISION && etcdctl defrag --cluster && etcdctl alarm disarm"),
    ),
    broken(
        ("K105", "etcd is almost full", USUAL),
        |seen| member(seen, 0).status.as_mut().unwrap().db_size = 1800 << 20,
        (Answer::Blocks, "fills 87 % of its quota"),
        Mended::By("etcdctl defrag --cluster"),
    ),
    broken(
        ("K105", "nobody can ask etcd", USUAL),
        |seen| seen.etcd = Err("no certificate".to_owned()),
        (Answer::Warns, "no certificate"),
        Mended::By("kubeadm certs renew apiserver-etcd-client"),
    ),
    broken(
        ("K106", "an external etcd is too old", USUAL),
        |seen| etcd_at(seen, EtcdKind::External, "3.5.21"),
        (Answer::Blocks, "external etcd is at 3.5.21"),
        Mended::Once("etcd has been upgraded, one member at a time"),
    ),
    Breakage {
        says: &[("etcd-patch", "no")],
        ..broken(
            (
                "K106",
                "etcd is older than the next minor asks for, and the plan does not patch it",
                PATCHED,
            ),
            |seen| etcd_at(seen, EtcdKind::Stacked, "3.5.24"),
            (Answer::Blocks, "etcd is at 3.5.24 before v1.34"),
            Mended::With("--etcd-image-tag 3.5.26-0", ("etcd-patch", "yes")),
        )
    },
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
];

/// The way into the minor before which etcd must be patched.
const PATCHED: On = On { cluster: "sim:3x2@v1.33.13", hops: &["v1.34.9"] };

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

fn image(seen: &mut Appearance, node: &str, component: &str, tag: &str) {
    let manifests = &mut machine(seen, node).control_plane.manifests;
    let manifest = manifests.get_mut(component).unwrap().as_mut().unwrap();
    manifest.image = Some(format!("registry.k8s.io/{component}:{tag}"));
}

fn lose(seen: &mut Appearance, node: &str, component: &str) {
    machine(seen, node).control_plane.manifests.insert(component.to_owned(), None);
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

fn member(seen: &mut Appearance, index: usize) -> &mut EtcdMember {
    &mut seen.etcd.as_mut().unwrap().members[index]
}

fn etcd_at(seen: &mut Appearance, kind: EtcdKind, version: &str) {
    let etcd = seen.etcd.as_mut().unwrap();
    etcd.kind = kind;
    for member in &mut etcd.members {
        member.status.as_mut().unwrap().version = version.to_owned();
    }
}
