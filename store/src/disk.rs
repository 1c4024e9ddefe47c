//! The seam to the file system: every call with which journals, blobs, their folders and locks touch a disk, and no
//! other. The shipped program has one disk, [`OsDisk`]; the suites put a simulated one behind the same calls, which loses
//! and tears what was not synced and fails on demand.
//!
//! It has no opinions: what must be synced, and in which order, is decided by those who call. sled opens
//! its own files and stands outside, as does the index over it.

use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, OFlags};

/// Folders of kup are for their owner only.
const FOLDER_MODE: u32 = 0o700;

/// So are its files.
const FILE_MODE: u32 = 0o600;

/// What the store asks of a file system. A name is on stable storage only when its folder was synced after it changed.
pub trait Disk: Debug + Send + Sync {
    /// Makes a folder for its owner only.
    ///
    /// # Errors
    /// What the system says, also when something of that name is there.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file for its owner only, and opens it for appending.
    ///
    /// # Errors
    /// What the system says, also when something of that name is there.
    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading and appending.
    ///
    /// # Errors
    /// What the system says.
    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the system says.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a lock's file for reading and writing from its beginning; makes it when it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Tells whether something of that name is there.
    ///
    /// # Errors
    /// When nobody can tell.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Returns the names in a folder, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// Gives a file another name in the same folder, in the place of what has that name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Puts the names in a folder on stable storage.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// An open file. What was written to it is on stable storage only after a sync that succeeded; after one that failed, nobody knows.
pub trait DiskFile: Read + Write + Debug + Send + Sync {
    /// Returns the file's length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn length(&self) -> io::Result<u64>;

    /// Cuts the file off.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Puts the file's bytes and its length on stable storage.
    ///
    /// # Errors
    /// What the system says.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Puts all of the file on stable storage.
    ///
    /// # Errors
    /// What the system says.
    fn sync_all(&mut self) -> io::Result<()>;

    /// Makes the next reading come from the disk and not from memory, where the file system can do that.
    ///
    /// # Errors
    /// What the system says.
    fn forget_cached(&mut self) -> io::Result<()>;

    /// Takes the lock on the file until it is closed.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] when another one has it.
    fn try_lock(&mut self) -> Result<(), TryLockError>;
}

/// The disk of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OsDisk;

impl Disk for OsDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(FOLDER_MODE).create(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        open(OpenOptions::new().append(true).create_new(true).mode(FILE_MODE), path)
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        open(OpenOptions::new().read(true).append(true), path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        open(OpenOptions::new().read(true), path)
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        open(options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE), path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(path)?.map(|file| file.map(|file| file.file_name())).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<Box<dyn DiskFile>> {
    Ok(Box::new(open_file(options, path)?))
}

/// Opens a file of this machine for reading.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    open_file(OpenOptions::new().read(true), path)
}

/// Opens a file and nothing else: a pipe in its place would keep kup waiting for ever, a device has no end.
fn open_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok(file)
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        File::sync_all(self)
    }

    fn forget_cached(&mut self) -> io::Result<()> {
        Ok(rustix::fs::fadvise(&*self, 0, None, Advice::DontNeed)?)
    }

    fn try_lock(&mut self) -> Result<(), TryLockError> {
        File::try_lock(self)
    }
}
