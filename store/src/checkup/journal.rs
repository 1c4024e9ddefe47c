//! One journal, read without its lock and without the checks of a store.

use std::io;
use std::path::{Path, PathBuf};

use kup_core::event::Entry;
use kup_core::id::RunId;
use kup_core::state::RunState;

use super::scan::Scan;
use super::{AboutJournal, RUNS, Readable};
use crate::damage;
use crate::disk;
use crate::journal_file;
use crate::summary::{self, RunSummary};
use crate::walk::{self, Damage, Walked};

/// What could be read of a journal.
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    /// Whether these are all entries, and this kup knows all of them.
    pub(super) is_all_known: bool,
}

/// Returns where a run's journal lies.
pub(super) fn path(state_dir: &Path, run: &RunId) -> PathBuf {
    state_dir.join(RUNS).join(run.as_str()).join("journal")
}

/// Sums a run up; `None` where its journal cannot be read or is damaged.
pub(super) fn summary(state_dir: &Path, run: &RunId) -> Option<RunSummary> {
    let bytes = bytes(&path(state_dir, run)).ok()?;
    let walked = walk::walk(run, &bytes).ok()?;
    Some(summary::summarize(run, &walked.entries))
}

/// Reads what can be believed.
pub(super) fn read(state_dir: &Path, run: &RunId) -> Readable {
    let Ok(bytes) = bytes(&path(state_dir, run)) else { return Readable::default() };
    match walk::walk(run, &bytes) {
        Ok(walked) => Readable { entries: walked.entries, is_whole: true },
        Err(damage) => {
            let entries = damage::entries_before(run, &bytes, &damage);
            Readable { entries, is_whole: false }
        }
    }
}

/// Looks at a journal and returns what could be read of it.
pub(super) fn look(scan: &mut Scan, run: &RunId, is_live: bool) -> Option<Read> {
    let place = format!("{RUNS}/{run}/journal");
    let bytes = match bytes(&scan.path(&place)) {
        Ok(bytes) => bytes,
        Err(error) => {
            scan.inaccessible(&place, &error);
            return None;
        }
    };
    match walk::walk(run, &bytes) {
        Ok(walked) => Some(whole(scan, run, walked, is_live)),
        Err(damage) => Some(damaged(scan, run, &bytes, damage)),
    }
}

fn whole(scan: &mut Scan, run: &RunId, walked: Walked, is_live: bool) -> Read {
    let place = format!("{RUNS}/{run}/journal");
    let (offset, bytes) = (walked.end.offset, walked.torn_bytes);
    if bytes > 0 {
        scan.add(&place, AboutJournal::Torn { offset, bytes, is_live });
    }
    let entries = walked.entries;
    let mut is_all_known = true;
    match RunState::replay(&entries) {
        Err(error) => scan.add(&place, AboutJournal::Illegal { why: error.to_string() }),
        Ok(state) => {
            if let Some((seq, opaque)) = state.opaque.first() {
                is_all_known = false;
                let (type_id, type_version) = (opaque.type_id, opaque.type_version);
                scan.add(&place, AboutJournal::Newer { seq: *seq, type_id, type_version });
            }
            let status = summary::summarize(run, &entries).status;
            let count = entries.len() as u64;
            scan.add(&place, AboutJournal::Whole { entries: count, bytes: offset, status });
        }
    }
    Read { entries, is_all_known }
}

fn damaged(scan: &mut Scan, run: &RunId, bytes: &[u8], damage: Damage) -> Read {
    let entries = damage::entries_before(run, bytes, &damage);
    let irreparable = damage::at_end(run, bytes, &damage).err();
    let Damage { offset, seq, what } = damage;
    let place = format!("{RUNS}/{run}/journal");
    scan.add(&place, AboutJournal::Damaged { offset, seq, what, irreparable });
    Read { entries, is_all_known: false }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    journal_file::read_limited(&mut disk::open_to_read(path)?)
}
