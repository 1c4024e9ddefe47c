//! Walks the bytes of a journal and tells its three endings apart: whole, torn, damaged. Pure.
//!
//! Torn is a file that ends inside its last frame: that frame was never acknowledged. Everything
//! else that fails a check is damage, wherever it stands, and so are zeros at the end. The bytes of a torn
//! header that can be foretold must be what they should be; otherwise they are not the beginning of a frame.

use std::path::Path;

use kup_core::clock::Timestamp;
use kup_core::event::Entry;
use kup_core::id::{Epoch, RunId, Seq};

use crate::codec::{self, Kind};
use crate::error::StoreError;
use crate::frame::{self, BadHeader, FrameHash, HEADER_LEN, Header, MAX_PAYLOAD, TRAILER_LEN};

/// What a journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// All entries, the first one first.
    pub entries: Vec<Entry>,
    /// How many bytes of an unfinished frame stand behind them. It was never acknowledged.
    pub torn_bytes: u64,
}

impl History {
    /// Reads the bytes of a whole journal, wherever they come from. `path` is what an error names.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn of_bytes(run: &RunId, path: &Path, bytes: &[u8]) -> Result<Self, StoreError> {
        let walked = walk(run, bytes).map_err(|damage| damage.in_file(path))?;
        Ok(walked.into_history())
    }
}

/// A journal's entries and where they end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Walked {
    pub(crate) entries: Vec<Entry>,
    pub(crate) end: End,
    pub(crate) torn_bytes: u64,
}

impl Walked {
    /// Returns what others need to know.
    pub(crate) fn into_history(self) -> History {
        History { entries: self.entries, torn_bytes: self.torn_bytes }
    }
}

/// The end of the last whole frame: all that is needed to append, or to tell two journals apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) offset: u64,
    pub(crate) last_frame: u64,
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) hash: FrameHash,
}

/// A frame that fails a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) offset: u64,
    pub(crate) seq: u64,
    pub(crate) what: String,
}

impl Damage {
    /// Returns the error that names the journal, too.
    pub(crate) fn in_file(self, path: &Path) -> StoreError {
        let Self { offset, seq, what } = self;
        StoreError::Damaged { path: path.to_owned(), offset, seq, what }
    }
}

impl End {
    /// The end of a journal that has no entries.
    pub(crate) const NOTHING: Self =
        Self { offset: 0, last_frame: 0, seq: 0, epoch: 0, hash: [0; 32] };

    /// Returns the end after one more frame.
    pub(crate) fn after(&self, frame: &[u8], epoch: u64) -> Self {
        Self {
            offset: self.offset.saturating_add(frame.len() as u64),
            last_frame: self.offset,
            seq: self.seq.saturating_add(1),
            epoch,
            hash: frame::hash(frame),
        }
    }
}

/// Reads all entries of `run`. A journal is born with its first entry, so one that ends before it
/// is damaged and not torn.
pub(crate) fn walk(run: &RunId, bytes: &[u8]) -> Result<Walked, Damage> {
    let expected_run = frame::run_bytes(run);
    let mut entries = Vec::new();
    let mut end = End::NOTHING;
    let mut rest = bytes;
    while let Some((frame, header, after)) = next_frame(&expected_run, &end, rest)? {
        entries.push(read_entry(&end, &header, frame)?);
        end = end.after(frame, header.epoch);
        rest = after;
    }
    if entries.is_empty() {
        return Err(damage(&end, "it ends before its first entry does"));
    }
    Ok(Walked { entries, end, torn_bytes: rest.len() as u64 })
}

type Cut<'a> = (&'a [u8], Header, &'a [u8]);

/// Cuts the next whole frame off; `None` at the end, whether clean or torn.
fn next_frame<'a>(
    run: &[u8; RunId::LEN],
    end: &End,
    rest: &'a [u8],
) -> Result<Option<Cut<'a>>, Damage> {
    let Some(header) = rest.first_chunk::<HEADER_LEN>() else {
        check_torn_header(run, end, rest)?;
        return Ok(None);
    };
    let header = frame::read_header(header).map_err(|bad| damage(end, describe(bad)))?;
    check_place(run, end, &header)?;
    let payload_len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
    if payload_len > MAX_PAYLOAD {
        return Err(damage(end, "its payload is longer than a frame holds"));
    }
    let cut = rest.split_at_checked(HEADER_LEN + payload_len + TRAILER_LEN);
    Ok(cut.map(|(frame, after)| (frame, header, after)))
}

/// Checks what the header says against what must come here.
fn check_place(run: &[u8; RunId::LEN], end: &End, header: &Header) -> Result<(), Damage> {
    if header.run != *run {
        return Err(damage(end, "it belongs to another run"));
    }
    if header.seq != end.seq.saturating_add(1) {
        return Err(damage(end, format!("entry {} stands here", header.seq)));
    }
    if header.prev != end.hash {
        return Err(damage(end, "the entry before it is not the one it was written after"));
    }
    if header.epoch == 0 || header.epoch < end.epoch {
        return Err(damage(end, format!("its epoch {} is too low", header.epoch)));
    }
    Ok(())
}

/// Compares the part of a header that is there with the fields that are known beforehand.
fn check_torn_header(run: &[u8; RunId::LEN], end: &End, torn: &[u8]) -> Result<(), Damage> {
    let known: [(usize, &[u8]); 5] = [
        (0, &frame::MAGIC),
        (frame::VERSION_AT, &[frame::FRAME_VERSION]),
        (frame::RUN_AT, run),
        (frame::SEQ_AT, &end.seq.saturating_add(1).to_le_bytes()),
        (frame::PREV_AT, &end.hash),
    ];
    let differs = |(at, expected): &(usize, &[u8])| {
        torn.iter().skip(*at).zip(expected.iter()).any(|(is, should)| is != should)
    };
    match known.iter().any(differs) {
        true => Err(damage(end, "what stands here is not the beginning of the next entry")),
        false => Ok(()),
    }
}

fn read_entry(end: &End, header: &Header, frame: &[u8]) -> Result<Entry, Damage> {
    let (_, body) = frame.split_at_checked(HEADER_LEN).unwrap_or((frame, &[]));
    let (payload, checksum) =
        frame::split_trailer(body).ok_or_else(|| damage(end, "it has no checksum"))?;
    if crc32c::crc32c(payload) != checksum {
        return Err(damage(end, "the checksum of its payload does not match"));
    }
    let Header { codec, type_id, type_version, .. } = *header;
    let event = codec::decode(Kind { codec, type_id, type_version }, payload)
        .map_err(|why| damage(end, format!("its payload cannot be decoded: {why}")))?;
    Ok(Entry {
        seq: Seq(header.seq),
        epoch: Epoch(header.epoch),
        time: Timestamp(header.time),
        since_boot: header.since_boot,
        event,
    })
}

fn describe(bad: BadHeader) -> String {
    match bad {
        BadHeader::Magic => "no frame begins here".into(),
        BadHeader::Version(version) => {
            format!("frame version {version} is unknown: damaged, or written by a newer kup")
        }
        BadHeader::Checksum => "the checksum of its header does not match".into(),
    }
}

fn damage(end: &End, what: impl Into<String>) -> Damage {
    Damage { offset: end.offset, seq: end.seq.saturating_add(1), what: what.into() }
}
