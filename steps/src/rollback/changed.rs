//! What somebody else has changed since the run left it: neither as before the run nor as the run left it. A rollback would write over it.

use std::collections::BTreeMap;

use kup_core::plan::StepSpec;
use kup_core::state::{RunState, StepRecord};

use crate::activity::{addons, config_maps};
use crate::cluster::{Cluster, ClusterError};
use crate::facts::{ControlPlaneState, KubeletState, STATIC_PODS};

/// Returns what was changed on a node.
pub(super) fn on_node(
    state: &RunState,
    node: &str,
    (static_pods, kubelet): (&ControlPlaneState, &KubeletState),
) -> Vec<String> {
    let known = Known::of(state, node);
    let manifests = STATIC_PODS.into_iter().filter_map(|component| {
        let now = static_pods.manifest(component);
        let name = format!("manifest:{component}");
        known.is_later(&name, now).then(|| format!("{component}.yaml on {node}"))
    });
    let files = [
        ("kubelet:config", kubelet.config_hash(), "/var/lib/kubelet/config.yaml"),
        ("kubelet:flags", kubelet.flags_hash(), "/var/lib/kubelet/kubeadm-flags.env"),
    ];
    let files = files.into_iter().filter(|(name, now, _)| known.is_later(name, now));
    manifests.chain(files.map(|(_, _, path)| format!("{path} on {node}"))).collect()
}

/// Returns which of the ConfigMaps that the run wrote were changed.
///
/// # Errors
/// See [`ClusterError`].
pub(super) async fn in_config_maps(
    state: &RunState,
    cluster: &dyn Cluster,
) -> Result<Vec<String>, ClusterError> {
    let records = state.started.plan.steps().filter_map(|(_, step)| state.step(&step.id));
    let left: BTreeMap<&str, &str> = records.flat_map(left).collect();
    let mut changed = Vec::new();
    for (name, hash) in &left {
        let Some(map) = name.strip_prefix("configmap:") else { continue };
        let now = cluster.config_map(map).await?.map(|map| config_maps::digest(&map.data));
        if now.as_deref() != Some(*hash) {
            changed.push(format!("ConfigMap kube-system/{map}"));
        }
    }
    Ok(changed)
}

/// The steps that may write the addons.
const WRITES_ADDONS: [&str; 4] =
    ["kubeadm-apply", "kubeadm-node", "kubeadm-addons", "kubeadm-closing"];

/// Returns what the run left of the addons, by their names; of one hop, or of all.
pub(super) fn addons_left(state: &RunState, hop: Option<u32>) -> BTreeMap<&str, &str> {
    let waves = state.started.plan.waves.iter().filter(|wave| hop.is_none_or(|it| it == wave.hop));
    let steps = waves.flat_map(|wave| &wave.stages).flat_map(|stage| &stage.steps);
    let writes = |step: &&StepSpec| {
        WRITES_ADDONS.contains(&step.activity.as_str())
            && step.params.get("role").is_some_and(|role| role == "control-plane")
    };
    let mut known = BTreeMap::new();
    for record in steps.filter(writes).filter_map(|step| state.step(&step.id)) {
        // A step that never came to its end left nobody knows what.
        if record.had_effects() && !record.is_settled() {
            known.clear();
        }
        known.extend(left(record).filter(|(name, _)| name.starts_with(addons::LEFT)));
    }
    known
}

/// Returns which objects of the addons were changed.
///
/// # Errors
/// See [`ClusterError`].
pub(super) async fn in_addons(
    state: &RunState,
    cluster: &dyn Cluster,
) -> Result<Vec<String>, ClusterError> {
    let known = addons_left(state, None);
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let now = addons::left(cluster).await?;
    // What is gone stays away, and holds nothing that could be written over.
    let later = |(name, hash): &&(String, String)| {
        known.get(name.as_str()).is_some_and(|left| *left != hash.as_str())
    };
    let name = |(name, _): &(String, String)| {
        let (kind, object) =
            name.trim_start_matches(addons::LEFT).split_once('/').unwrap_or_default();
        format!("{kind} kube-system/{object}")
    };
    Ok(now.iter().filter(later).map(name).collect())
}

fn left(record: &StepRecord) -> impl Iterator<Item = (&str, &str)> {
    record.left.iter().map(|(name, hash)| (name.as_str(), hash.as_str()))
}

/// What the journal knows of a node's files: how they were before the run, and how its last step left them.
struct Known<'a> {
    before: BTreeMap<&'a str, &'a str>,
    left: BTreeMap<&'a str, &'a str>,
}

impl<'a> Known<'a> {
    fn of(state: &'a RunState, node: &str) -> Self {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        for (stage, step) in state.started.plan.steps() {
            let Some(record) = state.step(&step.id).filter(|_| stage.target == node) else {
                continue;
            };
            for (name, value) in record.prepared.iter().flat_map(|prepared| &prepared.notes) {
                before.entry(name.as_str()).or_insert(value.as_str());
            }
            // A step that never came to its end left nobody knows what.
            if record.had_effects() && !record.is_settled() {
                after.clear();
            }
            after.extend(left(record));
        }
        Self { before, left: after }
    }

    fn is_later(&self, name: &str, now: &str) -> bool {
        // What is gone holds nothing that could be written over.
        let left = self.left.get(name).filter(|_| !now.is_empty());
        left.is_some_and(|left| *left != now) && self.before.get(name).is_none_or(|it| *it != now)
    }
}
