//! Bytes on their way into the decoders, and what must hold whatever they are: no panic, no abort, a place in every refusal, and
//! whatever is read can be written again and means the same.

use std::path::Path;

use kup_core::event::{Entry, Event};
use kup_core::id::RunId;
use kup_core::journal::NewEntry;
use kup_store::{History, MemoryStore, StoreError};
use sha2::{Digest, Sha256};

const HEADER: usize = 98;
const RUN: &str = "20261123-k3f9x2a";

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is a history.
    Read,
    /// It is damaged.
    Refused,
}

/// Walks a journal. An odd first byte asks for checksums and chain to be made right first, so that what they guard is reached, too.
pub fn journal(data: &[u8]) -> End {
    let Some((mends, bytes)) = data.split_first() else { return End::Refused };
    let mut bytes = bytes.to_vec();
    if mends % 2 == 1 {
        mend(&mut bytes);
    }
    read(&bytes)
}

/// Decodes one payload. The first byte is its type.
pub fn payload(data: &[u8]) -> End {
    let Some((type_id, payload)) = data.split_first() else { return End::Refused };
    let mut frame = vec![0; HEADER];
    frame[0..4].copy_from_slice(b"\x89KUP");
    frame[4..6].copy_from_slice(&[1, 1]);
    frame[6] = *type_id;
    frame[8] = 1;
    frame[10..26].copy_from_slice(RUN.as_bytes());
    frame[26] = 1;
    frame[34] = 1;
    let length = u32::try_from(payload.len()).expect("it has less than 4 GiB");
    frame[90..94].copy_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&[0; 4]);
    mend(&mut frame);
    read(&frame)
}

/// Makes checksums and chain right, as far as the lengths lead.
pub fn mend(bytes: &mut [u8]) {
    let (mut at, mut previous) = (0, [0; 32]);
    while let Some(frame) = bytes.get_mut(at..).filter(|rest| rest.len() >= HEADER) {
        frame[58..90].copy_from_slice(&previous);
        let header = crc32c::crc32c(&frame[..94]);
        frame[94..98].copy_from_slice(&header.to_le_bytes());
        let length = u32::from_le_bytes([frame[90], frame[91], frame[92], frame[93]]) as usize;
        let Some(frame) = frame.get_mut(..HEADER + length + 4) else { return };
        let payload = crc32c::crc32c(&frame[HEADER..HEADER + length]);
        frame[HEADER + length..].copy_from_slice(&payload.to_le_bytes());
        previous = Sha256::digest(&*frame).into();
        at += frame.len();
    }
}

fn read(bytes: &[u8]) -> End {
    let run: RunId = RUN.parse().expect("it is a run's name");
    match History::of_bytes(&run, Path::new("journal"), bytes) {
        Ok(history) => {
            check_places(&history, bytes);
            check_meaning(&run, &history);
            End::Read
        }
        Err(StoreError::Damaged { offset, seq, what, .. }) => {
            assert!(offset <= bytes.len() as u64 && seq > 0 && !what.is_empty());
            End::Refused
        }
        Err(other) => panic!("{other}"),
    }
}

fn check_places(history: &History, bytes: &[u8]) {
    assert!(!history.entries.is_empty() && history.torn_bytes < bytes.len() as u64);
    for (entry, seq) in history.entries.iter().zip(1..) {
        assert!(entry.seq.0 == seq && entry.epoch.0 > 0);
    }
    assert!(history.entries.is_sorted_by_key(|entry| entry.epoch));
}

/// Writes the entries again, which reads each of them back and compares.
fn check_meaning(run: &RunId, history: &History) {
    let is_known = |entry: &&Entry| !matches!(entry.event, Event::Opaque(_));
    let new = |entry: &Entry| NewEntry {
        time: entry.time,
        since_boot: entry.since_boot,
        event: entry.event.clone(),
    };
    let known: Vec<NewEntry> = history.entries.iter().filter(is_known).map(new).collect();
    if !known.is_empty() {
        MemoryStore::default().create(run, known).map(drop).expect("what is read can be written");
    }
}
