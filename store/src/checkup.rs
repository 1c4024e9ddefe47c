//! Looks through a state directory and says what is there: rights, journals, blobs, locks, the index. Changes nothing, makes
//! nothing, and needs neither a state directory that is ours alone nor a journal that is whole. What a finding means to an
//! operator, and what to do about it, is said by the command line; what heals a damaged end is in `repair`.
//!
//! A lock is tried for a moment to learn whether it is held. Whoever wants it in that moment is told so, and tries again.

mod blobs;
mod condition;
mod journal;
mod run;
mod scan;

use std::io;
use std::path::{Path, PathBuf};

use kup_core::event::Entry;
use kup_core::id::RunId;

pub use self::condition::{AboutBlob, AboutFolder, AboutIndex, AboutJournal, AboutLock, Condition};
use self::scan::Scan;
use crate::error::StoreError;
use crate::index;
use crate::resolve;

/// The folders and files of a state directory that are looked at apart from the runs.
const RUNS: &str = "runs";
const CLUSTERS: &str = "clusters";

/// Something at one place of a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, seen from the state directory; empty for the directory itself.
    pub place: PathBuf,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// What is there.
    pub what: Condition,
}

/// Looks at a whole state directory, or at one run in it.
#[must_use]
pub fn look(state_dir: &Path, only: Option<&RunId>) -> Vec<Finding> {
    let mut scan = Scan::new(state_dir);
    match state_dir.metadata() {
        Ok(found) if found.is_dir() => {}
        Ok(_) => scan.inaccessible("", &io::Error::from(io::ErrorKind::NotADirectory)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            scan.add("", AboutFolder::NoStateDirectory);
        }
        Err(error) => scan.inaccessible("", &error),
    }
    if !scan.findings.is_empty() {
        return scan.findings;
    }
    scan.rights("");
    match only {
        Some(run) => run::look(&mut scan, run),
        None => look_at_all(&mut scan),
    }
    if scan.is_private {
        scan.findings.insert(0, Finding::at("", AboutFolder::Private));
    }
    scan.findings
}

fn look_at_all(scan: &mut Scan) {
    for name in scan.names("") {
        match name.as_str() {
            RUNS | CLUSTERS | index::FOLDER | index::LOCK => {}
            index::UNUSABLE => scan.add(&name, AboutIndex::MovedAside),
            _ if name.starts_with("plan-") || name.starts_with("import-") => {
                scan.add(&name, AboutFolder::Scratch);
            }
            _ => scan.add(&name, AboutFolder::Unknown),
        }
    }
    scan.rights(RUNS);
    for run in folders_of_runs(scan) {
        run::look(scan, &run);
    }
    scan.rights(CLUSTERS);
    for name in scan.names(CLUSTERS) {
        let place = format!("{CLUSTERS}/{name}");
        scan.rights(&place);
        scan.lock(&place);
    }
    look_at_index(scan);
}

/// Returns the runs whose folder is there; what is no run's folder is a finding.
fn folders_of_runs(scan: &mut Scan) -> Vec<RunId> {
    let mut runs = Vec::new();
    for name in scan.names(RUNS) {
        match name.parse() {
            Ok(run) => runs.push(run),
            Err(_) => scan.add(&format!("{RUNS}/{name}"), AboutFolder::Unknown),
        }
    }
    runs
}

fn look_at_index(scan: &mut Scan) {
    let found = index::checkup::look(&scan.root, &|run| journal::summary(&scan.root, run));
    for (run, what) in found {
        scan.findings.push(Finding { place: index::FOLDER.into(), run, what });
    }
}

/// Finds the run that an operator means, like [`crate::Store::resolve`], also where the directory is not one that kup would use.
///
/// # Errors
/// [`StoreError::UnknownRun`], [`StoreError::AmbiguousRun`].
pub fn resolve(state_dir: &Path, given: &str) -> Result<RunId, StoreError> {
    resolve::resolve(&runs(state_dir), given)
}

/// Lists the runs that have a journal, whole or not, or one that cannot be looked at, newest last.
#[must_use]
pub fn runs(state_dir: &Path) -> Vec<RunId> {
    let mut scan = Scan::new(state_dir);
    let names = scan.names(RUNS);
    let runs = names.iter().filter_map(|name| name.parse().ok());
    let may_be_there = |run: &RunId| journal::path(state_dir, run).try_exists().unwrap_or(true);
    let mut runs: Vec<RunId> = runs.filter(may_be_there).collect();
    let began = |run: &RunId| journal::summary(state_dir, run).map(|summary| summary.started);
    runs.sort_by_cached_key(|run| {
        (run.as_str().get(..8).map(str::to_owned), began(run), run.clone())
    });
    runs
}

/// What can be believed of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readable {
    /// Its entries, up to the first that cannot be believed.
    pub entries: Vec<Entry>,
    /// Whether these are all.
    pub is_whole: bool,
}

/// Reads what can be believed of a run's journal.
#[must_use]
pub fn read(state_dir: &Path, run: &RunId) -> Readable {
    journal::read(state_dir, run)
}

impl Finding {
    fn at(place: &str, what: impl Into<Condition>) -> Self {
        let run = place.strip_prefix("runs/").and_then(|rest| rest.get(..RunId::LEN)?.parse().ok());
        Self { place: place.into(), run, what: what.into() }
    }
}
