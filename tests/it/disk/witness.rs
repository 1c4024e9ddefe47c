//! What a process was told by the store, and whether the store still says so.

use kup_core::event::{Entry, Event};
use kup_core::id::BlobId;
use kup_core::journal::{Blobs, NewEntry};
use kup_store::{FileBlobs, History, StoreError};

/// What was promised.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness {
    /// Whether the run was acknowledged, by its creation or by a resume that returned it.
    pub(super) is_born: bool,
    /// The entries that were acknowledged.
    pub(super) acknowledged: Vec<Entry>,
    /// The group that was under way and was not acknowledged.
    pub(super) under_way: Vec<NewEntry>,
    /// The blobs that were acknowledged.
    pub(super) blobs: Vec<(BlobId, Vec<u8>)>,
}

/// Why a process stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The store refused, with this error and its causes.
    Refused(String),
    /// The journal is damaged where this entry should be.
    Damaged { seq: u64 },
    /// The store broke a promise.
    Broken(String),
}

impl Trouble {
    /// Returns what an error of the store says, with its causes.
    pub(super) fn refused(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Refused(text)
    }

    pub(super) fn of_store(error: &StoreError) -> Self {
        if let StoreError::Damaged { seq, .. } = error {
            Self::Damaged { seq: *seq }
        } else {
            Self::refused(error)
        }
    }
}

fn broken<T>(what: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Broken(what.into()))
}

impl Witness {
    /// Notes a group that was acknowledged.
    pub(super) fn acknowledge(&mut self, entries: Vec<Entry>) {
        self.is_born = true;
        self.acknowledged.extend(entries);
        self.under_way.clear();
    }

    /// Checks a history: all that was acknowledged, unchanged and in order, and behind it nothing but the beginning of the group that was
    /// under way.
    pub(super) fn check(&self, history: &History) -> Result<(), Trouble> {
        let known = self.acknowledged.len();
        if history.entries.get(..known) != Some(&self.acknowledged) {
            let found = history.entries.len();
            return broken(format!("{known} entries were acknowledged, {found} others are there"));
        }
        let more = &history.entries[known..];
        if !self.is_born && more.len() != self.under_way.len() {
            return broken("a run began with a part of its first entries");
        }
        for (number, entry) in more.iter().enumerate() {
            let new = NewEntry {
                time: entry.time,
                since_boot: entry.since_boot,
                event: entry.event.clone(),
            };
            if entry.seq.0 != (known + number + 1) as u64
                || self.under_way.get(number) != Some(&new)
            {
                return broken(format!("entry {} was never written", entry.seq.0));
            }
        }
        Ok(())
    }

    /// Takes a history for the truth, as an engine does that resumes with it: from now on it must stay.
    pub(super) fn believe(&mut self, history: &History) -> Result<(), Trouble> {
        self.check(history)?;
        self.is_born = true;
        self.acknowledged = history.entries.clone();
        self.under_way.clear();
        Ok(())
    }

    /// Checks that every blob that was acknowledged or that an entry names can be had.
    pub(super) async fn check_blobs(&self, blobs: &FileBlobs) -> Result<(), Trouble> {
        for (id, bytes) in &self.blobs {
            let found = blobs.get(id).await.map_err(|e| Trouble::refused(&e))?;
            if found != *bytes {
                return broken(format!("blob {id} has other bytes"));
            }
        }
        for id in self.acknowledged.iter().flat_map(named_blobs) {
            if !self.blobs.iter().any(|(known, _)| known == id) {
                return broken(format!("an entry names the blob {id} that was never acknowledged"));
            }
        }
        Ok(())
    }

    /// Returns what tells this witness from others of the same story.
    pub(super) fn progress(&self) -> (bool, usize, usize, usize) {
        (self.is_born, self.acknowledged.len(), self.under_way.len(), self.blobs.len())
    }
}

fn named_blobs(entry: &Entry) -> Vec<&BlobId> {
    match &entry.event {
        Event::StepPrepared(prepared) => prepared.backups.iter().map(|b| &b.blob).collect(),
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::GateChecked(_)
        | Event::GateIgnored(_)
        | Event::RollbackLimited(_)
        | Event::UndoPlanned(_)
        | Event::StepObserved(_)
        | Event::AttemptStarted(_)
        | Event::AttemptSettled(_)
        | Event::AttemptEnded(_)
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
        | Event::BackupsGuarded(_)
        | Event::Opaque(_) => Vec::new(),
    }
}
