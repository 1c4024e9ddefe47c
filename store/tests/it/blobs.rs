//! Blobs as files: private, whole or not there, and never believed without their hash.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use kup_core::journal::{BlobError, Blobs, Whole};
use kup_store::{FileBlobs, Store};

use crate::samples::{run, started, timed};

struct Sample {
    _dir: tempfile::TempDir,
    store: Store,
    blobs: FileBlobs,
    folder: PathBuf,
}

fn sample() -> Sample {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create(&run(), timed(vec![started()])).map(drop).unwrap();
    let (blobs, folder) = (store.blobs(&run()), store.journal_path(&run()).with_file_name("blobs"));
    Sample { _dir: dir, store, blobs, folder }
}

#[tokio::test]
async fn a_blob_is_private_and_alone_in_its_folder() {
    let Sample { blobs, folder, .. } = &sample();
    let id = blobs.put(b"secret").await.unwrap();
    let mode = fs::metadata(folder.join(id.as_str())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_blob_is_refused_and_can_be_put_again() {
    let Sample { blobs, folder, .. } = &sample();
    let id = blobs.put(b"secret").await.unwrap();
    fs::write(folder.join(id.as_str()), b"secreT").unwrap();
    assert!(matches!(blobs.get(&id).await, Err(BlobError::Damaged(found)) if found == id));
    blobs.put(b"secret").await.unwrap();
    assert_eq!(blobs.get(&id).await.unwrap(), b"secret");
}

#[tokio::test]
async fn a_good_blob_is_not_written_again() {
    let Sample { blobs, folder, .. } = &sample();
    let id = blobs.put(b"secret").await.unwrap();
    let inode = || fs::metadata(folder.join(id.as_str())).unwrap().ino();
    let before = inode();
    blobs.put(b"secret").await.unwrap();
    assert_eq!(inode(), before);
}

#[tokio::test]
async fn a_resume_removes_unfinished_files() {
    let Sample { blobs, folder, store, .. } = &sample();
    let id = blobs.put(b"secret").await.unwrap();
    fs::write(folder.join(".unfinished-x1"), b"sec").unwrap();
    store.resume(&run()).map(drop).unwrap();
    assert!(!folder.join(".unfinished-x1").exists());
    assert_eq!(blobs.get(&id).await.unwrap(), b"secret");
}

#[tokio::test]
async fn removed_blobs_are_gone_and_can_be_removed_again() {
    let Sample { blobs, store, folder, .. } = &sample();
    let (gone, stays) = (blobs.put(b"backup").await.unwrap(), blobs.put(b"output").await.unwrap());
    let (journal, _) = store.resume(&run()).unwrap();
    let ids = [gone.clone(), "ab".repeat(32).parse().unwrap()];
    assert_eq!(blobs.remove(&ids, &journal).unwrap(), 6);
    assert_eq!(blobs.remove(&ids, &journal).unwrap(), 0);
    assert!(matches!(blobs.get(&gone).await, Err(BlobError::Missing(_))));
    assert_eq!(blobs.get(&stays).await.unwrap(), b"output");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[tokio::test]
async fn a_blob_that_breaks_off_half_way_leaves_nothing() {
    let Sample { blobs, folder, .. } = &sample();
    let mut writer = blobs.begin().await.unwrap();
    writer.write(&vec![1; 3 << 20]).await.unwrap();
    let names = || fs::read_dir(folder).unwrap().count();
    assert_eq!(names(), 1, "what is written is in a file");
    drop(writer);
    assert_eq!(names(), 0);
}

#[tokio::test]
async fn a_damaged_blob_is_told_when_it_is_read_in_pieces() {
    let Sample { blobs, folder, .. } = &sample();
    let id = blobs.put(&vec![1; 3 << 20]).await.unwrap();
    assert_eq!(blobs.verify(&id).await.unwrap(), Whole::Read(3 << 20));
    let mut bytes = vec![1; 3 << 20];
    bytes[1 << 20] = 2;
    fs::write(folder.join(id.as_str()), bytes).unwrap();
    assert!(matches!(blobs.verify(&id).await, Err(BlobError::Damaged(found)) if found == id));
}

#[tokio::test]
async fn a_blob_in_pieces_is_private_and_alone_in_its_folder() {
    let Sample { blobs, folder, .. } = &sample();
    let mut writer = blobs.begin().await.unwrap();
    writer.write(b"secret").await.unwrap();
    let id = writer.finish().await.unwrap();
    assert_eq!(id, blobs.put(b"secret").await.unwrap());
    let mode = fs::metadata(folder.join(id.as_str())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}
