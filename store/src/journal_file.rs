//! A journal as a file: how it is born, opened again, read, and how its torn end is set aside. What
//! its bytes mean is said by `walk`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kup_core::event::Entry;
use kup_core::id::RunId;
use kup_core::journal::NewEntry;

use crate::disk::{Disk, DiskFile};
use crate::durable;
use crate::error::StoreError;
use crate::file_journal::FileJournal;
use crate::frame::MAX_JOURNAL;
use crate::lock::Lock;
use crate::walk::{self, End, Walked};

/// How many torn ends of one place are kept.
const TORN_LIMIT: u32 = 100;

/// Where the journal of a run is, or will be.
#[derive(Debug)]
pub(crate) struct JournalFile<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) path: PathBuf,
    pub(crate) run: &'a RunId,
}

impl JournalFile<'_> {
    /// Begins a journal: under another name first, so that no journal is without its first entries.
    pub(crate) fn begin(
        &self,
        first: Vec<NewEntry>,
        lock: Lock,
    ) -> Result<(FileJournal, Vec<Entry>), StoreError> {
        let Self { disk, path, run } = self;
        let unborn = path.with_extension("new");
        let file = create_anew(*disk, &unborn).map_err(StoreError::storage("create", &unborn))?;
        let mut journal = FileJournal::new(file, path, run, End::NOTHING, lock);
        let cannot_begin = |source| StoreError::CannotBegin { run: (*run).clone(), source };
        let entries = journal.append_now(first).map_err(cannot_begin)?;
        disk.rename(&unborn, path)
            .and_then(|()| durable::sync_parent(*disk, path))
            .map_err(StoreError::storage("create", path))?;
        Ok((journal, entries))
    }

    /// Opens a journal for appending, with its torn end set aside. Only for the holder of the run's lock.
    pub(crate) fn take_over(&self) -> Result<(Box<dyn DiskFile>, Walked), StoreError> {
        let Self { disk, path, .. } = self;
        let mut file = open_synced(*disk, path).map_err(StoreError::storage("open", path))?;
        let bytes = read_limited(file.as_mut()).map_err(StoreError::storage("read", path))?;
        let walked = self.walk(&bytes)?;
        if walked.torn_bytes > 0 {
            let end = walked.end.offset;
            keep_torn(*disk, path, end, &bytes)
                .and_then(|()| cut_off(file.as_mut(), end))
                .map_err(StoreError::storage("set aside the torn end of", path))?;
        }
        Ok((file, walked))
    }

    /// Reads a journal and changes nothing.
    pub(crate) fn read(&self) -> Result<Walked, StoreError> {
        let file = self.disk.open_to_read(&self.path);
        let bytes = file
            .and_then(|mut file| read_limited(file.as_mut()))
            .map_err(StoreError::storage("read", &self.path))?;
        self.walk(&bytes)
    }

    fn walk(&self, bytes: &[u8]) -> Result<Walked, StoreError> {
        walk::walk(self.run, bytes).map_err(|damage| StoreError::Damaged {
            path: self.path.clone(),
            offset: damage.offset,
            seq: damage.seq,
            what: damage.what,
        })
    }
}

fn create_anew(disk: &dyn Disk, unborn: &Path) -> io::Result<Box<dyn DiskFile>> {
    match disk.remove_file(unborn) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => disk.create_file(unborn),
    }
}

/// Opens a journal so that what is read from it is what the disk has. The process before may have been killed
/// before its sync, or may have died of a failed one, after which the kernel calls pages clean
/// that never reached the disk: sync, then forget the clean pages, then read.
fn open_synced(disk: &dyn Disk, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    let mut file = disk.open_to_append(path)?;
    file.sync_all()?;
    durable::sync_parent(disk, path)?;
    match file.forget_cached() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::debug!(%error, "this file system reads the journal from memory");
        }
        forgotten => forgotten?,
    }
    Ok(file)
}

fn read_limited(file: &mut dyn DiskFile) -> io::Result<Vec<u8>> {
    if file.length()? > MAX_JOURNAL {
        return Err(io::Error::other("it is longer than a journal can be"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_JOURNAL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Keeps the torn bytes in a file of their own; only then may they be taken off the journal.
fn keep_torn(disk: &dyn Disk, path: &Path, end: u64, bytes: &[u8]) -> io::Result<()> {
    let torn = bytes.iter().copied().skip(usize::try_from(end).unwrap_or(usize::MAX));
    let torn: Vec<u8> = torn.collect();
    for number in 1..=TORN_LIMIT {
        match durable::write_new(disk, &torn_path(path, end, number), &torn) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result,
        }
    }
    Err(io::Error::other("too many torn ends are kept beside it"))
}

fn cut_off(file: &mut dyn DiskFile, end: u64) -> io::Result<()> {
    file.truncate(end)?;
    file.sync_all()
}

/// Returns `journal.torn.<offset>`, and for further ones at the same place `journal.torn.<offset>.<number>`.
fn torn_path(path: &Path, end: u64, number: u32) -> PathBuf {
    match number {
        1 => path.with_extension(format!("torn.{end}")),
        _ => path.with_extension(format!("torn.{end}.{number}")),
    }
}
