//! SHA-256, in the shapes in which the store needs it.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

use kup_core::id::{BlobId, InvalidId};
use sha2::{Digest, Sha256};

use crate::disk;

/// How much of a file is in memory at once, in bytes.
const PIECE: usize = 1 << 20;

/// Returns the SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the SHA-256 of some bytes in 64 hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Returns the SHA-256 of a file, which may be a large one, in hexadecimal, and its length.
pub(crate) fn of_file(path: &Path) -> io::Result<(String, u64)> {
    of(disk::open_to_read(path)?)
}

/// Returns the SHA-256 of all that can be read, in hexadecimal, and its length.
pub(crate) fn of(bytes: impl Read) -> io::Result<(String, u64)> {
    let mut file = BufReader::with_capacity(PIECE, bytes);
    let (mut hasher, mut length) = (Sha256::new(), 0);
    loop {
        let piece = file.fill_buf()?;
        if piece.is_empty() {
            return Ok((hex(&hasher.finalize()), length));
        }
        hasher.update(piece);
        let n_read = piece.len();
        length += n_read as u64;
        file.consume(n_read);
    }
}

/// Returns a digest in hexadecimal.
pub(crate) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing into a string cannot fail.
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

/// Returns the name of a blob.
pub(crate) fn blob_id(bytes: &[u8]) -> Result<BlobId, InvalidId> {
    BlobId::from_str(&sha256_hex(bytes))
}
