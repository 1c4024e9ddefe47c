//! A journal as a file: how it is born, opened again, read, and how its torn end is set aside. What
//! its bytes mean is said by `walk`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kup_core::event::Entry;
use kup_core::id::RunId;
use kup_core::journal::NewEntry;
use rustix::fs::Advice;

use crate::durable;
use crate::error::StoreError;
use crate::file_journal::{self, FileJournal};
use crate::frame::MAX_JOURNAL;
use crate::lock::Lock;
use crate::walk::{self, End, Walked};

/// How many torn ends of one place are kept.
const TORN_LIMIT: u32 = 100;

/// Begins a journal: under another name first, so that no journal is without its first entries.
pub(crate) fn begin(
    path: &Path,
    run: &RunId,
    first: Vec<NewEntry>,
    lock: Lock,
) -> Result<(FileJournal, Vec<Entry>), StoreError> {
    let unborn = path.with_extension("new");
    let file = create_anew(&unborn).map_err(StoreError::storage("create", &unborn))?;
    let mut journal = FileJournal::new(file, path, run, End::NOTHING, lock);
    let cannot_begin = |source| StoreError::CannotBegin { run: run.clone(), source };
    let entries = journal.append_now(first).map_err(cannot_begin)?;
    std::fs::rename(&unborn, path)
        .and_then(|()| durable::sync_parent(path))
        .map_err(StoreError::storage("create", path))?;
    Ok((journal, entries))
}

/// Opens a journal for appending, with its torn end set aside. Only for the holder of the run's lock.
pub(crate) fn take_over(path: &Path, run: &RunId) -> Result<(File, Walked), StoreError> {
    let file = open_synced(path).map_err(StoreError::storage("open", path))?;
    let bytes = read_limited(&file).map_err(StoreError::storage("read", path))?;
    let walked = walk_or_say_where(run, path, &bytes)?;
    if walked.torn_bytes > 0 {
        set_torn_end_aside(&file, path, &bytes, walked.end.offset)
            .map_err(StoreError::storage("set aside the torn end of", path))?;
    }
    Ok((file, walked))
}

/// Reads a journal and changes nothing.
pub(crate) fn read(path: &Path, run: &RunId) -> Result<Walked, StoreError> {
    let bytes = File::open(path)
        .and_then(|file| read_limited(&file))
        .map_err(StoreError::storage("read", path))?;
    walk_or_say_where(run, path, &bytes)
}

fn create_anew(unborn: &Path) -> io::Result<File> {
    match std::fs::remove_file(unborn) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => file_journal::create_file(unborn),
    }
}

/// Opens a journal so that what is read from it is what the disk has. The process before may have been killed
/// before its sync, or may have died of a failed one, after which the kernel calls pages clean
/// that never reached the disk: sync, then forget the clean pages, then read.
fn open_synced(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).open(path)?;
    file.sync_all()?;
    durable::sync_parent(path)?;
    if let Err(error) = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed) {
        tracing::debug!(%error, "this file system reads the journal from memory");
    }
    Ok(file)
}

fn read_limited(file: &File) -> io::Result<Vec<u8>> {
    if file.metadata()?.len() > MAX_JOURNAL {
        return Err(io::Error::other("it is longer than a journal can be"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_JOURNAL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn walk_or_say_where(run: &RunId, path: &Path, bytes: &[u8]) -> Result<Walked, StoreError> {
    walk::walk(run, bytes).map_err(|damage| StoreError::Damaged {
        path: path.to_owned(),
        offset: damage.offset,
        seq: damage.seq,
        what: damage.what,
    })
}

/// Keeps the torn bytes in a file of their own, and only then takes them off the journal.
fn set_torn_end_aside(file: &File, path: &Path, bytes: &[u8], end: u64) -> io::Result<()> {
    let torn = bytes.iter().copied().skip(usize::try_from(end).unwrap_or(usize::MAX));
    keep_torn(path, end, &torn.collect::<Vec<u8>>())?;
    file.set_len(end)?;
    file.sync_all()
}

fn keep_torn(path: &Path, end: u64, torn: &[u8]) -> io::Result<()> {
    for number in 1..=TORN_LIMIT {
        match durable::write_new(&torn_path(path, end, number), torn) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result,
        }
    }
    Err(io::Error::other("too many torn ends are kept beside it"))
}

/// Returns `journal.torn.<offset>`, and for further ones at the same place `journal.torn.<offset>.<number>`.
fn torn_path(path: &Path, end: u64, number: u32) -> PathBuf {
    match number {
        1 => path.with_extension(format!("torn.{end}")),
        _ => path.with_extension(format!("torn.{end}.{number}")),
    }
}
