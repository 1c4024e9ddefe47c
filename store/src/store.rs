//! The folder of all runs: makes, opens, reads and finds them, and takes the locks.
//!
//! ```text
//! <state dir>/runs/<run>/journal               the truth about a run
//! <state dir>/runs/<run>/journal.torn.<offset> a tail that was set aside
//! <state dir>/runs/<run>/lock                  held by the process that drives the run
//! <state dir>/runs/<run>/blobs/<sha256>        bytes that entries name
//! <state dir>/runs/<run>/blobs/<sha256>.<sha256>.age   such bytes, encrypted
//! <state dir>/clusters/<uid>.lock              held by the process that changes the cluster
//! <state dir>/index, index.lock                can be deleted at any time
//! ```

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kup_core::event::Entry;
use kup_core::id::RunId;
use kup_core::journal::NewEntry;
use rustix::fs::Access;

use crate::blobs::FileBlobs;
use crate::disk::{Disk, OsDisk};
use crate::durable;
use crate::error::StoreError;
use crate::file_journal::FileJournal;
use crate::frame::{self, HEADER_LEN};
use crate::hash;
use crate::journal_file::JournalFile;
use crate::lock::{self, ClusterLock, Lock};
use crate::resolve;
use crate::walk::{History, Walked};

/// Permission bits that let others write.
const OTHERS_WRITE: u32 = 0o022;

/// The longest cluster UID that becomes a file name as it is.
const NAME_LIMIT: usize = 64;

/// All runs under one state directory.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    state_dir: PathBuf,
}

impl Store {
    /// Opens the state directory; makes it when it is not there.
    ///
    /// # Errors
    /// [`StoreError::NotOurs`] when others can write to it or we cannot, [`StoreError::Storage`].
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        create_state_dir(&OsDisk, state_dir)?;
        check_ours(state_dir)?;
        Self::on(Arc::new(OsDisk), state_dir)
    }

    /// Opens the state directory on a disk, without asking whose it is. [`crate::Index`] does not know such disks.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub fn on(disk: Arc<dyn Disk>, state_dir: &Path) -> Result<Self, StoreError> {
        create_state_dir(disk.as_ref(), state_dir)?;
        let store = Self { disk, state_dir: state_dir.to_owned() };
        for folder in [store.runs_folder(), store.clusters_folder()] {
            store.create_folder(&folder)?;
        }
        Ok(store)
    }

    /// Begins a run with its first entries. Either all of them are on stable storage afterwards, or
    /// there is no such run.
    ///
    /// # Errors
    /// [`StoreError::RunExists`], [`StoreError::LockedBy`], [`StoreError::NoFirstEntry`],
    /// [`StoreError::CannotBegin`], [`StoreError::Storage`].
    pub fn create(
        &self,
        run: &RunId,
        first: Vec<NewEntry>,
    ) -> Result<(FileJournal, Vec<Entry>), StoreError> {
        if first.is_empty() {
            return Err(StoreError::NoFirstEntry(run.clone()));
        }
        self.make_folder(run)?;
        let lock = self.lock_run(run)?;
        if self.exists(run)? {
            return Err(StoreError::RunExists(run.clone()));
        }
        self.journal_file(run).begin(first, lock)
    }

    /// Makes the folder of a run that is still to begin, for what must lie there before it does.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub fn make_folder(&self, run: &RunId) -> Result<(), StoreError> {
        self.create_folder(&self.run_folder(run))
    }

    /// Takes a run over: reads and checks all of its journal, sets a torn tail aside, and opens it
    /// for appending with a new epoch. The epoch is used up by the first entry that is appended,
    /// so append one before anything else.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::LockedBy`], [`StoreError::Damaged`],
    /// [`StoreError::Storage`].
    pub fn resume(&self, run: &RunId) -> Result<(FileJournal, History), StoreError> {
        let lock = self.hold(run)?;
        let path = self.journal_path(run);
        let (file, walked) = self.journal_file(run).take_over()?;
        let blobs = self.blobs(run);
        blobs.remove_unfinished().map_err(StoreError::storage("tidy the blobs beside", &path))?;
        let journal = FileJournal::new(file, &path, run, walked.end, lock);
        Ok((journal, walked.into_history()))
    }

    /// Reads a run without taking its lock and without changing anything. While the run is live, a
    /// torn tail is an entry that is being written.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::Damaged`], [`StoreError::Storage`].
    pub fn read(&self, run: &RunId) -> Result<History, StoreError> {
        self.must_exist(run)?;
        self.walk(run).map(Walked::into_history)
    }

    /// Returns the blobs of a run.
    #[must_use]
    pub fn blobs(&self, run: &RunId) -> FileBlobs {
        FileBlobs::new(self.disk.clone(), self.run_folder(run).join("blobs"))
    }

    /// Lists all runs by the time they began, newest last. One whose journal cannot be looked at is among them: it
    /// may be unfinished, and whoever reads it is told what is wrong.
    ///
    /// # Errors
    /// [`StoreError::Storage`].
    pub fn runs(&self) -> Result<Vec<RunId>, StoreError> {
        let folder = self.runs_folder();
        let mut runs = Vec::new();
        for name in self.disk.list(&folder).map_err(StoreError::storage("list", &folder))? {
            if let Ok(run) = name.to_string_lossy().parse::<RunId>()
                && self.exists(&run).unwrap_or(true)
            {
                runs.push(run);
            }
        }
        runs.sort_by_cached_key(|run| (day(run), self.began(run), run.clone()));
        Ok(runs)
    }

    /// Finds the run that an operator means by `@last`, by a full id, or by how only one id begins.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::AmbiguousRun`], [`StoreError::Storage`].
    pub fn resolve(&self, given: &str) -> Result<RunId, StoreError> {
        resolve::resolve(&self.runs()?, given)
    }

    /// Keeps other runs away from a cluster, named by the UID of its kube-system, while `run` works on it.
    ///
    /// # Errors
    /// [`StoreError::LockedBy`] with the run that holds it, [`StoreError::Storage`].
    pub fn lock_cluster(&self, uid: &str, run: &RunId) -> Result<ClusterLock, StoreError> {
        let path = self.clusters_folder().join(format!("{}.lock", file_name(uid)));
        let note = format!("run {run}, {}", lock::this_process());
        let lock = lock::take(self.disk.as_ref(), &path, &format!("cluster {uid}"), &note)?;
        Ok(ClusterLock { _lock: lock })
    }

    /// Returns the path of a run's journal, for messages.
    #[must_use]
    pub fn journal_path(&self, run: &RunId) -> PathBuf {
        self.run_folder(run).join("journal")
    }

    pub(crate) fn walk(&self, run: &RunId) -> Result<Walked, StoreError> {
        self.journal_file(run).read()
    }

    pub(crate) fn journal_file<'a>(&'a self, run: &'a RunId) -> JournalFile<'a> {
        JournalFile { disk: self.disk.as_ref(), path: self.journal_path(run), run }
    }

    /// Takes the lock of a run that is there.
    pub(crate) fn hold(&self, run: &RunId) -> Result<Lock, StoreError> {
        self.must_exist(run)?;
        self.lock_run(run)
    }

    fn must_exist(&self, run: &RunId) -> Result<(), StoreError> {
        if self.exists(run)? { Ok(()) } else { self.resolve(run.as_str()).map(drop) }
    }

    fn exists(&self, run: &RunId) -> Result<bool, StoreError> {
        let path = self.journal_path(run);
        self.disk.exists(&path).map_err(StoreError::storage("look for", &path))
    }

    fn create_folder(&self, folder: &Path) -> Result<(), StoreError> {
        durable::create_folder(self.disk.as_ref(), folder)
            .map_err(StoreError::storage("create", folder))
    }

    pub(crate) fn lock_run(&self, run: &RunId) -> Result<Lock, StoreError> {
        let path = self.run_folder(run).join("lock");
        lock::take(self.disk.as_ref(), &path, &format!("run {run}"), &lock::this_process())
    }

    /// Returns when a run began, by its first header; runs whose header is unreadable come first.
    fn began(&self, run: &RunId) -> i64 {
        let mut header = [0; HEADER_LEN];
        let file = self.disk.open_to_read(&self.journal_path(run));
        let read = file.and_then(|mut file| file.read_exact(&mut header));
        match (read, frame::read_header(&header)) {
            (Ok(()), Ok(header)) => header.time,
            (Ok(()) | Err(_), _) => i64::MIN,
        }
    }

    fn run_folder(&self, run: &RunId) -> PathBuf {
        self.runs_folder().join(run.as_str())
    }

    fn runs_folder(&self) -> PathBuf {
        self.state_dir.join("runs")
    }

    fn clusters_folder(&self) -> PathBuf {
        self.state_dir.join("clusters")
    }
}

