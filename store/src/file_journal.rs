//! The commit point: the journal file of one run, held under the run's lock. A group of entries is one write
//! and one `fdatasync`, or one for each entry where it reaches over a page; what `append` returned is on stable storage.
//!
//! It does no reading (see `walk`) and makes no folders (see `store`).

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kup_core::event::Entry;
use kup_core::id::{Epoch, RunId, Seq};
use kup_core::journal::{AppendError, Journal, NewEntry};

use crate::codec::{self, Payload};
use crate::disk::DiskFile;
use crate::frame::{self, Header, MAX_JOURNAL};
use crate::lock::Lock;
use crate::walk::End;

/// The journal of one run, open for appending by this process alone.
#[derive(Debug)]
pub struct FileJournal {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    writer: Writer,
    end: End,
    is_poisoned: bool,
    _lock: Lock,
}

/// What all frames of one process have in common.
#[derive(Debug, Clone, Copy)]
struct Writer {
    run: [u8; RunId::LEN],
    epoch: Epoch,
}

/// What a file system writes at once, in bytes. Of an unsynced write that reaches further, a later page may arrive without an earlier one.
const PAGE: u64 = 4096;

/// Entries that are written together.
struct Group {
    frames: Vec<Vec<u8>>,
    entries: Vec<Entry>,
    end: End,
}

impl FileJournal {
    /// Takes over a journal file that ends where `end` says. The epoch becomes one higher than
    /// that of its last entry.
    pub(crate) fn new(
        file: Box<dyn DiskFile>,
        path: &Path,
        run: &RunId,
        end: End,
        lock: Lock,
    ) -> Self {
        let epoch = Epoch(end.epoch.saturating_add(1));
        let writer = Writer { run: frame::run_bytes(run), epoch };
        Self { file, path: path.to_owned(), writer, end, is_poisoned: false, _lock: lock }
    }

    /// Appends a group; see [`Journal::append`].
    pub(crate) fn append_now(&mut self, new: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
        if self.is_poisoned {
            return Err(self.storage(io::Error::other("an earlier append has failed")));
        }
        if new.is_empty() {
            return Ok(Vec::new());
        }
        // Poisoned until it is proven that the group is on the disk.
        self.is_poisoned = true;
        let group = lay_group(self.writer, self.end, new)?;
        self.commit(&group).map_err(|e| self.storage(e))?;
        self.end = group.end;
        self.is_poisoned = false;
        Ok(group.entries)
    }

    fn commit(&mut self, group: &Group) -> io::Result<()> {
        if self.file.length()? != self.end.offset {
            return Err(io::Error::other("something else has changed the length of this file"));
        }
        if is_within_a_page(self.end.offset, group.end.offset) {
            return self.write(&group.frames.concat());
        }
        // A hole before a whole entry would be damage that cannot be told from that of acknowledged entries.
        group.frames.iter().try_for_each(|frame| self.write(frame))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    fn storage(&self, source: io::Error) -> AppendError {
        AppendError::Storage { place: self.path.display().to_string(), source }
    }
}

#[async_trait]
impl Journal for FileJournal {
    fn epoch(&self) -> Epoch {
        self.writer.epoch
    }

