//! Who may open what, and how runs are found.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kup_core::clock::Timestamp;
use kup_core::id::RunId;
use kup_core::journal::NewEntry;
use kup_store::{Store, StoreError};

use crate::samples::{other_run, run, started, timed};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn everything_is_its_owners_only() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b");
    let store = Store::open(&state).unwrap();
    let _held = store.create(&run(), timed(vec![started()])).unwrap();
    let journal = store.journal_path(&run());
    let folders = [state.as_path(), &state.join("runs"), journal.parent().unwrap()];
    assert_eq!(folders.map(mode), [0o700; 3]);
    assert_eq!([mode(&journal), mode(&journal.with_file_name("lock"))], [0o600; 2]);
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o770)).unwrap();
    let why = Store::open(dir.path()).unwrap_err().to_string();
    assert!(why.ends_with("other users can write to it"), "{why}");
}

#[test]
fn a_file_is_no_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let why = Store::open(&dir.path().join("file")).unwrap_err().to_string();
    assert!(why.ends_with("it is not a directory"), "{why}");
}

#[test]
fn a_second_one_is_told_who_drives_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let (live, _) = store.create(&run(), timed(vec![started()])).unwrap();
    let why = store.resume(&run()).map(drop).unwrap_err().to_string();
    let holder = format!("run {} is locked by process {} of ", run(), std::process::id());
    assert!(why.starts_with(&holder), "{why}");
    drop(live);
    assert!(store.resume(&run()).is_ok());
}

#[test]
fn a_cluster_has_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let first = store.lock_cluster("../uid", &run()).unwrap();
    let why = store.lock_cluster("../uid", &other_run()).unwrap_err().to_string();
    let holder = format!("cluster ../uid is locked by run {}, process ", run());
    assert!(why.starts_with(&holder), "{why}");
    assert!(store.lock_cluster("another", &other_run()).is_ok());
    drop(first);
    assert!(store.lock_cluster("../uid", &other_run()).is_ok());
}

#[test]
fn runs_are_listed_by_the_time_they_began() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let names = ["20261123-zzzzzzz", "20261123-mmmmmmm", "20261123-aaaaaaa"];
    let runs: Vec<RunId> = names.iter().map(|name| name.parse().unwrap()).collect();
    for (run, time) in runs.iter().zip(1..) {
        let first = NewEntry { time: Timestamp(time), since_boot: 0, event: started() };
        store.create(run, vec![first]).map(drop).unwrap();
    }
    assert_eq!(store.runs().unwrap(), runs);
    assert_eq!(store.resolve("@last").unwrap(), runs[2]);
    assert_eq!(store.resolve("20261123-m").unwrap(), runs[1]);
}

#[test]
fn a_run_that_was_never_born_is_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let folder = dir.path().join("runs").join(run().as_str());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("journal.new"), "half a frame").unwrap();
    assert_eq!(store.runs().unwrap(), []);
    assert!(matches!(store.read(&run()), Err(StoreError::UnknownRun { .. })));
    let (_journal, entries) = store.create(&run(), timed(vec![started()])).unwrap();
    assert_eq!(store.read(&run()).unwrap().entries, entries);
}
