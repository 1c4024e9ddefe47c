//! Blobs of one run as files: `runs/<run>/blobs/<sha256>`. A name is only there with all its bytes; they may
//! hold secrets, so that files and folder are their owner's only. Where the run wants it, those that do are encrypted before they reach the
//! disk, or are not taken at all.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::guard::Guard;
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, BlobReader, BlobWriter, Blobs, Whole};

use crate::disk::{Disk, DiskFile};
use crate::durable;
use crate::file_journal::FileJournal;
use crate::hash;
use crate::seal::{Identities, Recipients, UnusableKey};

mod reading;
pub(crate) mod sealed;
mod stream;

use reading::{FileReader, Opened};
pub(crate) use stream::put_file;
use stream::{FileWriter, Unfinished};

/// How the names of unfinished files begin.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// The longest blob in bytes: twice what etcd lets a database grow to. Whatever a file's length says, no more is read.
const MAX_BLOB: u64 = 16 << 30;

/// How many unfinished files of one blob may be there, left behind or being written.
const UNFINISHED_LIMIT: u32 = 100;

/// The blobs of one run.
#[derive(Debug, Clone)]
pub struct FileBlobs {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    secrets: Secrets,
    identities: Identities,
}

/// What becomes of secrets.
#[derive(Debug, Clone)]
enum Secrets {
    Plain,
    Sealed(Recipients),
    Refused,
}

impl FileBlobs {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder, secrets: Secrets::Plain, identities: Identities::default() }
    }

    /// Keeps secrets as a run wants it.
    ///
    /// # Errors
    /// When nothing can be encrypted to the recipients.
    pub fn guarded(self, guard: &Guard) -> Result<Self, UnusableKey> {
        let secrets = match guard {
            Guard::Plain => Secrets::Plain,
            Guard::Encrypted { recipients } => Secrets::Sealed(Recipients::parse(recipients)?),
            Guard::OnNodes => Secrets::Refused,
        };
        Ok(Self { secrets, ..self })
    }

    /// Opens what is encrypted with these.
    #[must_use]
    pub fn opened_with(self, identities: Identities) -> Self {
        Self { identities, ..self }
    }

    /// Returns where a blob lies, encrypted or not, or would lie.
    #[must_use]
    pub fn path(&self, id: &BlobId) -> PathBuf {
        let path = self.folder.join(id.as_str());
        match self.disk.exists(&path) {
            Ok(false) => self.sealed(id).pop().unwrap_or(path),
            Ok(true) | Err(_) => path,
        }
    }

    /// Returns how many bytes a blob has on the disk; 0 where it is not there or cannot be looked at.
    #[must_use]
    pub fn length(&self, id: &BlobId) -> u64 {
        let length = |path: &Path| self.disk.open_to_read(path).and_then(|file| file.length());
        let sealed = || self.sealed(id).iter().filter_map(|path| length(path).ok()).sum();
        length(&self.folder.join(id.as_str())).unwrap_or_else(|_| sealed())
    }

    /// Returns its encrypted files, as far as they can be looked at.
    fn sealed(&self, id: &BlobId) -> Vec<PathBuf> {
        let names = sealed::names(self.disk.as_ref(), &self.folder, id).unwrap_or_default();
        names.iter().map(|name| self.folder.join(name)).collect()
    }

    /// Removes blobs for good, and returns how many bytes of which were still there. `_held` is the run's journal, so that nobody
    /// else is at work on the run. What a crash leaves over can be removed again.
    ///
    /// # Errors
    /// [`BlobError::Storage`]; some may be gone then.
    pub fn remove(&self, ids: &[BlobId], _held: &FileJournal) -> Result<u64, BlobError> {
        let mut bytes = 0;
        let sealed = ids.iter().flat_map(|id| self.sealed(id));
        let plain = ids.iter().map(|id| self.folder.join(id.as_str()));
        for path in plain.chain(sealed) {
            let length = self.disk.open_to_read(&path).and_then(|file| file.length());
            match self.disk.remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(storage(&path)(e)),
                Ok(()) => bytes += length.unwrap_or(0),
                Err(_) => {}
            }
        }
        match self.disk.sync_folder(&self.folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(storage(&self.folder)(e)),
            Ok(()) | Err(_) => Ok(bytes),
        }
    }

    /// Removes what killed processes left behind. Only for the holder of the run's lock.
    pub(crate) fn remove_unfinished(&self) -> io::Result<()> {
        let names = match self.disk.list(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            names => names?,
        };
        let is_unfinished = |name: &OsString| name.to_string_lossy().starts_with(UNFINISHED);
        names
            .iter()
            .filter(|name| is_unfinished(name))
            .try_for_each(|name| self.disk.remove_file(&self.folder.join(name)))
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    /// Works in a thread of its own: an etcd snapshot may have gigabytes.
    async fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        let (blobs, bytes) = (self.clone(), bytes.to_vec());
        apart(&self.folder, move || put(&blobs, &bytes)).await
    }

    async fn get(&self, id: &BlobId) -> Result<Vec<u8>, BlobError> {
        let (blobs, id) = (self.clone(), id.clone());
        apart(&self.folder, move || reading::get(&blobs, &id)).await
    }

    async fn put_secret(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        if matches!(self.secrets, Secrets::Plain) {
            return self.put(bytes).await;
        }
        let mut blob = self.begin_secret().await?;
        blob.write(bytes).await?;
        blob.finish().await
    }

    async fn begin_secret(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        let recipients = match &self.secrets {
            Secrets::Plain => None,
            Secrets::Sealed(recipients) => Some(recipients.clone()),
            Secrets::Refused => return Err(BlobError::Refused(self.folder.display().to_string())),
        };
        self.writer(recipients).await
    }

    fn takes_secrets(&self) -> bool {
        !matches!(self.secrets, Secrets::Refused)
    }

    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        self.writer(None).await
    }

    async fn open(&self, id: &BlobId) -> Result<Box<dyn BlobReader>, BlobError> {
        let (blobs, id) = (self.clone(), id.clone());
        let opened = apart(&self.folder, move || Opened::open(&blobs, &id)).await?;
        Ok(Box::new(FileReader::new(opened)))
    }

    async fn verify(&self, id: &BlobId) -> Result<Whole, BlobError> {
        let (blobs, id) = (self.clone(), id.clone());
        apart(&self.folder, move || reading::verify(&blobs, &id)).await
    }
}

