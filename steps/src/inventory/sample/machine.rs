//! What a healthy machine says of itself, and etcd on the control planes.

use super::super::NodeInventory;
use super::{DAY, NOW, TAKEN_AT};
use crate::cluster::Node;
use crate::facts::etcd::{EtcdKind, EtcdMember, EtcdStatus, EtcdSurvey};
use crate::facts::{
    Certificate, ControlPlaneState, DirectAnswer, InstalledPackage, MachineSurvey, Manifest,
    MinorOffers, NodeFacts, Offers, PackageManager, PackageState, PairState, Repository,
    STATIC_PODS,
};
use crate::release;
use crate::version::Version;

const PAIRS: [&str; 4] = ["ca", "apiserver", "etcd/ca", "etcd/server"];
const MIB: u64 = 1024;

pub(super) fn machine(index: usize, name: &str, version: Version) -> NodeInventory {
    let address = format!("10.0.0.{}", 11 + index);
    let is_master = name.starts_with("cp");
    NodeInventory {
        node: node(index, name, version),
        address: address.clone(),
        facts: facts(name, is_master),
        packages: packages(version),
        offers: offers(version),
        control_plane: match is_master {
            true => static_pods(version),
            false => ControlPlaneState::none(),
        },
        survey: survey(name, &address, version),
        seen_at: TAKEN_AT,
    }
}

fn node(index: usize, name: &str, version: Version) -> Node {
    Node {
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
        control_plane: name.starts_with("cp"),
        address: format!("10.0.0.{}", 11 + index),
        kubelet_version: version.to_string(),
        ready: true,
        conditions: Vec::new(),
        unschedulable: false,
        cordoned_by: None,
        os: "linux".to_owned(),
        machine_id: format!("machine-{name}"),
        boot_id: format!("boot-{name}"),
        runtime: "containerd://2.1.4".to_owned(),
        hostname: name.to_owned(),
        taints: match name.starts_with("cp") {
            true => vec!["node-role.kubernetes.io/control-plane:NoSchedule".to_owned()],
            false => Vec::new(),
        },
    }
}

fn facts(name: &str, is_master: bool) -> NodeFacts {
    let folders = [
        "/etc/kubernetes",
        "/var/lib/kubelet",
        "/var/lib/kup",
        "/var/lib/etcd",
        "/usr/bin",
        "/var/cache/apt",
    ];
    let manifests = STATIC_PODS.iter().filter(|_| is_master);
    NodeFacts {
        hostname: name.to_owned(),
        machine_id: format!("machine-{name}"),
        boot_id: format!("boot-{name}"),
        host_key: Some(format!("SHA256:{name}")),
        uid: 0,
        systemd: "running".to_owned(),
        package_manager: PackageManager::Apt,
        has_admin_conf: is_master,
        manifests: manifests.map(|component| format!("{component}.yaml")).collect(),
        free_kib: folders.map(|folder| (folder.to_owned(), 20_480 * MIB)).into(),
        etcd_kib: if is_master { 100 * MIB } else { 0 },
        owner: None,
        other_upgrade: Vec::new(),
        now: NOW,
    }
}

fn packages(version: Version) -> PackageState {
    let installed = InstalledPackage {
        version: Some(format!("{}-1.1", version.bare())),
        is_broken: false,
        is_held: true,
    };
    let named = |name: &str| (name.to_owned(), installed.clone());
    PackageState {
        packages: ["kubeadm", "kubelet", "kubectl"].map(named).into(),
        audit: None,
        repositories: vec![Repository {
            file: "/etc/apt/sources.list.d/kubernetes.list".to_owned(),
            minor: Some(version.minor_name()),
        }],
    }
}

/// The next four minors, twenty patches of each.
fn offers(version: Version) -> Offers {
    let minor = |minor: u32| {
        let patches = (0..=20).rev().map(|patch| format!("1.{minor}.{patch}-1.1"));
        let versions: Vec<String> = patches.collect();
        let named = |name: &str| (name.to_owned(), versions.clone());
        let packages = ["kubeadm", "kubelet", "kubectl"].map(named).into();
        (format!("v1.{minor}"), MinorOffers { packages, unreadable: None })
    };
    Offers {
        minors: (version.minor..version.minor + 4).map(minor).collect(),
        repository: "/etc/apt/sources.list.d/kubernetes.list".to_owned(),
    }
}

fn image(component: &str, version: Version) -> String {
    match component {
        "etcd" => format!("registry.k8s.io/etcd:{}", etcd_tag(version)),
        other => format!("registry.k8s.io/{other}:{version}"),
    }
}

fn etcd_tag(version: Version) -> &'static str {
    release::images(version).map_or("3.5.0-0", |images| images.etcd.as_str())
}

