//! What a minor removes.

use serde::Deserialize;

use super::Release;

/// A program that has flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The kubelet.
    Kubelet,
    /// The API server.
    KubeApiserver,
    /// The controller manager.
    KubeControllerManager,
    /// The scheduler.
    KubeScheduler,
}

impl Component {
    /// Returns the name of its program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubelet => "kubelet",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
        }
    }
}

/// Names with their source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The names.
    pub names: Vec<String>,
    /// Where they stand.
    pub source: String,
}

/// Flags that a component refuses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedFlags {
    /// Which one.
    pub component: Component,
    /// The flags, without dashes in front.
    pub names: Vec<String>,
    /// Where they stand.
    pub source: String,
}

/// An API that is served no longer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedApi {
    /// Its group, such as `networking.k8s.io`.
    pub group: String,
    /// Its version, such as `v1beta1`.
    pub version: String,
    /// Its kind, such as `Ingress`.
    pub kind: String,
    /// The kind's name in paths, such as `ingresses`.
    pub resource: String,
    /// Group and version to use instead; empty where there is none.
    #[serde(default)]
    pub replacement: String,
    /// Where it stands.
    pub source: String,
}

impl Release {
    /// Returns the flags that a component refuses from this minor on, without dashes in front.
    pub fn flags_removed_from(&self, component: Component) -> impl Iterator<Item = &str> {
        let of = self.removed_flags.iter().filter(move |flags| flags.component == component);
        of.flat_map(|flags| flags.names.iter().map(String::as_str))
    }

    /// Returns the feature gates that are refused from this minor on.
    pub fn feature_gates_removed(&self) -> impl Iterator<Item = &str> {
        self.removed_feature_gates.iter().flat_map(|gates| gates.names.iter().map(String::as_str))
    }

    /// Returns the admission plugins that are refused from this minor on.
    pub fn admission_plugins_removed(&self) -> impl Iterator<Item = &str> {
        let plugins = self.removed_admission_plugins.iter();
        plugins.flat_map(|plugins| plugins.names.iter().map(String::as_str))
    }
}