impl FileBlobs {
    async fn writer(
        &self,
        recipients: Option<Recipients>,
    ) -> Result<Box<dyn BlobWriter>, BlobError> {
        let blobs = self.clone();
        let create = move || Unfinished::create(&blobs, recipients.as_ref());
        let unfinished = apart(&self.folder, create).await?;
        Ok(Box::new(FileWriter::new(unfinished)))
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

fn put(blobs: &FileBlobs, bytes: &[u8]) -> Result<BlobId, BlobError> {
    let FileBlobs { disk, folder, .. } = blobs;
    let id = hash::blob_id(bytes).map_err(|e| storage(folder)(io::Error::other(e)))?;
    let path = folder.join(id.as_str());
    if bytes.len() as u64 > MAX_BLOB {
        return Err(storage(&path)(io::Error::other("it is longer than a blob can be")));
    }
    durable::create_folder(disk.as_ref(), folder).map_err(storage(folder))?;
    if !holds(disk.as_ref(), &path, bytes) {
        write(disk.as_ref(), &path, bytes).map_err(storage(&path))?;
    }
    // Also when it was there: its writer may have been killed before this.
    disk.sync_folder(folder).map_err(storage(folder))?;
    Ok(id)
}

/// Writes under another name first, so that a blob's name is only there with all its bytes.
fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (unfinished, mut file) = create_unfinished(disk, path)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_data())
        .and_then(|()| disk.rename(&unfinished, path));
    if written.is_err()
        && let Err(error) = disk.remove_file(&unfinished)
    {
        tracing::debug!(%error, "an unfinished blob stays until the run is resumed");
    }
    written
}

/// Two that put the same blob at once write two files, and the later one takes the name.
fn create_unfinished(disk: &dyn Disk, path: &Path) -> io::Result<(PathBuf, Box<dyn DiskFile>)> {
    let blob = path.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..=UNFINISHED_LIMIT {
        let unfinished = path.with_file_name(format!("{UNFINISHED}{blob}.{number}"));
        match disk.create_file(&unfinished) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            created => return Ok((unfinished, created?)),
        }
    }
    Err(io::Error::other("too many unfinished files are beside it"))
}

/// Tells whether a file has exactly these bytes; one that cannot be read has not.
fn holds(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> bool {
    read(disk, path).is_ok_and(|found| found == bytes)
}

fn read(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open_to_read(path)?;
    if file.length()? > MAX_BLOB {
        return Err(io::Error::other("it is longer than a blob can be"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BLOB).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn storage(path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let place = path.display().to_string();
    move |source| BlobError::Storage { place, source }
}
