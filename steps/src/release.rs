//! What is known of each minor of Kubernetes: what its kubeadm installs, what it removes, what must be there before. Facts only, read
//! once from `release/releases.yaml`, where each stands with its source; what follows from them is decided by the planner and the gates.
//!
//! A new minor is a new entry in that file. Nothing here asks the network.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::version::Version;

mod removed;

pub use removed::{Component, Named, RemovedApi, RemovedFlags};

const TEXT: &str = include_str!("release/releases.yaml");

/// A file that the build contains is right, or the tests fail; a damaged one would leave kup without facts, never with wrong ones.
static ALL: LazyLock<Vec<Release>> = LazyLock::new(|| parse(TEXT).unwrap_or_default());

/// One minor of Kubernetes, seen by an upgrade that enters it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The minor: 36 for v1.36.
    pub minor: u32,
    /// Whether it is only announced.
    #[serde(default)]
    pub planned: bool,
    /// What its kubeadm installs, by patch, oldest first. Empty where it is planned.
    #[serde(default)]
    pub images: Vec<Images>,
    /// Where that stands.
    #[serde(default)]
    pub images_source: String,
    /// The least external etcd that its kubeadm takes.
    pub min_external_etcd: Option<Sourced>,
    /// The etcd that the members must run before this minor, whatever the kubeadm of the minor before has installed.
    pub least_etcd_before: Option<LeastEtcd>,
    /// Why every node must run `kubeadm upgrade node` in this minor; none where a node may skip it.
    pub migrates_nodes: Option<Reason>,
    /// The least containerd that its kubelet works with.
    pub least_containerd: Option<LeastContainerd>,
    /// What its kubelet does on cgroup v1, where that changes here.
    pub cgroup_v1: Option<CgroupV1>,
    /// What changes in kubeadm itself.
    #[serde(default)]
    pub kubeadm: KubeadmChanges,
    /// Flags that components refuse from here on.
    #[serde(default)]
    pub removed_flags: Vec<RemovedFlags>,
    /// Feature gates that components refuse from here on. Names do not say which component knew them.
    #[serde(default)]
    pub removed_feature_gates: Vec<Named>,
    /// Admission plugins that the API server refuses from here on.
    #[serde(default)]
    pub removed_admission_plugins: Vec<Named>,
    /// APIs that are served no longer.
    #[serde(default)]
    pub removed_apis: Vec<RemovedApi>,
    /// Patches to pass by.
    #[serde(default)]
    pub bad_patches: Vec<BadPatches>,
    /// What else an operator should know before.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// The tags of the images that a patch's kubeadm installs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// The first patch with these, as far as a source names it.
    pub since: u32,
    /// etcd, such as `3.6.8-0`.
    pub etcd: String,
    /// CoreDNS, such as `v1.14.2`.
    pub coredns: String,
    /// The pause container, such as `3.10.2`.
    pub pause: String,
}

/// A version with its source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced {
    /// The version.
    pub version: String,
    /// Where it stands.
    pub source: String,
}

/// A reason with its source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// A clause that says why.
    pub why: String,
    /// Where it stands.
    pub source: String,
}

/// The etcd that must run before a minor is entered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeastEtcd {
    /// The least version, such as `3.5.26`.
    pub version: String,
    /// An image tag that has it.
    pub tag: String,
    /// A clause that says why.
    pub why: String,
    /// Where it stands.
    pub source: String,
}

/// The containerd that a kubelet needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeastContainerd {
    /// The least version, such as `1.6`.
    pub version: String,
    /// A clause that says why.
    pub why: String,
    /// Where it stands.
    pub source: String,
}

/// What a kubelet does on a machine with cgroup v1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CgroupV1 {
    /// It works, and nothing new comes.
    Maintenance,
    /// It does not start unless its configuration says `failCgroupV1: false`.
    RefusedByDefault,
}

