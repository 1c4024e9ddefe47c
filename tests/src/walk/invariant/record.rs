//! The judge's own reading of the journal.

use kup_core::event::{AttemptSettled, AttemptStarted, Entry, Event, Settlement};
use kup_core::id::Epoch;
use kup_core::state::RunState;

use super::{Outcome, Record};

impl Record {
    pub(super) fn object(&mut self, what: String) {
        self.found.get_or_insert(what);
    }

    /// The entry is the next one, of this process, and never of an older one.
    pub(super) fn follows(&mut self, entry: &Entry, epoch: Epoch) {
        let (seq, last) = self.entries.last().map_or((0, Epoch(0)), |it| (it.seq.0, it.epoch));
        if entry.seq.0 != seq + 1 {
            self.object(format!("entry {} follows entry {seq}", entry.seq));
        }
        if entry.epoch < last || entry.epoch != epoch {
            self.object(format!("entry {} has the epoch {} after {last}", entry.seq, entry.epoch));
        }
    }

    /// Another attempt begins only when it is known, or was looked at, what became of the last one.
    pub(super) fn may_be_tried(&mut self, started: &AttemptStarted) {
        let is_blind =
            matches!(self.attempts.get(&started.step), Some(Outcome::Unknown | Outcome::Untold));
        if is_blind {
            let AttemptStarted { step, attempt, .. } = started;
            self.object(format!(
                "attempt {attempt} of {step} begins and nobody looked what became of the last"
            ));
        }
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        self.learn(&entry.event);
        let added = match &mut self.fold {
            None => RunState::replay(std::slice::from_ref(entry)).map(|it| self.fold = Some(it)),
            Some(fold) => fold.apply(entry),
        };
        added.unwrap_or_else(|error| self.object(format!("the journal does not fold: {error}")));
    }

    /// Learns what is known of the last attempts.
    fn learn(&mut self, event: &Event) {
        let Some(step) = event.step() else { return };
        let was = self.attempts.get(step).copied();
        let is_untold = |settled: &AttemptSettled| {
            matches!(settled.settlement, Settlement::Lost { .. } | Settlement::Untraceable)
        };
        let known = if matches!(event, Event::AttemptStarted(_)) {
            Some(Outcome::Unknown)
        } else if matches!(event, Event::AttemptEnded(_)) {
            Some(Outcome::Known)
        } else if matches!(event, Event::AttemptSettled(settled) if is_untold(settled)) {
            Some(Outcome::Untold)
        } else if matches!(event, Event::StepObserved(_)) && was == Some(Outcome::Untold) {
            Some(Outcome::Known)
        } else {
            was
        };
        self.attempts.extend(known.map(|known| (step.clone(), known)));
    }
}
