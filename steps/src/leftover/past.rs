//! What journals say, as far as nodes can be compared with it. Pure.

use std::collections::BTreeMap;

use kup_core::event::{Entry, Event, Settlement};
use kup_core::id::{Epoch, Seq};
use kup_core::state::RunState;

/// What a journal says, as far as nodes can be compared with it.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Whether the run is over; `None` where its journal does not tell.
    pub is_over: Option<bool>,
    /// The last entry.
    pub head: Option<Seq>,
    /// The epoch of the last entry.
    pub epoch: Option<Epoch>,
    /// Whether it has events that this kup does not know.
    has_unknown: bool,
    /// The intents, by `<step>.<attempt>`: their places, and whether their outcome is known.
    attempts: BTreeMap<String, (Seq, bool)>,
}

/// The pasts of all runs that are known here, by name.
pub type Pasts = BTreeMap<String, Past>;

impl Past {
    /// Reads a past from entries; `is_whole` tells whether these are all.
    #[must_use]
    pub fn of(entries: &[Entry], is_whole: bool) -> Self {
        let state = RunState::replay(entries).ok().filter(|_| is_whole);
        let last = entries.last();
        let mut past = Self {
            is_over: state.map(|state| state.is_finished()),
            head: last.map(|entry| entry.seq),
            epoch: last.map(|entry| entry.epoch),
            has_unknown: false,
            attempts: BTreeMap::new(),
        };
        entries.iter().for_each(|entry| past.add(entry));
        past
    }

    /// Tells whether the outcome of an attempt that names this place is known; `None` where the journal has no such intent.
    pub(super) fn is_settled(&self, attempt: &str, seq: Option<u64>) -> Option<bool> {
        match self.attempts.get(attempt) {
            Some((intent, is_settled)) if seq == Some(intent.0) => Some(*is_settled),
            // An event of a newer kup may be its intent.
            Some(_) | None => self.has_unknown.then_some(true),
        }
    }

    fn add(&mut self, entry: &Entry) {
        match &entry.event {
            Event::AttemptStarted(it) => {
                self.attempts.insert(format!("{}.{}", it.step, it.attempt), (entry.seq, false));
            }
            Event::AttemptEnded(it) => self.settle(&format!("{}.{}", it.step, it.attempt)),
            Event::AttemptSettled(it) => match it.settlement {
                Settlement::Lost { .. } | Settlement::Untraceable => {
                    self.settle(&format!("{}.{}", it.step, it.attempt));
                }
                Settlement::NotStarted | Settlement::Running | Settlement::Ended => {}
            },
            Event::RunStarted(_)
            | Event::RunResumed(_)
            | Event::GateChecked(_)
            | Event::GateIgnored(_)
            | Event::RollbackLimited(_)
            | Event::UndoPlanned(_)
            | Event::StepObserved(_)
            | Event::StepPrepared(_)
            | Event::RetryScheduled(_)
            | Event::StepCompleted(_)
            | Event::StepSkipped(_)
            | Event::StepBlocked(_)
            | Event::RunPaused(_)
            | Event::OperatorDecided(_)
            | Event::RollbackStarted(_)
            | Event::RunFinished(_)
            | Event::RunCommitted(_)
            | Event::BackupsFreed(_)
            | Event::BackupsGuarded(_) => {}
            Event::Opaque(_) => self.has_unknown = true,
        }
    }

    #[cfg(test)]
    pub(super) fn with_attempt((name, seq): (&str, Seq), is_settled: bool) -> Self {
        let attempts = BTreeMap::from([(name.to_owned(), (seq, is_settled))]);
        Self { attempts, ..Self::default() }
    }

    fn settle(&mut self, attempt: &str) {
        if let Some((_, is_settled)) = self.attempts.get_mut(attempt) {
            *is_settled = true;
        }
    }
}
