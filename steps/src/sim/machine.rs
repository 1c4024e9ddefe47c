//! A simulated machine: its files, packages, kubelet, containers and attempts. It knows no time and no cluster.

use std::collections::{BTreeMap, VecDeque};

use kup_core::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::Act;
use super::agenda::sha256;
use super::api::{COMPONENTS, Mirror, Status};
use super::prefetch::Brought;
use super::release;
use super::restore;
use crate::version::Version;

/// Where the kubelet looks for static pods.
pub(super) const MANIFESTS: &str = "/etc/kubernetes/manifests";
/// The file that names the packages' repository.
pub(super) const REPOSITORY_FILE: &str = "/etc/apt/sources.list.d/kubernetes.list";
/// The kubelet's configuration.
pub(super) const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// The packages that kup cares for.
pub(super) const PACKAGES: [&str; 3] = ["kubeadm", "kubelet", "kubectl"];

/// A machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) machine_id: String,
    pub(super) boot_id: String,
    pub(super) powered: bool,
    pub(super) cut: bool,
    pub(super) files: BTreeMap<String, StoredFile>,
    pub(super) packages: BTreeMap<String, Package>,
    /// The minor whose package lists were fetched last.
    pub(super) lists: String,
    /// What was brought before it is needed.
    #[serde(default)]
    pub(super) brought: Brought,
    pub(super) kubelet: Kubelet,
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) owner: Option<OwnerRecord>,
    pub(super) attempts: BTreeMap<String, Attempt>,
    /// Starts that came too late, and the owner's record that refused them.
    pub(super) refusals: BTreeMap<String, String>,
    /// Scripts that will fail the next time, and their statuses.
    pub(super) faults: BTreeMap<String, i32>,
    /// Whether its member of etcd holds other data than the others.
    #[serde(default)]
    pub(super) etcd_is_corrupt: bool,
    /// The minor at which its member of etcd stores; empty where it has none.
    #[serde(default)]
    pub(super) etcd_storage: String,
    /// Whether that stays as it is whatever it should be.
    #[serde(default)]
    pub(super) etcd_storage_is_stuck: bool,
}

/// A file's contents and mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredFile {
    pub(super) text: String,
    pub(super) mode: u32,
}

/// A package as dpkg knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Package {
    /// The version that was unpacked last: its programs are on the disk.
    pub(super) version: String,
    /// False between unpacking and configuring.
    pub(super) configured: bool,
    pub(super) held: bool,
}

/// The kubelet's unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kubelet {
    pub(super) state: UnitState,
    pub(super) pid: u32,
    pub(super) invocation: String,
    /// The version of the process.
    pub(super) running: String,
    /// Whether the program was replaced since the process began.
    pub(super) replaced: bool,
    pub(super) needs_reload: bool,
    pub(super) ready: bool,
    /// The version that it last reported to the API.
    pub(super) reported: String,
    pub(super) last_log: String,
}

/// The state of the kubelet's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum UnitState {
    Active,
    Inactive,
    Failed,
}

/// A static pod's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Container {
    pub(super) image: String,
    pub(super) hash: String,
    /// Whether it could read its key pairs when it began.
    pub(super) sound: bool,
}

/// Who may change the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OwnerRecord {
    pub(super) cluster: String,
    pub(super) run: String,
    pub(super) epoch: u64,
    pub(super) operator: String,
}

/// What an attempt left on the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) script: String,
    pub(super) epoch: u64,
    pub(super) intent: u64,
    pub(super) begun: Timestamp,
    pub(super) output: String,
    pub(super) state: AttemptState,
}

/// How far an attempt is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum AttemptState {
    /// What it will still do.
    Running(VecDeque<Act>),
    Ended(i32),
    Lost(String),
}

