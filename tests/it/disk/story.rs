//! What happens on the disk: a run is begun, written, killed in the middle of a write, taken over, healed, written again and finished.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kup_core::clock::Timestamp;
use kup_core::event::{
    Backup, Event, Outcome, RunFinished, RunResumed, StepCompleted, StepPrepared,
};
use kup_core::id::{BlobId, RunId, StepId};
use kup_core::journal::{Blobs, Journal, NewEntry};
use kup_store::{FileJournal, Store, StoreError};

use super::sim::SimDisk;
use super::witness::{Trouble, Witness};

/// Where the store is.
pub(super) const STATE_DIR: &str = "/state";

/// The beginning of a frame, as a process leaves it that is killed in the middle of a write.
const TORN: &[u8] = b"\x89KUP\x01\x01\x0a";

pub(super) fn run() -> RunId {
    "20261123-k3f9x2a".parse().unwrap()
}

pub(super) fn journal_path() -> PathBuf {
    Path::new(STATE_DIR).join("runs").join(run().as_str()).join("journal")
}

/// The whole story, as far as the disk allows.
pub(super) async fn story(disk: &SimDisk, witness: &mut Witness) -> Result<(), Trouble> {
    first_process(disk, witness).await?;
    disk.tear(&journal_path(), TORN);
    next_process(disk, witness).await?;
    last_process(disk, witness).await
}

async fn first_process(disk: &SimDisk, witness: &mut Witness) -> Result<(), Trouble> {
    disk.phase("beginning a run");
    let store = open(disk)?;
    let mut journal = begin(&store, witness)?;
    disk.phase("appending");
    append(&mut journal, witness, vec![completed("one", 10)]).await?;
    append(&mut journal, witness, vec![completed("two", 10), completed("three", 300)]).await?;
    disk.phase("keeping a blob");
    back_up(&store, &mut journal, witness, &[7; 600]).await?;
    disk.phase("appending");
    append(&mut journal, witness, vec![completed("four", 3000), completed("five", 10)]).await
}

/// What every process does that finds a disk: looks, takes the run over or begins it, and goes on.
pub(super) async fn next_process(disk: &SimDisk, witness: &mut Witness) -> Result<(), Trouble> {
    disk.phase("resuming");
    let store = open(disk)?;
    let mut journal = match store.read(&run()) {
        Err(StoreError::UnknownRun { .. }) if !witness.is_born => begin(&store, witness)?,
        Err(StoreError::UnknownRun { .. }) => {
            return Err(Trouble::Broken("a run that was acknowledged is not there".into()));
        }
        Err(error) => return Err(Trouble::of_store(&error)),
        Ok(history) => {
            witness.check(&history)?;
            take_over(&store, witness)?
        }
    };
    disk.phase("appending");
    append(&mut journal, witness, vec![resumed(), completed("six", 10)]).await?;
    disk.phase("keeping a blob");
    back_up(&store, &mut journal, witness, b"secret").await?;
    witness.check_blobs(&store.blobs(&run())).await
}

async fn last_process(disk: &SimDisk, witness: &mut Witness) -> Result<(), Trouble> {
    disk.phase("resuming");
    let store = open(disk)?;
    let mut journal = take_over(&store, witness)?;
    disk.phase("finishing");
    let reason = String::new();
    let finished = Event::RunFinished(RunFinished { outcome: Outcome::Succeeded, reason });
    append(&mut journal, witness, vec![entry(finished)]).await?;
    if store.runs().map_err(|e| Trouble::of_store(&e))? != [run()] {
        return Err(Trouble::Broken("the run is not in the list".into()));
    }
    Ok(())
}

/// What an operator does with a journal whose last entry is damaged, once the nodes have said that nothing came of it.
pub(super) fn set_aside(disk: &SimDisk) -> Result<(), Trouble> {
    let repair = open(disk)?.repair(&run()).map_err(|e| Trouble::of_store(&e))?;
    repair.set_aside().map(drop).map_err(|e| Trouble::of_store(&e))
}

/// What a process does that only looks.
pub(super) async fn read_all(disk: &SimDisk, witness: &Witness) -> Result<(), Trouble> {
    let store = open(disk)?;
    witness.check(&store.read(&run()).map_err(|e| Trouble::of_store(&e))?)?;
    witness.check_blobs(&store.blobs(&run())).await
}

fn open(disk: &SimDisk) -> Result<Store, Trouble> {
    Store::on(Arc::new(disk.clone()), Path::new(STATE_DIR)).map_err(|e| Trouble::of_store(&e))
}

fn begin(store: &Store, witness: &mut Witness) -> Result<FileJournal, Trouble> {
    let first = vec![resumed(), completed("zero", 10)];
    witness.under_way.clone_from(&first);
    let (journal, entries) = store.create(&run(), first).map_err(|e| Trouble::of_store(&e))?;
    witness.acknowledge(entries);
    Ok(journal)
}

fn take_over(store: &Store, witness: &mut Witness) -> Result<FileJournal, Trouble> {
    match store.resume(&run()) {
        Ok((journal, history)) => witness.believe(&history).map(|()| journal),
        Err(StoreError::UnknownRun { .. }) if witness.is_born => {
            Err(Trouble::Broken("a run that was acknowledged is not there".into()))
        }
        Err(error) => Err(Trouble::of_store(&error)),
    }
}

async fn append(
    journal: &mut FileJournal,
    witness: &mut Witness,
    new: Vec<NewEntry>,
) -> Result<(), Trouble> {
    witness.under_way.clone_from(&new);
    let entries = journal.append(new).await.map_err(|e| Trouble::refused(&e))?;
    witness.acknowledge(entries);
    Ok(())
}

/// Keeps bytes, and then names them in an entry.
async fn back_up(
    store: &Store,
    journal: &mut FileJournal,
    witness: &mut Witness,
    bytes: &[u8],
) -> Result<(), Trouble> {
    let blob = store.blobs(&run()).put(bytes).await.map_err(|e| Trouble::refused(&e))?;
    witness.blobs.push((blob.clone(), bytes.to_vec()));
    // Larger ones come in pieces.
    let refused = |e| Trouble::refused(&e);
    let whole = [bytes, b" in pieces"].concat();
    let mut writer = store.blobs(&run()).begin().await.map_err(refused)?;
    for piece in whole.chunks(100) {
        writer.write(piece).await.map_err(refused)?;
    }
    let in_pieces = writer.finish().await.map_err(refused)?;
    witness.blobs.push((in_pieces, whole));
    append(journal, witness, vec![prepared(blob)]).await
}

fn step() -> StepId {
    "kubelet-restart.cp-1".parse().unwrap()
}

fn entry(event: Event) -> NewEntry {
    NewEntry { time: Timestamp(1_795_415_000_000_000_000), since_boot: 1, event }
}

fn resumed() -> NewEntry {
    let (kup_version, operator) = ("0.1.0".into(), "anna@workstation".into());
    entry(Event::RunResumed(RunResumed { kup_version, operator, reason: String::new() }))
}

fn completed(name: &str, length: usize) -> NewEntry {
    let evidence = format!("{name} {}", "x".repeat(length));
    entry(Event::StepCompleted(StepCompleted { step: step(), evidence, left: Vec::new() }))
}

fn prepared(blob: BlobId) -> NewEntry {
    let backups = vec![Backup { what: "kubelet.conf".into(), blob, size: 600 }];
    entry(Event::StepPrepared(StepPrepared { step: step(), notes: Vec::new(), backups }))
}
