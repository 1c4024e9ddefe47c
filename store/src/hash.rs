//! SHA-256, in the three shapes in which the store needs it.

use std::str::FromStr;

use kup_core::id::{BlobId, InvalidId};
use sha2::{Digest, Sha256};

/// Returns the SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the SHA-256 of some bytes in 64 hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    sha256(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing into a string cannot fail.
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

/// Returns the name of a blob.
pub(crate) fn blob_id(bytes: &[u8]) -> Result<BlobId, InvalidId> {
    BlobId::from_str(&sha256_hex(bytes))
}
