//! Secrets that are encrypted before they reach the disk: known by the hash of what they are, proved without a key by the hash of the file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use kup_core::guard::Guard;
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, Blobs, Whole};
use kup_store::conformance::check_blobs;
use kup_store::{FileBlobs, Foreign, Identities, Recipients, Store, UnusableKey};

use crate::samples::{run, started, timed};

const ANNA: &str = "AGE-SECRET-KEY-1XVTVSY6YQD2G029XGQF952S3ZSMLSH3EHJXWJX30J6NN4CWCQPYSKVHFPS";
const OF_ANNA: &str = "age1799ycj3v48vkrpl06n3vxukvradwn2lzgfvpapvc8ht2hm4x4vfsukzyed";
const BERND: &str = "AGE-SECRET-KEY-14338HSNRHJSL8Q62U6USRA4ZCH288EYY4Y4SUG0J09R9U4GELTYSL9TQH9";
const SSH: &str = include_str!("sealed/ssh-ed25519");
const OF_SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtqRBDqTx+C57soSkOHtSPwn+lizX1J8z4tQbiTtcry kup";
const SECRET: &[u8] = b"-----BEGIN RSA PRIVATE KEY----- the key of the CA";

struct Sample {
    dir: tempfile::TempDir,
    store: Store,
    folder: PathBuf,
}

impl Sample {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.create(&run(), timed(vec![started()])).map(drop).unwrap();
        let folder = store.journal_path(&run()).with_file_name("blobs");
        Self { dir, store, folder }
    }

    fn blobs(&self, identity: Option<&str>) -> FileBlobs {
        let recipients = vec![OF_ANNA.to_owned(), OF_SSH.to_owned()];
        let blobs = self.store.blobs(&run()).guarded(&Guard::Encrypted { recipients }).unwrap();
        match identity {
            Some(text) => blobs.opened_with(Identities::parse(text).unwrap()),
            None => blobs,
        }
    }

    /// Returns the only file.
    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(&self.folder).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        file
    }

    fn spoil(&self, at: usize) {
        let mut bytes = fs::read(self.file()).unwrap();
        bytes[at] ^= 1;
        fs::write(self.file(), bytes).unwrap();
    }
}

fn is_damaged<T>(result: Result<T, BlobError>, blob: &BlobId) -> bool {
    matches!(result, Err(BlobError::Damaged(id)) if id == *blob)
}

