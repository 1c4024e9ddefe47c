//! Blobs on their way out, piece by piece. One that is encrypted is opened where there is a key for it; where there is none, it is proved that its
//! file is as it was written.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use async_trait::async_trait;
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, BlobReader, Whole};
use sha2::{Digest, Sha256};

use super::stream::PIECE;
use super::{FileBlobs, MAX_BLOB, apart, sealed, storage};
use crate::disk::{Disk, DiskFile};
use crate::hash;
use crate::seal::Shut;

/// More than encrypting adds to the longest blob.
const MAX_SEALED: u64 = MAX_BLOB + (MAX_BLOB >> 8);

/// A blob's open file and what was read of it so far.
pub(super) struct Opened {
    id: BlobId,
    path: PathBuf,
    bytes: Box<dyn Read + Send>,
    is_sealed: bool,
    digest: Sha256,
}

impl Opened {
    pub(super) fn open(blobs: &FileBlobs, id: &BlobId) -> Result<Self, BlobError> {
        // An id out of a file is a path here, so that it is looked at again.
        let id = BlobId::from_str(id.as_str()).map_err(|_| BlobError::Missing(id.clone()))?;
        let path = blobs.folder.join(id.as_str());
        match blobs.disk.open_to_read(&path) {
            Ok(file) => {
                let bytes = Box::new(limited(file, MAX_BLOB).map_err(storage(&path))?);
                Ok(Self { id, path, bytes, is_sealed: false, digest: Sha256::new() })
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Self::open_sealed(blobs, &id),
            Err(e) => Err(storage(&path)(e)),
        }
    }

    /// Opens the first of its encrypted files that can be opened.
    fn open_sealed(blobs: &FileBlobs, id: &BlobId) -> Result<Self, BlobError> {
        let names = sealed::names(blobs.disk.as_ref(), &blobs.folder, id);
        let mut why = BlobError::Missing(id.clone());
        for name in names.map_err(storage(&blobs.folder))? {
            match Self::unseal(blobs, id, &name) {
                Ok(opened) => return Ok(opened),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn unseal(blobs: &FileBlobs, id: &BlobId, name: &str) -> Result<Self, BlobError> {
        let path = blobs.folder.join(name);
        let file = blobs.disk.open_to_read(&path).and_then(|file| limited(file, MAX_SEALED));
        let file = file.map_err(storage(&path))?;
        match blobs.identities.decrypt(file) {
            Ok(bytes) => {
                let (id, bytes) = (id.clone(), Box::new(bytes.take(MAX_BLOB + 1)));
                Ok(Self { id, path, bytes, is_sealed: true, digest: Sha256::new() })
            }
            Err(Shut::Damaged) => Err(BlobError::Damaged(id.clone())),
            Err(Shut::Io(error)) => Err(storage(&path)(error)),
            // A file that is not what was written opens for no key either.
            Err(Shut::Locked(why)) => match as_written(blobs.disk.as_ref(), &path, name)? {
                Some(_) => Err(BlobError::Locked { id: id.clone(), why }),
                None => Err(BlobError::Damaged(id.clone())),
            },
        }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let mut piece = Vec::new();
        let mut part = Read::by_ref(&mut self.bytes).take(PIECE as u64);
        match part.read_to_end(&mut piece) {
            // What was changed or cut off does not decrypt.
            Err(e) if self.is_sealed && is_of_the_bytes(&e) => {
                return Err(BlobError::Damaged(self.id.clone()));
            }
            read => read.map_err(storage(&self.path))?,
        };
        self.digest.update(&piece);
        if !piece.is_empty() {
            return Ok(Some(piece));
        }
        let digest = hash::hex(&std::mem::take(&mut self.digest).finalize());
        if digest == self.id.as_str() { Ok(None) } else { Err(BlobError::Damaged(self.id.clone())) }
    }
}

/// Whatever a file's length says, no more than a blob can have is read.
fn limited(file: Box<dyn DiskFile>, most: u64) -> io::Result<io::Take<Box<dyn DiskFile>>> {
    if file.length()? > most {
        return Err(io::Error::other("it is longer than a blob can be"));
    }
    // One byte more makes another digest.
    Ok(file.take(most + 1))
}

fn is_of_the_bytes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// Returns the length of an encrypted blob's file that is as it was written.
fn as_written(disk: &dyn Disk, path: &Path, name: &str) -> Result<Option<u64>, BlobError> {
    let file = disk.open_to_read(path).and_then(|file| limited(file, MAX_SEALED));
    let (sha256, length) = file.and_then(hash::of).map_err(storage(path))?;
    let is_it = sealed::of_name(name).is_some_and(|(_, promised)| promised.as_str() == sha256);
    Ok(is_it.then_some(length))
}

/// Returns all bytes of a blob.
pub(super) fn get(blobs: &FileBlobs, id: &BlobId) -> Result<Vec<u8>, BlobError> {
    let (mut opened, mut bytes) = (Opened::open(blobs, id)?, Vec::new());
    while let Some(piece) = opened.next()? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reads a blob again as far as that can be done.
pub(super) fn verify(blobs: &FileBlobs, id: &BlobId) -> Result<Whole, BlobError> {
    let mut opened = match Opened::open(blobs, id) {
        Err(BlobError::Locked { id, .. }) => return sealed_length(blobs, &id).map(Whole::Sealed),
        opened => opened?,
    };
    let mut length = 0;
    while let Some(piece) = opened.next()? {
        length += piece.len() as u64;
    }
    Ok(Whole::Read(length))
}

/// Returns the length of the first encrypted file of a blob that is as it was written.
fn sealed_length(blobs: &FileBlobs, id: &BlobId) -> Result<u64, BlobError> {
    let names = sealed::names(blobs.disk.as_ref(), &blobs.folder, id);
    for name in names.map_err(storage(&blobs.folder))? {
        let path = blobs.folder.join(&name);
        if let Some(length) = as_written(blobs.disk.as_ref(), &path, &name)? {
            return Ok(length);
        }
    }
    Err(BlobError::Damaged(id.clone()))
}

/// Reads pieces in a thread.
pub(super) struct FileReader {
    /// Not there after the end.
    opened: Option<Opened>,
}

impl FileReader {
    pub(super) fn new(opened: Opened) -> Self {
        Self { opened: Some(opened) }
    }
}

#[async_trait]
impl BlobReader for FileReader {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let Some(mut opened) = self.opened.take() else { return Ok(None) };
        let folder = opened.path.parent().unwrap_or(Path::new("")).to_owned();
        let read = apart(&folder, move || Ok((opened.next()?, opened))).await?;
        let (piece, opened) = read;
        self.opened = piece.is_some().then_some(opened);
        Ok(piece)
    }
}
