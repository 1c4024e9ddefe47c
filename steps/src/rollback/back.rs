//! The steps that undo what was done to one node.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kup_core::id::StepId;
use kup_core::plan::{Policy, Stage, StepSpec};
use kup_core::state::{RunState, StepRecord};

use super::RollbackProblem;
use super::changed::addons_left;
use super::extent::Turn;
use crate::activity::{addons, config_maps, pre_image_in};
use crate::planner::{step, step_id};

/// The steps that write the ConfigMaps that a step of its own puts back.
const WRITES_MAPS: [&str; 2] = ["kubeadm-apply", "kubeadm-upload-config"];
/// How long kube-proxy may take to be back on all nodes.
const ROLLOUT: Duration = Duration::from_secs(900);
/// The steps that write the kubelet's files; each has them in its pre-image.
const WRITES_KUBELET_FILES: [&str; 3] = ["kubeadm-apply", "kubeadm-node", "kubeadm-kubelet-config"];
/// The last steps that may have written them, the very last first.
const LEAVES_KUBELET_FILES: [&str; 5] = [
    "kubeadm-closing",
    "kubeadm-post-upgrade",
    "kubeadm-kubelet-config",
    "kubeadm-apply",
    "kubeadm-node",
];
/// The steps that are undone each for itself, in this order.
const UNDONE: [&str; 9] = [
    "kubeadm-kubelet-config",
    "kubeadm-etcd",
    "kubeadm-control-plane",
    "kubeadm-apply",
    "kubeadm-node",
    "etcd-patch",
    "etcd-image-tag",
    "repository",
    "kubeadm-package",
];

pub(super) struct Back<'a> {
    pub(super) state: &'a RunState,
    /// The hop whose steps are looked at.
    pub(super) hop: u32,
    /// Forward steps that have their undo already.
    emitted: BTreeSet<StepId>,
    /// Whether no API server answers.
    is_alone: bool,
    /// What waits until the API answers.
    pub(super) late: Vec<Stage>,
    /// What stays as the run left it, in sentences.
    pub(super) stays: Vec<String>,
}

impl<'a> Back<'a> {
    pub(super) fn new(state: &'a RunState, is_alone: bool) -> Self {
        let (late, stays) = (Vec::new(), Vec::new());
        Self { state, hop: 1, emitted: BTreeSet::new(), is_alone, late, stays }
    }

    /// Returns the id that a step has in this hop.
    fn id(&self, id: &str, node: &str) -> String {
        match self.hop {
            1 => format!("{id}.{node}"),
            hop => format!("hop{hop}.{id}.{node}"),
        }
    }

    /// Whether a stage has a step whose undo belongs to this turn.
    fn has(&self, (stage, turn): (&Stage, &Turn), id: &str) -> bool {
        let id = self.id(id, &stage.target);
        stage.steps.iter().any(|step| step.id.as_str() == id && turn.has(&step.id))
    }

    fn record(&self, id: &str, node: &str) -> Option<(StepId, &StepRecord)> {
        let id: StepId = self.id(id, node).parse().ok()?;
        let record = self.state.step(&id).filter(|record| record.had_effects())?;
        Some((id, record))
    }

    /// Undoes what a stage did to its node; nothing where it did nothing.
    pub(super) fn stage(
        &mut self,
        stage: &Stage,
        turn: &Turn,
    ) -> Result<Option<Stage>, RollbackProblem> {
        let node = stage.target.as_str();
        let mut steps = Vec::new();
        if self.has((stage, turn), "kubelet-packages") {
            steps.extend(self.kubelet(node)?);
        }
        if WRITES_MAPS.into_iter().any(|id| self.has((stage, turn), id)) {
            let (maps, addons) = (self.config_maps(node)?, self.addons(node)?);
            self.when_served(node, maps.into_iter().chain(addons));
        }
        for id in UNDONE {
            if self.has((stage, turn), id) {
                steps.extend(self.undo(id, node)?);
            }
        }
        let stage = Stage { target: node.to_owned(), skippable: false, steps };
        Ok((!stage.steps.is_empty()).then_some(stage))
    }

