//! Tells damage that concerns only a journal's last entry from every other. Pure.
//!
//! Only an entry that was written and is not any more what was written can be set aside: its frame, or what is left of it, is the last
//! thing in the file. An entry whose checksums fit was written so, and a frame of another version was written by a newer kup.

use kup_core::event::Entry;
use kup_core::id::RunId;
use thiserror::Error;

use crate::frame::{self, BadHeader, HEADER_LEN, TRAILER_LEN};
use crate::walk::{self, Damage};

/// Says why the end of a damaged journal cannot be set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Irreparable {
    /// Nothing would be left.
    #[error("it is the first entry, which holds the plan")]
    First,
    /// More than the end is concerned.
    #[error("further entries stand behind it")]
    Middle,
    /// A newer kup may read it.
    #[error("a newer kup may have written it")]
    Newer,
    /// It is what was written.
    #[error("its checksums fit, so it is what was written")]
    Intact,
}

/// Checks that damage concerns nothing but the journal's last entry.
pub(crate) fn at_end(run: &RunId, bytes: &[u8], damage: &Damage) -> Result<(), Irreparable> {
    let rest = from(bytes, damage.offset);
    if damage.offset == 0 {
        return Err(Irreparable::First);
    }
    if (1..rest.len()).any(|at| is_frame_of(run, rest.get(at..).unwrap_or_default())) {
        return Err(Irreparable::Middle);
    }
    // Less than a header is what is left of one, or bytes that nobody wrote.
    let Some(header) = rest.first_chunk::<HEADER_LEN>() else { return Ok(()) };
    match frame::read_header(header) {
        Err(BadHeader::Magic | BadHeader::Checksum) => Ok(()),
        Err(BadHeader::Version(_)) => Err(Irreparable::Newer),
        Ok(header) => {
            let length = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
            match is_payload_damaged(rest, length) {
                true => Ok(()),
                false => Err(Irreparable::Intact),
            }
        }
    }
}

/// Returns the entries before the damage.
pub(crate) fn entries_before(run: &RunId, bytes: &[u8], damage: &Damage) -> Vec<Entry> {
    let end = usize::try_from(damage.offset).unwrap_or(usize::MAX);
    let before = bytes.get(..end).map(|before| walk::walk(run, before));
    before.and_then(Result::ok).map(|walked| walked.entries).unwrap_or_default()
}

/// Returns the bytes from an offset on.
pub(crate) fn from(bytes: &[u8], offset: u64) -> &[u8] {
    usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default()
}

/// Tells whether a frame of this run begins here, by the fields that damage behind it leaves alone.
fn is_frame_of(run: &RunId, bytes: &[u8]) -> bool {
    let is_run = || bytes.get(frame::RUN_AT..frame::SEQ_AT) == Some(&frame::run_bytes(run));
    bytes.starts_with(&frame::MAGIC) && is_run()
}

/// Tells whether a frame with a good header has its whole payload, and other bytes there than its checksum says.
fn is_payload_damaged(frame: &[u8], length: usize) -> bool {
    let body = frame.get(HEADER_LEN..).unwrap_or_default();
    let body = length.checked_add(TRAILER_LEN).and_then(|length| body.get(..length));
    let split = body.and_then(frame::split_trailer);
    split.is_some_and(|(payload, checksum)| crc32c::crc32c(payload) != checksum)
}
