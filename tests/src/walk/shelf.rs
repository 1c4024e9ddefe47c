//! Where a walk's journal and blobs lie: in memory, which is quick, or in real files, which is the real thing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kup_core::event::Entry;
use kup_core::id::RunId;
use kup_core::journal::{Blobs, Journal, NewEntry};
use kup_store::{FileJournal, History, MemoryBlobs, MemoryStore, Store, StoreError};

/// How often a lock is asked for that nobody should hold.
const PATIENCE: u32 = 200;

/// The run of every walk.
#[must_use]
pub fn run() -> RunId {
    "20261123-aaaaaaa".parse().unwrap()
}

/// Which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// In memory.
    Memory,
    /// In files.
    Files,
}

/// A journal that outlives processes.
#[derive(Clone)]
pub(super) enum Shelf {
    Memory(MemoryStore, MemoryBlobs),
    /// The real journal. Its blobs are in memory: those in files are written on other threads, and a walk has one.
    Files(Store, MemoryBlobs),
}

impl Shelf {
    pub(super) fn new(paper: Paper, dir: &Path) -> Self {
        match paper {
            Paper::Memory => Self::Memory(MemoryStore::default(), MemoryBlobs::default()),
            Paper::Files => {
                let store = Store::open(&dir.join("state")).unwrap();
                Self::Files(store, MemoryBlobs::default())
            }
        }
    }

    pub(super) fn create(&self, first: Vec<NewEntry>) {
        match self {
            Self::Memory(store, _) => drop(store.create(&run(), first).unwrap()),
            Self::Files(store, _) => drop(store.create(&run(), first).unwrap()),
        }
    }

    /// Takes the run over, or says who holds it.
    pub(super) fn resume(&self) -> Result<(Box<dyn Journal>, Vec<Entry>), String> {
        match self {
            Self::Memory(store, _) => {
                let (journal, history) = store.resume(&run()).map_err(|e| e.to_string())?;
                Ok((Box::new(journal), history.entries))
            }
            Self::Files(store, _) => {
                let (journal, history) = resume(store).map_err(|e| e.to_string())?;
                Ok((Box::new(journal), history.entries))
            }
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        match self {
            Self::Memory(store, _) => store.read(&run()).unwrap().entries,
            Self::Files(store, _) => store.read(&run()).unwrap().entries,
        }
    }

    pub(super) fn blobs(&self) -> Arc<dyn Blobs> {
        match self {
            Self::Memory(_, blobs) | Self::Files(_, blobs) => Arc::new(blobs.clone()),
        }
    }

    /// Returns a copy with these entries, written one process after the other; only of what lies in memory.
    pub(super) fn rewritten(&self, entries: &[Entry]) -> Self {
        let Self::Memory(_, blobs) = self else { panic!("only what lies in memory is copied") };
        let store = MemoryStore::default();
        let copy = |entry: &Entry| NewEntry {
            time: entry.time,
            since_boot: entry.since_boot,
            event: entry.event.clone(),
        };
        for process in entries.chunk_by(|a, b| a.epoch == b.epoch) {
            let new: Vec<NewEntry> = process.iter().map(copy).collect();
            if process[0].seq.0 == 1 {
                drop(store.create(&run(), new).unwrap());
            } else {
                let (mut journal, _) = store.resume(&run()).unwrap();
                at_once(Journal::append(&mut journal, new)).unwrap();
            }
        }
        let written = store.read(&run()).unwrap().entries;
        assert_eq!(written, entries, "processes that wrote nothing");
        Self::Memory(store, blobs.clone())
    }
}

/// Takes over a run that nobody holds. Other suites start programs from this process, and such a child has our locks for the moment between
/// its fork and its exec: that is waited for, by the real clock, which no story sees.
#[allow(clippy::disallowed_methods, reason = "the moment is the system's and not the story's")]
fn resume(store: &Store) -> Result<(FileJournal, History), StoreError> {
    for _ in 0..PATIENCE {
        match store.resume(&run()) {
            Err(StoreError::LockedBy { .. }) => std::thread::sleep(Duration::from_millis(5)),
            resumed => return resumed,
        }
    }
    store.resume(&run())
}

/// Takes the result of something that never waits.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("there is nothing to wait for here"),
    }
}
