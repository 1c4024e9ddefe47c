//! What ails a simulated cluster beyond what its model knows, on a test's word. Nothing on the command line reaches this.
//!
//! [`super::SimWorld::disturb`] shows the whole cluster as kup sees it, lets somebody change what he likes, and keeps the difference: from then on
//! every process that opens the world sees that instead of what the model says, until [`super::SimWorld::calm`]. What is kept are whole fields
//! (a machine's swap, the API's list of budgets), so everything else goes on as the model has it. Only what is *said* is other:
//! evictions, scripts and quorum follow the model.

use std::collections::BTreeMap;

use kup_core::clock::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::api::{Api, SimNode};
use super::{SimError, asks, cluster_survey, etcd, told};
use crate::cluster::{ClusterSurvey, Node, Pod};
use crate::facts::etcd::EtcdSurvey;
use crate::facts::reply::Lines;
use crate::facts::{ControlPlaneState, MachineSurvey, NodeFacts, Offers, PackageState};
use crate::host::HostError;
use crate::script::{self, Script};

mod appearance;

pub use appearance::{Appearance, MachineAppearance};

/// Fields that are other than the model has them.
type Patch = Map<String, Value>;

/// All that is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Troubles {
    nodes: BTreeMap<String, Patch>,
    /// By machine and program.
    machines: BTreeMap<String, BTreeMap<String, Patch>>,
    survey: Patch,
    pods: Vec<Pod>,
    etcd: Option<Result<EtcdSurvey, String>>,
    unready_checks: Option<Vec<String>>,
}

impl Troubles {
    /// Keeps what differs.
    fn keep(&mut self, before: &Appearance, after: &Appearance) -> Result<(), SimError> {
        for (name, node) in &after.nodes {
            add(&mut self.nodes, name, difference(before.nodes.get(name), node)?);
        }
        for (name, machine) in &after.machines {
            let patches = self.machines.entry(name.clone()).or_default();
            for (program, patch) in differences(before.machines.get(name), machine)? {
                add(patches, program, patch);
            }
        }
        self.machines.retain(|_, patches| !patches.is_empty());
        let mut survey = difference(Some(&before.survey), &after.survey)?;
        survey.remove("pods");
        self.survey.extend(survey);
        self.pods.extend(other_pods(before, after));
        if before.etcd != after.etcd {
            self.etcd = Some(after.etcd.clone());
        }
        if before.unready_checks != after.unready_checks {
            self.unready_checks = Some(after.unready_checks.clone());
        }
        Ok(())
    }
}

fn add(patches: &mut BTreeMap<String, Patch>, key: &str, patch: Patch) {
    if !patch.is_empty() {
        patches.entry(key.to_owned()).or_default().extend(patch);
    }
}

fn differences(
    before: Option<&MachineAppearance>,
    after: &MachineAppearance,
) -> Result<[(&'static str, Patch); 5], SimError> {
    let mut facts = difference(before.map(|it| &it.facts), &after.facts)?;
    if let (Some(now), Some(before)) = (facts.get_mut("now"), before) {
        *now = after.facts.now.saturating_sub(before.facts.now).into();
    }
    let control_plane = difference(before.map(|it| &it.control_plane), &after.control_plane)?;
    Ok([
        (script::FACTS.0, facts),
        (script::PACKAGES.0, difference(before.map(|it| &it.packages), &after.packages)?),
        (script::OFFERS.0, difference(before.map(|it| &it.offers), &after.offers)?),
        (script::CONTROL_PLANE.0, control_plane),
        (script::SURVEY.0, difference(before.map(|it| &it.survey), &after.survey)?),
    ])
}

/// Returns the fields of `after` that `before` does not have like that.
fn difference<T: Serialize>(before: Option<&T>, after: &T) -> Result<Patch, SimError> {
    let before = before.map(fields).transpose()?.unwrap_or_default();
    let mut after = fields(after)?;
    after.retain(|field, value| before.get(field) != Some(value));
    Ok(after)
}

fn fields<T: Serialize>(thing: &T) -> Result<Patch, SimError> {
    match serde_json::to_value(thing).map_err(SimError::Unwritable)? {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(Patch::new())
        }
    }
}

fn other_pods(before: &Appearance, after: &Appearance) -> Vec<Pod> {
    let (Ok(before), Ok(after)) = (&before.survey.pods, &after.survey.pods) else {
        return Vec::new();
    };
    after.iter().filter(|pod| !before.contains(pod)).cloned().collect()
}

