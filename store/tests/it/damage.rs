//! Damage is an error with a place in it, never another or a shorter history.

use std::fs;

use kup_core::event::Outcome;
use kup_core::journal::Journal;
use kup_store::{Store, StoreError};

use crate::samples::{every_event, finished, other_run, run, started, timed};

fn store_with(events: Vec<kup_core::event::Event>) -> (tempfile::TempDir, Store, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create(&run(), timed(events)).map(drop).unwrap();
    let bytes = fs::read(store.journal_path(&run())).unwrap();
    (dir, store, bytes)
}

/// Gives the journal other bytes and returns what is wrong with them.
fn damage(store: &Store, bytes: &[u8]) -> String {
    fs::write(store.journal_path(&run()), bytes).unwrap();
    let read = store.read(&run()).unwrap_err();
    let resumed = store.resume(&run()).map(drop).unwrap_err();
    assert_eq!(read.to_string(), resumed.to_string());
    assert_eq!(fs::read(store.journal_path(&run())).unwrap(), bytes, "it was changed");
    let StoreError::Damaged { offset, seq, what, .. } = read else { panic!("{read}") };
    format!("{offset} {seq} {what}")
}

fn starts(bytes: &[u8]) -> Vec<usize> {
    let magic = |at: &usize| bytes[*at..].starts_with(b"\x89KUP");
    (0..bytes.len()).filter(magic).collect()
}

#[test]
fn a_flipped_bit_anywhere_is_damage_in_its_frame() {
    let (_dir, store, bytes) = store_with(every_event());
    let starts = starts(&bytes);
    let check = |at: usize| {
        let bit = at % 8;
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        fs::write(store.journal_path(&run()), &flipped).unwrap();
        let frame = starts.iter().rposition(|start| *start <= at).unwrap();
        match store.read(&run()) {
            Err(StoreError::Damaged { offset, .. }) => {
                assert_eq!(offset, starts[frame] as u64, "byte {at}, bit {bit}");
            }
            other => panic!("byte {at}, bit {bit}: {other:?}"),
        }
    };
    (0..bytes.len()).for_each(check);
}

#[test]
fn every_bit_of_a_small_journal_counts() {
    let (_dir, store, bytes) = store_with(vec![finished(Outcome::Succeeded); 2]);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(store.journal_path(&run()), &flipped).unwrap();
        assert!(matches!(store.read(&run()), Err(StoreError::Damaged { .. })), "bit {bit}");
    }
}

#[test]
fn a_length_that_grew_is_damage_and_not_torn() {
    let (_dir, store, bytes) = store_with(vec![started(), finished(Outcome::Succeeded)]);
    let last = starts(&bytes)[1];
    let mut grown = bytes.clone();
    grown[last + 91] = 1;
    let expected = format!("{last} 2 the checksum of its header does not match");
    assert_eq!(damage(&store, &grown), expected);
}

#[test]
fn zeros_at_the_end_are_damage_however_few() {
    let (_dir, store, bytes) = store_with(vec![started()]);
    let expected_short =
        format!("{} 2 what stands here is not the beginning of the next entry", bytes.len());
    let expected_long = format!("{} 2 no frame begins here", bytes.len());
    for (zeros, expected) in
        [(1, &expected_short), (97, &expected_short), (98, &expected_long), (4096, &expected_long)]
    {
        assert_eq!(&damage(&store, &[bytes.clone(), vec![0; zeros]].concat()), expected);
    }
}

#[test]
fn a_journal_that_ends_before_its_first_entry_does_is_damaged() {
    let (_dir, store, bytes) = store_with(vec![started()]);
    for length in [0, 1, 97, 98, bytes.len() - 1] {
        let expected = "0 1 it ends before its first entry does";
        assert_eq!(damage(&store, &bytes[..length]), expected, "{length} bytes");
    }
}

