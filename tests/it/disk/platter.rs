//! What is on a simulated disk and what is only in the machine's memory. A file's bytes reach the disk by a sync of the
//! file, a name by a sync of its folder, and nothing else does: stricter than any file system, so that what is safe here is safe there.
//! What a loss of power leaves is said by `fate`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names and what they stand for.
pub(super) type Names = BTreeMap<PathBuf, Node>;

/// A disk with its cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Platter {
    pub(super) files: Vec<Bytes>,
    /// The names as processes see them.
    pub(super) seen: Names,
    /// The names that are on the disk.
    pub(super) kept: Names,
    /// What makes the one of the other, in order.
    pub(super) pending: Vec<NameChange>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Folder,
    File(usize),
}

/// The bytes of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Bytes {
    pub(super) seen: Vec<u8>,
    pub(super) kept: Vec<u8>,
    pub(super) pending: Vec<Change>,
    /// Nobody relies on what stands in a lock's file.
    pub(super) is_lock: bool,
}

/// A change of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

/// A change of names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum NameChange {
    Add(PathBuf, Node),
    Move(PathBuf, PathBuf, Node),
    Remove(PathBuf),
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Cut { length } => to.resize(*length, 0),
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                to.resize(to.len().max(end), 0);
                to[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

impl NameChange {
    pub(super) fn apply(&self, to: &mut Names) {
        match self {
            Self::Add(path, node) => drop(to.insert(path.clone(), *node)),
            Self::Remove(path) => drop(to.remove(path)),
            Self::Move(from, new, node) => {
                to.remove(from);
                to.insert(new.clone(), *node);
            }
        }
    }

    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Add(path, _) | Self::Remove(path) | Self::Move(_, path, _) => {
                path.parent() == Some(folder)
            }
        }
    }
}

impl Bytes {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.kept);
        }
    }

    /// A failed sync as Linux has it: the pages are called clean, and no later sync will write them.
    pub(super) fn lose(&mut self) {
        self.pending.clear();
    }

    /// Drops the cache: what is read from now on is what the disk has and what it will still get.
    pub(super) fn forget(&mut self) {
        self.seen = self.kept.clone();
        for change in &self.pending {
            change.apply(&mut self.seen);
        }
    }
}

impl Platter {
    /// Returns an empty disk.
    pub(super) fn new() -> Self {
        let root = Names::from([(PathBuf::from("/"), Node::Folder)]);
        Self { files: Vec::new(), seen: root.clone(), kept: root, pending: Vec::new() }
    }

    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub(super) fn add_file(&mut self, path: &Path, is_lock: bool) -> usize {
        let file = self.files.len();
        self.files.push(Bytes { is_lock, ..Bytes::default() });
        self.change(NameChange::Add(path.to_owned(), Node::File(file)));
        file
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let (synced, rest) = self.pending.drain(..).partition(|change| change.is_in(folder));
        self.pending = rest;
        let synced: Vec<NameChange> = synced;
        synced.iter().for_each(|change| change.apply(&mut self.kept));
    }

    /// Returns the bytes that processes see under a name.
    pub(super) fn bytes(&mut self, path: &Path) -> Option<&mut Bytes> {
        match self.seen.get(path)? {
            Node::File(file) => Some(&mut self.files[*file]),
            Node::Folder => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_synced_is_kept() {
        let mut platter = Platter::new();
        let file = platter.add_file(Path::new("/a"), false);
        platter.files[file].change(Change::Write { at: 0, bytes: b"one".to_vec() });
        platter.files[file].sync();
        platter.files[file].change(Change::Write { at: 3, bytes: b"two".to_vec() });
        assert_eq!(
            (&*platter.files[file].seen, &*platter.files[file].kept),
            (&b"onetwo"[..], &b"one"[..])
        );
        assert!(!platter.kept.contains_key(Path::new("/a")));
        platter.sync_folder(Path::new("/"));
        assert!(platter.kept.contains_key(Path::new("/a")));
    }

    #[test]
    fn after_a_failed_sync_a_later_one_proves_nothing() {
        let mut file = Bytes::default();
        file.change(Change::Write { at: 0, bytes: b"one".to_vec() });
        file.lose();
        file.sync();
        assert_eq!((&*file.seen, &*file.kept), (&b"one"[..], &b""[..]));
        file.forget();
        assert_eq!(file.seen, b"");
    }
}
