//! A journal as a file: how it is born, opened again, read, and how its end is set aside where it is torn, or damaged. What
//! its bytes mean is said by `walk`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kup_core::event::Entry;
use kup_core::id::RunId;
use kup_core::journal::NewEntry;

use crate::damage;
use crate::disk::{Disk, DiskFile};
use crate::durable;
use crate::error::StoreError;
use crate::file_journal::FileJournal;
use crate::frame::MAX_JOURNAL;
use crate::lock::Lock;
use crate::walk::{self, End, Walked};

/// How many ends of one place are kept.
const KEPT_LIMIT: u32 = 100;

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
        let (mut file, bytes) = self.open()?;
        let walked = self.walk(&bytes)?;
        if walked.torn_bytes > 0 {
            self.set_end_aside(file.as_mut(), ("torn", walked.end.offset), &bytes)
                .map_err(StoreError::storage("set aside the torn end of", &self.path))?;
        }
        Ok((file, walked))
    }

    /// Opens a journal and reads what the disk has of it. Only for the holder of the run's lock.
    pub(crate) fn open(&self) -> Result<(Box<dyn DiskFile>, Vec<u8>), StoreError> {
        let Self { disk, path, .. } = self;
        let mut file = open_synced(*disk, path).map_err(StoreError::storage("open", path))?;
        let bytes = read_limited(file.as_mut()).map_err(StoreError::storage("read", path))?;
        Ok((file, bytes))
    }

    /// Keeps the bytes from an offset on in a file of their own, named by `kind` and offset, and only then takes them off the journal.
    /// Returns that file.
    pub(crate) fn set_end_aside(
        &self,
        file: &mut dyn DiskFile,
        (kind, offset): (&str, u64),
        bytes: &[u8],
    ) -> io::Result<PathBuf> {
        let kept = keep(self.disk, (&self.path, kind, offset), damage::from(bytes, offset))?;
        cut_off(file, offset)?;
        Ok(kept)
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
        walk::walk(self.run, bytes).map_err(|damage| damage.in_file(&self.path))
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

/// Reads a whole journal, and nothing longer than one can be.
pub(crate) fn read_limited(file: &mut dyn DiskFile) -> io::Result<Vec<u8>> {
    if file.length()? > MAX_JOURNAL {
        return Err(io::Error::other("it is longer than a journal can be"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_JOURNAL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An end of a journal: the journal's path, why its end is kept, and where that begins.
type JournalEnd<'a> = (&'a Path, &'a str, u64);

fn keep(disk: &dyn Disk, end: JournalEnd<'_>, bytes: &[u8]) -> io::Result<PathBuf> {
    for number in 1..=KEPT_LIMIT {
        let kept = kept_path(end, number);
        match durable::write_new(disk, &kept, bytes) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| kept),
        }
    }
    Err(io::Error::other("too many ends of this place are kept beside it"))
}

fn cut_off(file: &mut dyn DiskFile, end: u64) -> io::Result<()> {
    file.truncate(end)?;
    file.sync_all()
}

/// Returns `journal.<kind>.<offset>`, and for further ones at the same place `journal.<kind>.<offset>.<number>`.
fn kept_path((path, kind, offset): JournalEnd<'_>, number: u32) -> PathBuf {
    match number {
        1 => path.with_extension(format!("{kind}.{offset}")),
        _ => path.with_extension(format!("{kind}.{offset}.{number}")),
    }
}
