//! kubeadm's `UpgradeConfiguration`, as an operator gives it and as kup's calls need it. Pure.

use serde_yaml_ng::{Mapping, Value};
use thiserror::Error;

use crate::version::Version;

/// The commands that the file speaks of, and that kup calls.
const SECTIONS: [&str; 2] = ["apply", "node"];

/// An `UpgradeConfiguration`.
#[derive(Debug, Clone, PartialEq)]
pub struct UpgradeConfig(Mapping);

/// Says why a file cannot be given to kubeadm.
#[derive(Debug, Error)]
pub enum InvalidUpgradeConfig {
    /// It is not YAML.
    #[error("it is not one YAML document")]
    Yaml(#[source] serde_yaml_ng::Error),
    /// It is something else.
    #[error(
        "it is `{kind}` of `{api}`; kubeadm takes `UpgradeConfiguration` of `kubeadm.k8s.io/v1beta4` for an upgrade"
    )]
    Kind {
        /// What it says it is.
        kind: String,
        /// And of which API.
        api: String,
    },
    /// A section is not one.
    #[error("`{0}` in it is not a mapping")]
    Section(&'static str),
}

impl UpgradeConfig {
    /// Reads a file's text.
    ///
    /// # Errors
    /// See [`InvalidUpgradeConfig`].
    pub fn parse(text: &str) -> Result<Self, InvalidUpgradeConfig> {
        let fields: Mapping = serde_yaml_ng::from_str(text).map_err(InvalidUpgradeConfig::Yaml)?;
        let says = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, api) = (says("kind").to_owned(), says("apiVersion").to_owned());
        if kind != "UpgradeConfiguration" || api != "kubeadm.k8s.io/v1beta4" {
            return Err(InvalidUpgradeConfig::Kind { kind, api });
        }
        for section in SECTIONS {
            if fields.get(section).is_some_and(|value| !value.is_mapping()) {
                return Err(InvalidUpgradeConfig::Section(section));
            }
        }
        Ok(Self(fields))
    }

    pub(super) fn with_etcd_upgrade(self, on: Option<bool>) -> Self {
        self.with("etcdUpgrade", on.map(Value::Bool))
    }

    pub(super) fn with_renewal(self, on: Option<bool>) -> Self {
        self.with("certificateRenewal", on.map(Value::Bool))
    }

    pub(super) fn with_patches(self, folder: &str) -> Self {
        let directory = ("directory".into(), folder.into());
        self.with("patches", Some(Value::Mapping(Mapping::from_iter([directory]))))
    }

    pub(super) fn with_force(self) -> Self {
        self.with_in("apply", "forceUpgrade", Value::Bool(true))
    }

    pub(super) fn with_version(self, version: Version) -> Self {
        self.with_in("apply", "kubernetesVersion", version.to_string().into())
    }

    /// Returns what stands in the file of a call.
    pub(super) fn text(&self) -> String {
        // A mapping of plain values is always written.
        serde_yaml_ng::to_string(&self.0).unwrap_or_default()
    }

    fn with(self, name: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => SECTIONS
                .into_iter()
                .fold(self, |config, section| config.with_in(section, name, value.clone())),
            None => self,
        }
    }

    fn with_in(mut self, section: &str, name: &str, value: Value) -> Self {
        let place = self.0.entry(section.into()).or_insert_with(|| Mapping::new().into());
        if let Value::Mapping(fields) = place {
            fields.insert(name.into(), value);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: UpgradeConfiguration\n";

    #[test]
    fn only_an_upgrade_configuration_is_taken() {
        assert!(UpgradeConfig::parse(HEAD).is_ok());
        let cluster = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";
        let told = UpgradeConfig::parse(cluster).unwrap_err().to_string();
        assert!(told.contains("`ClusterConfiguration`"), "{told}");
        let old = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: UpgradeConfiguration\n";
        assert!(UpgradeConfig::parse(old).is_err());
        assert!(UpgradeConfig::parse(&format!("{HEAD}apply: 3\n")).is_err());
        assert!(UpgradeConfig::parse("- a\n").is_err());
    }

    #[test]
    fn what_the_operator_said_stays_where_kup_says_nothing() {
        let text = format!(
            "{HEAD}apply:\n  etcdUpgrade: true\n  imagePullSerial: false\nnode:\n  skipPhases: [addon]\n"
        );
        let config = UpgradeConfig::parse(&text).unwrap();
        let same: Mapping = serde_yaml_ng::from_str(&config.text()).unwrap();
        assert_eq!(same, config.0);
        let said = config.with_etcd_upgrade(Some(false)).with_renewal(None).text();
        assert!(!said.contains("etcdUpgrade: true"), "{said}");
        for kept in ["imagePullSerial: false", "- addon"] {
            assert!(said.contains(kept), "{said}");
        }
    }
}
