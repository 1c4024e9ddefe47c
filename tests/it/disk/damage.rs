//! A journal's bytes, changed in every way that comes to mind. A changed history is never returned, and a shorter one only where the file
//! ends early, which nobody can tell from entries that were never acknowledged; a part of one is kept beside the journal then.
//! Everything else is refused with the place. The other damage, of files and folders, is in the store's own tests.

use std::path::Path;
use std::sync::Arc;

use kup_core::event::Entry;
use kup_store::{Store, StoreError};
use kup_tests::results::Results;

use super::platter::{Bytes, NameChange, Node, Platter};
use super::sim::SimDisk;
use super::story::{STATE_DIR, journal_path, run};

const FIXTURE: &str = include_str!("../../../store/fixtures/journal-v1/journal.hex");

const WHOLE: &str = "read as it was written";
const CUT: &str = "ends between two entries: all before are there";
const TORN: &str = "ends inside an entry: that is kept aside, all before it is there";
const REFUSED: &str = "refused, with the place";

/// A journal and what is in it.
struct Sample {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Where each frame begins, and where the last one ends.
    frames: Vec<usize>,
}

impl Sample {
    fn of(bytes: Vec<u8>) -> Self {
        let entries = store_with(&bytes).1.read(&run()).unwrap().entries;
        let is_frame = |at: &usize| bytes[*at..].starts_with(b"\x89KUP");
        let frames: Vec<usize> = (0..bytes.len()).filter(is_frame).chain([bytes.len()]).collect();
        assert_eq!(frames.len(), entries.len() + 1);
        Self { bytes, entries, frames }
    }

    fn frame(&self, number: usize) -> &[u8] {
        &self.bytes[self.frames[number]..self.frames[number + 1]]
    }

    fn n_frames(&self) -> usize {
        self.entries.len()
    }

    /// Returns the journal with its frames in this order.
    fn in_order(&self, order: &[usize]) -> Vec<u8> {
        order.iter().flat_map(|number| self.frame(*number).iter().copied()).collect()
    }

    /// Returns the number of the frame in which a journal begins to differ from this one.
    fn first_wrong(&self, bytes: &[u8]) -> usize {
        let same = bytes.iter().zip(&self.bytes).take_while(|(is, should)| is == should).count();
        self.frames.iter().rposition(|start| *start <= same).unwrap()
    }

    /// Checks what becomes of a changed journal, and says it.
    fn judge(&self, bytes: &[u8]) -> &'static str {
        let (disk, store) = store_with(bytes);
        let wrong = self.first_wrong(bytes);
        match store.read(&run()) {
            Ok(history) => {
                let is_torn = history.torn_bytes > 0;
                assert_eq!(history.entries, self.entries[..wrong], "another history");
                assert!(is_torn || bytes == &self.bytes[..self.frames[wrong]], "a shorter history");
                assert!(
                    !is_torn
                        || bytes.len() <= self.frames.get(wrong + 1).map_or(usize::MAX, |end| *end)
                );
                self.heals(&disk, &store, bytes, wrong);
                match (is_torn, wrong == self.n_frames()) {
                    (true, _) => TORN,
                    (false, true) => WHOLE,
                    (false, false) => CUT,
                }
            }
            Err(error) => {
                self.refuses(&disk, &store, &error, wrong);
                assert_eq!(journal(&disk), bytes, "it was changed");
                REFUSED
            }
        }
    }

    fn heals(&self, disk: &SimDisk, store: &Store, bytes: &[u8], wrong: usize) {
        let end = self.frames[wrong];
        let (_journal, history) = store.resume(&run()).unwrap();
        assert_eq!(history.entries, self.entries[..wrong]);
        assert_eq!(journal(disk), &self.bytes[..end]);
        let kept = journal_path().with_extension(format!("torn.{end}"));
        let kept = disk.platter().bytes(&kept).map(|kept| kept.kept.clone()).unwrap_or_default();
        assert_eq!(kept, bytes[end..]);
    }

    fn refuses(&self, disk: &SimDisk, store: &Store, error: &StoreError, wrong: usize) {
        let StoreError::Damaged { offset, seq, path, .. } = error else { panic!("{error}") };
        let at = self.frames[wrong];
        assert_eq!((*offset, *seq), (at as u64, wrong as u64 + 1), "{error}");
        assert_eq!(path, &journal_path());
        let place = format!("{} is damaged at byte {at} (entry {})", path.display(), wrong + 1);
        assert!(error.to_string().contains(&place), "{error}");
        let resumed = store.resume(&run()).map(drop).unwrap_err();
        assert_eq!(resumed.to_string(), error.to_string());
        assert_eq!(
            disk.platter().seen.keys().filter(|name| name.starts_with(journal_path())).count(),
            1
        );
    }
}

