//! Journals and blobs that forget everything at the end, for tests and for walking through plans. They pass
//! the same conformance suite as the files, and encode what they are given, so that they refuse the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kup_core::event::Entry;
use kup_core::id::{BlobId, Epoch, RunId, Seq};
use kup_core::journal::{AppendError, BlobError, BlobReader, BlobWriter, Blobs, Journal, NewEntry};

use crate::codec;
use crate::error::StoreError;
use crate::hash;
use crate::walk::History;

type Runs = Arc<Mutex<BTreeMap<RunId, MemoryRun>>>;

/// Runs in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    runs: Runs,
}

#[derive(Debug, Default)]
struct MemoryRun {
    entries: Vec<Entry>,
    is_held: bool,
}

/// The journal of one run in memory, held until it is dropped.
#[derive(Debug)]
pub struct MemoryJournal {
    runs: Runs,
    run: RunId,
    epoch: Epoch,
    is_poisoned: bool,
}

impl MemoryStore {
    /// Begins a run; see [`crate::Store::create`].
    ///
    /// # Errors
    /// [`StoreError::RunExists`], [`StoreError::NoFirstEntry`], [`StoreError::CannotBegin`].
    pub fn create(
        &self,
        run: &RunId,
        first: Vec<NewEntry>,
    ) -> Result<(MemoryJournal, Vec<Entry>), StoreError> {
        if first.is_empty() {
            return Err(StoreError::NoFirstEntry(run.clone()));
        }
        if lock(&self.runs).contains_key(run) {
            return Err(StoreError::RunExists(run.clone()));
        }
        let cannot_begin = |source| StoreError::CannotBegin { run: run.clone(), source };
        let entries = lay(Epoch(1), 0, first).map_err(cannot_begin)?;
        let begun = MemoryRun { entries: entries.clone(), is_held: true };
        lock(&self.runs).insert(run.clone(), begun);
        Ok((self.journal(run, Epoch(1)), entries))
    }

    /// Takes a run over; see [`crate::Store::resume`].
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::LockedBy`].
    pub fn resume(&self, run: &RunId) -> Result<(MemoryJournal, History), StoreError> {
        let history = self.read(run)?;
        if let Some(found) = lock(&self.runs).get_mut(run) {
            if found.is_held {
                let (what, holder) = (format!("run {run}"), "this process".into());
                return Err(StoreError::LockedBy { what, holder, path: PathBuf::new() });
            }
            found.is_held = true;
        }
        let last = history.entries.last().map_or(0, |entry| entry.epoch.0);
        Ok((self.journal(run, Epoch(last.saturating_add(1))), history))
    }

    /// Reads a run; see [`crate::Store::read`].
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn read(&self, run: &RunId) -> Result<History, StoreError> {
        let runs = lock(&self.runs);
        match runs.get(run) {
            Some(found) => Ok(History { entries: found.entries.clone(), torn_bytes: 0 }),
            None => {
                let known = runs.keys().cloned().collect();
                Err(StoreError::UnknownRun { given: run.to_string(), known })
            }
        }
    }

    fn journal(&self, run: &RunId, epoch: Epoch) -> MemoryJournal {
        MemoryJournal { runs: self.runs.clone(), run: run.clone(), epoch, is_poisoned: false }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    async fn append(&mut self, new: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
        if self.is_poisoned {
            let source = std::io::Error::other("an earlier append has failed");
            return Err(AppendError::Storage { place: "memory".into(), source });
        }
        self.is_poisoned = true;
        let mut runs = lock(&self.runs);
        let kept = runs.entry(self.run.clone()).or_default();
        let last = kept.entries.last().map_or(0, |entry| entry.seq.0);
        let entries = lay(self.epoch, last, new)?;
        kept.entries.extend_from_slice(&entries);
        self.is_poisoned = false;
        Ok(entries)
    }
}

impl Drop for MemoryJournal {
    fn drop(&mut self) {
        if let Some(run) = lock(&self.runs).get_mut(&self.run) {
            run.is_held = false;
        }
    }
}

/// Blobs in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs {
    blobs: Arc<Mutex<BTreeMap<BlobId, Vec<u8>>>>,
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        let failed = |e| BlobError::Storage { place: "memory".into(), source: e };
        let id = hash::blob_id(bytes).map_err(|e| failed(std::io::Error::other(e)))?;
        lock(&self.blobs).insert(id.clone(), bytes.to_vec());
        Ok(id)
    }

    /// Nothing of these outlives the process.
    async fn put_secret(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        self.put(bytes).await
    }

    async fn begin_secret(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.begin().await
    }

    fn takes_secrets(&self) -> bool {
        true
    }

    async fn get(&self, id: &BlobId) -> Result<Vec<u8>, BlobError> {
        lock(&self.blobs).get(id).cloned().ok_or_else(|| BlobError::Missing(id.clone()))
    }

    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        Ok(Box::new(MemoryWriter { blobs: self.clone(), bytes: Vec::new() }))
    }

    async fn open(&self, id: &BlobId) -> Result<Box<dyn BlobReader>, BlobError> {
        Ok(Box::new(MemoryReader(Some(self.get(id).await?).filter(|bytes| !bytes.is_empty()))))
    }
}

/// A blob that becomes one when it is finished.
struct MemoryWriter {
    blobs: MemoryBlobs,
    bytes: Vec<u8>,
}

#[async_trait]
impl BlobWriter for MemoryWriter {
    async fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<BlobId, BlobError> {
        self.blobs.put(&self.bytes).await
    }
}

/// A blob in one piece.
struct MemoryReader(Option<Vec<u8>>);

#[async_trait]
impl BlobReader for MemoryReader {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        Ok(self.0.take())
    }
}

fn lay(epoch: Epoch, last: u64, new: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
    let mut entries = Vec::with_capacity(new.len());
    for (entry, seq) in new.into_iter().zip(last.saturating_add(1)..) {
        let NewEntry { time, since_boot, event } = entry;
        let type_id = event.type_id();
        codec::encode(&event).map_err(|why| AppendError::Unwritable { type_id, why })?;
        entries.push(Entry { seq: Seq(seq), epoch, time, since_boot, event });
    }
    Ok(entries)
}

/// What is behind these locks is whole even when a thread has panicked.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
