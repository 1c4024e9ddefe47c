//! Breakages of machines: certificates, clocks, disks, runtimes, packages.

use std::collections::BTreeMap;

use kup_steps::cluster::survey::Kured;
use kup_steps::facts::KubeletFlag;
use kup_steps::sim::Appearance;

use super::control_plane::{broken, machine};
use super::settings::edit;
use super::{Answer, Breakage, Mended, On};

const USUAL: On = On::USUAL;
const INTO_1_35: On = On { cluster: "sim:3x2@v1.34.9", hops: &["v1.35.6"] };
const DAY: i64 = 86_400;

/// All of them.
pub const ALL: [Breakage; 24] = [
    broken(
        ("K107", "a certificate has ended", USUAL),
        |seen| certificate(seen, "cp2", "pki/apiserver.crt", -DAY),
        (Answer::Blocks, "/etc/kubernetes/pki/apiserver.crt on cp2 has ended"),
        Mended::By("kubeadm certs renew all"),
    ),
    broken(
        ("K107", "a certificate ends in three weeks", USUAL),
        |seen| certificate(seen, "cp2", "pki/apiserver.crt", 21 * DAY),
        (Answer::Warns, "ends in 21 days"),
        Mended::By("kubeadm certs renew all"),
    ),
    broken(
        ("K107", "a kubelet does not renew its certificate", USUAL),
        |seen| certificate(seen, "w1", "kubelet-client-current.pem", DAY),
        (Answer::Blocks, "kubelet-client-current.pem on w1 ends in 1 day,"),
        Mended::By("systemctl restart kubelet"),
    ),
    broken(
        ("K107", "the authority ends in a hundred days", USUAL),
        |seen| certificate(seen, "cp1", "pki/ca.crt", 100 * DAY),
        (Answer::Warns, "/etc/kubernetes/pki/ca.crt on cp1 ends in 100 days"),
        Mended::Once("the authority has been replaced"),
    ),
    broken(
        ("K108", "a clock is a minute behind", USUAL),
        |seen| machine(seen, "w1").facts.now -= 60,
        (Answer::Blocks, "w1 is 60 seconds behind"),
        Mended::By("timedatectl set-ntp true"),
    ),
    broken(
        ("K108", "a clock is ten seconds ahead", USUAL),
        |seen| machine(seen, "w1").facts.now += 10,
        (Answer::Warns, "w1 is 10 seconds ahead"),
        Mended::By("timedatectl set-ntp true"),
    ),
    broken(
        ("K109", "a disk is full", USUAL),
        |seen| room(seen, "w1", "/usr/bin", 100),
        (Answer::Blocks, "w1: /usr/bin has 100 MiB free"),
        Mended::By("apt-get clean"),
    ),
    broken(
        ("K109", "a disk has no inodes left", USUAL),
        |seen| {
            let inodes = &mut machine(seen, "w1").survey.free_inodes;
            inodes.insert("/var/lib/kubelet".to_owned(), 100);
        },
        (Answer::Blocks, "100 inodes"),
        Mended::By("crictl rmi --prune"),
    ),
    broken(
        ("K109", "kubeadm has left copies for years", USUAL),
        |seen| {
            let copies = (10..60).map(|n| format!("kubeadm-backup-etcd-2026-01-{n}-10-00-00"));
            machine(seen, "cp1").survey.kubeadm_leftovers.extend(copies);
        },
        (Answer::Warns, "50 old copies"),
        Mended::By("rm -r /etc/kubernetes/tmp/kubeadm-backup-*"),
    ),
    broken(
        ("K110", "a machine swaps", USUAL),
        |seen| machine(seen, "w1").survey.swap.push("/dev/sda2".to_owned()),
        (Answer::Blocks, "w1 swaps (/dev/sda2)"),
        Mended::By("swapoff -a"),
    ),
    broken(
        ("K111", "a machine has cgroup v1", INTO_1_35),
        |seen| machine(seen, "w1").survey.cgroup_version = 1,
        (Answer::Blocks, "w1 has cgroup v1"),
        Mended::By("grubby --update-kernel=ALL --args=systemd.unified_cgroup_hierarchy=1"),
    ),
    broken(
        ("K111", "a machine has an old containerd", USUAL),
        |seen| seen.nodes.get_mut("w1").unwrap().runtime = "containerd://1.7.28".to_owned(),
        (Answer::Warns, "w1 runs containerd 1.7.28; v1.38 will need 2.0"),
        Mended::By("apt-get install containerd.io"),
    ),
    broken(
        (
            "K111",
            "a machine has a containerd that knows only the old CRI",
            On { cluster: "sim:3x2@v1.25.4", hops: &["v1.26.2"] },
        ),
        |seen| seen.nodes.get_mut("w1").unwrap().runtime = "containerd://1.5.9".to_owned(),
        (Answer::Blocks, "w1 runs containerd 1.5.9, v1.26.2 needs 1.6"),
        Mended::By("apt-get install containerd.io"),
    ),
    broken(
        ("K112", "a kubelet has a flag of its own that goes", INTO_1_35),
        |seen| {
            let flag = "--pod-infra-container-image=registry.k8s.io/pause:3.10".to_owned();
            let place = "/etc/default/kubelet".to_owned();
            machine(seen, "w1").survey.kubelet_flags.push(KubeletFlag { flag, place });
        },
        (Answer::Blocks, "--pod-infra-container-image, which w1 has in /etc/default/kubelet"),
        Mended::By("sed -i 's/ *--pod-infra-container-image[= ][^ \"]*//' /etc/default/kubelet"),
    ),
    broken(
        ("K118", "a mirror lags behind", USUAL),
        |seen| {
            let minor = machine(seen, "w1").offers.minors.get_mut("v1.36").unwrap();
            let versions = minor.packages.values_mut();
            versions.for_each(|versions| versions.retain(|it| it.starts_with("1.36.1-")));
        },
        (Answer::Blocks, "kubeadm, kubelet, kubectl 1.36.2, but 1.36.1"),
        Mended::By("apt-get update"),
    ),
    broken(
        ("K118", "the key of a repository has ended", USUAL),
        |seen| {
            let minor = machine(seen, "cp2").offers.minors.get_mut("v1.36").unwrap();
            minor.packages = BTreeMap::new();
            minor.unreadable = Some("EXPKEYSIG 234654DA9A296436".to_owned());
        },
        (Answer::Blocks, "EXPKEYSIG"),
        Mended::By(
            "curl -fsSL https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key | gpg --dearmor -o /etc/apt/keyrings/kubernetes-apt-keyring.gpg",
        ),
    ),
    broken(
        ("K119", "images come from a registry of one's own", USUAL),
        |seen| {
            edit(
                seen,
                "kubeadm-config",
                ("imageRepository: registry.k8s.io", "imageRepository: mirror.example"),
            );
        },
        (Answer::Warns, "mirror.example/kube-proxy:v1.36.2 is not on cp1"),
        Mended::Once("`crictl pull IMAGE` has fetched each of them"),
    ),
    broken(
        ("K119", "a machine cannot tell its images", USUAL),
        |seen| machine(seen, "w2").survey.images = None,
        (Answer::Warns, "which images w2 has"),
        Mended::By("apt-get install cri-tools"),
    ),
    broken(
        ("K120", "a package is half installed", USUAL),
        |seen| {
            let packages = &mut machine(seen, "w1").packages.packages;
            packages.get_mut("kubelet").unwrap().is_broken = true;
        },
        (Answer::Blocks, "w1: an installation was interrupted at kubelet"),
        Mended::By("dpkg --configure -a"),
    ),
    broken(
        ("K121", "a package manager is at work", USUAL),
        |seen| machine(seen, "w1").facts.other_upgrade.push("apt-get".to_owned()),
        (Answer::Blocks, "w1 runs apt-get"),
        Mended::Once("apt-get has ended"),
    ),
    broken(
        ("K121", "a machine upgrades itself", USUAL),
        |seen| {
            let unit = "unattended-upgrades.service".to_owned();
            machine(seen, "w1").survey.automatic_upgrades.push(unit);
        },
        (Answer::Warns, "w1 upgrades itself"),
        Mended::By("systemctl stop unattended-upgrades.service"),
    ),
    broken(
        ("K121", "kured is there", USUAL),
        |seen| kured(seen, &[]),
        (Answer::Warns, "kured (kube-system) may reboot nodes"),
        Mended::By(
            "kubectl -n kube-system annotate daemonset kured weave.works/kured-node-lock='{\"nodeID\":\"manual\"}'",
        ),
    ),
    broken(
        ("K121", "kured reboots a node", USUAL),
        |seen| kured(seen, &["w2"]),
        (Answer::Blocks, "kured (kube-system) reboots w2"),
        Mended::Once("w2 is back, and kured has given its lock away"),
    ),
    broken(
        ("K132", "there is a Windows node", USUAL),
        |seen| seen.nodes.get_mut("w2").unwrap().os = "windows".to_owned(),
        (Answer::Warns, "w2 (windows) stays at kubelet v1.35.6"),
        Mended::By("kubectl delete node w2"),
    ),
];

fn certificate(seen: &mut Appearance, node: &str, path: &str, seconds: i64) {
    let machine = machine(seen, node);
    let ends = machine.facts.now + seconds;
    let certificates = machine.survey.certificates.iter_mut();
    { certificates }.find(|it| it.path.ends_with(path)).unwrap().ends = ends;
}

fn room(seen: &mut Appearance, node: &str, path: &str, mib: u64) {
    machine(seen, node).facts.free_kib.insert(path.to_owned(), mib << 10);
}

fn kured(seen: &mut Appearance, holders: &[&str]) {
    let holders = holders.iter().map(|it| (*it).to_owned()).collect();
    seen.survey.kured = Ok(vec![Kured { namespace: "kube-system".to_owned(), holders }]);
}
