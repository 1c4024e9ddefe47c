//! `kubeadm-config` and the components' configurations as gates read them: from the texts of the ConfigMaps, whatever their API version.

use std::collections::BTreeMap;

use serde_yaml_ng::Value;

use super::Question;
use crate::inventory::Inventory;
use crate::release::{self, Component};

/// The registries that have the images of every release.
const PUBLIC_REGISTRIES: [&str; 2] = ["registry.k8s.io", "k8s.gcr.io"];

/// What kubeadm knows of the cluster.
#[derive(Debug, Default)]
pub(crate) struct ClusterConfiguration(Value);

impl ClusterConfiguration {
    /// Reads it from an inventory.
    ///
    /// # Errors
    /// Says why there is none that can be read.
    pub(crate) fn of(inventory: &Inventory) -> Result<Self, String> {
        let text = text(inventory, "kubeadm-config", "ClusterConfiguration")?;
        let value: Value =
            serde_yaml_ng::from_str(text).map_err(|e| format!("ClusterConfiguration: {e}"))?;
        if value.is_mapping() {
            Ok(Self(value))
        } else {
            Err("ClusterConfiguration in kubeadm-config is no mapping".to_owned())
        }
    }

    /// Returns a text somewhere in it; empty where there is none.
    pub(super) fn text(&self, path: &[&str]) -> &str {
        at(&self.0, path).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether there is something at a place.
    pub(crate) fn has(&self, path: &[&str]) -> bool {
        at(&self.0, path).is_some()
    }

    /// Returns the version of its API: `v1beta4`.
    pub(super) fn api(&self) -> &str {
        self.text(&["apiVersion"]).rsplit('/').next().unwrap_or_default()
    }

    /// Returns the registry and folder of the images.
    pub(super) fn image_repository(&self) -> &str {
        match self.text(&["imageRepository"]) {
            "" => "registry.k8s.io",
            given => given,
        }
    }

    /// Returns the registry and folder that an operator has named; `None` where kubeadm chooses among the public ones.
    pub(crate) fn own_image_repository(&self) -> Option<&str> {
        Some(self.image_repository()).filter(|it| !PUBLIC_REGISTRIES.contains(it))
    }

    /// Returns kubeadm's own feature gates.
    pub(super) fn feature_gates(&self) -> Vec<String> {
        keys(at(&self.0, &["featureGates"]))
    }

    /// Returns the flags that a control plane component gets beyond kubeadm's own, without dashes in front: a map until v1beta3, then a list.
    pub(super) fn extra_args(&self, component: &str) -> BTreeMap<String, String> {
        let path: &[&str] = match component {
            "kube-apiserver" => &["apiServer", "extraArgs"],
            "kube-controller-manager" => &["controllerManager", "extraArgs"],
            "kube-scheduler" => &["scheduler", "extraArgs"],
            _ => &["etcd", "local", "extraArgs"],
        };
        let text = |value: &Value| scalar(value);
        match at(&self.0, path) {
            Some(Value::Mapping(map)) => {
                map.iter().map(|(name, value)| (text(name), text(value))).collect()
            }
            Some(Value::Sequence(list)) => {
                let pair = |it: &Value| Some((text(it.get("name")?), text(it.get("value")?)));
                list.iter().filter_map(pair).collect()
            }
            Some(_) | None => BTreeMap::new(),
        }
    }
}

/// Returns where a component's flags stand in ClusterConfiguration.
pub(super) fn place_of(component: Component) -> &'static str {
    match component {
        Component::Kubelet => "the kubelet's flags",
        Component::KubeApiserver => "apiServer.extraArgs of kubeadm-config",
        Component::KubeControllerManager => "controllerManager.extraArgs of kubeadm-config",
        Component::KubeScheduler => "scheduler.extraArgs of kubeadm-config",
    }
}

/// The configuration that every kubelet gets from kubeadm.
pub(super) fn kubelet_configuration(question: &Question<'_>) -> Result<Value, String> {
    let inventory = question.inventory;
    let name = release::kubelet_config_map(question.from);
    parse(text(inventory, &name, "kubelet")?)
}

/// Reads a configuration of a component.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_yaml_ng::from_str(text).map_err(|error| error.to_string())
}

/// Returns a text of a ConfigMap of kube-system.
pub(super) fn text<'a>(inventory: &'a Inventory, map: &str, key: &str) -> Result<&'a str, String> {
    let maps = inventory.survey.config_maps.as_ref().map_err(Clone::clone)?;
    let data = maps.get(map).ok_or_else(|| format!("there is no ConfigMap {map}"))?;
    let text = data.get(key).ok_or_else(|| format!("ConfigMap {map} has no {key}"))?;
    Ok(text)
}

/// Returns the names in `featureGates` of a component's configuration.
pub(super) fn feature_gates(configuration: &Value) -> Vec<String> {
    keys(configuration.get("featureGates"))
}

/// Returns the names in the value of a `--feature-gates` flag.
pub(super) fn gates_in_flag(value: &str) -> Vec<String> {
    let names = value.split(',').filter_map(|pair| pair.split('=').next());
    names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn keys(value: Option<&Value>) -> Vec<String> {
    let map = value.and_then(Value::as_mapping);
    map.into_iter().flat_map(|map| map.keys().map(scalar)).collect()
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(*key)).filter(|value| !value.is_null())
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(it) => it.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::sample::healthy;

    #[test]
    fn flags_are_read_in_both_forms() {
        for args in ["{profiling: false}", "[{name: profiling, value: \"false\"}]"] {
            let mut inventory = healthy(1, 0, "v1.35.6");
            inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
                text.replace("scheduler: {}", &format!("scheduler: {{extraArgs: {args}}}"))
            });
            let configuration = ClusterConfiguration::of(&inventory).unwrap();
            let wanted = BTreeMap::from([("profiling".to_owned(), "false".to_owned())]);
            assert_eq!(configuration.extra_args("kube-scheduler"), wanted, "{args}");
            assert_eq!(configuration.api(), "v1beta4");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let mut inventory = healthy(1, 0, "v1.35.6");
        for text in ["a: [", "just words"] {
            inventory.edit("kubeadm-config", "ClusterConfiguration", |_| text.to_owned());
            let why = ClusterConfiguration::of(&inventory).unwrap_err();
            assert!(why.contains("ClusterConfiguration"), "{why}");
        }
        inventory.survey.config_maps = Err("403".to_owned());
        assert_eq!(ClusterConfiguration::of(&inventory).unwrap_err(), "403");
    }

    #[test]
    fn a_flag_names_its_gates() {
        assert_eq!(gates_in_flag("A=true,B=false, C=true,"), ["A", "B", "C"]);
    }
}