    /// Appends without leaving the thread: the one writer has nothing to do meanwhile, a group is a few kilobytes,
    /// and a future without a waiting point cannot be dropped between the write and the sync.
    async fn append(&mut self, entries: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
        self.append_now(entries)
    }
}

fn is_within_a_page(begin: u64, end: u64) -> bool {
    begin / PAGE == end.saturating_sub(1) / PAGE
}

fn lay_group(writer: Writer, end: End, new: Vec<NewEntry>) -> Result<Group, AppendError> {
    let mut group = Group { frames: Vec::new(), entries: Vec::with_capacity(new.len()), end };
    for entry in new {
        let type_id = entry.event.type_id();
        let unwritable = |why| AppendError::Unwritable { type_id, why };
        let payload = codec::encode(&entry.event).map_err(unwritable)?;
        let frame = lay_frame(writer, &group.end, &entry, &payload).map_err(unwritable)?;
        group.end = group.end.after(&frame, writer.epoch.0);
        if group.end.offset > MAX_JOURNAL {
            return Err(unwritable("the journal would become too long".into()));
        }
        group.frames.push(frame);
        group.entries.push(place(writer, &group.end, entry));
    }
    Ok(group)
}

fn lay_frame(
    writer: Writer,
    end: &End,
    entry: &NewEntry,
    payload: &Payload,
) -> Result<Vec<u8>, String> {
    let header = Header {
        codec: codec::CODEC,
        type_id: payload.type_id,
        type_version: payload.type_version,
        run: writer.run,
        seq: end.seq.saturating_add(1),
        epoch: writer.epoch.0,
        time: entry.time.0,
        since_boot: entry.since_boot,
        prev: end.hash,
        payload_len: u32::try_from(payload.bytes.len()).map_err(|e| e.to_string())?,
    };
    Ok(frame::lay(&header, &payload.bytes))
}

fn place(writer: Writer, end: &End, new: NewEntry) -> Entry {
    let NewEntry { time, since_boot, event } = new;
    Entry { seq: Seq(end.seq), epoch: writer.epoch, time, since_boot, event }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, OpenOptions};
    use std::io::Write;

    use kup_core::clock::Timestamp;
    use kup_core::event::{Event, Opaque, RunResumed};

    use super::*;
    use crate::disk::OsDisk;
    use crate::lock;

    fn entry(event: Event) -> NewEntry {
        NewEntry { time: Timestamp(1), since_boot: 1, event }
    }

    fn resumed(reason: &str) -> NewEntry {
        let (kup_version, operator) = ("0.1.0".into(), "anna@home".into());
        entry(Event::RunResumed(RunResumed { kup_version, operator, reason: reason.into() }))
    }

    fn journal_on(path: &Path, dir: &tempfile::TempDir) -> FileJournal {
        let file = OpenOptions::new().append(true).create(true).open(path).unwrap();
        let lock = lock::take(&OsDisk, &dir.path().join("lock"), "run", "test").unwrap();
        FileJournal::new(
            Box::new(file),
            path,
            &"20261123-k3f9x2a".parse().unwrap(),
            End::NOTHING,
            lock,
        )
    }

    #[test]
    fn after_a_write_error_nothing_more_is_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = journal_on(Path::new("/dev/full"), &dir);
        let first = journal.append_now(vec![resumed("")]).unwrap_err();
        let second = journal.append_now(vec![resumed("")]).unwrap_err();
        let cause = |e: AppendError| std::error::Error::source(&e).unwrap().to_string();
        assert!(cause(first).contains("No space left"));
        assert_eq!(cause(second), "an earlier append has failed");
    }

    #[test]
    fn a_group_with_an_unwritable_entry_leaves_no_byte_and_poisons() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = journal_on(&path, &dir);
        let opaque = entry(Event::Opaque(Opaque { type_id: 99, type_version: 1 }));
        let result = journal.append_now(vec![resumed(""), opaque]);
        assert!(matches!(result, Err(AppendError::Unwritable { type_id: 99, .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        assert!(journal.append_now(vec![resumed("")]).is_err());
    }

    #[test]
    fn a_payload_over_the_limit_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = journal_on(&path, &dir);
        let result = journal.append_now(vec![resumed(&"x".repeat(frame::MAX_PAYLOAD))]);
        assert!(matches!(result, Err(AppendError::Unwritable { type_id: 2, .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_file_that_changed_underneath_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = journal_on(&path, &dir);
        journal.append_now(vec![resumed("")]).unwrap();
        File::options().append(true).open(&path).unwrap().write_all(b"x").unwrap();
        assert!(matches!(journal.append_now(vec![resumed("")]), Err(AppendError::Storage { .. })));
    }
}
