//! File operations that are on stable storage when they return. A new name is only there for good when its
//! directory was synced too.

use std::io;
use std::path::Path;

use crate::disk::Disk;

/// Makes sure that a folder inside a folder of kup's is there.
pub(crate) fn create_folder(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.create_folder(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        // A folder found here may come from a process that was killed before it synced.
        Ok(()) | Err(_) => {}
    }
    sync_parent(disk, path)
}

/// Makes sure that a folder anywhere is there, with all above it.
pub(crate) fn create_folders(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if disk.exists(folder)? {
            sync_found(disk, folder)?;
            break;
        }
        missing.push(folder);
    }
    missing.into_iter().rev().try_for_each(|folder| create_folder(disk, folder))
}

/// Puts the name of a folder that was there on stable storage: it may come from a process that was killed before it
/// did. Those above it do not, because it would have been made after them. Where we may not read the folder around it, we have
/// not made it.
fn sync_found(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    match sync_parent(disk, folder) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Puts a file's own name on stable storage.
pub(crate) fn sync_parent(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => disk.sync_folder(Path::new(".")),
        Some(parent) => disk.sync_folder(parent),
        None => Ok(()),
    }
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_parent(disk, path)
}
