//! What nodes say about themselves, typed. Reads the `key=value` lines that the asking scripts of `node/` print; decides
//! nothing about Kubernetes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::{Host, HostError};
use crate::package::Installer;
use crate::script::{self, Script};

use self::reply::Lines;

mod copies;
pub mod etcd;
mod kubelet;
mod leftovers;
mod offers;
mod prefetched;
pub(crate) mod reply;
mod restore;
mod survey;
mod view;

pub use copies::Copies;
pub use kubelet::{KubeletProcess, KubeletState};
pub use leftovers::{LeftAttempt, Leftovers, Trace};
pub(crate) use offers::upstream;
pub use offers::{MinorOffers, Offers};
pub use prefetched::Prefetched;
pub use restore::RestoreState;
pub use survey::{Certificate, DirectAnswer, KubeletFlag, MachineSurvey};

/// What installs packages on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// Debian's.
    Apt,
    /// Red Hat's.
    Dnf,
    /// SUSE's.
    Zypper,
    /// Plain programs that no package owns.
    Binaries,
    /// None that is known.
    None,
}

impl PackageManager {
    const NAMES: [(&'static str, Self); 5] = [
        ("apt", Self::Apt),
        ("dnf", Self::Dnf),
        ("zypper", Self::Zypper),
        ("binaries", Self::Binaries),
        ("none", Self::None),
    ];

    /// Returns its name, as facts and plans spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, it)| *it == self).map_or("none", |(name, _)| *name)
    }

    /// Returns the one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(it, _)| *it == name).map(|(_, it)| *it)
    }
}

/// Who a machine is, what it runs, how much room it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// Its name for itself.
    pub hostname: String,
    /// Of `/etc/machine-id`.
    pub machine_id: String,
    /// Changes with every boot.
    pub boot_id: String,
    /// The fingerprint of its SSH host key.
    pub host_key: Option<String>,
    /// What we are there; 0 is root.
    pub uid: u32,
    /// What systemd says of itself; `absent` without it.
    pub systemd: String,
    /// How packages are installed.
    pub package_manager: PackageManager,
    /// Whether `/etc/kubernetes/admin.conf` is there.
    pub has_admin_conf: bool,
    /// The names in `/etc/kubernetes/manifests`.
    pub manifests: Vec<String>,
    /// Free room in KiB, by path.
    pub free_kib: BTreeMap<String, u64>,
    /// The size of `/var/lib/etcd` in KiB.
    pub etcd_kib: u64,
    /// The record of the kup that owns it.
    pub owner: Option<String>,
    /// Programs at work that upgrade things.
    pub other_upgrade: Vec<String>,
    /// Its clock: seconds since 1970.
    pub now: i64,
}

impl NodeFacts {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host) -> Result<Self, HostError> {
        Self::of(&Lines::ask(host, &Script::new::<String>(script::FACTS, [])).await?)
    }

    /// Takes an answer apart.
    pub(crate) fn of(lines: &Lines) -> Result<Self, HostError> {
        let free = lines.with_prefix("free_kib:").map(|(path, kib)| Ok((path, lines.number(kib)?)));
        Ok(Self {
            hostname: lines.text("hostname")?,
            machine_id: lines.text("machine_id")?,
            boot_id: lines.text("boot_id")?,
            host_key: lines.option("host_key")?,
            uid: lines.number(lines.get("uid")?)?,
            systemd: lines.text("systemd")?,
            package_manager: lines.one_of("package_manager", &PackageManager::NAMES)?,
            has_admin_conf: lines.yes("admin_conf")?,
            manifests: lines.list("manifests")?,
            free_kib: free.collect::<Result<_, HostError>>()?,
            etcd_kib: lines.number(lines.get("etcd_kib")?)?,
            owner: lines.option("owner")?,
            other_upgrade: lines.list("other_upgrade")?,
            now: lines.number(lines.get("now")?)?,
        })
    }
}