impl Machine {
    /// Returns the text of a file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(|file| file.text.as_str())
    }

    /// Writes a file, keeping its mode where it has one.
    pub(super) fn write(&mut self, path: &str, text: impl Into<String>) {
        let mode = self.files.get(path).map_or(0o600, |file| file.mode);
        self.files.insert(path.to_owned(), StoredFile { text: text.into(), mode });
    }

    /// Returns whether kubeadm would take it for a control plane.
    pub(super) fn has_api_server_manifest(&self) -> bool {
        self.files.contains_key(&manifest_path("kube-apiserver"))
    }

    /// Returns the version of a package's program on the disk.
    pub(super) fn program(&self, package: &str) -> Option<Version> {
        release::upstream(&self.packages.get(package)?.version)
    }

    /// Returns whether one of kup's attempts runs, and runs one of these scripts.
    pub(super) fn is_running(&self, scripts: &[&str]) -> bool {
        self.attempts.values().any(|attempt| {
            matches!(attempt.state, AttemptState::Running(_))
                && scripts.contains(&attempt.script.as_str())
        })
    }

    /// Returns whether a key and its certificate belong together; `base` is their path without `.key` and `.crt`.
    pub(super) fn pair_matches(&self, base: &str) -> bool {
        let key = self.text(&format!("{base}.key")).and_then(release::serial);
        key.is_some() && key == self.text(&format!("{base}.crt")).and_then(release::serial)
    }

    /// Returns the bases of all key pairs on the disk.
    pub(super) fn pairs(&self) -> Vec<String> {
        let pki = self.files.keys().filter(|path| path.starts_with("/etc/kubernetes/pki/"));
        let certificates = pki.filter_map(|path| path.strip_suffix(".crt"));
        let with_key = certificates.filter(|base| self.files.contains_key(&format!("{base}.key")));
        with_key.map(str::to_owned).collect()
    }

    /// Returns the containers that should run: component, image and hash of each manifest that is there.
    pub(super) fn wanted(&self) -> Vec<(&'static str, String, String)> {
        let wanted = COMPONENTS.into_iter().filter_map(|component| {
            let text = self.text(&manifest_path(component))?;
            Some((component, release::image_in(text)?.to_owned(), sha256(text)))
        });
        wanted.collect()
    }

    /// Returns whether a component serves: it runs, it could read its key pairs at its start or can now, and etcd its data.
    pub(super) fn is_up(&self, component: &str) -> bool {
        let readable = |it: &Container| {
            component != "etcd"
                || restore::token(self).is_some()
                    && super::etcd_storage::is_readable(self, &it.image)
        };
        let sound = |container: &Container| {
            (container.sound || self.can_read_pairs(component)) && readable(container)
        };
        self.powered && self.containers.get(component).is_some_and(sound)
    }

    /// Returns whether all key pairs of a component match.
    pub(super) fn can_read_pairs(&self, component: &str) -> bool {
        release::pairs_of(component).iter().all(|base| self.pair_matches(base))
    }

    /// Returns what the API shows of this machine.
    pub(super) fn status(&self) -> Status {
        let mirror = |(name, container): (&String, &Container)| {
            let up = self.is_up(name);
            let (image, hash) = (container.image.clone(), container.hash.clone());
            let data = restore::token(self).filter(|_| name == "etcd").unwrap_or_default();
            (name.clone(), Mirror { image, hash, up, data })
        };
        Status {
            ready: self.powered && self.kubelet.ready,
            kubelet_version: self.kubelet.reported.clone(),
            machine_id: self.machine_id.clone(),
            boot_id: self.boot_id.clone(),
            mirrors: self.containers.iter().map(mirror).collect(),
        }
    }
}

/// Returns the path of a component's manifest.
pub(super) fn manifest_path(component: &str) -> String {
    format!("{MANIFESTS}/{component}.yaml")
}

impl OwnerRecord {
    /// Returns the record on one line.
    pub(super) fn line(&self) -> String {
        let Self { cluster, run, epoch, operator } = self;
        format!("cluster={cluster} run={run} epoch={epoch} operator={operator}")
    }
}
