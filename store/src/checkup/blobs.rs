//! The blobs of a run: those that its entries name, and those that none does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use kup_core::event::{Entry, Event};
use kup_core::id::{BlobId, RunId, Seq};

use super::journal::Read;
use super::scan::Scan;
use super::{AboutBlob, AboutFolder, RUNS};
use crate::blobs::UNFINISHED;
use crate::hash;

/// What an entry says of a blob: where it says so, and the length where it knows it.
type Named = BTreeMap<BlobId, (Seq, Option<u64>)>;

/// Looks at all blobs that entries name, and at the `kept` files that none names.
pub(super) fn look(scan: &mut Scan, run: &RunId, read: &Read, kept: &[String]) {
    let named = named(&read.entries);
    let (mut count, mut bytes) = (0, 0);
    for (blob, said) in &named {
        let place = blob_place(run, blob);
        scan.rights(&place);
        match hash::of_file(&scan.path(&place)) {
            Ok((sha256, found)) => match doubt(blob, *said, &sha256, found) {
                Some(what) => scan.add(&place, what),
                None => (count, bytes) = (count + 1, bytes + found),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                scan.add(&place, AboutBlob::Missing { seq: said.0 });
            }
            Err(error) => scan.inaccessible(&place, &error),
        }
    }
    if count == named.len() as u64 {
        scan.add(&format!("{RUNS}/{run}/blobs"), AboutBlob::AllThere { count, bytes });
    }
    look_at_unnamed(scan, run, (read, &named), kept);
}

/// Returns where a blob lies, seen from the state directory.
fn blob_place(run: &RunId, blob: &BlobId) -> String {
    format!("{RUNS}/{run}/blobs/{}", blob.as_str())
}

fn doubt(
    blob: &BlobId,
    (seq, recorded): (Seq, Option<u64>),
    sha256: &str,
    found: u64,
) -> Option<AboutBlob> {
    match recorded {
        _ if sha256 != blob.as_str() => Some(AboutBlob::Damaged { seq }),
        Some(recorded) if recorded != found => Some(AboutBlob::Length { seq, recorded, found }),
        Some(_) | None => None,
    }
}

/// Entries that cannot be read may name what those that can do not.
fn look_at_unnamed(scan: &mut Scan, run: &RunId, (read, named): (&Read, &Named), kept: &[String]) {
    let names: BTreeSet<&str> = named.keys().map(BlobId::as_str).collect();
    for name in kept.iter().filter(|name| !names.contains(name.as_str())) {
        let place = format!("{RUNS}/{run}/blobs/{name}");
        let bytes = scan.length(&place);
        if name.starts_with(UNFINISHED) {
            scan.add(&place, AboutBlob::Unfinished { bytes });
        } else if name.parse::<BlobId>().is_err() {
            scan.add(&place, AboutFolder::Unknown);
        } else if read.is_all_known {
            scan.add(&place, AboutBlob::Unnamed { bytes });
        }
    }
}

fn named(entries: &[Entry]) -> Named {
    let mut named = Named::new();
    for entry in entries {
        for (blob, size) in blobs_of(&entry.event) {
            named.entry(blob).or_insert((entry.seq, size));
        }
    }
    named
}

fn blobs_of(event: &Event) -> Vec<(BlobId, Option<u64>)> {
    match event {
        Event::StepPrepared(prepared) => {
            prepared.backups.iter().map(|it| (it.blob.clone(), Some(it.size))).collect()
        }
        Event::AttemptEnded(ended) => {
            ended.output.iter().map(|blob| (blob.clone(), None)).collect()
        }
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::GateChecked(_)
        | Event::GateIgnored(_)
        | Event::RollbackLimited(_)
        | Event::UndoPlanned(_)
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
        | Event::RunFinished(_)
        | Event::Opaque(_) => Vec::new(),
    }
}
