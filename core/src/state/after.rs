//! What an operator says of a run's backups: at its start how they are kept, and after its end that nothing needs them any more.

use super::{IllegalEntry, RunState, Status, illegal};
use crate::clock::Timestamp;
use crate::event::{BackupsFreed, BackupsGuarded, Entry, Outcome, RunCommitted};
use crate::guard::Guard;

/// A word that came after the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Afterword {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub operator: String,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

impl RunState {
    /// Whether nothing can need the run's backups any more, so that they may be gone.
    #[must_use]
    pub fn backups_are_free(&self) -> bool {
        self.committed.is_some() || self.freed.is_some()
    }

    /// Only what has succeeded and can still go back can be committed.
    pub(super) fn commit(
        &mut self,
        entry: &Entry,
        said: &RunCommitted,
    ) -> Result<(), IllegalEntry> {
        if self.status != Status::Finished(Outcome::Succeeded) {
            return Err(illegal(entry, "only a run that has succeeded can be committed"));
        }
        if self.committed.is_some() {
            return Err(illegal(entry, "the run is committed already"));
        }
        let (operator, reason) = (said.operator.clone(), said.reason.clone());
        self.committed = Some(Afterword { at: entry.time, operator, reason });
        Ok(())
    }

    /// Only a run that no rollback can begin from, nor go on with, needs its backups no more.
    pub(super) fn free(&mut self, entry: &Entry, said: &BackupsFreed) -> Result<(), IllegalEntry> {
        if !matches!(self.status, Status::Finished(Outcome::RolledBack | Outcome::Abandoned)) {
            return Err(illegal(entry, "the run may still need its backups"));
        }
        if self.freed.is_some() {
            return Err(illegal(entry, "the run's backups are freed already"));
        }
        let (operator, reason) = (said.operator.clone(), said.reason.clone());
        self.freed = Some(Afterword { at: entry.time, operator, reason });
        Ok(())
    }

    /// How backups are kept is chosen once, before there are any.
    pub(super) fn guard(
        &mut self,
        entry: &Entry,
        chosen: &BackupsGuarded,
    ) -> Result<(), IllegalEntry> {
        self.must_be_unfinished(entry)?;
        if self.steps.values().any(|record| record.prepared.is_some()) {
            return Err(illegal(entry, "backups are there already"));
        }
        if self.guard != Guard::Plain {
            return Err(illegal(entry, "how backups are kept was chosen already"));
        }
        self.guard = Guard::of(chosen);
        Ok(())
    }
}
