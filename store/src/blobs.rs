//! Blobs of one run as files: `runs/<run>/blobs/<sha256>`. A name is only there with all its bytes; they may
//! hold secrets, so that files and folder are their owner's only.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use async_trait::async_trait;
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, Blobs};

use crate::durable;
use crate::hash;

/// How the names of unfinished files begin.
const UNFINISHED: &str = ".unfinished-";

/// The blobs of one run.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    folder: PathBuf,
}

impl FileBlobs {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Removes what killed processes left behind. Only for the holder of the run's lock.
    pub(crate) fn remove_unfinished(&self) -> io::Result<()> {
        let files = match std::fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            if file.file_name().to_string_lossy().starts_with(UNFINISHED) {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    /// Works in a thread of its own: an etcd snapshot may have gigabytes.
    async fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        let (folder, bytes) = (self.folder.clone(), bytes.to_vec());
        apart(&self.folder, move || put(&folder, &bytes)).await
    }

    async fn get(&self, id: &BlobId) -> Result<Vec<u8>, BlobError> {
        let (folder, id) = (self.folder.clone(), id.clone());
        apart(&self.folder, move || get(&folder, &id)).await
    }
}

async fn apart<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(storage(folder)(io::Error::other(stopped))),
    }
}

fn put(folder: &Path, bytes: &[u8]) -> Result<BlobId, BlobError> {
    let id = hash::blob_id(bytes).map_err(|e| storage(folder)(io::Error::other(e)))?;
    let path = folder.join(id.as_str());
    durable::create_folder(folder).map_err(storage(folder))?;
    if !holds(&path, bytes) {
        write(folder, &path, bytes).map_err(storage(&path))?;
    }
    // Also when it was there: its writer may have been killed before this.
    durable::sync_folder(folder).map_err(storage(folder))?;
    Ok(id)
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// Tells whether a file has exactly these bytes; one that cannot be read has not.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    std::fs::read(path).is_ok_and(|found| found == bytes)
}

fn get(folder: &Path, id: &BlobId) -> Result<Vec<u8>, BlobError> {
    // An id out of a file is a path here, so that it is looked at again.
    let id = BlobId::from_str(id.as_str()).map_err(|_| BlobError::Missing(id.clone()))?;
    let path = folder.join(id.as_str());
    match std::fs::read(&path) {
        Ok(bytes) if hash::sha256_hex(&bytes) == id.as_str() => Ok(bytes),
        Ok(_) => Err(BlobError::Damaged(id)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(BlobError::Missing(id)),
        Err(e) => Err(storage(&path)(e)),
    }
}

fn storage(path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let place = path.display().to_string();
    move |source| BlobError::Storage { place, source }
}
