//! Pictures of a whole world at the moments at which a process may die: before an append, after it, and while something is waited for. Whoever
//! revives one has what a killed process leaves: the nodes, and what was in the journal by then.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_core::event::Entry;
use kup_core::id::Epoch;
use kup_core::journal::{AppendError, Journal, NewEntry};
use kup_store::{MemoryJournal, MemoryStore};

use super::site::run;

/// At what a process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The effect is there and its entry is not.
    BeforeAppend,
    /// The entry is there and what it announces is not.
    AfterAppend,
    /// Something is under way on a node.
    Waiting,
}

/// What a process that died at this moment leaves behind.
pub(crate) struct Shot {
    pub(crate) moment: Moment,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) entries: Vec<Entry>,
    pub(crate) now: Timestamp,
}

/// The clock of a walk, the journal's wrapper, and the pictures taken. Time passes only while somebody sleeps.
pub(crate) struct Camera {
    now: AtomicI64,
    dir: PathBuf,
    store: MemoryStore,
    /// Every so many moments a picture is taken; 0 for never.
    every: usize,
    roll: Mutex<(usize, Vec<Shot>)>,
}

impl Camera {
    pub(crate) fn new(
        dir: &Path,
        store: &MemoryStore,
        (now, every): (Timestamp, usize),
    ) -> Arc<Self> {
        let roll = Mutex::new((0, Vec::new()));
        let now = AtomicI64::new(now.0);
        Arc::new(Self { now, dir: dir.to_owned(), store: store.clone(), every, roll })
    }

    pub(crate) fn forward(&self, time: Duration) {
        self.now.fetch_add(i64::try_from(time.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    /// Returns the pictures taken so far.
    pub(crate) fn develop(&self) -> Vec<Shot> {
        std::mem::take(&mut self.roll.lock().unwrap().1)
    }

    fn shoot(&self, moment: Moment) {
        let mut roll = self.roll.lock().unwrap();
        roll.0 += 1;
        if self.every == 0 || !roll.0.is_multiple_of(self.every) {
            return;
        }
        let Ok(history) = self.store.read(&run()) else { return };
        let dir = room();
        copy(&self.dir, dir.path());
        roll.1.push(Shot { moment, dir, entries: history.entries, now: self.now() });
    }
}

/// Returns a new folder, in memory where there is a place for that: a walk makes thousands.
pub(crate) fn room() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in std::fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let target = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            copy(&found.path(), &target);
        } else {
            std::fs::copy(found.path(), target).unwrap();
        }
    }
}

#[async_trait]
impl Clock for Camera {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn since_boot(&self) -> u64 {
        0
    }

    async fn sleep(&self, time: Duration) {
        self.shoot(Moment::Waiting);
        self.forward(time);
        tokio::task::yield_now().await;
    }
}

/// A journal that is photographed at every append.
pub(crate) struct Watched(pub(crate) MemoryJournal, pub(crate) Arc<Camera>);

#[async_trait]
impl Journal for Watched {
    fn epoch(&self) -> Epoch {
        self.0.epoch()
    }

    async fn append(&mut self, entries: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
        self.1.shoot(Moment::BeforeAppend);
        let written = self.0.append(entries).await?;
        self.1.shoot(Moment::AfterAppend);
        Ok(written)
    }
}
