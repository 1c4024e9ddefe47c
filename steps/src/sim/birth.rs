//! How a simulated cluster comes into the world: machines as kubeadm leaves them, and a few workloads to drain.

use std::collections::BTreeMap;

use super::agenda::{Agenda, sha256, uuid};
use super::api::{Api, Budget, COMPONENTS, SimNode, SimPod};
use super::kubelet;
use super::machine::{
    KUBELET_CONFIG, Kubelet, MANIFESTS, Machine, PACKAGES, Package, REPOSITORY_FILE, StoredFile,
    UnitState, manifest_path,
};
use super::prefetch::Brought;
use super::release;
use super::spec::SimSpec;
use super::troubles::Troubles;
use crate::release::kubelet_config_map;

const ENDPOINT: &str = "https://10.77.0.10:6443";

/// Returns a world that has just been set up.
pub(super) fn world(spec: &SimSpec, seed: String) -> (Agenda, Api, Vec<Machine>) {
    let ca = uuid(&format!("{seed} ca"));
    let names = |prefix: &str, count: u32| {
        (1..=count).map(|number| format!("{prefix}{number}")).collect::<Vec<_>>()
    };
    let control_planes = names("cp", spec.control_planes).into_iter().enumerate();
    let workers = names("w", spec.workers).into_iter().enumerate();
    let mut machines: Vec<Machine> = control_planes
        .map(|(index, name)| machine(spec, &seed, &ca, name, format!("10.77.0.{}", index + 11)))
        .collect();
    machines.extend(workers.map(|(index, name)| {
        let address = format!("10.77.{}.{}", 1 + index / 200, 11 + index % 200);
        machine(spec, &seed, &ca, name, address)
    }));
    let mut agenda = Agenda::new(spec.into(), seed);
    let api = api(spec, &mut agenda, &ca, &machines);
    (agenda, api, machines)
}

fn machine(spec: &SimSpec, seed: &str, ca: &str, name: String, address: String) -> Machine {
    let id = |what: &str| uuid(&format!("{seed} {name} {what}"));
    let mut machine = Machine {
        machine_id: id("machine").replace('-', ""),
        boot_id: id("boot 1"),
        powered: true,
        cut: false,
        files: BTreeMap::new(),
        packages: packages(spec),
        lists: spec.version.minor_name(),
        brought: Brought::default(),
        kubelet: newborn_kubelet(spec, id("invocation").replace('-', "")),
        containers: BTreeMap::new(),
        owner: None,
        attempts: BTreeMap::new(),
        refusals: BTreeMap::new(),
        faults: BTreeMap::new(),
        etcd_is_corrupt: false,
        etcd_storage: String::new(),
        etcd_storage_is_stuck: false,
        name,
        address,
    };
    common_files(&mut machine, spec, ca);
    if machine.name.starts_with("cp") {
        control_plane_files(&mut machine, spec, seed, ca);
        machine.etcd_storage = super::etcd_storage::at_birth(&machine);
    }
    kubelet::sync(&mut machine);
    machine
}

fn packages(spec: &SimSpec) -> BTreeMap<String, Package> {
    let version = release::package_version(&spec.version);
    let package = Package { version, configured: true, held: true };
    PACKAGES.iter().map(|name| ((*name).to_owned(), package.clone())).collect()
}

fn newborn_kubelet(spec: &SimSpec, invocation: String) -> Kubelet {
    Kubelet {
        state: UnitState::Active,
        pid: 900,
        invocation,
        running: spec.version.to_string(),
        replaced: false,
        needs_reload: false,
        ready: true,
        reported: spec.version.to_string(),
        last_log: format!("Started kubelet {}.", spec.version),
    }
}

fn store(machine: &mut Machine, path: &str, mode: u32, text: String) {
    machine.files.insert(path.to_owned(), StoredFile { text, mode });
}

