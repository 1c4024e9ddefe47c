//! What a loss of power leaves of a disk: everything that was synced, and of the rest nothing, all, a torn end, or some of it in
//! another order than it was written. Enumerated, not drawn: every fate is tried.

use std::collections::HashSet;
use std::path::Path;

use super::platter::{Bytes, Change, Names, Node, Platter};

/// What a file system writes at once, and in any order. Within it nothing is reordered.
const PAGE: usize = 4096;

/// How closely a torn write is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// It ends after one byte, or that many further on, and so forth.
    Every(usize),
    /// It ends after one byte, in the middle, or before its last one.
    Coarse,
}

/// What the power left.
#[derive(Debug, Clone)]
pub(super) struct Left {
    pub(super) platter: Platter,
    /// What became of what was not synced, for people.
    pub(super) fate: &'static str,
    /// Whether bytes are there that were written after some that are not.
    pub(super) has_holes: bool,
}

/// Says what became of the bytes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Data {
    Dropped,
    Kept,
    Torn,
    Holes,
}

impl Data {
    fn name(self) -> &'static str {
        match self {
            Self::Dropped => "power lost, unsynced bytes gone",
            Self::Kept => "power lost, unsynced bytes kept",
            Self::Torn => "power lost, unsynced bytes torn",
            Self::Holes => "power lost, unsynced bytes reordered, with holes",
        }
    }
}

impl Platter {
    /// Returns what a loss of power may leave, each different disk once.
    pub(super) fn after_power_loss(&self, grain: Grain) -> Vec<Left> {
        let mut found = HashSet::new();
        let mut left = Vec::new();
        for (data, files) in self.file_fates(grain) {
            for names in self.name_fates(data) {
                let platter = settled(names, &files);
                let fate = data.name();
                if found.insert(platter.clone()) {
                    left.push(Left { platter, fate, has_holes: data == Data::Holes });
                }
            }
        }
        left
    }

    /// Returns what is left when everything that was not synced is lost.
    pub(super) fn with_all_unsynced_lost(&self) -> Self {
        let files: Vec<Vec<u8>> = self.files.iter().map(|file| file.kept.clone()).collect();
        settled(self.kept.clone(), &files)
    }

    fn file_fates(&self, grain: Grain) -> Vec<(Data, Vec<Vec<u8>>)> {
        let kept: Vec<Vec<u8>> = self.files.iter().map(|file| file.kept.clone()).collect();
        let all: Vec<Vec<u8>> = self.files.iter().map(with_pending).collect();
        let mut fates = vec![(Data::Dropped, kept), (Data::Kept, all.clone())];
        for (at, file) in self.files.iter().enumerate().filter(|(_, file)| !file.is_lock) {
            for (data, image) in images(file, grain) {
                let mut files = all.clone();
                files[at] = image;
                fates.push((data, files));
            }
        }
        fates
    }

    /// Returns every subset of the names that were not synced, or where there are many: all but one, and all to one. Beside
    /// torn bytes, none and all.
    fn name_fates(&self, data: Data) -> Vec<Names> {
        let n_pending = self.pending.len();
        let all = (1usize << n_pending) - 1;
        let few: Vec<usize> = if all > 0 { vec![0, all] } else { vec![0] };
        let masks = match data {
            Data::Torn | Data::Holes => few,
            Data::Dropped | Data::Kept if n_pending <= 4 => (0..=all).collect(),
            Data::Dropped | Data::Kept => {
                let some = (0..n_pending).flat_map(|at| [all ^ (1 << at), all >> at]);
                few.into_iter().chain(some).collect()
            }
        };
        masks.into_iter().map(|mask| self.with_names(mask)).collect()
    }

    fn with_names(&self, mask: usize) -> Names {
        let mut names = self.kept.clone();
        let is_kept = |at: &usize| mask & (1 << at) != 0;
        let kept = (0..self.pending.len()).filter(is_kept);
        kept.for_each(|at| self.pending[at].apply(&mut names));
        names
    }
}

fn with_pending(file: &Bytes) -> Vec<u8> {
    let mut image = file.kept.clone();
    file.pending.iter().for_each(|change| change.apply(&mut image));
    image
}

