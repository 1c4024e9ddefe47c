//! Which blobs the entries of a run name, and which of them nothing needs any more.

use std::collections::{BTreeMap, BTreeSet};

use kup_core::event::{Backup, Entry, Event};
use kup_core::id::{BlobId, Seq};

/// What an entry says of a blob: where it says so, and the length where it knows it.
pub(crate) type Named = BTreeMap<BlobId, (Seq, Option<u64>)>;

/// Returns all blobs that entries name.
pub(crate) fn named(entries: &[Entry]) -> Named {
    let mut named = Named::new();
    for entry in entries {
        let backups = backups(&entry.event).map(|(blob, size)| (blob, Some(size)));
        let outputs = output(&entry.event).map(|blob| (blob, None));
        for (blob, size) in backups.chain(outputs) {
            named.entry(blob.clone()).or_insert((entry.seq, size));
        }
    }
    named
}

/// Returns the blobs, with their sizes, that only the backups of a run are kept for: not the outputs of its commands.
#[must_use]
pub fn backup_blobs(entries: &[Entry]) -> Vec<(BlobId, u64)> {
    let outputs: BTreeSet<&BlobId> = entries.iter().filter_map(|it| output(&it.event)).collect();
    let all: BTreeMap<&BlobId, u64> = entries.iter().flat_map(|it| backups(&it.event)).collect();
    let only = all.into_iter().filter(|(blob, _)| !outputs.contains(blob));
    only.map(|(blob, size)| (blob.clone(), size)).collect()
}

/// Returns the blobs that may be gone, because an entry says that nothing needs the backups any more.
pub(crate) fn freed(entries: &[Entry]) -> BTreeSet<BlobId> {
    let frees = |it: &Entry| matches!(it.event, Event::RunCommitted(_) | Event::BackupsFreed(_));
    let all = if entries.iter().any(frees) { backup_blobs(entries) } else { Vec::new() };
    all.into_iter().map(|(blob, _)| blob).collect()
}

/// Returns the backups that an event names; not those whose bytes are on their node only.
fn backups(event: &Event) -> impl Iterator<Item = (&BlobId, u64)> {
    let is_here = |it: &&Backup| !matches!(event, Event::StepPrepared(prepared) if prepared.is_only_on_node(&it.blob));
    blobs_of(event).0.iter().filter(is_here).map(|backup| (&backup.blob, backup.size))
}

fn output(event: &Event) -> Option<&BlobId> {
    blobs_of(event).1
}

/// Returns the backups and the output that an event names.
fn blobs_of(event: &Event) -> (&[Backup], Option<&BlobId>) {
    match event {
        Event::StepPrepared(prepared) => (&prepared.backups, None),
        Event::AttemptEnded(ended) => (&[], ended.output.as_ref()),
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::GateChecked(_)
        | Event::GateIgnored(_)
        | Event::StepObserved(_)
        | Event::AttemptStarted(_)
        | Event::AttemptSettled(_)
        | Event::RetryScheduled(_)
        | Event::StepCompleted(_)
        | Event::StepSkipped(_)
        | Event::StepBlocked(_)
        | Event::RunPaused(_)
        | Event::OperatorDecided(_)
        | Event::RollbackStarted(_)
        | Event::RollbackLimited(_)
        | Event::UndoPlanned(_)
        | Event::RunFinished(_)
        | Event::RunCommitted(_)
        | Event::BackupsFreed(_)
        | Event::BackupsGuarded(_)
        | Event::Opaque(_) => (&[], None),
    }
}
