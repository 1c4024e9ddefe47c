//! What leads back: a rollback, how far it goes, and the undo of a step that failed.

use super::{IllegalEntry, Phase, RunState, Status, StepRecord, StepState, illegal};
use crate::event::{Entry, Outcome, RollbackLimited, UndoPlanned};
use crate::id::StepId;
use crate::plan::Plan;

impl RunState {
    /// Returns the id that the next undo of a step has: a step may fail again after an operator has let it try again.
    #[must_use]
    pub fn undo_id(&self, id: &StepId) -> Option<StepId> {
        let n_before =
            self.plan.steps().filter(|(_, step)| step.undo_of.as_ref() == Some(id)).count();
        let name = match n_before {
            0 => format!("undo.{id}"),
            n => format!("undo{}.{id}", n + 1),
        };
        name.parse().ok()
    }

    pub(super) fn turn_back(&mut self, entry: &Entry, plan: &Plan) -> Result<(), IllegalEntry> {
        if self.phase == Phase::Rollback {
            return Err(illegal(entry, "the run is being rolled back already"));
        }
        if matches!(self.status, Status::Finished(Outcome::RolledBack | Outcome::Abandoned)) {
            return Err(illegal(entry, "the run is over"));
        }
        if self.committed.is_some() {
            return Err(illegal(entry, "the run is committed"));
        }
        self.take_over();
        self.phase = Phase::Rollback;
        self.until = None;
        self.plan = plan.clone();
        self.gates.clear();
        self.ignored.clear();
        self.add_steps(entry)
    }

    /// The run rests after a wave on its way back.
    pub(super) fn limit(
        &mut self,
        entry: &Entry,
        limited: &RollbackLimited,
    ) -> Result<(), IllegalEntry> {
        self.must_be_unfinished(entry)?;
        let is_wave = |name: &String| self.plan.waves.iter().any(|wave| wave.name == *name);
        if self.phase != Phase::Rollback || !limited.until.as_ref().is_none_or(is_wave) {
            return Err(illegal(entry, "only a rollback rests, after one of its waves"));
        }
        self.until.clone_from(&limited.until);
        Ok(())
    }

    /// The undo takes its place before the step that failed, which stays blocked until an operator decides.
    pub(super) fn plan_undo(
        &mut self,
        entry: &Entry,
        planned: &UndoPlanned,
    ) -> Result<(), IllegalEntry> {
        self.must_be_unfinished(entry)?;
        let UndoPlanned { step, undo } = planned;
        let record = self.steps.get(step);
        let has_failed = record.is_some_and(|record| {
            record.had_effects()
                && record.open.is_none()
                && matches!(record.state, StepState::Blocked(_))
        });
        if self.phase != Phase::Forward || !has_failed || undo.undo_of.as_ref() != Some(step) {
            return Err(illegal(entry, "only a step that had effects and is blocked is undone"));
        }
        let stages = self.plan.waves.iter_mut().flat_map(|wave| &mut wave.stages);
        let mut places = stages.filter_map(|stage| {
            let place = stage.steps.iter().position(|it| it.id == *step)?;
            Some((stage, place))
        });
        let Some((stage, place)) = places.next() else {
            return Err(illegal(entry, &format!("no plan has the step `{step}`")));
        };
        stage.steps.insert(place, undo.clone());
        if self.steps.insert(undo.id.clone(), StepRecord::default()).is_some() {
            return Err(illegal(entry, &format!("step `{}` was there before", undo.id)));
        }
        Ok(())
    }
}