#[test]
fn a_missing_a_doubled_and_a_swapped_entry_are_damage() {
    let (_dir, store, bytes) =
        store_with(vec![started(), finished(Outcome::Succeeded), finished(Outcome::RolledBack)]);
    let starts = starts(&bytes);
    let (one, rest) = bytes.split_at(starts[1]);
    let (two, three) = rest.split_at(starts[2] - starts[1]);
    let check = |parts: &[&[u8]], expected: &str| {
        assert_eq!(damage(&store, &parts.concat()), format!("{} {expected}", starts[1]));
    };
    check(&[one, three], "2 entry 3 stands here");
    check(&[one, one], "2 entry 1 stands here");
    check(&[one, three, two], "2 entry 3 stands here");
}

#[test]
fn an_entry_after_another_past_is_damage() {
    let (_dir, store, bytes) = store_with(vec![started(), finished(Outcome::Succeeded)]);
    let (_dir2, _store2, other) =
        store_with(vec![finished(Outcome::Abandoned), finished(Outcome::Succeeded)]);
    let (mine, theirs) = (starts(&bytes)[1], starts(&other)[1]);
    let spliced = [&bytes[..mine], &other[theirs..]].concat();
    let expected = format!("{mine} 2 the entry before it is not the one it was written after");
    assert_eq!(damage(&store, &spliced), expected);
}

#[test]
fn a_journal_of_another_run_is_damage() {
    let (_dir, store, _) = store_with(vec![started()]);
    store.create(&other_run(), timed(vec![started()])).map(drop).unwrap();
    let foreign = fs::read(store.journal_path(&other_run())).unwrap();
    assert_eq!(damage(&store, &foreign), "0 1 it belongs to another run");
}

#[tokio::test]
async fn an_epoch_that_falls_is_damage() {
    let (_dir, store, bytes) = store_with(vec![started()]);
    let (mut journal, _) = store.resume(&run()).unwrap();
    journal.append(timed(vec![finished(Outcome::Succeeded)])).await.unwrap();
    drop(journal);
    let mut lower = fs::read(store.journal_path(&run())).unwrap();
    let header = bytes.len();
    lower[header + 34] = 0;
    let checksum = crc32c::crc32c(&lower[header..header + 94]).to_le_bytes();
    lower[header + 94..header + 98].copy_from_slice(&checksum);
    assert_eq!(damage(&store, &lower), format!("{header} 2 its epoch 0 is too low"));
}

#[test]
fn a_payload_with_bytes_left_over_is_damage_although_its_checksums_fit() {
    let (_dir, store, bytes) = store_with(vec![finished(Outcome::Succeeded)]);
    let mut longer = bytes[..98].to_vec();
    longer[90] += 1;
    let checksum = crc32c::crc32c(&longer[..94]).to_le_bytes();
    longer[94..98].copy_from_slice(&checksum);
    let payload = [&bytes[98..bytes.len() - 4], &[0]].concat();
    longer.extend_from_slice(&payload);
    longer.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
    let expected = "0 1 its payload cannot be decoded: 1 bytes are left over";
    assert_eq!(damage(&store, &longer), expected);
}

/// A good header that announces more than there is makes a torn end, unless no frame can be that long.
#[test]
fn a_length_that_no_frame_has_is_damage_although_its_checksum_fits() {
    let (_dir, store, bytes) = store_with(vec![started(), finished(Outcome::Succeeded)]);
    let last = starts(&bytes)[1];
    let announcing = |length: u32| {
        let mut header = bytes[last..last + 98].to_vec();
        header[90..94].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32c::crc32c(&header[..94]).to_le_bytes();
        header[94..98].copy_from_slice(&checksum);
        [&bytes[..last], &header].concat()
    };
    let longest = u32::try_from(kup_store::MAX_PAYLOAD).unwrap();
    let expected = format!("{last} 2 its payload is longer than a frame holds");
    assert_eq!(damage(&store, &announcing(longest + 1)), expected);
    fs::write(store.journal_path(&run()), announcing(longest)).unwrap();
    assert_eq!(store.read(&run()).unwrap().torn_bytes, 98);
}

#[test]
fn a_frame_version_of_the_future_is_named() {
    let (_dir, store, mut bytes) = store_with(vec![started()]);
    bytes[4] = 2;
    let expected = "0 1 frame version 2 is unknown: damaged, or written by a newer kup".to_owned();
    assert_eq!(damage(&store, &bytes), expected);
}
