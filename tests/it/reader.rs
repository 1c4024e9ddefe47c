//! Another program reads kup's journals: `tests/reader/read_journal.py` is written from `docs/JOURNAL_FORMAT.md` alone, in a language that shares no
//! code with kup. The two must agree on every journal, whole, torn or damaged.
#![allow(clippy::disallowed_methods, reason = "the other reader is a real process")]

use std::path::{Path, PathBuf};
use std::process::Command;

use kup_core::id::RunId;
use kup_store::{History, Store, StoreError};
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Bytes between two that are damaged: a prime, so that every field of some frame is met.
const STRIDE: usize = 397;

/// A journal in a store of its own, and both readers.
struct Readers {
    _dir: tempfile::TempDir,
    store: Store,
    run: RunId,
}

/// What a reader says: the entries as JSON, and how the journal ends.
#[derive(Debug, PartialEq)]
struct Said {
    entries: Vec<Value>,
    end: &'static str,
}

impl Readers {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let run: RunId = "20261123-k3f9x2a".parse().unwrap();
        std::fs::create_dir(store.journal_path(&run).parent().unwrap()).unwrap();
        Self { _dir: dir, store, run }
    }

    fn path(&self) -> PathBuf {
        self.store.journal_path(&self.run)
    }

    fn kup(&self) -> Said {
        match self.store.read(&self.run) {
            Ok(History { entries, torn_bytes }) => Said {
                entries: entries.iter().map(|e| serde_json::to_value(e).unwrap()).collect(),
                end: if torn_bytes == 0 { "whole" } else { "torn" },
            },
            Err(StoreError::Damaged { .. }) => Said { entries: Vec::new(), end: "damaged" },
            Err(other) => panic!("{other}"),
        }
    }

    /// What the other reader printed before it found damage does not count.
    fn other(&self) -> Said {
        let script = Path::new(ROOT).join("reader/read_journal.py");
        let ran =
            Command::new("python3").arg(script).arg(self.path()).arg(self.run.as_str()).output();
        let ran = ran.unwrap();
        let end = match ran.status.code() {
            Some(0) => "whole",
            Some(3) => "torn",
            Some(4) => return Said { entries: Vec::new(), end: "damaged" },
            _ => panic!("{}", String::from_utf8_lossy(&ran.stderr)),
        };
        let text = String::from_utf8(ran.stdout).unwrap();
        let entries = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Said { entries, end }
    }

    #[track_caller]
    fn agree_on(&self, bytes: &[u8]) -> &'static str {
        std::fs::write(self.path(), bytes).unwrap();
        let (kup, other) = (self.kup(), self.other());
        assert_eq!(kup, other);
        kup.end
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(ROOT).join(format!("../store/fixtures/{name}.hex"));
    let text = std::fs::read_to_string(path).unwrap();
    let digits: String =
        text.lines().filter(|line| !line.starts_with('#')).flat_map(str::chars).collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// CI installs python3; kup's tests promise to run without it.
fn no_python() -> bool {
    let missing = Command::new("python3").arg("--version").output().is_err();
    if missing {
        eprintln!("there is no python3 here, so the other reader was not asked");
    }
    missing
}

#[test]
fn both_readers_agree_on_the_journals_of_every_format() {
    if no_python() {
        return;
    }
    let readers = Readers::new();
    assert_eq!(readers.agree_on(&fixture("journal-v1/journal")), "whole");
    assert_eq!(readers.agree_on(&fixture("journal-v1/newer")), "whole");
    assert_eq!(readers.agree_on(&fixture("journal-v1-gate-ignored/journal")), "whole");
    assert_eq!(readers.agree_on(&fixture("journal-v1-afterwords/journal")), "whole");
    assert_eq!(readers.agree_on(&fixture("journal-v1-ways-back/journal")), "whole");
    assert_eq!(readers.agree_on(&fixture("journal-v1-backups-guarded/journal")), "whole");
}

#[test]
fn both_readers_agree_on_what_is_torn_and_what_is_damaged() {
    if no_python() {
        return;
    }
    let (readers, bytes) = (Readers::new(), fixture("journal-v1/journal"));
    for at in (0..bytes.len()).step_by(STRIDE) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        assert_eq!(readers.agree_on(&flipped), "damaged", "byte {at}");
        let cut = readers.agree_on(&bytes[..at]);
        assert!(cut == "torn" || at < 1200, "cut at byte {at}: {cut}");
    }
    assert_eq!(readers.agree_on(&[bytes, vec![0; 7]].concat()), "damaged");
}
