//! What activities and gates ask of facts again and again.

use std::collections::BTreeMap;

use super::{ControlPlaneState, KubeletProcess, KubeletState, Manifest, PackageState, PairState};

impl PackageState {
    /// Returns a package's version; empty when it is not installed.
    #[must_use]
    pub fn version(&self, name: &str) -> &str {
        self.packages.get(name).and_then(|package| package.version.as_deref()).unwrap_or_default()
    }

    /// Whether a package is held.
    #[must_use]
    pub fn is_held(&self, name: &str) -> bool {
        self.packages.get(name).is_some_and(|package| package.is_held)
    }

    /// Whether a repository has a Kubernetes minor in its address: then each minor has a repository of its own.
    #[must_use]
    pub fn names_a_minor(&self) -> bool {
        self.repositories.iter().any(|repository| repository.minor.is_some())
    }

    /// Says how the package manager was interrupted; `None` when it was not.
    #[must_use]
    pub fn interrupted(&self, names: &[&str]) -> Option<String> {
        let broken =
            |name: &&&str| self.packages.get(**name).is_some_and(|package| package.is_broken);
        let broken: Vec<&str> = names.iter().filter(broken).copied().collect();
        match (&self.audit, broken.is_empty()) {
            (None, true) => None,
            (Some(audit), true) => Some(format!("an installation was interrupted: {audit}")),
            (_, false) => Some(format!("an installation was interrupted at {}", broken.join(", "))),
        }
    }
}

impl ControlPlaneState {
    /// Returns what a worker has: nothing.
    #[must_use]
    pub fn none() -> Self {
        let (manifests, pairs) = (BTreeMap::new(), BTreeMap::new());
        Self { manifests, stray: Vec::new(), pairs, is_kubeadm_running: false }
    }

    fn there(&self, component: &str) -> Option<&Manifest> {
        self.manifests.get(component).and_then(Option::as_ref)
    }

    /// Returns the SHA-256 of a component's manifest; empty when there is none.
    #[must_use]
    pub fn manifest(&self, component: &str) -> &str {
        self.there(component).map(|manifest| manifest.sha256.as_str()).unwrap_or_default()
    }

    /// Returns the image in a component's manifest; empty when there is none.
    #[must_use]
    pub fn image(&self, component: &str) -> &str {
        self.there(component).and_then(|manifest| manifest.image.as_deref()).unwrap_or_default()
    }

    /// Whether a member of etcd belongs to this machine, also while its manifest is gone: its own key pair is only where it is.
    #[must_use]
    pub fn has_etcd(&self) -> bool {
        let has_pair = || self.pairs.keys().any(|pair| pair.ends_with("/etcd/server"));
        self.there("etcd").is_some() || has_pair()
    }

    /// Returns the key pairs whose certificate belongs to another key.
    #[must_use]
    pub fn broken_pairs(&self) -> Vec<String> {
        let broken = self.pairs.iter().filter(|(_, state)| **state == PairState::Mismatch);
        broken.map(|(path, _)| path.clone()).collect()
    }
}

impl KubeletState {
    /// Returns the hash of the configuration; empty when there is none.
    #[must_use]
    pub fn config_hash(&self) -> &str {
        self.config.as_deref().unwrap_or_default()
    }

    /// Returns the hash of kubeadm's flags; empty when there are none.
    #[must_use]
    pub fn flags_hash(&self) -> &str {
        self.flags.as_deref().unwrap_or_default()
    }

    /// Returns the version of the program, for people.
    #[must_use]
    pub fn program_version(&self) -> &str {
        self.program.as_deref().unwrap_or("(not installed)")
    }

    /// Whether it runs from the program that is installed.
    #[must_use]
    pub fn runs_what_is_installed(&self) -> bool {
        self.active == "active" && self.process == KubeletProcess::Current
    }
}