#[tokio::test]
async fn encrypted_blobs_conform() {
    let sample = Sample::new();
    check_blobs(&sample.blobs(Some(ANNA))).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_never_on_the_disk_as_it_is_and_its_name_is_that_of_what_it_is() {
    let sample = Sample::new();
    let id = sample.blobs(None).put_secret(SECRET).await.unwrap();
    let plain = Sample::new().store.blobs(&run()).put(SECRET).await.unwrap();
    assert_eq!(id, plain);
    let (file, bytes) = (sample.file(), fs::read(sample.file()).unwrap());
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with(id.as_str()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!bytes.windows(8).any(|part| SECRET.windows(8).any(|secret| secret == part)));
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
}

#[tokio::test]
async fn each_recipient_opens_it_and_nobody_else() {
    let sample = Sample::new();
    let id = sample.blobs(None).put_secret(SECRET).await.unwrap();
    for identity in [ANNA, SSH] {
        assert_eq!(sample.blobs(Some(identity)).get(&id).await.unwrap(), SECRET);
    }
    for identity in [None, Some(BERND)] {
        let blobs = sample.blobs(identity);
        assert!(matches!(blobs.get(&id).await, Err(BlobError::Locked { .. })), "{identity:?}");
        let length = fs::metadata(sample.file()).unwrap().len();
        assert_eq!(blobs.verify(&id).await.unwrap(), Whole::Sealed(length));
    }
}

#[tokio::test]
async fn a_file_that_was_changed_is_known_with_and_without_a_key() {
    let sample = Sample::new();
    let id = sample.blobs(None).put_secret(SECRET).await.unwrap();
    let length = fs::metadata(sample.file()).unwrap().len();
    for at in (0..usize::try_from(length).unwrap()).step_by(11) {
        sample.spoil(at);
        for identity in [None, Some(BERND), Some(ANNA)] {
            let blobs = sample.blobs(identity);
            assert!(is_damaged(blobs.verify(&id).await, &id), "byte {at}, {identity:?}");
            assert!(is_damaged(blobs.get(&id).await, &id), "byte {at}, {identity:?}");
        }
        sample.spoil(at);
    }
    let bytes = fs::read(sample.file()).unwrap();
    fs::write(sample.file(), &bytes[..bytes.len() - 1]).unwrap();
    assert!(is_damaged(sample.blobs(None).verify(&id).await, &id));
    assert!(is_damaged(sample.blobs(Some(ANNA)).get(&id).await, &id));
}

#[tokio::test]
async fn a_foreign_secret_under_its_name_is_refused() {
    let (sample, other) = (Sample::new(), Sample::new());
    let id = sample.blobs(None).put_secret(SECRET).await.unwrap();
    other.blobs(None).put_secret(b"of another cluster").await.unwrap();
    let (mine, theirs) = (sample.file(), other.file());
    let sha256 = theirs.to_str().unwrap().rsplit('.').nth(1).unwrap().to_owned();
    fs::remove_file(&mine).unwrap();
    fs::copy(theirs, sample.folder.join(format!("{id}.{sha256}.age"))).unwrap();
    assert!(is_damaged(sample.blobs(Some(ANNA)).get(&id).await, &id));
}

#[tokio::test]
async fn where_secrets_stay_none_comes_here() {
    let sample = Sample::new();
    let blobs = sample.store.blobs(&run()).guarded(&Guard::OnNodes).unwrap();
    assert!(!blobs.takes_secrets());
    assert!(matches!(blobs.put_secret(SECRET).await, Err(BlobError::Refused(_))));
    assert!(matches!(blobs.begin_secret().await.map(drop), Err(BlobError::Refused(_))));
    assert!(!sample.folder.exists());
    assert!(blobs.put(b"no secret").await.is_ok());
}

#[tokio::test]
async fn an_encrypted_blob_is_removed_like_any_other() {
    let sample = Sample::new();
    let blobs = sample.blobs(None);
    let id = blobs.put_secret(SECRET).await.unwrap();
    blobs.put_secret(SECRET).await.unwrap();
    assert_eq!(fs::read_dir(&sample.folder).unwrap().count(), 2, "each time it is another file");
    let length = blobs.length(&id);
    let (journal, _) = sample.store.resume(&run()).unwrap();
    assert_eq!(blobs.remove(std::slice::from_ref(&id), &journal).unwrap(), length);
    assert_eq!(fs::read_dir(&sample.folder).unwrap().count(), 0);
}

#[tokio::test]
async fn an_encrypted_blob_comes_along_without_a_key_and_only_whole() {
    let (there, here) = (Sample::new(), tempfile::tempdir().unwrap());
    let id = there.blobs(None).put_secret(SECRET).await.unwrap();
    names(&there, &id).await;
    let folder = there.dir.path().join("runs").join(run().as_str());
    let store = Store::open(here.path()).unwrap();
    there.spoil(300);
    assert!(Foreign::read(&folder).unwrap_err().to_string().contains("is damaged"));
    there.spoil(300);
    store.import(&Foreign::read(&folder).unwrap()).unwrap();
    let blobs = store.blobs(&run()).opened_with(Identities::parse(ANNA).unwrap());
    assert_eq!(blobs.get(&id).await.unwrap(), SECRET);
}

/// Lets an entry name the blob.
async fn names(sample: &Sample, id: &BlobId) {
    use kup_core::event::{Backup, Event, StepPrepared};
    use kup_core::journal::Journal;
    let what = "/etc/kubernetes of cp1".to_owned();
    let backups = vec![Backup { what, blob: id.clone(), size: SECRET.len() as u64 }];
    let step = "kubelet-restart.cp1".parse().unwrap();
    let prepared = Event::StepPrepared(StepPrepared { step, notes: Vec::new(), backups });
    let (mut journal, _) = sample.store.resume(&run()).unwrap();
    journal.append(timed(vec![prepared])).await.unwrap();
}

#[test]
fn a_key_that_cannot_be_used_is_named_and_never_shown() {
    let wrong = |text: &str| Recipients::parse(&[text.to_owned()]).unwrap_err().to_string();
    assert!(wrong("age1xyz").contains("`age1xyz` cannot be encrypted to"));
    assert!(wrong("ssh-dss AAAA").contains("ssh-dss"));
    assert!(!wrong(ANNA).contains(&ANNA[..20]), "an identity in the place of a recipient");
    assert!(Recipients::parse(&[]).is_err());
    let wrong = |text: &str| -> UnusableKey { Identities::parse(text).unwrap_err() };
    for text in ["", "# nothing", "hunter2", OF_ANNA, "-----BEGIN OPENSSH PRIVATE KEY-----\nx"] {
        let said = wrong(text).to_string();
        assert!(text.is_empty() || !said.contains(text), "{said}");
    }
}
