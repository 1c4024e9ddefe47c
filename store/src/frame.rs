//! The frame around every entry, laid by hand so that any version of kup, and any other program, can walk any
//! journal. FILE FORMAT: `docs/JOURNAL_FORMAT.md` describes it; a shipped layout is frozen. It
//! does not know what is inside a payload (see `codec`) nor what a broken frame means (see `walk`).

use kup_core::id::RunId;

use crate::hash::sha256;

/// The longest payload in bytes. The plan of 500 nodes with long names takes half of it.
pub const MAX_PAYLOAD: usize = 4 << 20;

/// The longest journal in bytes.
pub const MAX_JOURNAL: u64 = 1 << 30;

/// What every frame begins with. The first byte is not ASCII, so that no text is taken for a journal.
pub(crate) const MAGIC: [u8; 4] = [0x89, b'K', b'U', b'P'];

/// The version of this layout.
pub(crate) const FRAME_VERSION: u8 = 1;

/// The length of a header in bytes.
pub(crate) const HEADER_LEN: usize = 98;

/// The length of the checksum after the payload in bytes.
pub(crate) const TRAILER_LEN: usize = 4;

/// Where the fields begin that a reader can foretell before a header is whole.
pub(crate) const VERSION_AT: usize = 4;
pub(crate) const RUN_AT: usize = 10;
pub(crate) const SEQ_AT: usize = 26;
pub(crate) const PREV_AT: usize = 58;

/// The SHA-256 of a whole frame; zeros stand for "there is none before".
pub(crate) type FrameHash = [u8; 32];

/// What a frame says of its payload and of its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) codec: u8,
    pub(crate) type_id: u16,
    pub(crate) type_version: u16,
    pub(crate) run: [u8; RunId::LEN],
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) time: i64,
    pub(crate) since_boot: u64,
    pub(crate) prev: FrameHash,
    pub(crate) payload_len: u32,
}

/// Says which check a header failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Magic,
    Version(u8),
    Checksum,
}

/// Returns the run's id as it stands in a header.
pub(crate) fn run_bytes(run: &RunId) -> [u8; RunId::LEN] {
    let mut bytes = [0; RunId::LEN];
    bytes.iter_mut().zip(run.as_str().bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// Returns a whole frame.
pub(crate) fn lay(header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut frame = lay_header(header);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    frame
}

/// Returns the hash that the next frame must carry.
pub(crate) fn hash(frame: &[u8]) -> FrameHash {
    sha256(frame)
}

fn lay_header(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    bytes.extend_from_slice(&MAGIC);
    bytes.push(FRAME_VERSION);
    bytes.push(header.codec);
    bytes.extend_from_slice(&header.type_id.to_le_bytes());
    bytes.extend_from_slice(&header.type_version.to_le_bytes());
    bytes.extend_from_slice(&header.run);
    bytes.extend_from_slice(&header.seq.to_le_bytes());
    bytes.extend_from_slice(&header.epoch.to_le_bytes());
    bytes.extend_from_slice(&header.time.to_le_bytes());
    bytes.extend_from_slice(&header.since_boot.to_le_bytes());
    bytes.extend_from_slice(&header.prev);
    bytes.extend_from_slice(&header.payload_len.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// Reads a header and checks it against its own checksum.
pub(crate) fn read_header(bytes: &[u8; HEADER_LEN]) -> Result<Header, BadHeader> {
    let mut fields = Fields { rest: bytes };
    if fields.take::<4>() != MAGIC {
        return Err(BadHeader::Magic);
    }
    let [version] = fields.take::<1>();
    if version != FRAME_VERSION {
        return Err(BadHeader::Version(version));
    }
    let [codec] = fields.take::<1>();
    let header = Header {
        codec,
        type_id: u16::from_le_bytes(fields.take()),
        type_version: u16::from_le_bytes(fields.take()),
        run: fields.take(),
        seq: u64::from_le_bytes(fields.take()),
        epoch: u64::from_le_bytes(fields.take()),
        time: i64::from_le_bytes(fields.take()),
        since_boot: u64::from_le_bytes(fields.take()),
        prev: fields.take(),
        payload_len: u32::from_le_bytes(fields.take()),
    };
    let (checked, _) = bytes.split_at(HEADER_LEN - 4);
    let checksum = u32::from_le_bytes(fields.take());
    if crc32c::crc32c(checked) == checksum { Ok(header) } else { Err(BadHeader::Checksum) }
}

/// Returns the checksum at the end of a frame's body and the payload before it.
pub(crate) fn split_trailer(body: &[u8]) -> Option<(&[u8], u32)> {
    let (payload, trailer) = body.split_last_chunk::<TRAILER_LEN>()?;
    Some((payload, u32::from_le_bytes(*trailer)))
}

/// Takes fields of fixed length from the front.
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    /// Returns the next `N` bytes; zeros when the header is too short, which its type rules out.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.rest = rest;
                *field
            }
            None => [0; N],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            codec: 1,
            type_id: 0x0203,
            type_version: 0x0405,
            run: *b"20261123-k3f9x2a",
            seq: 7,
            epoch: 2,
            time: -1,
            since_boot: 99,
            prev: [9; 32],
            payload_len: 3,
        }
    }

    #[test]
    fn a_header_reads_back_as_it_was_laid() {
        let frame = lay(&sample(), b"abc");
        assert_eq!(frame.len(), HEADER_LEN + 3 + TRAILER_LEN);
        let header = frame.first_chunk::<HEADER_LEN>().unwrap();
        assert_eq!(read_header(header), Ok(sample()));
    }

    #[test]
    fn fields_stand_where_the_format_says() {
        let frame = lay(&sample(), b"abc");
        assert_eq!(frame[VERSION_AT], FRAME_VERSION);
        assert_eq!(&frame[RUN_AT..SEQ_AT], b"20261123-k3f9x2a");
        assert_eq!(&frame[SEQ_AT..SEQ_AT + 8], &7u64.to_le_bytes());
        assert_eq!(&frame[PREV_AT..PREV_AT + 32], &[9; 32]);
    }

    #[test]
    fn a_length_that_grew_fails_the_header_checksum() {
        let mut frame = lay(&sample(), b"abc");
        frame[HEADER_LEN - 5] ^= 0x01;
        let header = frame.first_chunk::<HEADER_LEN>().unwrap();
        assert_eq!(read_header(header), Err(BadHeader::Checksum));
    }
}
