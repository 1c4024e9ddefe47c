//! Something else stands where a file or a folder of kup's should be. Each is refused with its place, at once, and left as it is.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use kup_core::journal::{BlobError, Blobs};
use kup_store::checkup::{self, AboutFolder, Condition};
use kup_store::{Index, MAX_JOURNAL, RunStatus, Store, StoreError};
use rustix::fs::{CWD, FileType, Mode};

use crate::samples::{other_run, run, started, timed};

struct Sample {
    dir: tempfile::TempDir,
    store: Store,
    journal: PathBuf,
}

fn sample() -> Sample {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create(&run(), timed(vec![started()])).map(drop).unwrap();
    let journal = store.journal_path(&run());
    Sample { dir, store, journal }
}

fn pipe(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Says `OPERATION PLACE: CAUSE`, with the place below the state directory.
fn told(dir: &Path, error: &StoreError) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}").replace(&format!("{}/", dir.display()), "")
}

/// Puts something in the journal's place; returns what reading and resuming say then.
fn instead_of_the_journal(put: impl Fn(&Path)) -> [String; 2] {
    let Sample { dir, store, journal } = &sample();
    fs::remove_file(journal).unwrap();
    put(journal);
    let [read, resumed] =
        [store.read(&run()).map(drop), store.resume(&run()).map(drop)].map(Result::unwrap_err);
    assert_eq!(store.runs().unwrap(), [run()], "it is not listed");
    let status = Index::open(dir.path()).summaries(store).unwrap()[0].status.clone();
    assert!(matches!(status, RunStatus::Unreadable { .. }), "{status:?}");
    [told(dir.path(), &read), told(dir.path(), &resumed)]
}

#[test]
fn a_folder_is_no_journal() {
    let [read, resumed] = instead_of_the_journal(|path| fs::create_dir(path).unwrap());
    assert_eq!(read, format!("cannot read runs/{}/journal: it is not a file", run()));
    assert_eq!(
        resumed,
        format!("cannot open runs/{}/journal: Is a directory (os error 21)", run())
    );
}

#[test]
fn a_pipe_is_no_journal_and_nobody_waits_for_it() {
    let [read, resumed] = instead_of_the_journal(pipe);
    assert_eq!(read, format!("cannot read runs/{}/journal: it is not a file", run()));
    assert_eq!(resumed, format!("cannot open runs/{}/journal: it is not a file", run()));
}

#[test]
fn a_pipe_is_not_waited_for_by_the_index_either() {
    let Sample { dir, store, journal } = &sample();
    let index = Index::open(dir.path());
    index.summaries(store).unwrap();
    fs::remove_file(journal).unwrap();
    pipe(journal);
    let status = index.summaries(store).unwrap()[0].status.clone();
    assert!(matches!(status, RunStatus::Unreadable { .. }), "{status:?}");
}

#[test]
fn a_file_that_never_ends_is_not_read() {
    let [read, resumed] = instead_of_the_journal(|path| {
        File::create(path).unwrap().set_len(MAX_JOURNAL + 1).unwrap();
    });
    let expected =
        format!("cannot read runs/{}/journal: it is longer than a journal can be", run());
    assert_eq!([read, resumed], [expected.clone(), expected]);
}

#[test]
fn a_file_in_the_place_of_a_runs_folder_may_be_an_unfinished_run() {
    let Sample { dir, store, .. } = &sample();
    let folder = store.journal_path(&other_run()).parent().unwrap().to_owned();
    fs::write(&folder, "").unwrap();
    assert_eq!(store.runs().unwrap(), [run(), other_run()]);
    let why = told(dir.path(), &store.read(&other_run()).unwrap_err());
    assert_eq!(
        why,
        format!("cannot look for runs/{}/journal: Not a directory (os error 20)", other_run())
    );
    let created = store.create(&other_run(), timed(vec![started()])).map(drop).unwrap_err();
    assert!(told(dir.path(), &created).contains("Not a directory"), "{created}");
    let unfinished = Index::open(dir.path()).unfinished(store, "any").unwrap();
    assert_eq!(unfinished.iter().map(|summary| &summary.run).collect::<Vec<_>>(), [&other_run()]);
}

#[test]
fn a_file_in_the_place_of_all_runs_is_told() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path()).unwrap();
    fs::remove_dir(dir.path().join("runs")).unwrap();
    fs::write(dir.path().join("runs"), "").unwrap();
    let why = Store::open(dir.path()).map(|store| store.runs()).unwrap().unwrap_err();
    assert_eq!(told(dir.path(), &why), "cannot list runs: Not a directory (os error 20)");
}

#[test]
fn a_folder_or_a_pipe_is_no_lock() {
    for put in [pipe, |path: &Path| fs::create_dir(path).unwrap()] {
        let Sample { dir, store, journal } = &sample();
        let lock = journal.with_file_name("lock");
        fs::remove_file(&lock).unwrap();
        put(&lock);
        let why = told(dir.path(), &store.resume(&run()).map(drop).unwrap_err());
        assert!(why.starts_with(&format!("cannot open runs/{}/lock: ", run())), "{why}");
        assert_eq!(store.read(&run()).unwrap().entries.len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_blob_is_told_and_not_waited_for() {
    let endless = |path: &Path| File::create(path).unwrap().set_len(1 << 42).unwrap();
    for put in [pipe, endless] {
        let Sample { store, journal, .. } = &sample();
        let id = store.blobs(&run()).put(b"secret").await.unwrap();
        let path = journal.with_file_name("blobs").join(id.as_str());
        fs::remove_file(&path).unwrap();
        put(&path);
        let why = store.blobs(&run()).get(&id).await.unwrap_err();
        assert!(
            matches!(&why, BlobError::Storage { place, .. } if *place == path.display().to_string()),
            "{why}"
        );
        store.blobs(&run()).put(b"secret").await.unwrap();
        assert_eq!(store.blobs(&run()).get(&id).await.unwrap(), b"secret");
    }
}

#[tokio::test]
async fn a_checkup_does_not_wait_for_pipes() {
    let Sample { dir, store, journal } = &sample();
    let id = store.blobs(&run()).put(b"secret").await.unwrap();
    let blob = journal.with_file_name("blobs").join(id.as_str());
    for path in [journal, &journal.with_file_name("lock"), &blob] {
        fs::remove_file(path).unwrap();
        pipe(path);
    }
    let why = "it is not a file".into();
    let inaccessible = Condition::Folder(AboutFolder::Inaccessible { why });
    let found = checkup::look(dir.path(), Some(&run()));
    let n_told = found.iter().filter(|finding| finding.what == inaccessible).count();
    assert_eq!(n_told, 2, "{found:#?}");
}

#[test]
fn a_checkup_knows_a_run_whose_folder_is_a_file() {
    let Sample { dir, store, .. } = &sample();
    fs::write(store.journal_path(&other_run()).parent().unwrap(), "").unwrap();
    assert_eq!(checkup::runs(dir.path()), [run(), other_run()]);
}
