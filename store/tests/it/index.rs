//! The index says what the journals say, and loses nothing when it is lost.

use std::fs;
use std::path::Path;

use kup_core::event::{Event, Outcome, PauseReason, RollbackStarted, RunPaused};
use kup_core::id::RunId;
use kup_core::journal::Journal;
use kup_store::{Index, RunStatus, RunSummary, Store};

use crate::samples::{finished, other_run, run, started, timed};

const UID: &str = "6f1cab09-0000-4000-8000-000000000001";

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let one = vec![started(), finished(Outcome::Succeeded)];
    store.create(&run(), timed(one)).map(drop).unwrap();
    store.create(&other_run(), timed(vec![started()])).map(drop).unwrap();
    (dir, store)
}

/// Returns what the journals say, by an index that another process keeps closed.
fn truth(dir: &Path, store: &Store) -> Vec<RunSummary> {
    let _holder = Index::open(dir);
    let closed = Index::open(dir);
    assert!(!closed.is_open());
    closed.summaries(store).unwrap()
}

async fn append(store: &Store, run: &RunId, event: Event) {
    let (mut journal, _) = store.resume(run).unwrap();
    journal.append(timed(vec![event])).await.unwrap();
}

#[test]
fn a_summary_says_what_the_run_is_about() {
    let (dir, store) = store();
    let summaries = Index::open(dir.path()).summaries(&store).unwrap();
    let [first, second] = summaries.as_slice() else { panic!("{summaries:?}") };
    assert_eq!((&first.run, &second.run), (&run(), &other_run()));
    assert_eq!((first.cluster_uid.as_str(), first.to.as_str()), (UID, "v1.34.1"));
    assert_eq!((first.last_seq.0, first.status.to_string().as_str()), (2, "succeeded"));
    assert_eq!(second.status, RunStatus::UnderWay);
}

#[tokio::test]
async fn an_answer_follows_its_journal() {
    let (dir, store) = store();
    let index = Index::open(dir.path());
    let status = || index.summaries(&store).unwrap()[1].status.clone();
    assert_eq!(status(), RunStatus::UnderWay);
    let reason = PauseReason::Interrupted;
    let paused = Event::RunPaused(RunPaused { reason: reason.clone() });
    append(&store, &other_run(), paused.clone()).await;
    assert_eq!(status(), RunStatus::Paused { reason: reason.clone(), rolling_back: false });
    let Event::RunStarted(first) = started() else { panic!("it starts a run") };
    let (operator, why) = ("anna@workstation".into(), "why not".into());
    let back = RollbackStarted { operator, reason: why, plan: first.plan };
    append(&store, &other_run(), Event::RollbackStarted(Box::new(back))).await;
    assert_eq!(status(), RunStatus::RollingBack);
    append(&store, &other_run(), paused).await;
    assert_eq!(status(), RunStatus::Paused { reason, rolling_back: true });
    append(&store, &other_run(), finished(Outcome::RolledBack)).await;
    assert!(status().is_finished());
}

#[test]
fn another_journal_of_the_same_length_is_read_anew() {
    let (dir, store) = store();
    let index = Index::open(dir.path());
    index.summaries(&store).unwrap();
    let path = store.journal_path(&run());
    let before = fs::metadata(&path).unwrap().len();
    fs::remove_file(&path).unwrap();
    let other = vec![started(), finished(Outcome::Abandoned)];
    store.create(&run(), timed(other)).map(drop).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), before);
    let status = index.summaries(&store).unwrap()[0].status.to_string();
    assert_eq!(status, "abandoned");
}

#[test]
fn a_rebuilt_index_equals_a_fresh_one() {
    let (dir, store) = store();
    let before = Index::open(dir.path()).summaries(&store).unwrap();
    let index = Index::open(dir.path());
    assert!(index.is_open());
    assert_eq!(index.rebuild(&store).unwrap(), before);
    assert_eq!(index.summaries(&store).unwrap(), before);
    drop(index);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    assert_eq!(Index::open(dir.path()).summaries(&store).unwrap(), before);
    assert_eq!(truth(dir.path(), &store), before);
}

#[test]
fn an_unreadable_run_may_be_an_unfinished_one_of_any_cluster() {
    let (dir, store) = store();
    let index = Index::open(dir.path());
    let unfinished = |uid| {
        let runs = index.unfinished(&store, uid).unwrap();
        runs.into_iter().map(|summary| summary.run).collect::<Vec<_>>()
    };
    assert_eq!(unfinished(UID), [other_run()]);
    assert_eq!(unfinished("another"), []);
    fs::write(store.journal_path(&run()), b"").unwrap();
    assert_eq!(unfinished("another"), [run()]);
}

#[test]
fn whatever_is_done_to_its_files_the_answers_stay() {
    let (dir, store) = store();
    let expected = Index::open(dir.path()).summaries(&store).unwrap();
    let database = dir.path().join("index/db");
    let good = fs::read(&database).unwrap();
    let spread = (0..good.len()).step_by(good.len() / 40);
    for at in (0..40).chain(spread) {
        let mut bad = good.clone();
        bad[at] ^= 0x55;
        fs::write(&database, bad).unwrap();
        let index = Index::open(dir.path());
        assert_eq!(index.summaries(&store).unwrap(), expected, "byte {at}");
    }
}

#[test]
fn an_index_that_cannot_be_opened_is_moved_aside_and_made_anew() {
    let (dir, store) = store();
    let expected = Index::open(dir.path()).summaries(&store).unwrap();
    fs::write(dir.path().join("index/snap.0000000000000FFF"), b"nonsense").unwrap();
    let index = Index::open(dir.path());
    assert!(index.is_open());
    assert!(dir.path().join("index.unusable").exists());
    assert_eq!(index.summaries(&store).unwrap(), expected);
}

#[test]
fn an_unfinished_snapshot_is_removed_before_opening() {
    let (dir, store) = store();
    let expected = Index::open(dir.path()).summaries(&store).unwrap();
    let torn = dir.path().join("index/snap.0000000000000FFF.generating");
    fs::write(&torn, b"torn").unwrap();
    let index = Index::open(dir.path());
    assert!(index.is_open() && !torn.exists());
    assert!(!dir.path().join("index.unusable").exists());
    assert_eq!(index.summaries(&store).unwrap(), expected);
}
