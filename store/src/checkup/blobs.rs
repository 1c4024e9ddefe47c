//! The blobs of a run: those that its entries name, and those that none does.

use std::io;

use kup_core::id::{BlobId, RunId, Seq};

use super::journal::Read;
use super::scan::Scan;
use super::{AboutBlob, AboutFolder, RUNS};
use crate::blobs::{UNFINISHED, sealed};
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
        // Of several encrypted files of one blob any one is enough.
        let name = files_of(blob, kept).last().cloned().unwrap_or_else(|| blob.to_string());
        let place = file_place(run, &name);
        scan.rights(&place);
        match hash::of_file(&scan.path(&place)) {
            Ok((sha256, found)) => match doubt(&name, *said, &sha256, found) {
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
    let known = |name: &&String| !blob_of(name).is_some_and(|blob| freed.contains(&blob));
    let kept: Vec<&String> = kept.iter().filter(known).collect();
    look_at_unnamed(scan, run, (read, &named), &kept);
}

/// One that may be gone is no finding where it is.
fn look_at_freed(scan: &mut Scan, run: &RunId, blob: &BlobId, kept: &[String]) {
    for name in files_of(blob, kept) {
        let place = file_place(run, name);
        scan.rights(&place);
        let bytes = scan.length(&place);
        scan.add(&place, AboutBlob::Freed { bytes });
    }
}

/// Returns the blob that a file of this name holds.
fn blob_of(name: &str) -> Option<BlobId> {
    sealed::of_name(name).map(|(blob, _)| blob)
}

fn files_of<'a>(
    blob: &'a BlobId,
    kept: &'a [String],
) -> impl DoubleEndedIterator<Item = &'a String> {
    // The plain one is the first, and the one that counts.
    let plain = kept.iter().filter(|name| *name == blob.as_str());
    let is_sealed = |name: &&String| *name != blob.as_str() && blob_of(name).as_ref() == Some(blob);
    kept.iter().filter(is_sealed).chain(plain)
}

/// Returns where the file of a blob lies, seen from the state directory.
fn file_place(run: &RunId, name: &str) -> String {
    format!("{RUNS}/{run}/blobs/{name}")
}

fn doubt(
    name: &str,
    (seq, recorded): (Seq, Option<u64>),
    sha256: &str,
    found: u64,
) -> Option<AboutBlob> {
    let (blob, promised) = sealed::of_name(name)?;
    match recorded {
        _ if sha256 != promised.as_str() => Some(AboutBlob::Damaged { seq }),
        // What was encrypted is longer than it was.
        Some(recorded) if recorded != found && blob == promised => {
            Some(AboutBlob::Length { seq, recorded, found })
        }
        Some(_) | None => None,
    }
}

/// Entries that cannot be read may name what those that can do not.
fn look_at_unnamed(scan: &mut Scan, run: &RunId, (read, named): (&Read, &Named), kept: &[&String]) {
    let is_named = |name: &str| blob_of(name).is_some_and(|blob| named.contains_key(&blob));
    for name in kept.iter().filter(|name| !is_named(name)) {
        let place = format!("{RUNS}/{run}/blobs/{name}");
        let bytes = scan.length(&place);
        if name.starts_with(UNFINISHED) {
            scan.add(&place, AboutBlob::Unfinished { bytes });
        } else if blob_of(name).is_none() {
            scan.add(&place, AboutFolder::Unknown);
        } else if read.is_all_known {
            scan.add(&place, AboutBlob::Unnamed { bytes });
        }
    }
}
