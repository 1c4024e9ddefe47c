//! What a run has kept that a restore needs.

use kup_core::event::Backup;
use kup_core::plan::{Plan, StepSpec};
use kup_core::state::{RunState, StepRecord};

use crate::etcd::record::Record;
use crate::etcd::snapshot;
use crate::rollback::RollbackProblem;

/// Returns the last snapshot that was taken before the run's first hop changed anything.
pub(super) fn snapshot_of(state: &RunState) -> Option<(Record, Backup)> {
    let steps = of_first_hop(&state.started.plan);
    let mut taken = steps.filter(|step| step.activity == "etcd-snapshot");
    let mut last = None;
    for record in taken.by_ref().filter_map(|step| state.step(&step.id)) {
        last = kept(record).or(last);
    }
    last
}

fn kept(record: &StepRecord) -> Option<(Record, Backup)> {
    let prepared = record.prepared.as_ref()?;
    let backup = prepared.backups.iter().find(|backup| backup.what == snapshot::WHAT)?;
    Some((Record::of(&prepared.notes)?, backup.clone()))
}

fn of_first_hop(plan: &Plan) -> impl Iterator<Item = &StepSpec> {
    let waves = plan.waves.iter().filter(|wave| wave.hop == 1);
    waves.flat_map(|wave| &wave.stages).flat_map(|stage| &stage.steps)
}

/// Returns the etcdutl that was staged on every member.
pub(super) fn etcdutl_of(
    state: &RunState,
    record: &Record,
    minor: &str,
) -> Result<String, RollbackProblem> {
    let mut found = None;
    for member in &record.members {
        let staged = state.started.plan.steps().find(|(stage, step)| {
            let is_done = || state.step(&step.id).is_some_and(|it| it.prepared.is_some());
            step.activity == "etcdutl" && stage.target == member.name && is_done()
        });
        let fits =
            staged.filter(|(_, step)| step.params.get("minor").is_some_and(|it| it == minor));
        let blob = fits.and_then(|(_, step)| step.params.get("blob"));
        let minor = minor.to_owned();
        found = Some(blob.ok_or(RollbackProblem::NoEtcdutl { minor })?.clone());
    }
    found.ok_or(RollbackProblem::NoSnapshot)
}

/// Returns `3.5` of `3.5.24`.
pub(super) fn minor_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}