/// What changes in kubeadm itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubeadmChanges {
    /// Where it stands that `kubeadm upgrade apply phase` exists from here on.
    pub upgrade_phases: Option<Source>,
    /// The versions of `kubeadm.k8s.io` that it reads, where a newer one comes.
    pub config_apis: Option<Named>,
    /// The versions of `kubeadm.k8s.io` that it reads no longer.
    pub removed_config_apis: Option<Named>,
    /// Gates in `featureGates` of ClusterConfiguration that it refuses from here on.
    pub removed_feature_gates: Option<Named>,
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The source.
    pub source: String,
}

/// Patches to pass by, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BadPatches {
    /// The first.
    pub from: u32,
    /// The last.
    pub to: u32,
    /// What is wrong with them.
    pub what: String,
    /// Where it stands.
    pub source: String,
}

/// What an operator should know before a minor is entered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// A name that stays, unique within the minor.
    pub id: String,
    /// What changes.
    pub what: String,
    /// What to do about it, where something can be done.
    #[serde(default)]
    pub remedy: String,
    /// Where it stands.
    pub source: String,
}

/// Returns what is known of a minor.
#[must_use]
pub fn of(minor: u32) -> Option<&'static Release> {
    ALL.iter().find(|release| release.minor == minor)
}

/// Returns the minors that an upgrade enters, oldest first; none for a new patch.
pub fn entered(from: Version, to: Version) -> impl Iterator<Item = &'static Release> {
    ALL.iter().filter(move |release| (from.minor + 1..=to.minor).contains(&release.minor))
}

/// Returns the minors whose removals a version has behind it, its own among them.
pub fn up_to(version: Version) -> impl Iterator<Item = &'static Release> {
    ALL.iter().filter(move |release| release.minor <= version.minor)
}

/// Returns the newest minor that is released, as far as this build of kup knows.
#[must_use]
pub fn newest() -> Option<&'static Release> {
    ALL.iter().rev().find(|release| !release.planned)
}

/// Returns the images that the kubeadm of a version installs; those of the newest known minor for one that is newer.
#[must_use]
pub fn images(version: Version) -> Option<&'static Images> {
    match of(version.minor).filter(|release| !release.planned) {
        Some(release) => release.images_at(version.patch),
        None => newest()
            .filter(|newest| newest.minor < version.minor)
            .and_then(|newest| newest.images.last()),
    }
}

/// Whether the kubeadm of a version can upgrade a control plane phase by phase.
#[must_use]
pub fn has_upgrade_phases(version: Version) -> bool {
    up_to(version).any(|release| release.kubeadm.upgrade_phases.is_some())
}

/// Returns the name of the ConfigMap that kubeadm of a version keeps the kubelets' configuration in (kubeadm `constants.go`,
/// `GetKubeletConfigMapName`; the gate UnversionedKubeletConfigMap is on since 1.24).
#[must_use]
pub fn kubelet_config_map(version: Version) -> String {
    match version.minor {
        0..=23 => format!("kubelet-config-{}.{}", version.major, version.minor),
        24.. => "kubelet-config".to_owned(),
    }
}

/// Returns what the kubelet of a version does on cgroup v1; none where it just works.
#[must_use]
pub fn cgroup_v1(version: Version) -> Option<CgroupV1> {
    up_to(version).filter_map(|release| release.cgroup_v1).last()
}

/// Returns the least containerd that the kubelet of a version works with.
#[must_use]
pub fn least_containerd(version: Version) -> Option<&'static LeastContainerd> {
    up_to(version).filter_map(|release| release.least_containerd.as_ref()).last()
}

impl Release {
    /// Returns the images that a patch's kubeadm installs.
    #[must_use]
    pub fn images_at(&self, patch: u32) -> Option<&Images> {
        self.images.iter().rev().find(|images| images.since <= patch)
    }

    /// Returns what is wrong with a patch.
    pub fn faults_of(&self, patch: u32) -> impl Iterator<Item = &BadPatches> {
        self.bad_patches.iter().filter(move |bad| (bad.from..=bad.to).contains(&patch))
    }
}

fn parse(text: &str) -> Result<Vec<Release>, serde_yaml_ng::Error> {
    serde_yaml_ng::from_str(text)
}

#[cfg(test)]
mod tests;
