//! Locks between processes of one machine: `flock` on a file that is never deleted. The kernel lets go when
//! the holder ends, however it ends. Who holds it stands in the file, for the message to the other one.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::durable::FILE_MODE;
use crate::error::StoreError;

/// The part of the holder's note that is shown.
const NOTE_LIMIT: usize = 300;

/// Keeps other processes away from a cluster for as long as it lives.
#[derive(Debug)]
pub struct ClusterLock {
    pub(crate) _lock: Lock,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock on `what`, and leaves a note for whoever comes next.
pub(crate) fn take(path: &Path, what: &str, note: &str) -> Result<Lock, StoreError> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let (what, holder) = (what.to_owned(), read_note(&file));
            return Err(StoreError::LockedBy { what, holder, path: path.to_owned() });
        }
        Err(TryLockError::Error(e)) => return Err(StoreError::storage("lock", path)(e)),
    }
    write_note(&file, note).map_err(StoreError::storage("write", path))?;
    Ok(Lock { _file: file })
}

/// Returns how this process is named in a lock: `process 4711 of anna@workstation`.
pub(crate) fn this_process() -> String {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    format!("process {} of {}@{machine}", std::process::id(), user_name())
}

fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    options.open(path).map_err(StoreError::storage("open", path))
}

fn write_note(file: &File, note: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.write_all_at(note.as_bytes(), 0)
}

fn read_note(file: &File) -> String {
    let mut note = [0; NOTE_LIMIT];
    let length = file.read_at(&mut note, 0).unwrap_or(0);
    match note.get(..length) {
        Some(note) if length > 0 => String::from_utf8_lossy(note).into_owned(),
        // It has the lock and has not written its note yet.
        Some(_) | None => "another process".into(),
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
        let first = take(&path, "run x", "process 1 of anna@home").unwrap();
        let error = take(&path, "run x", "process 2 of bob@home").unwrap_err();
        assert_eq!(error.to_string(), "run x is locked by process 1 of anna@home");
        drop(first);
        assert!(take(&path, "run x", "process 2 of bob@home").is_ok());
    }
}
