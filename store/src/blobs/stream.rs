//! Blobs that come and go piece by piece, as etcd's snapshots do: never whole in memory. Files are touched on threads of their own.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, BlobReader, BlobWriter};
use sha2::{Digest, Sha256};

use super::{FileBlobs, MAX_BLOB, apart, create_unfinished, storage};
use crate::disk::{self, Disk, DiskFile};
use crate::{durable, hash};

/// How many bytes go to the disk, or come from it, at once.
const PIECE: usize = 1 << 20;
/// How a file is called whose blob has no name yet.
const NAMELESS: &str = "stream";

/// A file under another name than its blob's. It goes away with this unless the blob got its name.
pub(super) struct Unfinished {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    digest: Sha256,
    length: u64,
    is_named: bool,
}

impl Unfinished {
    pub(super) fn create(blobs: &FileBlobs) -> Result<Self, BlobError> {
        let (disk, folder) = (Arc::clone(&blobs.disk), blobs.folder.clone());
        durable::create_folder(disk.as_ref(), &folder).map_err(storage(&folder))?;
        let created = create_unfinished(disk.as_ref(), &folder.join(NAMELESS));
        let (path, file) = created.map_err(storage(&folder))?;
        let (digest, length, is_named) = (Sha256::new(), 0, false);
        Ok(Self { disk, folder, path, file, digest, length, is_named })
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.length += piece.len() as u64;
        if self.length > MAX_BLOB {
            let error = io::Error::other("it is longer than a blob can be");
            return Err(storage(&self.path)(error));
        }
        self.digest.update(piece);
        self.file.write_all(piece).map_err(storage(&self.path))
    }

    fn finish(mut self) -> Result<BlobId, BlobError> {
        let digest = std::mem::take(&mut self.digest).finalize();
        let id = BlobId::from_str(&hash::hex(&digest));
        let id = id.map_err(|e| storage(&self.path)(io::Error::other(e)))?;
        let path = self.folder.join(id.as_str());
        self.file.sync_data().map_err(storage(&self.path))?;
        self.disk.rename(&self.path, &path).map_err(storage(&path))?;
        self.is_named = true;
        self.disk.sync_folder(&self.folder).map_err(storage(&self.folder))?;
        Ok(id)
    }
}

/// Keeps the bytes of a file of somebody else's.
pub(crate) fn put_file(blobs: &FileBlobs, from: &Path) -> Result<BlobId, BlobError> {
    let mut file = disk::open_to_read(from).map_err(storage(from))?.take(MAX_BLOB + 1);
    let mut unfinished = Unfinished::create(blobs)?;
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let mut part = Read::by_ref(&mut file).take(PIECE as u64);
        if part.read_to_end(&mut piece).map_err(storage(from))? == 0 {
            return unfinished.finish();
        }
        unfinished.write(&piece)?;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_named
            && let Err(error) = self.disk.remove_file(&self.path)
        {
            tracing::debug!(%error, "an unfinished blob stays until the run is resumed");
        }
    }
}

/// Collects pieces and hands them to a thread.
pub(super) struct FileWriter {
    /// Not there after an error.
    unfinished: Option<Unfinished>,
    folder: PathBuf,
    waiting: Vec<u8>,
}

impl FileWriter {
    pub(super) fn new(unfinished: Unfinished) -> Self {
        let folder = unfinished.folder.clone();
        Self { unfinished: Some(unfinished), folder, waiting: Vec::new() }
    }

    fn take(&mut self) -> Result<Unfinished, BlobError> {
        let broken = || storage(&self.folder)(io::Error::other("an earlier piece was not written"));
        self.unfinished.take().ok_or_else(broken)
    }
}

#[async_trait]
impl BlobWriter for FileWriter {
    async fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.waiting.extend_from_slice(piece);
        if self.waiting.len() < PIECE {
            return Ok(());
        }
        let (mut unfinished, waiting) = (self.take()?, std::mem::take(&mut self.waiting));
        let written = apart(&self.folder, move || {
            unfinished.write(&waiting)?;
            Ok(unfinished)
        });
        self.unfinished = Some(written.await?);
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<BlobId, BlobError> {
        let (mut unfinished, waiting) = (self.take()?, std::mem::take(&mut self.waiting));
        apart(&self.folder, move || {
            unfinished.write(&waiting)?;
            unfinished.finish()
        })
        .await
    }
}

/// A blob's open file and what was read of it so far.
pub(super) struct Opened {
    id: BlobId,
    path: PathBuf,
    file: io::Take<Box<dyn DiskFile>>,
    digest: Sha256,
}

impl Opened {
    pub(super) fn open(blobs: &FileBlobs, id: &BlobId) -> Result<Self, BlobError> {
        // An id out of a file is a path here, so that it is looked at again.
        let id = BlobId::from_str(id.as_str()).map_err(|_| BlobError::Missing(id.clone()))?;
        let path = blobs.folder.join(id.as_str());
        match blobs.disk.open_to_read(&path) {
            // One byte more than a blob can have makes another digest.
            Ok(file) => Ok(Self { id, path, file: file.take(MAX_BLOB + 1), digest: Sha256::new() }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing(id)),
            Err(e) => Err(storage(&path)(e)),
        }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let mut piece = Vec::new();
        let mut part = Read::by_ref(&mut self.file).take(PIECE as u64);
        part.read_to_end(&mut piece).map_err(storage(&self.path))?;
        self.digest.update(&piece);
        if !piece.is_empty() {
            return Ok(Some(piece));
        }
        let digest = hash::hex(&std::mem::take(&mut self.digest).finalize());
        if digest == self.id.as_str() { Ok(None) } else { Err(BlobError::Damaged(self.id.clone())) }
    }
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
