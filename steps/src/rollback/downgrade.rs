//! etcd on the way back: whether it has changed its minor, and how a way back takes it down a minor while it runs (class R2). EXPERIMENTAL: tried
//! in the simulated cluster only.
//!
//! First of all a fresh snapshot is kept, then the downgrade is enabled; then all goes back as without it, the member that leads etcd last where it
//! is known; at the end the members must be one again.

use std::collections::BTreeMap;

use kup_core::plan::{Stage, StepSpec, Wave};
use kup_core::state::RunState;

use super::{Extent, Present, RollbackProblem};
use crate::activity::DOWNGRADED;
use crate::etcd::downgrade::Minor;
use crate::planner::{step, step_id};
use crate::version::{image_minor, tag_of};

/// The activity whose undo replaces a member.
const REPLACES: &str = "kubeadm-etcd";

/// A control plane whose etcd has another minor than before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) node: String,
    /// The image before.
    pub(super) from: String,
    /// The image now.
    pub(super) to: String,
}

/// Compares etcd as it is now with what it was before the first attempt of a control plane's step, whether or not that came to its end.
pub(super) fn moved(state: &RunState, etcd_now: &BTreeMap<String, String>) -> Option<Moved> {
    images_before(state).into_iter().find_map(|(node, from)| {
        let to = etcd_now.get(node).filter(|to| !from.is_empty() && !to.is_empty())?;
        (image_minor(from) != image_minor(to)).then(|| Moved {
            node: node.to_owned(),
            from: from.to_owned(),
            to: to.clone(),
        })
    })
}

/// Returns the image of etcd that each control plane had when the first step came to it; empty where it has no etcd of its own.
fn images_before(state: &RunState) -> BTreeMap<&str, &str> {
    let mut images = BTreeMap::new();
    for (stage, step) in state.plan.steps() {
        let prepared = state.step(&step.id).and_then(|record| record.prepared.as_ref());
        let notes = prepared.into_iter().flat_map(|prepared| &prepared.notes);
        for (_, image) in notes.filter(|(name, _)| name == "image:etcd") {
            images.entry(stage.target.as_str()).or_insert(image.as_str());
        }
    }
    images
}

/// The way of etcd down a minor.
pub(super) struct Down {
    minor: Minor,
    /// The control planes of the run, through which etcd is asked.
    through: Vec<String>,
    leader: Option<String>,
}

impl Down {
    /// Refuses what etcd cannot do while it runs.
    pub(super) fn check(
        state: &RunState,
        present: &Present,
        extent: &Extent,
    ) -> Result<Self, RollbackProblem> {
        match extent {
            Extent::All => {}
            Extent::Node(_) | Extent::To(_) => return Err(RollbackProblem::EtcdPart),
        }
        let Some(Moved { from, to, .. }) = moved(state, &present.etcd) else {
            let before = images_before(state);
            let is_external = !before.is_empty() && before.values().all(|it| it.is_empty());
            return Err(match is_external {
                true => RollbackProblem::EtcdElsewhere,
                false => RollbackProblem::EtcdStays,
            });
        };
        let minors = (minor_of(&to), minor_of(&from));
        match minors {
            (Some(now), Some(minor)) if now.goes_online_to(minor) => {
                let (through, leader) = (control_planes(state), present.etcd_leader.clone());
                Ok(Self { minor, through, leader })
            }
            (_, _) => Err(RollbackProblem::EtcdNotOnline { from, to }),
        }
    }

    /// Puts before the waves of a way back what etcd needs first, and behind them the look at what has become of it.
    pub(super) fn around(&self, waves: Vec<Wave>) -> Result<Vec<Wave>, RollbackProblem> {
        let mut all = vec![self.before()?];
        all.extend(waves.into_iter().map(|wave| self.within(wave)));
        all.push(self.after()?);
        Ok(all)
    }

    fn before(&self) -> Result<Wave, RollbackProblem> {
        let snapshot = self.step("etcd-snapshot", ("take a snapshot of etcd as it is now", 60))?;
        let title = format!(
            "enable etcd's downgrade to {}, wait until every member stores for it",
            self.minor
        );
        let steps = vec![snapshot, self.step("etcd-downgrade", (&title, 10))?];
        Ok(self.wave("rollback-etcd-downgrade", steps))
    }

    fn after(&self) -> Result<Wave, RollbackProblem> {
        let title = format!("all members of etcd run {} and hold the same", self.minor);
        let steps = vec![self.step("etcd-agreement", (&title, 10))?];
        Ok(self.wave("rollback-etcd-agreement", steps))
    }

    fn within(&self, mut wave: Wave) -> Wave {
        let replaces = |step: &StepSpec| step.activity == REPLACES && step.undo_of.is_some();
        for step in wave.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
            if replaces(step) {
                step.params.insert(DOWNGRADED.to_owned(), self.minor.to_string());
                step.params.insert("control-planes".to_owned(), self.through.join(","));
            }
        }
        if wave.stages.iter().flat_map(|stage| &stage.steps).any(replaces) {
            // The others keep their order.
            wave.stages.sort_by_key(|stage| Some(&stage.target) == self.leader.as_ref());
        }
        wave
    }

    fn step(
        &self,
        activity: &str,
        (title, minutes): (&str, u64),
    ) -> Result<StepSpec, RollbackProblem> {
        let target = self.target();
        let params =
            [("control-planes", self.through.join(",")), ("minor", self.minor.to_string())];
        let mut step = step(activity, target, (title.to_owned(), minutes), &params)?;
        step.id = step_id(&format!("rollback.{}", step.id), target)?;
        Ok(step)
    }

    fn wave(&self, name: &str, steps: Vec<StepSpec>) -> Wave {
        let stage = Stage { target: self.target().to_owned(), skippable: false, steps };
        Wave { name: name.to_owned(), hop: 1, max_parallel: 1, stages: vec![stage] }
    }

    fn target(&self) -> &str {
        self.through.first().map(String::as_str).unwrap_or_default()
    }
}

fn minor_of(image: &str) -> Option<Minor> {
    tag_of(image).and_then(Minor::of)
}

/// Returns the control planes in the order in which the run takes them.
fn control_planes(state: &RunState) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (stage, step) in state.started.plan.steps() {
        let is_one = step.params.get("role").is_some_and(|role| role == "control-plane");
        if is_one && !names.contains(&stage.target) {
            names.push(stage.target.clone());
        }
    }
    names
}

/// Whether etcd's own online way leads from one image's minor to another's.
pub(super) fn goes_online(from: &str, to: &str) -> bool {
    match (minor_of(from), minor_of(to)) {
        (Some(from), Some(to)) => from.goes_online_to(to),
        (_, _) => false,
    }
}
