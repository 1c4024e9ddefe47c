//! Blobs on their way in, piece by piece, as etcd's snapshots come: never whole in memory, and never as they are on the disk where they are to
//! be encrypted. Files are touched on threads of their own.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use age::stream::StreamWriter;
use async_trait::async_trait;
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, BlobWriter};
use sha2::{Digest, Sha256};

use super::{FileBlobs, MAX_BLOB, apart, create_unfinished, sealed, storage};
use crate::disk::{self, Disk, DiskFile};
use crate::seal::Recipients;
use crate::{durable, hash};

/// How many bytes go to the disk, or come from it, at once.
pub(super) const PIECE: usize = 1 << 20;
/// How a file is called whose blob has no name yet.
const NAMELESS: &str = "stream";

/// A file under another name than its blob's. It goes away with this unless the blob got its name.
pub(super) struct Unfinished {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
    file: Form,
    /// Of the bytes as they came.
    digest: Sha256,
    length: u64,
    is_named: bool,
}

/// In which form bytes go to the disk.
enum Form {
    Plain(Box<dyn DiskFile>),
    Sealed(Box<StreamWriter<Hashed>>),
    /// After the end.
    Closed,
}

/// A file, and the hash of what was written to it.
struct Hashed {
    file: Box<dyn DiskFile>,
    digest: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..n_written).unwrap_or_default());
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Form {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(piece),
            Self::Sealed(file) => file.write_all(piece),
            Self::Closed => Err(io::Error::other("it is at its end")),
        }
    }

    /// Brings everything to stable storage, and returns the file's name.
    fn close(self, id: &BlobId) -> io::Result<String> {
        match self {
            Self::Plain(mut file) => file.sync_data().map(|()| id.to_string()),
            Self::Sealed(file) => {
                let Hashed { mut file, digest } = file.finish()?;
                file.sync_data()?;
                Ok(sealed::name(id, &hash::hex(&digest.finalize())))
            }
            Self::Closed => Err(io::Error::other("it is at its end")),
        }
    }
}

impl Unfinished {
    pub(super) fn create(
        blobs: &FileBlobs,
        recipients: Option<&Recipients>,
    ) -> Result<Self, BlobError> {
        let (disk, folder) = (Arc::clone(&blobs.disk), blobs.folder.clone());
        durable::create_folder(disk.as_ref(), &folder).map_err(storage(&folder))?;
        let created = create_unfinished(disk.as_ref(), &folder.join(NAMELESS));
        let (path, file) = created.map_err(storage(&folder))?;
        let (digest, length, is_named) = (Sha256::new(), 0, false);
        let file = Form::Plain(file);
        let mut unfinished = Self { disk, folder, path, file, digest, length, is_named };
        if let Some(recipients) = recipients {
            unfinished.seal(recipients)?;
        }
        Ok(unfinished)
    }

    fn seal(&mut self, recipients: &Recipients) -> Result<(), BlobError> {
        if let Form::Plain(file) = std::mem::replace(&mut self.file, Form::Closed) {
            let hashed = Hashed { file, digest: Sha256::new() };
            let sealed = recipients.encrypt(hashed).map_err(storage(&self.path))?;
            self.file = Form::Sealed(Box::new(sealed));
        }
        Ok(())
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), BlobError> {
        self.length += piece.len() as u64;
        if self.length > MAX_BLOB {
            let error = io::Error::other("it is longer than a blob can be");
            return Err(storage(&self.path)(error));
        }
        self.digest.update(piece);
        self.file.write(piece).map_err(storage(&self.path))
    }

    pub(super) fn finish(mut self) -> Result<BlobId, BlobError> {
        let id = self.id()?;
        let form = std::mem::replace(&mut self.file, Form::Closed);
        let name = form.close(&id).map_err(storage(&self.path))?;
        self.name(&name)?;
        Ok(id)
    }

    /// As `finish`, for the file of another machine, which keeps the name that it has.
    fn finish_as(mut self, name: &str) -> Result<BlobId, BlobError> {
        let id = self.id()?;
        let form = std::mem::replace(&mut self.file, Form::Closed);
        form.close(&id).map_err(storage(&self.path))?;
        if sealed::of_name(name).is_some_and(|(_, sha256)| sha256 == id) {
            self.name(name)?;
        }
        Ok(id)
    }

    fn id(&mut self) -> Result<BlobId, BlobError> {
        let digest = std::mem::take(&mut self.digest).finalize();
        let id = BlobId::from_str(&hash::hex(&digest));
        id.map_err(|e| storage(&self.path)(io::Error::other(e)))
    }

    fn name(&mut self, name: &str) -> Result<(), BlobError> {
        let path = self.folder.join(name);
        self.disk.rename(&self.path, &path).map_err(storage(&path))?;
        self.is_named = true;
        self.disk.sync_folder(&self.folder).map_err(storage(&self.folder))
    }
}

/// Keeps the bytes of a file of somebody else's under the name that a blob's file has there, and returns their SHA-256. Where it is not the one that
/// the name promises, nothing is kept.
pub(crate) fn put_file(
    blobs: &FileBlobs,
    (from, name): (&Path, &str),
) -> Result<BlobId, BlobError> {
    let mut file = disk::open_to_read(from).map_err(storage(from))?.take(MAX_BLOB + 1);
    let mut unfinished = Unfinished::create(blobs, None)?;
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        let mut part = Read::by_ref(&mut file).take(PIECE as u64);
        if part.read_to_end(&mut piece).map_err(storage(from))? == 0 {
            return unfinished.finish_as(name);
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