/// Returns a store whose run has this journal.
fn store_with(bytes: &[u8]) -> (SimDisk, Store) {
    let mut platter = Platter::new();
    let folder = journal_path().parent().unwrap().to_owned();
    for folder in [Path::new(STATE_DIR), &Path::new(STATE_DIR).join("runs"), &folder] {
        platter.change(NameChange::Add(folder.to_owned(), Node::Folder));
        platter.sync_folder(folder.parent().unwrap());
    }
    let file = platter.add_file(&journal_path(), false);
    platter.sync_folder(&folder);
    platter.files[file] = Bytes { seen: bytes.into(), kept: bytes.into(), ..Bytes::default() };
    let disk = SimDisk::new(platter);
    let store = Store::on(Arc::new(disk.clone()), Path::new(STATE_DIR)).unwrap();
    (disk, store)
}

fn journal(disk: &SimDisk) -> Vec<u8> {
    disk.platter().bytes(&journal_path()).unwrap().seen.clone()
}

fn fixture() -> Vec<u8> {
    let is_data = |line: &&str| !line.starts_with('#');
    let digits: Vec<u8> = FIXTURE.lines().filter(is_data).flat_map(str::bytes).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The journal of another run: the same bytes under another name would fail a checksum, so that it is laid anew.
fn of_another_run() -> Vec<u8> {
    let other = "20261124-aaaaaaa".parse().unwrap();
    let (disk, store) = store_with(&fixture());
    let entries = store.read(&run()).unwrap().entries;
    let new = |entry: Entry| kup_core::journal::NewEntry {
        time: entry.time,
        since_boot: entry.since_boot,
        event: entry.event,
    };
    store.create(&other, entries.into_iter().map(new).collect()).map(drop).unwrap();
    let mut platter = disk.platter();
    platter.bytes(&store.journal_path(&other)).unwrap().seen.clone()
}

fn bytes_changed(sample: &Sample, results: &mut Results) {
    let whole = &sample.bytes;
    for at in 0..whole.len() {
        let (before, after) = whole.split_at(at);
        let flipped = [before, &[whole[at] ^ (1 << (at % 8))], &after[1..]].concat();
        let missing = [before, &after[1..]].concat();
        let doubled = [before, &after[..1], after].concat();
        results.count("one bit flipped", "every byte", sample.judge(&flipped));
        results.count("one byte missing", "every byte", sample.judge(&missing));
        results.count("one byte doubled", "every byte", sample.judge(&doubled));
        results.count("the rest cut off", "every length", sample.judge(before));
        let zeros = [before, &vec![0; after.len()]].concat();
        results.count("the rest zeros", "every byte", sample.judge(&zeros));
    }
}

fn frames_moved(sample: &Sample, results: &mut Results) {
    let n_frames = sample.n_frames();
    let all: Vec<usize> = (0..n_frames).collect();
    for one in 0..n_frames {
        for other in one + 1..n_frames {
            let mut swapped = all.clone();
            swapped.swap(one, other);
            results.count(
                "two frames swapped",
                "every pair",
                sample.judge(&sample.in_order(&swapped)),
            );
        }
        let missing: Vec<usize> = all.iter().copied().filter(|number| *number != one).collect();
        results.count("one frame missing", "every frame", sample.judge(&sample.in_order(&missing)));
        let doubled = [&all[..=one], &all[one..]].concat();
        results.count("one frame doubled", "every frame", sample.judge(&sample.in_order(&doubled)));
    }
}

fn foreign(sample: &Sample, results: &mut Results) {
    let other = of_another_run();
    results.count("another run's journal", "whole", sample.judge(&other));
    for number in 0..sample.n_frames() {
        let (before, after) =
            (&sample.bytes[..sample.frames[number]], &other[sample.frames[number]..]);
        results.count(
            "another run's journal",
            "from a frame on",
            sample.judge(&[before, after].concat()),
        );
    }
    let tails: [&[u8]; 4] = [b"\0", b"\x89", b"\x89KUP\x01", b"more"];
    for tail in tails {
        let longer = [&sample.bytes, tail].concat();
        results.count("bytes behind the end", "the end", sample.judge(&longer));
    }
}

/// Lengths that nobody could hold in memory, with checksums that fit.
fn lengths(sample: &Sample, results: &mut Results) {
    for number in 0..sample.n_frames() {
        for length in [4_194_305u32, 1 << 31, u32::MAX] {
            let mut bytes = sample.bytes.clone();
            let header = &mut bytes[sample.frames[number]..][..98];
            header[90..94].copy_from_slice(&length.to_le_bytes());
            let checksum = crc32c::crc32c(&header[..94]);
            header[94..98].copy_from_slice(&checksum.to_le_bytes());
            results.count("a length over the limit", "every frame", sample.judge(&bytes));
        }
    }
}

#[test]
fn no_change_of_its_bytes_changes_or_shortens_a_history() {
    let command = "cargo test -p kup-tests --test it disk::damage";
    let mut results = Results::new("damage", "A journal whose bytes were changed", command);
    let sample = Sample::of(fixture());
    assert_eq!(sample.judge(&sample.bytes), WHOLE);
    bytes_changed(&sample, &mut results);
    frames_moved(&sample, &mut results);
    foreign(&sample, &mut results);
    lengths(&sample, &mut results);
    assert!(results.n_cases() > 20_000, "{}", results.n_cases());
    results.write().unwrap();
}
