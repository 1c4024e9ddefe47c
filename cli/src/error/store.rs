//! What an operator does about an error of the store.

use std::path::Path;

use kup_core::journal::AppendError;
use kup_store::StoreError;

use super::{CliError, Exit};

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let made = |exit| Self::of(exit, &error);
        match &error {
            StoreError::LockedBy { .. } => {
                made(Exit::Locked).hint("let it end; `kup show` tells where its run stands")
            }
            StoreError::UnknownRun { .. } | StoreError::AmbiguousRun { .. } => {
                made(Exit::Usage).hint("`kup history` lists the runs")
            }
            StoreError::Damaged { path, .. } => made(Exit::Damaged).hint(see_doctor(path)),
            StoreError::Irreparable { path, .. } => made(Exit::Damaged).hint(format!(
                "put {} back from a copy, and keep what is there now",
                path.display()
            )),
            StoreError::NotDamaged(run) => made(Exit::Usage)
                .hint(format!("`kup doctor {run}` says what is wrong, if anything is")),
            StoreError::NotOurs { .. } => made(Exit::Usage).hint(
                "`kup doctor` says what to do about it; or name another one with --state-dir",
            ),
            StoreError::Storage { path, source, .. } => {
                let made = made(Exit::Unexpected).hint(
                    "`kup doctor` says what is wrong with the state directory, if that can be read",
                );
                made.hint_on_disk(&path.display().to_string(), source, "try again")
            }
            StoreError::CannotBegin { source: AppendError::Storage { place, source }, .. } => {
                made(Exit::Unexpected).hint_on_disk(place, source, "try again")
            }
            StoreError::RunExists(_)
            | StoreError::NoFirstEntry(_)
            | StoreError::CannotBegin { source: AppendError::Unwritable { .. }, .. } => {
                made(Exit::Unexpected)
            }
        }
    }
}

/// kup does not go on with a journal that it cannot believe.
fn see_doctor(journal: &Path) -> String {
    let run = journal.parent().and_then(Path::file_name).unwrap_or_default();
    let (run, journal) = (run.display(), journal.display());
    format!("`kup doctor {run}` says what can be done; keep a copy of {journal} before anything is")
}
