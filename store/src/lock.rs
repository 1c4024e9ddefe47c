//! Locks between processes of one machine: `flock` on a file that is never deleted. The kernel lets go when
//! the holder ends, however it ends. Who holds it stands in the file, for the message to the other one.

use std::fs::TryLockError;
use std::io::Read;
use std::path::Path;

use crate::disk::{self, Disk, DiskFile};
use crate::error::StoreError;

/// The part of the holder's note that is shown.
const NOTE_LIMIT: u64 = 300;

/// Keeps other processes away from a cluster for as long as it lives.
#[derive(Debug)]
pub struct ClusterLock {
    pub(crate) _lock: Lock,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Box<dyn DiskFile>,
}

/// Takes the lock on `what`, and leaves a note for whoever comes next.
pub(crate) fn take(
    disk: &dyn Disk,
    path: &Path,
    what: &str,
    note: &str,
) -> Result<Lock, StoreError> {
    let mut file = disk.open_lock(path).map_err(StoreError::storage("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let (what, holder) = (what.to_owned(), read_note(file));
            return Err(StoreError::LockedBy { what, holder, path: path.to_owned() });
        }
        Err(TryLockError::Error(e)) => return Err(StoreError::storage("lock", path)(e)),
    }
    write_note(file.as_mut(), note).map_err(StoreError::storage("write", path))?;
    Ok(Lock { _file: file })
}

/// What a look at a lock tells.
#[derive(Debug)]
pub(crate) enum Looked {
    /// A process has it.
    Held {
        /// Who.
        holder: String,
    },
    /// Nobody has it.
    Free {
        /// Who had it last.
        last: String,
    },
}

/// Looks whether a lock is held: it is taken for a moment, and its note stays.
pub(crate) fn look(path: &Path) -> std::io::Result<Looked> {
    let file = disk::open_to_read(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(Looked::Free { last: read_note(Box::new(file)) }),
        Err(TryLockError::WouldBlock) => Ok(Looked::Held { holder: read_note(Box::new(file)) }),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns how this process is named in a lock: `process 4711 of anna@workstation`.
pub(crate) fn this_process() -> String {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    format!("process {} of {}@{machine}", std::process::id(), user_name())
}

fn write_note(file: &mut dyn DiskFile, note: &str) -> std::io::Result<()> {
    file.truncate(0)?;
    file.write_all(note.as_bytes())
}

fn read_note(file: Box<dyn DiskFile>) -> String {
    let mut note = Vec::new();
    match file.take(NOTE_LIMIT).read_to_end(&mut note) {
        Ok(length) if length > 0 => String::from_utf8_lossy(&note).into_owned(),
        // It has the lock and has not written its note yet.
        Ok(_) | Err(_) => "another process".into(),
    }
}

fn user_name() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
}

fn name_of(uid: u32, users: &str) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::OsDisk;

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        assert_eq!(name_of(1000, users).as_deref(), Some("anna"));
        assert_eq!(name_of(100, users), None);
    }

    #[test]
    fn the_second_one_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = take(&OsDisk, &path, "run x", "process 1 of anna@home").unwrap();
        let error = take(&OsDisk, &path, "run x", "process 2 of bob@home").unwrap_err();
        assert_eq!(error.to_string(), "run x is locked by process 1 of anna@home");
        drop(first);
        assert!(take(&OsDisk, &path, "run x", "process 2 of bob@home").is_ok());
    }
}
