//! Runs that come from another machine: whole or not at all, and never in the place of another history.

use std::fs;
use std::path::{Path, PathBuf};

use kup_core::event::{Backup, Event, Outcome, StepPrepared};
use kup_core::journal::{Blobs, Journal};
use kup_store::{Foreign, ImportError, Imported, Store, StoreError};

use crate::samples::{finished, run, started, timed};

const SECRET: &[u8] = b"a key";

/// A run with a backup on another machine, and a state directory here.
struct Both {
    _dir: tempfile::TempDir,
    there: Store,
    here: Store,
}

async fn both() -> Both {
    let dir = tempfile::tempdir().unwrap();
    let there = Store::open(&dir.path().join("there")).unwrap();
    let here = Store::open(&dir.path().join("here")).unwrap();
    there.make_folder(&run()).unwrap();
    let blob = there.blobs(&run()).put(SECRET).await.unwrap();
    let size = u64::try_from(SECRET.len()).unwrap();
    let backups = vec![Backup { what: "a key".to_owned(), blob, size }];
    let step = "kubelet-restart.cp-1".parse().unwrap();
    let prepared = Event::StepPrepared(StepPrepared { step, notes: Vec::new(), backups });
    there.create(&run(), timed(vec![started(), prepared])).map(drop).unwrap();
    Both { _dir: dir, there, here }
}

impl Both {
    fn folder(&self) -> PathBuf {
        self.there.journal_path(&run()).parent().unwrap().to_owned()
    }

    fn import(&self) -> Result<Imported, ImportError> {
        self.here.import(&Foreign::read(&self.folder())?)
    }

    /// Lets the run go on where a store has it.
    async fn goes_on(store: &Store, outcome: Outcome) {
        let (mut journal, _) = store.resume(&run()).unwrap();
        journal.append(timed(vec![finished(outcome)])).await.unwrap();
    }

    fn journals(&self) -> (Vec<u8>, Vec<u8>) {
        let read = |store: &Store| fs::read(store.journal_path(&run())).unwrap();
        (read(&self.there), read(&self.here))
    }

    fn blob(&self) -> PathBuf {
        let blobs = fs::read_dir(self.folder().join("blobs")).unwrap();
        blobs.map(|it| it.unwrap().path()).next().unwrap()
    }
}

#[tokio::test]
async fn a_run_comes_with_all_its_bytes_and_once() {
    let both = both().await;
    assert_eq!(both.import().unwrap(), Imported::New);
    let (there, here) = both.journals();
    assert!(there == here);
    let id = both.blob().file_name().unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!(both.here.blobs(&run()).get(&id).await.unwrap(), SECRET);
    assert_eq!(both.import().unwrap(), Imported::Equal);
}

#[tokio::test]
async fn a_longer_history_extends_a_shorter_one_and_never_the_other_way_round() {
    let both = both().await;
    both.import().unwrap();
    Both::goes_on(&both.there, Outcome::Abandoned).await;
    assert_eq!(both.import().unwrap(), Imported::Extended);
    let (there, here) = both.journals();
    assert!(there == here);
    let early = tempfile::tempdir().unwrap();
    let cut = there.len() - 103;
    fs::create_dir(early.path().join("blobs")).unwrap();
    fs::copy(both.blob(), early.path().join("blobs").join(both.blob().file_name().unwrap()))
        .unwrap();
    fs::write(early.path().join("journal"), &there[..cut]).unwrap();
    let early = Foreign::read(early.path()).unwrap();
    assert_eq!(both.here.import(&early).unwrap(), Imported::Older);
    assert!(both.journals().1 == there);
}

#[tokio::test]
async fn another_history_of_the_same_name_is_refused() {
    let both = both().await;
    both.import().unwrap();
    Both::goes_on(&both.there, Outcome::Abandoned).await;
    Both::goes_on(&both.here, Outcome::RolledBack).await;
    let before = both.journals();
    let error = both.import().unwrap_err();
    assert!(matches!(error, ImportError::OtherHistory { .. }), "{error}");
    assert!(both.journals() == before);
}

#[track_caller]
fn refuses(both: &Both, place: &Path, why: &str) {
    let error = both.import().unwrap_err().to_string();
    assert!(error.contains(why) && error.contains(&place.display().to_string()), "{error}");
    assert!(!both.here.journal_path(&run()).exists());
}

#[tokio::test]
async fn damage_is_refused_by_its_place() {
    let both = both().await;
    let journal = both.there.journal_path(&run());
    let whole = fs::read(&journal).unwrap();
    for at in [0, 50, 200, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&journal, bytes).unwrap();
        refuses(&both, &journal, "is damaged");
    }
    fs::write(&journal, whole).unwrap();
    fs::write(both.blob(), "another key").unwrap();
    refuses(&both, &both.blob(), "its bytes are not those that entry 2 names");
    let blob = both.blob();
    fs::remove_file(&blob).unwrap();
    refuses(&both, &blob, "it is missing, and entry 2 names it");
}

#[tokio::test]
async fn an_entry_that_was_never_acknowledged_is_left_out() {
    let both = both().await;
    let journal = both.there.journal_path(&run());
    let whole = fs::read(&journal).unwrap();
    Both::goes_on(&both.there, Outcome::Abandoned).await;
    let longer = fs::read(&journal).unwrap();
    fs::write(&journal, &longer[..longer.len() - 3]).unwrap();
    let foreign = Foreign::read(&both.folder()).unwrap();
    assert_eq!(foreign.torn_bytes(), (longer.len() - whole.len() - 3) as u64);
    both.here.import(&foreign).unwrap();
    assert!(both.journals().1 == whole);
}

#[tokio::test]
async fn a_run_that_is_at_work_here_is_left_alone() {
    let both = both().await;
    both.import().unwrap();
    let _held = both.here.resume(&run()).unwrap();
    let error = both.import().unwrap_err();
    let is_locked =
        matches!(&error, ImportError::Store(why) if matches!(**why, StoreError::LockedBy { .. }));
    assert!(is_locked, "{error}");
}
