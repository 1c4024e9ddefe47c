//! The index over the journals: what `kup history` lists without reading every journal. Never the truth: an
//! answer is believed only when the journal still has the length and the last frame it was made from, and
//! whatever is wrong with the index costs time only. No other file names sled.
//!
//! sled 0.34.7 is opened with care: one process at a time under our own lock, without its unfinished
//! snapshots (it would take them for finished ones and never open again), read through once, and moved
//! aside when anything is wrong. Its panics end here, too.

pub(crate) mod checkup;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kup_core::id::RunId;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::disk::OsDisk;
use crate::error::StoreError;
use crate::frame::{self, FrameHash, HEADER_LEN, MAX_PAYLOAD, TRAILER_LEN};
use crate::lock::{self, Lock};
use crate::store::Store;
use crate::summary::{self, RunSummary};
use crate::walk::Walked;

/// The index's files in a state directory.
pub(crate) const FOLDER: &str = "index";
pub(crate) const LOCK: &str = "index.lock";
pub(crate) const UNUSABLE: &str = "index.unusable";

/// The tree of summaries. What is in it changes with its name.
const TREE: &str = "summary-2";

/// The most memory that sled may use as a cache, in bytes.
const CACHE: u64 = 8 << 20;

/// Answers questions about all runs.
#[derive(Debug)]
pub struct Index {
    shelf: Option<Shelf>,
}

/// sled, open. The lock is declared last, so that it is let go last.
#[derive(Debug)]
struct Shelf {
    summaries: sled::Tree,
    _database: sled::Db,
    _lock: Lock,
}

/// A summary and the end of the journal that it was made from.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    length: u64,
    last_frame: u64,
    hash: FrameHash,
    summary: RunSummary,
}

impl Index {
    /// Opens the index in a state directory. Where another process has it, or nothing helps, this
    /// one reads the journals instead.
    #[must_use]
    pub fn open(state_dir: &Path) -> Self {
        Self::take(state_dir).unwrap_or_else(|error| {
            tracing::debug!(%error, "reading the journals without the index");
            Self { shelf: None }
        })
    }

    /// Opens the index for whoever cannot do without.
    ///
    /// # Errors
    /// [`StoreError::LockedBy`] while another process has it, [`StoreError::Storage`].
    pub fn take(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(LOCK);
        let lock = lock::take(&OsDisk, &path, "the index", &lock::this_process())?;
        Ok(Self { shelf: open_or_renew(&state_dir.join(FOLDER), lock) })
    }

    /// Returns all runs in one line each, newest last.
    ///
    /// # Errors
    /// [`StoreError::Storage`] when the runs cannot be listed. A run that cannot be read is in the list, and says so.
    pub fn summaries(&self, store: &Store) -> Result<Vec<RunSummary>, StoreError> {
        let summaries = store.runs()?.iter().map(|run| self.summary(store, run)).collect();
        self.flush();
        Ok(summaries)
    }

    /// Returns the runs of a cluster that are not over, newest last; also those that cannot be
    /// read, because they may be among them.
    ///
    /// # Errors
    /// See [`Index::summaries`].
    pub fn unfinished(&self, store: &Store, uid: &str) -> Result<Vec<RunSummary>, StoreError> {
        let mut runs = self.summaries(store)?;
        runs.retain(|run| {
            !run.status.is_finished() && (run.cluster_uid == uid || run.cluster_uid.is_empty())
        });
        Ok(runs)
    }

    /// Forgets everything and reads all journals anew.
    ///
    /// # Errors
    /// See [`Index::summaries`].
    pub fn rebuild(&self, store: &Store) -> Result<Vec<RunSummary>, StoreError> {
        if let Some(shelf) = &self.shelf {
            guarded("clear", || shelf.summaries.clear());
        }
        self.summaries(store)
    }

    /// Tells whether this process has the index, or reads the journals instead.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.shelf.is_some()
    }

    fn summary(&self, store: &Store, run: &RunId) -> RunSummary {
        let known = self.shelf.as_ref().and_then(|shelf| shelf.get(run));
        match known.filter(|record| still_holds(record, &store.journal_path(run))) {
            Some(record) => record.summary,
            None => self.read(store, run),
        }
    }

    fn read(&self, store: &Store, run: &RunId) -> RunSummary {
        match store.walk(run) {
            Ok(walked) => {
                let summary = summary::summarize(run, &walked.entries);
                if let Some(shelf) = &self.shelf {
                    shelf.put(run, &Record::new(&walked, summary.clone()));
                }
                summary
            }
            Err(error) => summary::unreadable(run, error.to_string()),
        }
    }

    fn flush(&self) {
        if let Some(shelf) = &self.shelf {
            guarded("flush", || shelf.summaries.flush());
        }
    }
}