fn common_files(machine: &mut Machine, spec: &SimSpec, ca: &str) {
    let minor = spec.version.minor_name();
    store(machine, REPOSITORY_FILE, 0o644, release::repository_line(&minor));
    store(machine, KUBELET_CONFIG, 0o644, release::kubelet_config(&spec.version));
    let flags = "KUBELET_KUBEADM_ARGS=\"\"\n".to_owned();
    store(machine, "/var/lib/kubelet/kubeadm-flags.env", 0o644, flags);
    if spec.version.minor >= 34 {
        let socket = "containerRuntimeEndpoint: \"unix:///run/containerd/containerd.sock\"\n";
        store(machine, "/var/lib/kubelet/instance-config.yaml", 0o644, socket.to_owned());
    }
    store(machine, "/etc/kubernetes/pki/ca.crt", 0o644, release::certificate(ca));
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: {ENDPOINT}\n  name: kubernetes\n\
         users:\n- name: default-auth\n  user:\n    \
         client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n"
    );
    store(machine, "/etc/kubernetes/kubelet.conf", 0o600, config);
}

fn control_plane_files(machine: &mut Machine, spec: &SimSpec, seed: &str, ca: &str) {
    store(machine, "/etc/kubernetes/pki/ca.key", 0o600, release::key(ca));
    for shared in ["etcd/ca", "front-proxy-ca"] {
        pair(machine, &format!("/etc/kubernetes/pki/{shared}"), &uuid(&format!("{seed} {shared}")));
    }
    for base in COMPONENTS.iter().flat_map(|component| release::pairs_of(component)) {
        let number = uuid(&format!("{seed} {} {base}", machine.name));
        pair(machine, base, &number);
    }
    let service_accounts = release::key(&uuid(&format!("{seed} sa")));
    store(machine, "/etc/kubernetes/pki/sa.key", 0o600, service_accounts.clone());
    store(machine, "/etc/kubernetes/pki/sa.pub", 0o600, service_accounts);
    kubeconfigs(machine, spec, seed);
    for component in COMPONENTS {
        let text = release::manifest(component, &machine.name, &machine.address, &spec.version);
        store(machine, &manifest_path(component), 0o600, text);
    }
    store(machine, &format!("{MANIFESTS}/.kubelet-keep"), 0o644, String::new());
}

fn pair(machine: &mut Machine, base: &str, number: &str) {
    store(machine, &format!("{base}.key"), 0o600, release::key(number));
    store(machine, &format!("{base}.crt"), 0o644, release::certificate(number));
}

fn kubeconfigs(machine: &mut Machine, spec: &SimSpec, seed: &str) {
    let super_admin = (spec.version.minor >= 29).then_some("super-admin");
    let users = ["admin", "controller-manager", "scheduler"].into_iter().chain(super_admin);
    for user in users {
        let number = uuid(&format!("{seed} {} {user}", machine.name));
        let text = release::kubeconfig(ENDPOINT, user, &number);
        store(machine, &format!("/etc/kubernetes/{user}.conf"), 0o600, text);
    }
}

fn api(spec: &SimSpec, agenda: &mut Agenda, ca: &str, machines: &[Machine]) -> Api {
    let mut api = Api {
        uid: agenda.fresh_uid(),
        ca_sha256: sha256(&release::certificate(ca)),
        endpoint: ENDPOINT.to_owned(),
        version_counter: 200,
        nodes: BTreeMap::new(),
        pods: BTreeMap::new(),
        config_maps: BTreeMap::new(),
        daemon_sets: BTreeMap::new(),
        budgets: Vec::new(),
        etcd_data: String::new(),
        etcd_downgrade: None,
        troubles: Troubles::default(),
    };
    for machine in machines {
        api.nodes.insert(machine.name.clone(), node(agenda, machine));
    }
    config_maps(&mut api, spec);
    workloads(&mut api, agenda, spec);
    api
}

fn node(agenda: &mut Agenda, machine: &Machine) -> SimNode {
    SimNode {
        uid: agenda.fresh_uid(),
        control_plane: machine.has_api_server_manifest(),
        address: machine.address.clone(),
        unschedulable: false,
        cordoned_by: None,
        status: machine.status(),
    }
}

