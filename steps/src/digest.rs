//! SHA-256 as everything here spells it: in hexadecimal, small letters.

use sha2::{Digest, Sha256};

/// Returns the SHA-256 of bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Spells a digest.
pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