    fn when_served(&mut self, node: &str, steps: impl IntoIterator<Item = StepSpec>) {
        let steps: Vec<StepSpec> = steps.into_iter().collect();
        if !steps.is_empty() {
            self.late.push(Stage { target: node.to_owned(), skippable: false, steps });
        }
    }

    /// ConfigMaps go back when everything that reads them is back.
    fn config_maps(&self, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let written = WRITES_MAPS.iter().find_map(|id| self.record(id, node));
        let Some((id, record)) = written else { return Ok(None) };
        let backups = record.prepared.iter().flat_map(|prepared| &prepared.backups);
        let kept = backups.into_iter().find(|backup| backup.what == config_maps::WHAT);
        let kept = kept.ok_or(RollbackProblem::NoBackup(id))?;
        let params = [("blob", kept.blob.to_string()), ("left", left(record, "configmap:"))];
        self.plain("config-maps", node, &params).map(Some)
    }

    /// The addons go back after everything that they serve. A run that has kept none leaves them.
    fn addons(&mut self, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let written = WRITES_MAPS.iter().find_map(|id| self.record(id, node));
        let Some((_, record)) = written else { return Ok(None) };
        let backups = record.prepared.iter().flat_map(|prepared| &prepared.backups);
        let Some(kept) = backups.into_iter().find(|backup| backup.what == addons::WHAT) else {
            self.stays.push(format!(
                "CoreDNS and kube-proxy keep their new images and configuration: the run that took {node} on has kept none of their objects"
            ));
            return Ok(None);
        };
        let left = addons_left(self.state, Some(self.hop));
        let left: Vec<String> = left.iter().map(|(name, hash)| format!("{name}={hash}")).collect();
        let params = [("blob", kept.blob.to_string()), ("left", left.join(","))];
        let mut step = self.plain("addons", node, &params)?;
        step.policy = Policy::with_timeout(ROLLOUT);
        Ok(Some(step))
    }

    fn undo(&mut self, id: &str, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let Some((of, record)) = self.record(id, node) else {
            return Ok(None);
        };
        if record.prepared.is_none() {
            return Err(RollbackProblem::NoBackup(of));
        }
        let found = self.state.plan.find(&of).map(|(_, step)| step.clone());
        let Some(original) = found.filter(|_| self.emitted.insert(of.clone())) else {
            return Ok(None);
        };
        Ok(Some(StepSpec {
            id: step_id(&format!("rollback.{of}"), node)?,
            title: format!("undo: {}", original.title),
            undo_of: Some(of),
            ..original
        }))
    }

    fn kubelet(&mut self, node: &str) -> Result<Vec<StepSpec>, RollbackProblem> {
        let cordoned = self.record("cordon", node).is_some();
        let Some((_, packages)) = self.record("kubelet-packages", node) else {
            let lift = self.plain("uncordon", node, &[])?;
            return Ok(self.now_or_when_served(node, cordoned.then_some(lift)));
        };
        let old = old_version(packages).unwrap_or_else(|| self.state.plan.from.clone());
        let mut steps = Vec::new();
        if !self.is_alone {
            steps.push(self.plain("cordon", node, &[])?);
            steps.extend(self.drain(node)?);
        }
        steps.extend(self.undo("repository", node)?);
        steps.extend(self.undo("kubelet-packages", node)?);
        steps.extend(self.kubelet_files(node)?);
        let mut params = vec![("version", old)];
        params.extend(self.is_alone.then(|| ("alone", "yes".to_owned())));
        steps.push(self.plain("kubelet-restart", node, &params)?);
        let lift = self.plain("uncordon", node, &[])?;
        steps.extend(self.now_or_when_served(node, Some(lift)));
        Ok(steps)
    }