impl Shelf {
    fn get(&self, run: &RunId) -> Option<Record> {
        let bytes = guarded("read", || self.summaries.get(run.as_str()))??;
        read_record(&bytes).filter(|record| record.summary.run == *run)
    }

    fn put(&self, run: &RunId, record: &Record) {
        if let Some(bytes) = write_record(record) {
            guarded("write", || self.summaries.insert(run.as_str(), bytes));
        }
    }
}

impl Record {
    fn new(walked: &Walked, summary: RunSummary) -> Self {
        let end = walked.end;
        Self { length: end.offset, last_frame: end.last_frame, hash: end.hash, summary }
    }
}

/// Tells whether a journal is still the one that a record was made from.
fn still_holds(record: &Record, journal: &Path) -> bool {
    let last = last_frame(record, journal);
    last.is_ok_and(|frame| frame::hash(&frame) == record.hash)
}

fn last_frame(record: &Record, journal: &Path) -> io::Result<Vec<u8>> {
    let found = std::fs::metadata(journal)?;
    if !found.is_file() || found.len() != record.length {
        return Err(io::Error::other("the journal has another length"));
    }
    let length = record.length.saturating_sub(record.last_frame);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > HEADER_LEN + MAX_PAYLOAD + TRAILER_LEN {
        return Err(io::Error::other("no frame has this length"));
    }
    let mut frame = vec![0; length];
    let file = File::open(journal)?;
    file.read_exact_at(&mut frame, record.last_frame)?;
    Ok(frame)
}

/// sled does not notice every flipped bit; this does.
fn write_record(record: &Record) -> Option<Vec<u8>> {
    let payload = codec::to_bytes(record).ok()?;
    Some([crc32c::crc32c(&payload).to_le_bytes().as_slice(), &payload].concat())
}

fn read_record(bytes: &[u8]) -> Option<Record> {
    let (checksum, payload) = bytes.split_first_chunk()?;
    let is_whole = crc32c::crc32c(payload) == u32::from_le_bytes(*checksum);
    if is_whole { codec::from_bytes(payload).ok() } else { None }
}

fn open_or_renew(folder: &Path, lock: Lock) -> Option<Shelf> {
    let opened = open_sled(folder).or_else(|| {
        tracing::warn!(folder = %folder.display(), "the index is unusable and is made anew");
        move_aside(folder).ok()?;
        open_sled(folder)
    });
    let (database, summaries) = opened?;
    Some(Shelf { summaries, _database: database, _lock: lock })
}

fn open_sled(folder: &Path) -> Option<(sled::Db, sled::Tree)> {
    remove_unfinished_snapshots(folder).ok()?;
    guarded("open", || {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE).flush_every_ms(None);
        let database = config.open()?;
        let summaries = database.open_tree(TREE)?;
        summaries.iter().try_for_each(|record| record.map(drop))?;
        Ok((database, summaries))
    })
}

fn remove_unfinished_snapshots(folder: &Path) -> io::Result<()> {
    let files = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let file = file?;
        let name = file.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(file.path())?;
        }
    }
    Ok(())
}

/// Keeps the newest unusable index, for whoever wants to know what happened.
fn move_aside(folder: &Path) -> io::Result<()> {
    let aside: PathBuf = folder.with_extension("unusable");
    match std::fs::remove_dir_all(&aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    std::fs::rename(folder, aside)
}

/// Does one thing with sled. Whatever goes wrong is logged, and the caller does without.
fn guarded<T>(doing: &'static str, work: impl FnOnce() -> sled::Result<T>) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::debug!(%error, doing, "sled has failed");
            None
        }
        Err(_) => {
            tracing::debug!(doing, "sled has panicked");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_flipped_bit_is_not_believed() {
        let run: RunId = "20261123-k3f9x2a".parse().unwrap();
        let summary = summary::unreadable(&run, "why".into());
        let record = Record { length: 9, last_frame: 0, hash: [7; 32], summary };
        let good = write_record(&record).unwrap();
        assert!(read_record(&good).is_some());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(read_record(&bad).is_none(), "bit {bit}");
        }
    }
}
