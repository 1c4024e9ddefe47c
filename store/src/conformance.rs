//! What every journal must do, whatever it is made of. A new kind of journal implements [`Place`] and passes
//! [`check_journals`]; new blobs pass [`check_blobs`]. What only files can suffer is tested with the files.

use std::fmt::Debug;

use kup_core::clock::Timestamp;
use kup_core::event::{Entry, Event, Opaque, RunResumed};
use kup_core::id::{Epoch, InvalidId, RunId};
use kup_core::journal::{AppendError, BlobError, Blobs, Journal, NewEntry, Whole};
use thiserror::Error;

use crate::error::StoreError;
use crate::file_journal::FileJournal;
use crate::memory::{MemoryJournal, MemoryStore};
use crate::store::Store;
use crate::walk::History;

/// Says which rule is broken.
#[derive(Debug, Error)]
#[error("broken: {rule} ({found})")]
pub struct Broken {
    rule: &'static str,
    found: String,
}

/// Where journals are kept.
pub trait Place {
    /// The journals that are kept here.
    type Journal: Journal;

    /// Begins a run; see [`Store::create`].
    ///
    /// # Errors
    /// See there.
    fn create(
        &self,
        run: &RunId,
        first: Vec<NewEntry>,
    ) -> Result<(Self::Journal, Vec<Entry>), StoreError>;

    /// Takes a run over; see [`Store::resume`].
    ///
    /// # Errors
    /// See there.
    fn resume(&self, run: &RunId) -> Result<(Self::Journal, History), StoreError>;

    /// Reads a run; see [`Store::read`].
    ///
    /// # Errors
    /// See there.
    fn read(&self, run: &RunId) -> Result<History, StoreError>;
}

impl Place for Store {
    type Journal = FileJournal;

    fn create(
        &self,
        run: &RunId,
        first: Vec<NewEntry>,
    ) -> Result<(FileJournal, Vec<Entry>), StoreError> {
        Self::create(self, run, first)
    }

    fn resume(&self, run: &RunId) -> Result<(FileJournal, History), StoreError> {
        Self::resume(self, run)
    }

    fn read(&self, run: &RunId) -> Result<History, StoreError> {
        Self::read(self, run)
    }
}

impl Place for MemoryStore {
    type Journal = MemoryJournal;

    fn create(
        &self,
        run: &RunId,
        first: Vec<NewEntry>,
    ) -> Result<(MemoryJournal, Vec<Entry>), StoreError> {
        Self::create(self, run, first)
    }

    fn resume(&self, run: &RunId) -> Result<(MemoryJournal, History), StoreError> {
        Self::resume(self, run)
    }

    fn read(&self, run: &RunId) -> Result<History, StoreError> {
        Self::read(self, run)
    }
}

/// Checks every rule in a place that has no runs yet.
///
/// # Errors
/// The first rule that is broken.
pub async fn check_journals(place: &impl Place) -> Result<(), Broken> {
    entries_get_dense_places(place).await?;
    a_resumed_run_has_all_entries_and_a_higher_epoch(place).await?;
    a_live_run_can_be_read_and_not_taken(place).await?;
    runs_do_not_mix(place).await?;
    a_refused_group_leaves_nothing_and_ends_the_journal(place).await?;
    names_are_unique_and_known(place)
}

/// Checks every rule of blobs.
///
/// # Errors
/// The first rule that is broken.
pub async fn check_blobs(blobs: &impl Blobs) -> Result<(), Broken> {
    let rule = "a blob comes back as it was put, under its SHA-256";
    let empty = blobs.put(b"").await.map_err(failed(rule))?;
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    same(rule, &empty.as_str(), &digest)?;
    let large = vec![7; 1 << 20];
    let id = blobs.put(&large).await.map_err(failed(rule))?;
    same(rule, &blobs.put(&large).await.map_err(failed(rule))?, &id)?;
    holds(rule, blobs.get(&id).await.map_err(failed(rule))? == large, "other bytes")?;
    pieces_make_the_same_blob(blobs).await?;
    secrets_have_the_same_name(blobs).await?;
    let rule = "a blob that was never put is missing";
    let unknown = "0".repeat(64).parse().map_err(failed(rule))?;
    match (blobs.get(&unknown).await, blobs.verify(&unknown).await) {
        (Err(BlobError::Missing(_)), Err(BlobError::Missing(_))) => Ok(()),
        other => Err(broken(rule, &other)),
    }
}

