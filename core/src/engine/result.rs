//! What came of a call, as the entry that tells it.

use tracing::warn;

use super::Engine;
use crate::activity::{ActivityError, UndoClass};
use crate::decide::{MAX_LOOKS, backoff};
use crate::event::{
    AttemptEnded, AttemptResult, AttemptSettled, Doing, ErrorClass, Event, Found, RetryScheduled,
    StepBlocked, StepCompleted, StepObserved, StepPrepared, UndoPlanned,
};
use crate::id::{BlobId, StepId};
use crate::perform::Done;
use crate::plan::StepSpec;
use crate::state::{Phase, StepRecord, StepState};

impl Engine {
    pub(super) fn event_of(&self, step: StepId, doing: Doing, done: Done) -> Option<Event> {
        let record = self.state.step(&step).cloned().unwrap_or_default();
        let attempt = record.attempts;
        Some(match done {
            Done::LeftOff => return None,
            Done::Observed(found) => Event::StepObserved(StepObserved { step, found }),
            Done::Prepared(taken) => {
                let (notes, backups) = (taken.notes, taken.backups);
                Event::StepPrepared(StepPrepared { step, notes, backups })
            }
            Done::Settled(settlement) => {
                Event::AttemptSettled(AttemptSettled { step, attempt, settlement })
            }
            Done::Executed(output) => {
                let result = AttemptResult::Succeeded { summary: output.summary };
                attempt_ended(step, &record, (result, output.blob))
            }
            Done::Verified(proof) => {
                let (evidence, left) = (proof.evidence, proof.left);
                Event::StepCompleted(StepCompleted { step, evidence, left })
            }
            Done::Failed(error)
                if doing == Doing::Execute && error.class != ErrorClass::Unclear =>
            {
                warn!(%step, %error, "the attempt failed");
                let result = AttemptResult::Failed { error: error.to_record() };
                attempt_ended(step, &record, (result, error.output))
            }
            Done::Failed(error) => {
                warn!(%step, ?doing, %error, "did not work");
                self.retry_or_block(step, doing, (&record, &error))
            }
        })
    }

    /// Adds to the word that a step is blocked the plan to undo it, where that is safe: its failure and what it did are known, it has
    /// taken what an undo needs, and nobody else has changed what it is about.
    pub(super) fn with_undo(&self, event: Event) -> Vec<Event> {
        let mut undo = None;
        if let Event::StepBlocked(blocked) = &event {
            undo = self.undo_of(blocked);
        }
        std::iter::once(event).chain(undo.map(|undo| Event::UndoPlanned(Box::new(undo)))).collect()
    }

    fn undo_of(&self, blocked: &StepBlocked) -> Option<UndoPlanned> {
        let StepBlocked { step, error } = blocked;
        let record = self.state.step(step)?;
        let is_known = record.open.is_none() && error.class != ErrorClass::Unclear;
        let is_ours = match &record.state {
            StepState::Observed(Found::Before { .. } | Found::Between { repairable: true, .. })
            | StepState::Succeeded => true,
            StepState::Observed(_)
            | StepState::Pending
            | StepState::Started
            | StepState::Failed
            | StepState::Blocked(_)
            | StepState::Completed(_)
            | StepState::Skipped(_) => false,
        };
        let has_effects = record.had_effects() && record.prepared.is_some();
        if self.state.phase != Phase::Forward || !is_known || !is_ours || !has_effects {
            return None;
        }
        let (_, spec) = self.state.plan.find(step)?;
        let activity = self.parts.catalog.activity(spec).ok()?;
        if spec.undo_of.is_some() || activity.undo_class() != UndoClass::Reversible {
            return None;
        }
        let undo = StepSpec {
            id: self.state.undo_id(step)?,
            title: format!("undo: {}", spec.title),
            undo_of: Some(step.clone()),
            ..spec.clone()
        };
        Some(UndoPlanned { step: step.clone(), undo })
    }

    fn retry_or_block(
        &self,
        step: StepId,
        doing: Doing,
        (record, error): (&StepRecord, &ActivityError),
    ) -> Event {
        let error_record = error.to_record();
        if error.class == ErrorClass::Permanent || record.looks + 1 >= MAX_LOOKS {
            return Event::StepBlocked(StepBlocked { step, error: error_record });
        }
        let first_ms = self.spec(&step).map_or(2_000, |(_, spec)| spec.policy.backoff_ms);
        let pause = backoff(&self.run, &step, first_ms, record.looks + 1);
        let at = self.parts.clock.now().plus(pause);
        Event::RetryScheduled(RetryScheduled { step, doing, at, error: error_record })
    }
}

fn attempt_ended(
    step: StepId,
    record: &StepRecord,
    (result, output): (AttemptResult, Option<BlobId>),
) -> Event {
    let adopted = record.open.as_ref().is_some_and(|open| open.inherited);
    Event::AttemptEnded(AttemptEnded { step, attempt: record.attempts, result, output, adopted })
}