fn images(file: &Bytes, grain: Grain) -> Vec<(Data, Vec<u8>)> {
    let mut images = Vec::new();
    let mut before = file.kept.clone();
    for (number, change) in file.pending.iter().enumerate() {
        let later = &file.pending[number + 1..];
        images.extend(
            parts(change, grain).into_iter().map(|part| (Data::Torn, changed(&before, &[part]))),
        );
        if !later.is_empty() {
            images.push((Data::Torn, changed(&before, std::slice::from_ref(change))));
            images.push((Data::Holes, changed(&before, later)));
        }
        let with_holes = holes(change).into_iter();
        images.extend(
            with_holes.map(|part| (Data::Holes, changed(&before, &[&[part], later].concat()))),
        );
        change.apply(&mut before);
    }
    images
}

fn changed(before: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut image = before.to_vec();
    changes.iter().for_each(|change| change.apply(&mut image));
    image
}

/// Returns the beginnings of a write.
fn parts(change: &Change, grain: Grain) -> Vec<Change> {
    let Change::Write { at, bytes } = change else { return Vec::new() };
    let ends: Vec<usize> = match grain {
        Grain::Every(step) => (1..bytes.len()).step_by(step).chain([bytes.len() - 1]).collect(),
        Grain::Coarse => vec![1, bytes.len() / 2, bytes.len() - 1],
    };
    let part = |end: usize| Change::Write { at: *at, bytes: bytes[..end].to_vec() };
    ends.into_iter().map(part).collect()
}

/// Returns a write of which every selection of pages is missing: zeros stand there, because the length arrived.
fn holes(change: &Change) -> Vec<Change> {
    let Change::Write { at, bytes } = change else { return Vec::new() };
    let first = at / PAGE;
    let n_pages = (at + bytes.len() - 1) / PAGE - first + 1;
    assert!(n_pages <= 4, "so many pages are never written at once");
    let with_holes = |missing: usize| {
        let is_missing = |place: usize| missing & (1 << ((at + place) / PAGE - first)) != 0;
        let left = |(place, byte): (usize, &u8)| if is_missing(place) { 0 } else { *byte };
        Change::Write { at: *at, bytes: bytes.iter().enumerate().map(left).collect() }
    };
    (1..1 << n_pages).map(with_holes).collect()
}

/// Returns a disk that has nothing but these names and bytes. What has lost its folder is gone with it.
fn settled(mut names: Names, files: &[Vec<u8>]) -> Platter {
    let there = names.clone();
    let has_folders = |path: &Path| {
        path.ancestors().skip(1).all(|folder| there.get(folder) == Some(&Node::Folder))
    };
    names.retain(|path, _| has_folders(path));
    let mut settled = vec![Bytes::default(); files.len()];
    for node in names.values() {
        if let Node::File(file) = node {
            let image = files[*file].clone();
            settled[*file] = Bytes { seen: image.clone(), kept: image, ..Bytes::default() };
        }
    }
    Platter { files: settled, seen: names.clone(), kept: names, pending: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_was_not_synced_is_lost_kept_torn_or_has_holes() {
        let mut platter = Platter::new();
        let file = platter.add_file(Path::new("/a"), false);
        platter.sync_folder(Path::new("/"));
        platter.files[file].change(Change::Write { at: 0, bytes: b"abcd".to_vec() });
        let left = platter.after_power_loss(Grain::Coarse);
        let found: Vec<&[u8]> = left.iter().map(|left| &*left.platter.files[file].kept).collect();
        let torn: [&[u8]; 3] = [b"a", b"ab", b"abc"];
        let holes: [&[u8]; 1] = [b"\0\0\0\0"];
        assert_eq!(found, [&[&b""[..], b"abcd"], &torn[..], &holes].concat());
    }

    #[test]
    fn every_selection_of_pages_may_be_missing() {
        let written = Change::Write { at: PAGE - 1, bytes: b"ab".to_vec() };
        let left =
            |change: &Change| changed(b"", std::slice::from_ref(change))[PAGE - 1..].to_vec();
        let found: Vec<Vec<u8>> = holes(&written).iter().map(left).collect();
        assert_eq!(found, [b"\0b", b"a\0", b"\0\0"]);
    }

    #[test]
    fn a_rename_that_was_not_synced_may_be_undone() {
        use super::super::platter::NameChange;
        let mut platter = Platter::new();
        let file = platter.add_file(Path::new("/new"), false);
        platter.sync_folder(Path::new("/"));
        platter.change(NameChange::Move("/new".into(), "/name".into(), Node::File(file)));
        let left = platter.after_power_loss(Grain::Coarse);
        let has = |left: &Left, name: &str| left.platter.kept.contains_key(Path::new(name));
        let found: Vec<_> =
            left.iter().map(|left| (has(left, "/new"), has(left, "/name"))).collect();
        assert_eq!(found, [(true, false), (false, true)]);
    }
}