fn static_pods(version: Version) -> ControlPlaneState {
    let manifest = |component: &str| {
        let (sha256, image) = (format!("sha-of-{component}"), Some(image(component, version)));
        (component.to_owned(), Some(Manifest { sha256, image }))
    };
    let pair = |name: &str| (format!("/etc/kubernetes/pki/{name}"), PairState::Ok);
    ControlPlaneState {
        manifests: STATIC_PODS.map(manifest).into(),
        stray: Vec::new(),
        pairs: PAIRS.map(pair).into(),
        is_kubeadm_running: false,
    }
}

fn survey(name: &str, address: &str, version: Version) -> MachineSurvey {
    let is_master = name.starts_with("cp");
    let certificates = match is_master {
        true => [
            ("/etc/kubernetes/pki/ca.crt", 3000),
            ("/etc/kubernetes/pki/etcd/ca.crt", 3000),
            ("/etc/kubernetes/pki/apiserver.crt", 300),
            ("/etc/kubernetes/pki/etcd/server.crt", 300),
            ("/etc/kubernetes/admin.conf", 300),
            ("/etc/kubernetes/controller-manager.conf", 300),
            ("/var/lib/kubelet/pki/kubelet-client-current.pem", 300),
        ]
        .to_vec(),
        false => vec![("/var/lib/kubelet/pki/kubelet-client-current.pem", 300)],
    };
    let certificate =
        |(path, days): (&str, i64)| Certificate { path: path.to_owned(), ends: NOW + days * DAY };
    let components = STATIC_PODS.iter().filter(|_| is_master);
    MachineSurvey {
        kernel: "6.1.0-18-amd64".to_owned(),
        os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        architecture: "amd64".to_owned(),
        cgroup_version: 2,
        swap: Vec::new(),
        runtime_endpoint: "unix:///run/containerd/containerd.sock".to_owned(),
        images: Some(STATIC_PODS.map(|component| image(component, version)).to_vec()),
        certificates: certificates.into_iter().map(certificate).collect(),
        kubelet_flags: Vec::new(),
        kubelet_config: "apiVersion: kubelet.config.k8s.io/v1beta1\ncgroupDriver: systemd\n\
                         kind: KubeletConfiguration\nrotateCertificates: true\n"
            .to_owned(),
        manifests: components
            .map(|component| ((*component).to_owned(), text(component, name, address, version)))
            .collect(),
        kubeadm_leftovers: Vec::new(),
        automatic_upgrades: Vec::new(),
        cni: vec!["10-calico.conflist".to_owned()],
        api_server: is_master
            .then(|| DirectAnswer { version: version.to_string(), unready: String::new() }),
        kubelet_process: version.to_string(),
        ..MachineSurvey::default()
    }
}

/// The flags that kubeadm writes, as far as they tell something.
fn flags(component: &str, name: &str, address: &str) -> Vec<String> {
    match component {
        "etcd" => vec![
            format!("--advertise-client-urls=https://{address}:2379"),
            "--data-dir=/var/lib/etcd".to_owned(),
            format!("--name={name}"),
        ],
        "kube-apiserver" => vec![
            format!("--advertise-address={address}"),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--etcd-servers=https://127.0.0.1:2379".to_owned(),
            "--secure-port=6443".to_owned(),
        ],
        other => vec![
            format!("--kubeconfig=/etc/kubernetes/{}.conf", other.trim_start_matches("kube-")),
            "--leader-elect=true".to_owned(),
        ],
    }
}

fn text(component: &str, name: &str, address: &str, version: Version) -> String {
    let flags: Vec<String> =
        flags(component, name, address).iter().map(|flag| format!("    - {flag}\n")).collect();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    component: {component}\n  \
         name: {component}\n  namespace: kube-system\nspec:\n  containers:\n  - command:\n    \
         - {component}\n{}    image: {}\n    name: {component}\n  hostNetwork: true\nstatus: {{}}\n",
        flags.concat(),
        image(component, version)
    )
}

pub(super) fn etcd(masters: &[String], version: Version) -> EtcdSurvey {
    let version = etcd_tag(version).split('-').next().unwrap_or_default().to_owned();
    let status = EtcdStatus {
        version,
        db_size: 80 << 20,
        db_in_use: 40 << 20,
        quota: 2 << 30,
        leader: "a1".to_owned(),
        errors: Vec::new(),
    };
    let member = |(index, name): (usize, &String)| EtcdMember {
        name: name.clone(),
        id: format!("a{}", index + 1),
        endpoint: format!("https://10.0.0.{}:2379", 11 + index),
        is_learner: false,
        status: Ok(status.clone()),
    };
    let members = masters.iter().enumerate().map(member).collect();
    EtcdSurvey { kind: EtcdKind::Stacked, members, alarms: Vec::new() }
}
