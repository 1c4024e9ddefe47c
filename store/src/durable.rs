//! File operations that are on stable storage when they return. A new name is only there for good when its
//! directory was synced too.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Folders of kup are for their owner only.
const FOLDER_MODE: u32 = 0o700;

/// So are its files.
pub(crate) const FILE_MODE: u32 = 0o600;

/// Makes sure that a folder inside a folder of kup's is there.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        // A folder found here may come from a process that was killed before it synced.
        Ok(()) | Err(_) => {}
    }
    sync_parent(path)
}

/// Makes sure that a folder anywhere is there, with all above it. Those that were there are left alone.
pub(crate) fn create_folders(path: &Path) -> io::Result<()> {
    let is_missing = |p: &&Path| !p.as_os_str().is_empty() && !p.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    missing.into_iter().rev().try_for_each(create_folder)
}

/// Puts the names in a folder on stable storage.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Puts a file's own name on stable storage.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_parent(path)
}
