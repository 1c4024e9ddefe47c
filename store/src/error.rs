//! What can go wrong with a store. A damaged journal is never a shorter one: it is an error with a place in it.

use std::io;
use std::path::{Path, PathBuf};

use kup_core::id::RunId;
use kup_core::journal::AppendError;
use thiserror::Error;

use crate::damage::Irreparable;

/// Says why the store did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The state directory is not one that kup may keep secrets in.
    #[error("kup cannot keep its state in {}: {why}", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file system failed.
    #[error("cannot {doing} {}", path.display())]
    Storage {
        /// What was being done, as a verb.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process works on it.
    #[error("{what} is locked by {holder}")]
    LockedBy {
        /// The run or the cluster.
        what: String,
        /// Who holds it: process, user, machine.
        holder: String,
        /// The lock's file.
        path: PathBuf,
    },
    /// A run of that name is there already.
    #[error("run {0} exists already")]
    RunExists(RunId),
    /// A journal is born with its first entry, and none was given.
    #[error("run {0} cannot begin without an entry")]
    NoFirstEntry(RunId),
    /// The first entries of a run could not be written.
    #[error("run {run} cannot begin")]
    CannotBegin {
        /// The run.
        run: RunId,
        /// Why not.
        source: AppendError,
    },
    /// No run has that name.
    #[error("there is no run `{given}`; {}", describe_known(known))]
    UnknownRun {
        /// What was asked for.
        given: String,
        /// The newest runs that are there, newest last.
        known: Vec<RunId>,
    },
    /// More than one run has a name that begins like this.
    #[error("`{given}` could be any of the runs {}", join(matches))]
    AmbiguousRun {
        /// What was asked for.
        given: String,
        /// The newest runs that it fits, newest last.
        matches: Vec<RunId>,
    },
    /// The journal is there and is not what was written.
    #[error("journal {} is damaged at byte {offset} (entry {seq}): {what}", path.display())]
    Damaged {
        /// The journal's file.
        path: PathBuf,
        /// Where the frame begins.
        offset: u64,
        /// Which entry should be there.
        seq: u64,
        /// Which check failed.
        what: String,
    },
    /// The journal is damaged, and not so that its end could be set aside.
    #[error("entry {seq} at byte {offset} of journal {} cannot be set aside: {why}", path.display())]
    Irreparable {
        /// The journal's file.
        path: PathBuf,
        /// Where the frame begins.
        offset: u64,
        /// Which entry should be there.
        seq: u64,
        /// Why not.
        why: Irreparable,
    },
    /// The journal has no damage.
    #[error("the journal of run {0} is not damaged")]
    NotDamaged(RunId),
}

impl StoreError {
    /// Makes an adapter for `map_err` that names the operation and its object.
    pub(crate) fn storage(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Storage { doing, path, source }
    }
}

fn describe_known(known: &[RunId]) -> String {
    if known.is_empty() { "there are no runs".into() } else { format!("known: {}", join(known)) }
}

fn join(runs: &[RunId]) -> String {
    runs.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ")
}