fn config_maps(api: &mut Api, spec: &SimSpec) {
    let cluster = release::cluster_configuration(ENDPOINT, &spec.version);
    let one = |key: &str, text: String| BTreeMap::from([(key.to_owned(), text)]);
    api.put_config_map("kubeadm-config", one("ClusterConfiguration", cluster));
    let kubelet = release::kubelet_config(&spec.version);
    api.put_config_map(&kubelet_config_map(spec.version), one("kubelet", kubelet));
    let corefile = ".:53 {\n    errors\n    health\n    ready\n    forward . /etc/resolv.conf\n}\n";
    api.put_config_map("coredns", one("Corefile", corefile.to_owned()));
    let proxy = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";
    api.put_config_map("kube-proxy", one("config.conf", proxy.to_owned()));
}

fn workloads(api: &mut Api, agenda: &mut Agenda, spec: &SimSpec) {
    let proxy = release::image("kube-proxy", &spec.version);
    api.daemon_sets.insert("kube-system/kube-proxy".to_owned(), proxy.clone());
    for node in api.nodes.keys().cloned().collect::<Vec<_>>() {
        let name = format!("kube-proxy-{node}");
        let set = Some(("DaemonSet", "kube-proxy"));
        add(api, agenda, pod("kube-system", &name, &node, set, ("kube-proxy", &proxy)));
    }
    let dns = release::image("coredns", &spec.version);
    let home = |index: u32| match spec.workers {
        0 => format!("cp{}", 1 + index % spec.control_planes.max(1)),
        workers => format!("w{}", 1 + index % workers),
    };
    for index in 0..2 {
        let (name, set) = (format!("coredns-589f44dc88-{index}"), "coredns-589f44dc88");
        let set = Some(("ReplicaSet", set));
        add(api, agenda, pod("kube-system", &name, &home(index), set, ("kube-dns", &dns)));
    }
    if spec.workers > 0 {
        applications(api, agenda, spec, home);
    }
}

fn applications(api: &mut Api, agenda: &mut Agenda, spec: &SimSpec, home: impl Fn(u32) -> String) {
    for index in 0..spec.workers.saturating_mul(2) {
        let name = format!("web-7d9c5b6f4-{index}");
        let set = Some(("ReplicaSet", "web-7d9c5b6f4"));
        let mut web = pod("shop", &name, &home(index), set, ("web", "registry.example/web:1"));
        if index == 0 && spec.empty_dir {
            web.empty_dirs.push("cache".to_owned());
        }
        add(api, agenda, web);
    }
    let replicas = spec.workers.min(3);
    for index in 0..replicas {
        let name = format!("db-{index}");
        let set = Some(("StatefulSet", "db"));
        add(api, agenda, pod("shop", &name, &home(index), set, ("db", "registry.example/db:1")));
    }
    let least = if spec.tight_budget { replicas } else { replicas - 1 };
    if let Some(min_available) = usize::try_from(least).ok().filter(|min| *min > 0) {
        let (name, namespace, app) = ("db".to_owned(), "shop".to_owned(), "db".to_owned());
        api.budgets.push(Budget { name, namespace, app, min_available });
    }
    if spec.bare_pod {
        let image = ("debug", "registry.example/debug:1");
        add(api, agenda, pod("shop", "debug", &home(0), None, image));
    }
}

fn pod(
    namespace: &str,
    name: &str,
    node: &str,
    controller: Option<(&str, &str)>,
    (app, image): (&str, &str),
) -> SimPod {
    SimPod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        node: node.to_owned(),
        ready: true,
        terminating: false,
        controller: controller.map(|(kind, name)| (kind.to_owned(), name.to_owned())),
        app: app.to_owned(),
        image: image.to_owned(),
        empty_dirs: Vec::new(),
    }
}

fn add(api: &mut Api, agenda: &mut Agenda, pod: SimPod) {
    api.pods.insert(agenda.fresh_uid(), pod);
}