    fn now_or_when_served(&mut self, node: &str, step: Option<StepSpec>) -> Vec<StepSpec> {
        if self.is_alone {
            self.when_served(node, step);
            return Vec::new();
        }
        step.into_iter().collect()
    }

    fn drain(&self, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let Some((_, drain)) = self.state.plan.find(&step_id(&self.id("drain", node), node)?)
        else {
            return Ok(None);
        };
        let id = step_id(&format!("rollback.{}", drain.id), node)?;
        Ok(Some(StepSpec { id, ..drain.clone() }))
    }

    fn kubelet_files(&self, node: &str) -> Result<Option<StepSpec>, RollbackProblem> {
        let written = WRITES_KUBELET_FILES.iter().find_map(|id| self.record(id, node));
        let Some((id, record)) = written else { return Ok(None) };
        let notes: BTreeMap<&str, &str> = record
            .prepared
            .iter()
            .flat_map(|prepared| {
                prepared.notes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
            })
            .collect();
        let note = |name| notes.get(name).map(|value| (*value).to_owned());
        let kept = record.prepared.as_ref().and_then(pre_image_in);
        let (Some((place, blob)), Some(config), Some(flags)) =
            (kept, note("kubelet:config"), note("kubelet:flags"))
        else {
            return Err(RollbackProblem::NoBackup(id));
        };
        let records = LEAVES_KUBELET_FILES.iter().filter_map(|id| self.record(id, node));
        let mut left = records.map(|(_, record)| left(record, "kubelet:"));
        let left = left.find(|left| !left.is_empty()).unwrap_or_default();
        let params = [
            ("pre-image", place.to_owned()),
            ("blob", blob.to_string()),
            ("config", config),
            ("flags", flags),
            ("left", left),
        ];
        self.plain("kubelet-files", node, &params).map(Some)
    }

    fn plain(
        &self,
        activity: &str,
        node: &str,
        params: &[(&str, String)],
    ) -> Result<StepSpec, RollbackProblem> {
        let title = match activity {
            "config-maps" => "put the ConfigMaps of kube-system back".to_owned(),
            "addons" => "put CoreDNS and kube-proxy back, wait until they serve".to_owned(),
            "kubelet-files" => "put the kubelet's files back".to_owned(),
            "kubelet-restart" if self.is_alone => {
                "restart the kubelet at the old version, without a drain".to_owned()
            }
            "kubelet-restart" => {
                "restart the kubelet, wait until Ready at the old version".to_owned()
            }
            other => other.to_owned(),
        };
        let mut step = step(activity, node, (title, 5), params)?;
        step.id = step_id(&format!("rollback.{}", self.id(activity, node)), node)?;
        Ok(step)
    }

    /// The version a kubelet has when the rollback is through: the one before the run where the run replaced it, else what it has now.
    pub(super) fn old_kubelet(&self, node: &str, now: &str) -> String {
        let last = self.state.plan.waves.iter().map(|wave| wave.hop).max().unwrap_or(1);
        let replaced = (1..=last).find_map(|hop| {
            let there = Self { hop, ..Self::new(self.state, self.is_alone) };
            there.record("kubelet-packages", node).and_then(|(_, record)| old_version(record))
        });
        replaced.unwrap_or_else(|| now.to_owned())
    }
}

/// Returns what a step left behind, as `name=hash,...`; empty when it never completed.
fn left(record: &StepRecord, prefix: &str) -> String {
    let left = record.left.iter().filter(|(name, _)| name.starts_with(prefix));
    left.map(|(name, hash)| format!("{name}={hash}")).collect::<Vec<_>>().join(",")
}

/// Reads the version before from the note `before`: `kubelet=1.19.16-1.1,kubectl=...`.
fn old_version(record: &StepRecord) -> Option<String> {
    let notes = &record.prepared.as_ref()?.notes;
    let (_, before) = notes.iter().find(|(name, _)| name == "before")?;
    let package = before.split(',').find_map(|pair| pair.strip_prefix("kubelet="))?;
    Some(format!("v{}", package.split('-').next()?))
}