/// A package on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// Its version, where it is installed.
    pub version: Option<String>,
    /// Whether its installation was left half-done.
    pub is_broken: bool,
    /// Whether it is held.
    pub is_held: bool,
}

/// A file of the package manager that names a Kubernetes repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// The file.
    pub file: String,
    /// The minor in its address, e.g. `v1.19`.
    pub minor: Option<String>,
}

/// The Kubernetes packages of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageState {
    /// kubeadm, kubelet and kubectl by name.
    pub packages: BTreeMap<String, InstalledPackage>,
    /// What the package manager complains of.
    pub audit: Option<String>,
    /// Where they come from.
    pub repositories: Vec<Repository>,
}

impl PackageState {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host, installer: &Installer) -> Result<Self, HostError> {
        Self::of(&Lines::ask(host, &installer.packages()).await?)
    }

    /// Takes an answer apart.
    pub(crate) fn of(lines: &Lines) -> Result<Self, HostError> {
        let package = |(name, version): (String, &str)| {
            let states = [("ok", false), ("broken", true)];
            let package = InstalledPackage {
                version: reply::not_empty(version),
                is_broken: lines.one_of(&format!("state:{name}"), &states)?,
                is_held: lines.yes(&format!("hold:{name}"))?,
            };
            Ok((name, package))
        };
        let repository = |file: &str| {
            let minor = lines.option(&format!("minor:{file}"))?;
            Ok(Repository { file: file.to_owned(), minor })
        };
        Ok(Self {
            packages: lines.with_prefix("version:").map(package).collect::<Result<_, _>>()?,
            audit: lines.option("audit")?,
            repositories: lines.all("repository").map(repository).collect::<Result<_, _>>()?,
        })
    }
}

/// Whether a certificate and its key belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairState {
    /// They do.
    Ok,
    /// They do not.
    Mismatch,
    /// Nobody could tell.
    Unknown,
}

/// A static pod's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The SHA-256 of the file.
    pub sha256: String,
    /// The image of its container.
    pub image: Option<String>,
}

/// The static pods whose image carries the Kubernetes version. etcd's does not.
pub const VERSIONED: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];
/// All static pods that kubeadm makes.
pub const STATIC_PODS: [&str; 4] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// The static pods and key pairs of a node as they are on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlPlaneState {
    /// By component; `None` where the file is missing.
    pub manifests: BTreeMap<String, Option<Manifest>>,
    /// Other names that the kubelet would read.
    pub stray: Vec<String>,
    /// By path without `.crt` and `.key`, and by kubeconfig.
    pub pairs: BTreeMap<String, PairState>,
    /// Whether a kubeadm is at work.
    pub is_kubeadm_running: bool,
}

impl ControlPlaneState {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host) -> Result<Self, HostError> {
        Self::of(&Lines::ask(host, &Script::new::<String>(script::CONTROL_PLANE, [])).await?)
    }

    /// Takes an answer apart.
    pub(crate) fn of(lines: &Lines) -> Result<Self, HostError> {
        let manifest = |(component, sha256): (String, &str)| {
            let image = lines.option(&format!("image:{component}"))?;
            let manifest = reply::not_empty(sha256).map(|sha256| Manifest { sha256, image });
            Ok((component, manifest))
        };
        let states = [
            ("ok", PairState::Ok),
            ("mismatch", PairState::Mismatch),
            ("unknown", PairState::Unknown),
        ];
        let pair = |(path, _)| {
            let state = lines.one_of(&format!("pair:{path}"), &states)?;
            Ok((path, state))
        };
        Ok(Self {
            manifests: lines.with_prefix("manifest:").map(manifest).collect::<Result<_, _>>()?,
            stray: lines.list("stray")?,
            pairs: lines.with_prefix("pair:").map(pair).collect::<Result<_, _>>()?,
            is_kubeadm_running: lines.yes("kubeadm_running")?,
        })
    }
}
