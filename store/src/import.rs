//! Brings a run from another machine into a state directory: its journal and its blobs, read and checked whole before anything is written. A
//! run that is here already is only ever made longer. Where it is broken off, the run is as it was, and importing it again goes on.

use std::io;
use std::path::{Path, PathBuf};

use kup_core::id::{BlobId, RunId};
use thiserror::Error;

use crate::blobs::{self, sealed};
use crate::disk;
use crate::durable;
use crate::error::StoreError;
use crate::frame::{self, HEADER_LEN};
use crate::hash;
use crate::journal_file;
use crate::named::{freed, named};
use crate::store::Store;
use crate::walk::{self, Walked};

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The run was not here.
    New,
    /// The history here was the beginning of it.
    Extended,
    /// It was here as it is.
    Equal,
    /// The history here goes on where it ends.
    Older,
}

/// Says why a run was not imported. Nothing of what is here was changed.
#[derive(Debug, Error)]
pub enum ImportError {
    /// What is to be imported cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is to be imported is not what was written.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong with it.
        why: String,
    },
    /// A run of this name is here, and its history is another one.
    #[error(
        "run {run} is here with another history: they part before byte {offset} of their journals"
    )]
    OtherHistory {
        /// The run.
        run: RunId,
        /// Where the first difference is.
        offset: usize,
    },
    /// The state directory did not do its part.
    #[error("cannot keep the run")]
    Store(#[source] Box<StoreError>),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

/// A run in a folder: read whole, and checked.
#[derive(Debug)]
pub struct Foreign {
    run: RunId,
    folder: PathBuf,
    journal: Vec<u8>,
    /// The names of their files.
    blobs: Vec<String>,
    torn_bytes: u64,
}

impl Foreign {
    /// Reads the run in a folder, and checks every frame of its journal and every blob that it still needs.
    ///
    /// # Errors
    /// [`ImportError::Unreadable`], [`ImportError::Damaged`].
    pub fn read(folder: &Path) -> Result<Self, ImportError> {
        let path = folder.join("journal");
        let mut journal = disk::open_to_read(&path)
            .and_then(|mut file| journal_file::read_limited(&mut file))
            .map_err(unreadable(&path))?;
        let run = run_of(&journal).ok_or_else(|| damaged(&path, "it does not begin like one"))?;
        let walked = walk::walk(&run, &journal);
        let walked = walked.map_err(|it| {
            damaged(&path, &format!("entry {} at byte {}: {}", it.seq, it.offset, it.what))
        })?;
        let Walked { entries, end, torn_bytes } = walked;
        // What was never acknowledged is not history.
        journal.truncate(usize::try_from(end.offset).unwrap_or(usize::MAX));
        let freed = freed(&entries);
        let needed = named(&entries).into_iter().filter(|(blob, _)| !freed.contains(blob));
        let mut blobs = Vec::new();
        for (blob, (seq, _)) in needed {
            blobs.push(check_blob(&folder.join("blobs"), &blob, seq.0)?);
        }
        Ok(Self { run, folder: folder.to_owned(), journal, blobs, torn_bytes })
    }

    /// Returns the run.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Returns how many bytes of an entry that was never acknowledged are left out.
    #[must_use]
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Returns the bytes of the whole entries of its journal.
    #[must_use]
    pub fn journal(&self) -> &[u8] {
        &self.journal
    }

    /// Returns the blobs that the run needs, by the names of their files, with the files.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        self.blobs.iter().map(|name| (name.as_str(), self.folder.join("blobs").join(name)))
    }
}

impl Store {
    /// Brings a run in. Blobs are on stable storage before the journal that names them.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn import(&self, foreign: &Foreign) -> Result<Imported, ImportError> {
        let run = &foreign.run;
        self.make_folder(run)?;
        let _lock = self.lock_run(run)?;
        let came = self.compare(foreign)?;
        if matches!(came, Imported::Equal | Imported::Older) {
            return Ok(came);
        }
        for (name, path) in foreign.blobs() {
            self.keep_blob(run, (name, &path))?;
        }
        let path = self.journal_path(run);
        self.replace(&path, &foreign.journal).map_err(StoreError::storage("write", &path))?;
        Ok(came)
    }

    /// What was checked may have become something else since.
    fn keep_blob(&self, run: &RunId, (name, path): (&str, &Path)) -> Result<(), ImportError> {
        let kept = blobs::put_file(&self.blobs(run), (path, name)).map_err(|e| {
            let place = self.journal_path(run).with_file_name("blobs");
            StoreError::storage("keep a blob in", &place)(io::Error::other(e))
        })?;
        match sealed::of_name(name).is_some_and(|(_, sha256)| sha256 == kept) {
            true => Ok(()),
            false => Err(damaged(path, "it has changed while it was read")),
        }
    }

    fn compare(&self, foreign: &Foreign) -> Result<Imported, ImportError> {
        let path = self.journal_path(&foreign.run);
        if !self.disk.exists(&path).map_err(StoreError::storage("look for", &path))? {
            return Ok(Imported::New);
        }
        let walked = self.walk(&foreign.run)?;
        let file = self.disk.open_to_read(&path);
        let here = file.and_then(|mut file| journal_file::read_limited(file.as_mut()));
        let mut here = here.map_err(StoreError::storage("read", &path))?;
        here.truncate(usize::try_from(walked.end.offset).unwrap_or(usize::MAX));
        let there = &foreign.journal;
        let same = here.iter().zip(there).take_while(|(a, b)| a == b).count();
        match (here.len(), there.len()) {
            (n, m) if same == n && n == m => Ok(Imported::Equal),
            (n, _) if same == n => Ok(Imported::Extended),
            (_, m) if same == m => Ok(Imported::Older),
            (_, _) => Err(ImportError::OtherHistory { run: foreign.run.clone(), offset: same + 1 }),
        }
    }

    /// Puts a whole journal into the place of the one that is there, or of none.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let disk = self.disk.as_ref();
        let unborn = path.with_extension("new");
        match disk.remove_file(&unborn) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => durable::write_new(disk, &unborn, bytes)?,
        }
        disk.rename(&unborn, path)?;
        durable::sync_parent(disk, path)
    }
}

fn run_of(journal: &[u8]) -> Option<RunId> {
    let header = frame::read_header(journal.first_chunk::<HEADER_LEN>()?).ok()?;
    std::str::from_utf8(&header.run).ok()?.parse().ok()
}

/// Checks the file of a blob, or of several encrypted ones the first that is whole, and returns its name.
fn check_blob(folder: &Path, blob: &BlobId, seq: u64) -> Result<String, ImportError> {
    let plain = folder.join(blob.as_str());
    let mut why = damaged(&plain, &format!("it is missing, and entry {seq} names it"));
    let sealed = sealed::names(&disk::OsDisk, folder, blob).map_err(unreadable(folder))?;
    for name in std::iter::once(blob.to_string()).chain(sealed) {
        let path = folder.join(&name);
        let promised = sealed::of_name(&name).map(|(_, sha256)| sha256.to_string());
        match hash::of_file(&path) {
            Ok((sha256, _)) if Some(&sha256) == promised.as_ref() => return Ok(name),
            Ok(_) => {
                why = damaged(&path, &format!("its bytes are not those that entry {seq} names"));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(unreadable(&path)(e)),
        }
    }
    Err(why)
}

fn damaged(path: &Path, why: &str) -> ImportError {
    ImportError::Damaged { path: path.to_owned(), why: why.to_owned() }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ImportError {
    let path = path.to_owned();
    move |source| ImportError::Unreadable { path, source }
}
