//! A snapshot, from etcd into a blob. Its file is an image of etcd's database, in pages of 512 bytes at least, and behind it the SHA-256 of
//! all that: whether it is whole is known without etcd.

use kup_core::activity::ActivityError;
use kup_core::event::Backup;
use kup_core::journal::{BlobError, Blobs, Whole};
use sha2::{Digest, Sha256};

use super::{EtcdApi, EtcdError, Pieces};

/// By this name the backup is found again.
pub const WHAT: &str = "snapshot of etcd";

/// The length of the hash at the end.
const HASH: usize = 32;
/// The image is a multiple of this.
const PAGE: u64 = 512;

/// Checks a snapshot while it passes.
#[derive(Debug, Default)]
pub struct Check {
    digest: Sha256,
    /// The last bytes so far, which may be the hash.
    end: Vec<u8>,
    length: u64,
}

impl Check {
    /// Looks at the next bytes.
    pub fn pass(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        self.end.extend_from_slice(piece);
        let surplus = self.end.len().saturating_sub(HASH);
        self.digest.update(self.end.drain(..surplus).as_slice());
    }

    /// Returns the length of a snapshot that is whole.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn finish(self) -> Result<u64, String> {
        let Self { digest, end, length } = self;
        if length % PAGE != HASH as u64 || length == HASH as u64 {
            return Err(format!("it has {length} bytes, which no whole snapshot has"));
        }
        if digest.finalize().as_slice() != end {
            return Err("its bytes do not match the SHA-256 at their end".to_owned());
        }
        Ok(length)
    }
}

/// Takes a snapshot of the member behind an endpoint. When it fails nothing is left.
pub(crate) async fn take(
    api: &dyn EtcdApi,
    endpoint: &str,
    blobs: &dyn Blobs,
    say: impl FnMut(u64) + Send,
) -> Result<Backup, ActivityError> {
    let mut pieces = api.snapshot(endpoint).await.map_err(|error| etcd_error(&error))?;
    keep(pieces.as_mut(), endpoint, blobs, say).await
}

async fn keep(
    pieces: &mut dyn Pieces,
    endpoint: &str,
    blobs: &dyn Blobs,
    mut say: impl FnMut(u64) + Send,
) -> Result<Backup, ActivityError> {
    let kept = |error: BlobError| {
        ActivityError::permanent("cannot keep the snapshot of etcd").because(&error)
    };
    let mut blob = blobs.begin_secret().await.map_err(kept)?;
    let mut check = Check::default();
    while let Some(piece) = pieces.next().await.map_err(|error| etcd_error(&error))? {
        check.pass(&piece);
        say(check.length);
        blob.write(&piece).await.map_err(kept)?;
    }
    let size = check.finish().map_err(|why| {
        ActivityError::transient(format!("the snapshot from {endpoint} is not whole: {why}"))
    })?;
    let blob = blob.finish().await.map_err(kept)?;
    Ok(Backup { what: WHAT.to_owned(), blob, size })
}

/// Reads a kept snapshot again: its bytes must be those of its name, and it must be whole. Of one that is encrypted only somebody with a key can say
/// so; without one it must be as it was written, and it was whole when it came.
pub(crate) async fn prove(blobs: &dyn Blobs, backup: &Backup) -> Result<Whole, ActivityError> {
    let failed = |error: BlobError| {
        ActivityError::permanent("the snapshot of etcd that was kept cannot be used")
            .because(&error)
    };
    let mut reader = match blobs.open(&backup.blob).await {
        Err(BlobError::Locked { id, .. }) => return blobs.verify(&id).await.map_err(failed),
        opened => opened.map_err(failed)?,
    };
    let mut check = Check::default();
    while let Some(piece) = reader.next().await.map_err(failed)? {
        check.pass(&piece);
    }
    check.finish().map(Whole::Read).map_err(|why| {
        ActivityError::permanent(format!("the snapshot of etcd that was kept is not whole: {why}"))
    })
}

/// Returns an error of etcd with its class.
pub(crate) fn etcd_error(error: &EtcdError) -> ActivityError {
    let seen = match error.passes() {
        true => ActivityError::transient(error.to_string()),
        false => ActivityError::permanent(error.to_string()),
    };
    match std::error::Error::source(error) {
        Some(source) => seen.because(source),
        None => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(pages: usize) -> Vec<u8> {
        let image: Vec<u8> = (0..=250).cycle().take(pages * 512).collect();
        let digest = Sha256::digest(&image);
        [image, digest.to_vec()].concat()
    }

    fn checked(bytes: &[u8], piece: usize) -> Result<u64, String> {
        let mut check = Check::default();
        bytes.chunks(piece).for_each(|piece| check.pass(piece));
        check.finish()
    }

    #[test]
    fn a_whole_snapshot_is_one_in_pieces_of_any_length() {
        let bytes = snapshot(9);
        for piece in [1, 31, 32, 33, 512, 4640, 10_000] {
            assert_eq!(checked(&bytes, piece), Ok(4640), "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_cut_flipped_or_empty_is_none() {
        let bytes = snapshot(9);
        for cut in [0, 1, 32, 544, 4128, 4608, 4639] {
            assert!(checked(&bytes[..cut], 100).is_err(), "{cut} bytes");
        }
        for at in [0, 512, 4607, 4608, 4639] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(checked(&other, 100).unwrap_err().contains("SHA-256"), "byte {at}");
        }
        assert!(checked(&Sha256::digest(b""), 100).is_err(), "an image of no page");
    }
}
