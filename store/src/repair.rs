//! Sets the damaged last entry of a journal aside. That entry was acknowledged: something may have come of it. So this happens only on an
//! operator's word, after all nodes have said that nothing of theirs names it; this file knows no nodes and believes its caller.
//! The bytes are kept beside the journal.

use std::path::PathBuf;
use std::sync::Arc;

use kup_core::event::Entry;
use kup_core::id::{RunId, Seq};

use crate::damage;
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::journal_file::JournalFile;
use crate::lock::Lock;
use crate::store::Store;
use crate::walk;

/// A journal whose damaged end can be set aside, held under the run's lock.
#[derive(Debug)]
pub struct Repair {
    disk: Arc<dyn Disk>,
    run: RunId,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    bytes: Vec<u8>,
    offset: u64,
    seq: Seq,
    what: String,
    before: Vec<Entry>,
    _lock: Lock,
}

impl Store {
    /// Holds a run whose journal is damaged in its last entry. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::LockedBy`], [`StoreError::NotDamaged`], [`StoreError::Irreparable`],
    /// [`StoreError::Storage`].
    pub fn repair(&self, run: &RunId) -> Result<Repair, StoreError> {
        let lock = self.hold(run)?;
        let path = self.journal_path(run);
        let (file, bytes) = self.journal_file(run).open()?;
        let Err(found) = walk::walk(run, &bytes) else {
            return Err(StoreError::NotDamaged(run.clone()));
        };
        if let Err(why) = damage::at_end(run, &bytes, &found) {
            let (offset, seq) = (found.offset, found.seq);
            return Err(StoreError::Irreparable { path, offset, seq, why });
        }
        let before = damage::entries_before(run, &bytes, &found);
        let (offset, seq, what) = (found.offset, Seq(found.seq), found.what);
        let (disk, run) = (Arc::clone(&self.disk), run.clone());
        Ok(Repair { disk, run, file, path, bytes, offset, seq, what, before, _lock: lock })
    }
}

impl Repair {
    /// Returns the entries that would be left.
    #[must_use]
    pub fn entries_left(&self) -> &[Entry] {
        &self.before
    }

    /// Returns the place of the entry that would be set aside.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Returns where it begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns how many bytes would be set aside.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        damage::from(&self.bytes, self.offset).len() as u64
    }

    /// Returns which check it failed.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Sets it aside, and returns the file that has its bytes now. Either the journal ends before that entry afterwards, or it
    /// is as it was and the bytes may be kept, too.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub fn set_aside(mut self) -> Result<PathBuf, StoreError> {
        let (disk, path) = (self.disk.as_ref(), self.path.clone());
        JournalFile { disk, path, run: &self.run }
            .set_end_aside(self.file.as_mut(), ("damaged", self.offset), &self.bytes)
            .map_err(StoreError::storage("set aside the damaged end of", &self.path))
    }
}
