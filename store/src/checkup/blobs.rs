//! The blobs of a run: those that its entries name, and those that none does.

use std::collections::BTreeSet;
use std::io;

use kup_core::id::{BlobId, RunId, Seq};

use super::journal::Read;
use super::scan::Scan;
use super::{AboutBlob, AboutFolder, RUNS};
use crate::blobs::UNFINISHED;
use crate::hash;
use crate::named::{Named, freed, named};

/// Looks at all blobs that entries name, and at the `kept` files that none names.
pub(super) fn look(scan: &mut Scan, run: &RunId, read: &Read, kept: &[String]) {
    let (mut named, freed) = (named(&read.entries), freed(&read.entries));
    for blob in &freed {
        named.remove(blob);
        look_at_freed(scan, run, blob, kept);
    }
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
    let known = |name: &&String| !freed.iter().any(|blob| blob.as_str() == *name);
    let kept: Vec<&String> = kept.iter().filter(known).collect();
    look_at_unnamed(scan, run, (read, &named), &kept);
}

/// One that may be gone is no finding where it is.
fn look_at_freed(scan: &mut Scan, run: &RunId, blob: &BlobId, kept: &[String]) {
    if kept.iter().any(|name| name == blob.as_str()) {
        let place = blob_place(run, blob);
        scan.rights(&place);
        let bytes = scan.length(&place);
        scan.add(&place, AboutBlob::Freed { bytes });
    }
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
fn look_at_unnamed(scan: &mut Scan, run: &RunId, (read, named): (&Read, &Named), kept: &[&String]) {
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
