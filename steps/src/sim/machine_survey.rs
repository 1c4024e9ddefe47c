//! What a simulated machine says when it is surveyed, as far as the model knows it; the rest is as on any healthy machine.

use std::collections::BTreeMap;

use chrono::{Datelike, TimeZone, Utc};
use kup_core::clock::Timestamp;

use super::api::COMPONENTS;
use super::machine::{KUBELET_CONFIG, Machine, UnitState, manifest_path};
use super::release;
use crate::facts::{Certificate, DirectAnswer, KubeletFlag, MachineSurvey};
use crate::version::{Version, tag_of};

const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
const INSTANCE: &str = "/var/lib/kubelet/instance-config.yaml";
/// Inodes left on every simulated disk.
const FREE_INODES: u64 = 1 << 20;

/// Returns the survey of a machine.
pub(super) fn of(machine: &Machine, now: Timestamp) -> MachineSurvey {
    let text = |path: &str| machine.text(path).unwrap_or_default().to_owned();
    let manifest = |component: &str| {
        let text = machine.text(&manifest_path(component))?;
        Some((component.to_owned(), text.to_owned()))
    };
    let runs = machine.kubelet.state == UnitState::Active;
    MachineSurvey {
        kernel: "6.12.0-sim".to_owned(),
        os: "Debian GNU/Linux 13 (simulated)".to_owned(),
        architecture: "amd64".to_owned(),
        cgroup_version: 2,
        swap: Vec::new(),
        runtime_endpoint: endpoint(&text(INSTANCE)),
        images: Some(images(machine)),
        certificates: certificates(machine, now),
        kubelet_flags: flags(&text(FLAGS)),
        kubelet_config: text(KUBELET_CONFIG),
        manifests: COMPONENTS.into_iter().filter_map(manifest).collect(),
        kubeadm_leftovers: folders(machine, "/etc/kubernetes/tmp/"),
        automatic_upgrades: Vec::new(),
        cni: vec!["10-sim.conflist".to_owned()],
        patches: names(machine, "/etc/kubernetes/patches/"),
        kubelet_process: if runs { machine.kubelet.running.clone() } else { String::new() },
        free_inodes: BTreeMap::from([("/var/lib/kubelet".to_owned(), FREE_INODES)]),
        unreadable: Vec::new(),
        api_server: machine.has_api_server_manifest().then(|| direct_answer(machine)),
    }
}

fn endpoint(instance: &str) -> String {
    let line = instance.lines().find_map(|line| line.strip_prefix("containerRuntimeEndpoint: "));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

/// Returns the images of what runs, and of the addons that every node has.
fn images(machine: &Machine) -> Vec<String> {
    let mut images: Vec<String> =
        machine.containers.values().map(|container| container.image.clone()).collect();
    if let Ok(version) = machine.kubelet.running.parse::<Version>() {
        images.extend(["kube-proxy", "coredns"].map(|name| release::image(name, &version)));
    }
    images.push("registry.k8s.io/pause:3.10".to_owned());
    images.sort();
    images.dedup();
    images
}

/// A certificate of a simulated machine ends with the next year: it never ends while somebody looks, and two looks see the same.
fn certificates(machine: &Machine, now: Timestamp) -> Vec<Certificate> {
    let end = |years: i32| {
        let year = now.to_utc().year().saturating_add(years);
        Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).earliest().map_or(i64::MAX, |end| end.timestamp())
    };
    let (leaf, authority) = (end(2), end(10));
    let is_certificate = |path: &&String| {
        path.starts_with("/etc/kubernetes/pki/") && path.ends_with(".crt")
            || path.starts_with("/etc/kubernetes/") && path.ends_with(".conf")
    };
    let paths = machine.files.keys().filter(is_certificate).filter(|path| embeds(machine, path));
    let certificate = |path: &String| {
        let is_authority = path.ends_with("/ca.crt") || path.ends_with("-ca.crt");
        Certificate { path: path.clone(), ends: if is_authority { authority } else { leaf } }
    };
    let mut certificates: Vec<Certificate> = paths.map(certificate).collect();
    let own = "/var/lib/kubelet/pki/kubelet-client-current.pem".to_owned();
    certificates.push(Certificate { path: own, ends: leaf });
    certificates
}

/// A kubeconfig may name a file instead.
fn embeds(machine: &Machine, path: &str) -> bool {
    let text = machine.text(path).unwrap_or_default();
    path.ends_with(".crt") || text.contains("client-certificate-data: ")
}

fn flags(env: &str) -> Vec<KubeletFlag> {
    let words =
        env.split(|c: char| c.is_whitespace() || c == '"').filter(|it| it.starts_with("--"));
    words.map(|word| KubeletFlag { flag: word.to_owned(), place: FLAGS.to_owned() }).collect()
}

fn names(machine: &Machine, folder: &str) -> Vec<String> {
    machine.files.keys().filter_map(|path| path.strip_prefix(folder)).map(str::to_owned).collect()
}

fn folders(machine: &Machine, folder: &str) -> Vec<String> {
    let inside = names(machine, folder).into_iter();
    let mut folders: Vec<String> =
        inside.filter_map(|path| Some(path.split_once('/')?.0.to_owned())).collect();
    folders.sort();
    folders.dedup();
    folders
}

fn direct_answer(machine: &Machine) -> DirectAnswer {
    let image = machine.containers.get("kube-apiserver").map(|it| it.image.as_str());
    let version = image.and_then(tag_of).unwrap_or_default();
    if !machine.is_up("kube-apiserver") {
        let unready = "it does not answer".to_owned();
        return DirectAnswer { version: String::new(), unready };
    }
    let unready = if machine.is_up("etcd") { "" } else { "etcd failed: reason withheld" };
    DirectAnswer { version: version.to_owned(), unready: unready.to_owned() }
}