async fn pieces_make_the_same_blob(blobs: &impl Blobs) -> Result<(), Broken> {
    let rule = "a blob that came in pieces is the same as one that came at once";
    let whole: Vec<u8> = (0..=250).cycle().take(2_500_000).collect();
    let mut writer = blobs.begin().await.map_err(failed(rule))?;
    for piece in whole.chunks(300_000) {
        writer.write(piece).await.map_err(failed(rule))?;
    }
    let id = writer.finish().await.map_err(failed(rule))?;
    same(rule, &blobs.verify(&id).await.map_err(failed(rule))?, &Whole::Read(2_500_000))?;
    holds(rule, blobs.get(&id).await.map_err(failed(rule))? == whole, "other bytes")?;
    same(rule, &blobs.put(&whole).await.map_err(failed(rule))?, &id)?;
    let mut reader = blobs.open(&id).await.map_err(failed(rule))?;
    let mut read = Vec::new();
    while let Some(piece) = reader.next().await.map_err(failed(rule))? {
        read.extend(piece);
    }
    holds(rule, read == whole, "other bytes come in pieces")?;
    let none = blobs.begin().await.map_err(failed(rule))?.finish().await.map_err(failed(rule))?;
    same(rule, &blobs.verify(&none).await.map_err(failed(rule))?, &Whole::Read(0))
}

/// Of blobs that have what opens what they keep.
async fn secrets_have_the_same_name(blobs: &impl Blobs) -> Result<(), Broken> {
    let rule = "a secret comes back as it was put, under its own SHA-256";
    holds(rule, blobs.takes_secrets(), "no secret is taken")?;
    for secret in [&b""[..], b"a key", &[5; 300_000]] {
        let id = blobs.put_secret(secret).await.map_err(failed(rule))?;
        holds(rule, blobs.get(&id).await.map_err(failed(rule))? == secret, "other bytes")?;
        let length = Whole::Read(secret.len() as u64);
        same(rule, &blobs.verify(&id).await.map_err(failed(rule))?, &length)?;
        same(rule, &blobs.put(secret).await.map_err(failed(rule))?, &id)?;
    }
    Ok(())
}

async fn entries_get_dense_places(place: &impl Place) -> Result<(), Broken> {
    let rule = "entries are counted from 1 without gaps and keep what they were given";
    let (mut journal, mut entries) = begin(rule, place, "20260101-dense00")?;
    entries.extend(journal.append(vec![entry(2), entry(3)]).await.map_err(failed(rule))?);
    same(rule, &entries.iter().map(|e| e.seq.0).collect::<Vec<_>>(), &vec![1, 2, 3])?;
    let given = vec![entry(1), entry(2), entry(3)];
    same(rule, &entries.into_iter().map(without_place).collect::<Vec<_>>(), &given)?;
    let none = journal.append(Vec::new()).await.map_err(failed(rule))?;
    same(rule, &none, &Vec::new())
}

async fn a_resumed_run_has_all_entries_and_a_higher_epoch(
    place: &impl Place,
) -> Result<(), Broken> {
    let rule = "a resumed run has all its entries, and a higher epoch";
    let (mut journal, mut entries) = begin(rule, place, "20260101-resume0")?;
    same(rule, &journal.epoch(), &Epoch(1))?;
    entries.extend(journal.append(vec![entry(2)]).await.map_err(failed(rule))?);
    drop(journal);
    let (mut journal, history) = place.resume(&run("20260101-resume0")?).map_err(failed(rule))?;
    same(rule, &history, &History { entries, torn_bytes: 0 })?;
    same(rule, &journal.epoch(), &Epoch(2))?;
    let added = journal.append(vec![entry(3)]).await.map_err(failed(rule))?;
    same(rule, &added.iter().map(|e| (e.seq.0, e.epoch.0)).collect::<Vec<_>>(), &vec![(3, 2)])
}

async fn a_live_run_can_be_read_and_not_taken(place: &impl Place) -> Result<(), Broken> {
    let rule = "a live run can be read by others and not be taken over";
    let id = run("20260101-live000")?;
    let (mut journal, mut entries) = begin(rule, place, id.as_str())?;
    entries.extend(journal.append(vec![entry(2)]).await.map_err(failed(rule))?);
    let read = place.read(&id).map_err(failed(rule))?;
    same(rule, &read, &History { entries, torn_bytes: 0 })?;
    let is_refused = matches!(place.resume(&id), Err(StoreError::LockedBy { .. }));
    holds(rule, is_refused, "it was taken over")?;
    drop(journal);
    place.resume(&id).map(drop).map_err(failed(rule))
}

