//! One run: its folder, its lock, its journal, and what lies beside it.

use kup_core::id::RunId;

use super::AboutBlob;
use super::scan::Scan;
use super::{AboutFolder, AboutJournal, RUNS, blobs, journal};

/// Looks at a run.
pub(super) fn look(scan: &mut Scan, run: &RunId) {
    let folder = format!("{RUNS}/{run}");
    scan.rights(&folder);
    let names = scan.names(&folder);
    // What is listed before the journal is read is named by it, unless nothing names it.
    let kept = scan.names(&format!("{folder}/blobs"));
    for name in names.iter().filter(|name| *name != "sim") {
        scan.rights(&format!("{folder}/{name}"));
    }
    let is_live = scan.lock(&format!("{folder}/lock")).is_some();
    if !names.iter().any(|name| name == "journal") {
        if !is_live {
            scan.add(&folder, AboutJournal::Unborn);
        }
        return;
    }
    let read = journal::look(scan, run, is_live);
    names.iter().for_each(|name| look_beside(scan, &folder, name));
    if let Some(read) = read {
        blobs::look(scan, run, &read, if is_live { &[] } else { &kept });
    }
}

/// Looks at what may lie beside a journal.
fn look_beside(scan: &mut Scan, folder: &str, name: &str) {
    let place = format!("{folder}/{name}");
    match name {
        "journal" | "lock" | "blobs" | "sim" => {}
        "journal.new" => {
            let bytes = scan.length(&place);
            scan.add(&place, AboutBlob::Unfinished { bytes });
        }
        _ if name.starts_with("journal.torn.") || name.starts_with("journal.damaged.") => {
            let bytes = scan.length(&place);
            scan.add(&place, AboutJournal::SetAside { bytes });
        }
        _ => scan.add(&place, AboutFolder::Unknown),
    }
}