fn create_state_dir(disk: &dyn Disk, state_dir: &Path) -> Result<(), StoreError> {
    durable::create_folders(disk, state_dir).map_err(StoreError::storage("create", state_dir))
}

/// Checks that the state directory is ours alone to write: journals are believed and blobs hold secrets.
fn check_ours(path: &Path) -> Result<(), StoreError> {
    let not_ours = |why| StoreError::NotOurs { path: path.to_owned(), why };
    let found = std::fs::metadata(path).map_err(StoreError::storage("look at", path))?;
    if !found.is_dir() {
        return Err(not_ours("it is not a directory"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(not_ours("it belongs to another user"));
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return Err(not_ours("other users can write to it"));
    }
    rustix::fs::access(path, Access::WRITE_OK).map_err(|_| not_ours("it cannot be written to"))
}

/// Returns the day that a run's id begins with.
fn day(run: &RunId) -> String {
    run.as_str().chars().take_while(char::is_ascii_digit).collect()
}

/// Returns a name for a cluster's lock that stays in its folder, whatever the UID is.
fn file_name(uid: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    match !uid.is_empty() && uid.len() <= NAME_LIMIT && uid.bytes().all(is_plain) {
        true => uid.to_owned(),
        false => hash::sha256_hex(uid.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_uid_cannot_leave_the_folder() {
        assert_eq!(file_name("6f1c-AB09"), "6f1c-AB09");
        for foreign in ["", "../x", "a/b", "a.b", &"x".repeat(65)] {
            assert_eq!(file_name(foreign).len(), 64, "{foreign}");
        }
    }
}
