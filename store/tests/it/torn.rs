//! A torn end is set aside, and the journal goes on from its last whole entry.

use std::fs;

use kup_core::event::{Event, Outcome};
use kup_core::journal::Journal;
use kup_store::{History, Store};

use crate::samples::{finished, run, timed};

fn events() -> Vec<Event> {
    [Outcome::Succeeded, Outcome::RolledBack, Outcome::Abandoned].map(finished).into()
}

struct Sample {
    _dir: tempfile::TempDir,
    store: Store,
    bytes: Vec<u8>,
    frame: usize,
    whole: History,
}

fn sample() -> Sample {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create(&run(), timed(events())).map(drop).unwrap();
    let bytes = fs::read(store.journal_path(&run())).unwrap();
    let (frame, whole) = (bytes.len() / 3, store.read(&run()).unwrap());
    Sample { _dir: dir, store, bytes, frame, whole }
}

#[test]
fn cut_at_any_length_it_heals_to_its_whole_entries() {
    let Sample { store, bytes, frame, whole, .. } = &sample();
    let path = store.journal_path(&run());
    for length in *frame..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        let (entries, end) = (&whole.entries[..length / frame], length / frame * frame);
        let expected = History { entries: entries.into(), torn_bytes: (length - end) as u64 };
        assert_eq!(store.read(&run()).unwrap(), expected, "{length} bytes");
        assert_eq!(fs::read(&path).unwrap(), &bytes[..length], "reading changed it");
        assert_eq!(store.resume(&run()).unwrap().1, expected, "{length} bytes");
        assert_eq!(fs::read(&path).unwrap(), &bytes[..end], "{length} bytes");
        fs::remove_file(path.with_extension(format!("torn.{end}"))).ok();
    }
}

#[test]
fn the_torn_bytes_are_kept_every_time() {
    let Sample { store, bytes, frame, .. } = &sample();
    let path = store.journal_path(&run());
    for length in [frame + 5, frame + 99] {
        fs::write(&path, &bytes[..length]).unwrap();
        store.resume(&run()).map(drop).unwrap();
    }
    let kept = |name: String| fs::read(path.with_file_name(name)).unwrap();
    assert_eq!(kept(format!("journal.torn.{frame}")), &bytes[*frame..frame + 5]);
    assert_eq!(kept(format!("journal.torn.{frame}.2")), &bytes[*frame..frame + 99]);
}

#[tokio::test]
async fn a_healed_journal_goes_on() {
    let Sample { store, bytes, whole, .. } = &sample();
    fs::write(store.journal_path(&run()), &bytes[..bytes.len() - 1]).unwrap();
    let (mut journal, _) = store.resume(&run()).unwrap();
    let added = journal.append(timed(events())).await.unwrap();
    assert_eq!(added.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [3, 4, 5]);
    let read = store.read(&run()).unwrap();
    assert_eq!(read.entries, [&whole.entries[..2], &added].concat());
    assert_eq!(read.torn_bytes, 0);
}