/// Returns a thing with some of its fields replaced; as it was where that makes no sense.
fn patched<T: Serialize + DeserializeOwned>(thing: T, patch: &Patch) -> T {
    if patch.is_empty() {
        return thing;
    }
    let mut all = fields(&thing).unwrap_or_default();
    all.extend(patch.clone());
    serde_json::from_value(Value::Object(all)).unwrap_or(thing)
}

/// Returns the Node objects.
pub(super) fn nodes(api: &Api) -> Vec<Node> {
    let strangers = api.troubles.nodes.keys().filter(|name| !api.nodes.contains_key(*name));
    let names = api.nodes.keys().chain(strangers);
    let mut nodes: Vec<Node> = names.filter_map(|name| node(api, name)).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes
}

/// Returns one Node object.
pub(super) fn node(api: &Api, name: &str) -> Option<Node> {
    let shown = |node: &SimNode| node.to_node(name);
    match (api.nodes.get(name).map(shown), api.troubles.nodes.get(name)) {
        (Some(node), Some(patch)) => Some(patched(node, patch)),
        (Some(node), None) => Some(node),
        (None, Some(whole)) => serde_json::from_value(Value::Object(whole.clone())).ok(),
        (None, None) => None,
    }
}

/// Returns the API's objects.
pub(super) fn survey(api: &Api) -> ClusterSurvey {
    patched(cluster_survey::of(api), &api.troubles.survey)
}

/// Returns pods with those that were added or changed.
pub(super) fn pods(api: &Api, pods: Vec<Pod>, wanted: impl Fn(&Pod) -> bool) -> Vec<Pod> {
    let others = &api.troubles.pods;
    let is_other = |pod: &Pod| others.iter().any(|other| other.uid == pod.uid);
    let same = pods.into_iter().filter(|pod| !is_other(pod));
    same.chain(others.iter().filter(|pod| wanted(pod)).cloned()).collect()
}

/// Returns what etcd says.
pub(super) fn etcd(api: &Api) -> Result<EtcdSurvey, String> {
    api.troubles.etcd.clone().unwrap_or_else(|| Ok(etcd::of(api)))
}

/// Returns the checks that do not pass.
pub(super) fn unready_checks(api: &Api) -> Vec<String> {
    let etcd = api.server().is_none().then(|| "etcd".to_owned());
    api.troubles.unready_checks.clone().unwrap_or_else(|| etcd.into_iter().collect())
}

/// Returns what a machine says with what was changed of it.
pub(super) fn said(
    api: &Api,
    (machine, now): (&str, Timestamp),
    script: &Script,
    text: String,
) -> String {
    let patches = api.troubles.machines.get(machine);
    let Some(patch) = patches.and_then(|patches| patches.get(script.name)) else { return text };
    let reply = asks::said(text.clone());
    let lines = Lines::read(machine.to_owned(), script.name, &reply);
    let other = lines.and_then(|lines| other(&lines, (patch, now), script));
    other.ok().flatten().unwrap_or(text)
}

fn other(
    lines: &Lines,
    (patch, now): (&Patch, Timestamp),
    script: &Script,
) -> Result<Option<String>, HostError> {
    let text = if script.name == script::FACTS.0 {
        let mut patch = patch.clone();
        if let Some(offset) = patch.get("now").and_then(Value::as_i64) {
            let moved = now.to_utc().timestamp().saturating_add(offset);
            patch.insert("now".to_owned(), moved.into());
        }
        told::facts(&patched(NodeFacts::of(lines)?, &patch))
    } else if script.name == script::PACKAGES.0 {
        told::packages(&patched(PackageState::of(lines)?, patch))
    } else if script.name == script::OFFERS.0 {
        let mut offers = patched(Offers::of(lines)?, patch);
        offers.minors.retain(|minor, _| script.args.contains(minor));
        told::offers(&offers)
    } else if script.name == script::CONTROL_PLANE.0 {
        told::control_plane(&patched(ControlPlaneState::of(lines)?, patch))
    } else if script.name == script::SURVEY.0 {
        told::survey(&patched(MachineSurvey::of(lines)?, patch))
    } else {
        return Ok(None);
    };
    Ok(Some(text))
}
