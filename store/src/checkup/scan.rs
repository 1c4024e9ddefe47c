//! The files of a state directory as they are looked at: names, rights and locks. Whatever cannot be looked at is a finding.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{AboutFolder, AboutLock, Condition, Finding};
use crate::lock::{self, Looked};

/// Permission bits that let others write.
const OTHERS_WRITE: u32 = 0o022;
/// Permission bits that let others read or enter.
const OTHERS_READ: u32 = 0o055;

/// A look at a state directory, and what it has found so far.
pub(super) struct Scan {
    pub(super) root: PathBuf,
    pub(super) findings: Vec<Finding>,
    /// Whether nothing was found that others could read or write.
    pub(super) is_private: bool,
    /// Whose everything should be; of a foreign state directory only the directory itself is a finding.
    owner: u32,
}

impl Scan {
    pub(super) fn new(root: &Path) -> Self {
        let owner = rustix::process::geteuid().as_raw();
        Self { root: root.to_owned(), findings: Vec::new(), is_private: true, owner }
    }

    pub(super) fn path(&self, place: &str) -> PathBuf {
        if place.is_empty() { self.root.clone() } else { self.root.join(place) }
    }

    pub(super) fn add(&mut self, place: &str, what: impl Into<Condition>) {
        self.findings.push(Finding::at(place, what));
    }

    pub(super) fn inaccessible(&mut self, place: &str, error: &io::Error) {
        self.add(place, AboutFolder::Inaccessible { why: error.to_string() });
    }

    /// Returns the names in a folder, sorted; none where there is no folder.
    pub(super) fn names(&mut self, place: &str) -> Vec<String> {
        let listed = std::fs::read_dir(self.path(place))
            .and_then(|files| files.collect::<io::Result<Vec<_>>>());
        let mut names: Vec<String> = match listed {
            Ok(files) => {
                files.iter().map(|file| file.file_name().to_string_lossy().into_owned()).collect()
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.inaccessible(place, &error);
                Vec::new()
            }
        };
        names.sort();
        names
    }

    /// Looks at whose a file or folder is, and who may read and write it. One that is not there is no finding.
    pub(super) fn rights(&mut self, place: &str) {
        let path = self.path(place);
        // The state directory itself may be a link to a larger disk.
        let found = if place.is_empty() { path.metadata() } else { path.symlink_metadata() };
        match found {
            Ok(found) if found.is_symlink() => self.exposed(place, AboutFolder::Symlink),
            Ok(found) => {
                if let Some(what) = exposure(self.owner, found.uid(), found.mode() & 0o777) {
                    self.exposed(place, what);
                }
                if place.is_empty() {
                    self.owner = found.uid();
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.inaccessible(place, &error),
        }
    }

    fn exposed(&mut self, place: &str, what: AboutFolder) {
        self.is_private = false;
        self.add(place, what);
    }

    /// Looks at a lock, and returns who holds it.
    pub(super) fn lock(&mut self, place: &str) -> Option<String> {
        match lock::look(&self.path(place)) {
            Ok(Looked::Held { holder }) => {
                self.add(place, AboutLock::Held { holder: holder.clone() });
                Some(holder)
            }
            Ok(Looked::Free { last }) => {
                self.add(place, AboutLock::Free { last });
                None
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.inaccessible(place, &error);
                None
            }
        }
    }

    /// Returns the length of a file; 0 where it is gone by now.
    pub(super) fn length(&self, place: &str) -> u64 {
        self.path(place).symlink_metadata().map_or(0, |found| found.len())
    }
}

fn exposure(owner: u32, uid: u32, mode: u32) -> Option<AboutFolder> {
    if uid != owner {
        return Some(AboutFolder::OtherOwner { uid });
    }
    if mode & OTHERS_WRITE != 0 {
        return Some(AboutFolder::OthersCanWrite { mode });
    }
    (mode & OTHERS_READ != 0).then_some(AboutFolder::OthersCanRead { mode })
}