async fn runs_do_not_mix(place: &impl Place) -> Result<(), Broken> {
    let rule = "two runs that write in turn do not see each other";
    let (mut one, _) = begin(rule, place, "20260101-mixone0")?;
    let (mut two, _) = begin(rule, place, "20260101-mixtwo0")?;
    for number in 2..5 {
        one.append(vec![entry(number)]).await.map_err(failed(rule))?;
        two.append(vec![entry(number + 100)]).await.map_err(failed(rule))?;
    }
    let read = place.read(&run("20260101-mixone0")?).map_err(failed(rule))?;
    let read: Vec<NewEntry> = read.entries.into_iter().map(without_place).collect();
    same(rule, &read, &(1..5).map(entry).collect())
}

async fn a_refused_group_leaves_nothing_and_ends_the_journal(
    place: &impl Place,
) -> Result<(), Broken> {
    let rule = "a group that cannot be written leaves nothing, and the journal takes no more";
    let (mut journal, entries) = begin(rule, place, "20260101-refused")?;
    let opaque = Event::Opaque(Opaque { type_id: u16::MAX, type_version: 1 });
    let group = vec![entry(2), NewEntry { event: opaque, ..entry(3) }];
    let refused = journal.append(group).await;
    holds(rule, matches!(refused, Err(AppendError::Unwritable { .. })), "it was taken")?;
    holds(rule, journal.append(vec![entry(2)]).await.is_err(), "it goes on")?;
    drop(journal);
    let (_journal, history) = place.resume(&run("20260101-refused")?).map_err(failed(rule))?;
    same(rule, &history.entries, &entries)
}

fn names_are_unique_and_known(place: &impl Place) -> Result<(), Broken> {
    let rule = "a run begins once, with an entry, and is not resumed before";
    let id = run("20260101-names00")?;
    let is_unknown = matches!(place.resume(&id), Err(StoreError::UnknownRun { .. }));
    holds(rule, is_unknown, "an unknown run was resumed")?;
    let is_refused = matches!(place.create(&id, Vec::new()), Err(StoreError::NoFirstEntry(_)));
    holds(rule, is_refused, "it began without an entry")?;
    begin(rule, place, id.as_str()).map(drop)?;
    let is_refused = matches!(place.create(&id, vec![entry(1)]), Err(StoreError::RunExists(_)));
    holds(rule, is_refused, "it began twice")
}

fn begin<P: Place>(
    rule: &'static str,
    place: &P,
    id: &str,
) -> Result<(P::Journal, Vec<Entry>), Broken> {
    place.create(&run(id)?, vec![entry(1)]).map_err(failed(rule))
}

fn run(id: &str) -> Result<RunId, Broken> {
    id.parse().map_err(|e: InvalidId| broken("a run id of the suite is one", &e))
}

/// Returns an entry that differs from that of every other number.
fn entry(number: i64) -> NewEntry {
    let event = Event::RunResumed(RunResumed {
        kup_version: "0.1.0".into(),
        operator: "anna@workstation".into(),
        reason: format!("entry {number}"),
    });
    NewEntry { time: Timestamp(number), since_boot: number.unsigned_abs(), event }
}

fn without_place(entry: Entry) -> NewEntry {
    NewEntry { time: entry.time, since_boot: entry.since_boot, event: entry.event }
}

fn same<T: PartialEq + Debug>(rule: &'static str, is: &T, should: &T) -> Result<(), Broken> {
    holds(rule, is == should, &format!("it is {is:?} and should be {should:?}"))
}

fn holds(rule: &'static str, is_so: bool, found: &str) -> Result<(), Broken> {
    if is_so { Ok(()) } else { Err(Broken { rule, found: found.into() }) }
}

fn failed<E: Debug>(rule: &'static str) -> impl FnOnce(E) -> Broken {
    move |error| broken(rule, &error)
}

fn broken(rule: &'static str, found: &impl Debug) -> Broken {
    Broken { rule, found: format!("{found:?}") }
}
