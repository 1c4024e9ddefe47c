//! What the engine asks of storage. The contract is written here; `kup-store` keeps it and its
//! conformance suite proves it.

use async_trait::async_trait;
use thiserror::Error;

use crate::clock::Timestamp;
use crate::event::{Entry, Event};
use crate::id::{BlobId, Epoch};

/// An event on its way into a journal, with the time at which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Wall time.
    pub time: Timestamp,
    /// Nanoseconds since boot.
    pub since_boot: u64,
    /// The fact.
    pub event: Event,
}

/// Says why entries are not in the journal. After any of these the process must end: whether
/// the bytes are on the disk is unknown, and asking again proves nothing.
#[derive(Debug, Error)]
pub enum AppendError {
    /// An event does not fit into a frame or cannot be encoded; nothing was written.
    #[error("event of type {type_id} cannot be written: {why}")]
    Unwritable {
        /// The type of the event.
        type_id: u16,
        /// What is wrong with it.
        why: String,
    },
    /// The storage failed.
    #[error("cannot append to {place}")]
    Storage {
        /// The file.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The append-only log of one run, held exclusively by this process.
#[async_trait]
pub trait Journal: Send {
    /// Returns the epoch that this process writes with.
    fn epoch(&self) -> Epoch;

    /// Appends entries as a group and returns them with their places. When it returns `Ok` they
    /// are on stable storage; after an error the journal accepts nothing more.
    ///
    /// # Errors
    /// See [`AppendError`]; at the next opening a prefix of the group may be there, never a part of an entry.
    async fn append(&mut self, entries: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError>;
}

/// Says why a blob could not be kept or had.
#[derive(Debug, Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("blob {0} is missing")]
    Missing(BlobId),
    /// Its bytes are not those that its name promises.
    #[error("blob {0} is damaged: its bytes have another SHA-256")]
    Damaged(BlobId),
    /// It is encrypted, as it was written, and cannot be read.
    #[error("blob {id} is encrypted: {why}")]
    Locked {
        /// The blob.
        id: BlobId,
        /// What is missing.
        why: &'static str,
    },
    /// It is a secret, and secrets stay where they are.
    #[error("secrets are not to leave their node, and a copy was to be kept in {0}")]
    Refused(String),
    /// The storage failed.
    #[error("cannot access {place}")]
    Storage {
        /// The file.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What was proved by reading a blob again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// So many bytes are those of its name.
    Read(u64),
    /// So many bytes of its encrypted form are as they were written. What is in them was not read, for want of a key.
    Sealed(u64),
}

/// Keeps bytes under their SHA-256. May hold secrets: files are readable by their owner only.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps `bytes`; on stable storage when it returns. Keeping the same bytes twice is one blob.
    ///
    /// # Errors
    /// [`BlobError::Storage`]; nothing is left under the blob's name then.
    async fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError>;

    /// As [`Blobs::put`], for bytes that hold secrets: they are kept as the run keeps its secrets, encrypted where that was asked for. The
    /// name is that of the bytes themselves.
    ///
    /// # Errors
    /// [`BlobError::Storage`], [`BlobError::Refused`].
    async fn put_secret(&self, bytes: &[u8]) -> Result<BlobId, BlobError>;

    /// As [`Blobs::begin`], for bytes that hold secrets.
    ///
    /// # Errors
    /// [`BlobError::Storage`], [`BlobError::Refused`].
    async fn begin_secret(&self) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Whether secrets may come here at all; where not, they stay on their nodes.
    fn takes_secrets(&self) -> bool;

    /// Returns the bytes of a blob, compared with its name.
    ///
    /// # Errors
    /// See [`BlobError`].
    async fn get(&self, id: &BlobId) -> Result<Vec<u8>, BlobError>;

    /// Begins a blob that is too large to be in memory at once.
    ///
    /// # Errors
    /// [`BlobError::Storage`].
    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError>;

    /// Opens a blob to be read piece by piece.
    ///
    /// # Errors
    /// See [`BlobError`]; damage is told with the last piece.
    async fn open(&self, id: &BlobId) -> Result<Box<dyn BlobReader>, BlobError>;

    /// Reads a blob again and compares it with its name; one that is encrypted and for which there is no key, with what was written.
    ///
    /// # Errors
    /// See [`BlobError`].
    async fn verify(&self, id: &BlobId) -> Result<Whole, BlobError> {
        let (mut reader, mut length) = (self.open(id).await?, 0);
        while let Some(piece) = reader.next().await? {
            length += piece.len() as u64;
        }
        Ok(Whole::Read(length))
    }
}

/// A blob on its way in. Dropped before its end it leaves nothing.
#[async_trait]
pub trait BlobWriter: Send {
    /// Appends a piece.
    ///
    /// # Errors
    /// [`BlobError::Storage`]; the blob cannot be finished then.
    async fn write(&mut self, piece: &[u8]) -> Result<(), BlobError>;

    /// Gives the blob its name; on stable storage when it returns.
    ///
    /// # Errors
    /// [`BlobError::Storage`]; nothing is left under the blob's name then.
    async fn finish(self: Box<Self>) -> Result<BlobId, BlobError>;
}

/// A blob on its way out.
#[async_trait]
pub trait BlobReader: Send {
    /// Returns the next piece, at most a few MiB; none at the end.
    ///
    /// # Errors
    /// [`BlobError::Damaged`] in the place of the end when the bytes are not those of the name.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, BlobError>;
}
