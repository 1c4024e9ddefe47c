//! What was found in the state directory.

use std::path::Path;

use kup_store::Irreparable;
use kup_store::checkup::{
    AboutBlob, AboutFolder, AboutIndex, AboutJournal, AboutLock, Condition, Finding,
};

use super::{Line, count};
use crate::render::size;

/// Returns a finding as a line; `None` for one that says nothing but that all is as always.
pub(crate) fn line(state_dir: &Path, finding: &Finding, is_verbose: bool) -> Option<Line> {
    let place = finding.place.display().to_string();
    let shown = if place.is_empty() { ".".to_owned() } else { place.clone() };
    let run = finding.run.as_ref().map(ToString::to_string).unwrap_or_default();
    let path = match place.is_empty() {
        true => state_dir.display().to_string(),
        false => state_dir.join(&finding.place).display().to_string(),
    };
    let line = match &finding.what {
        Condition::Lock(AboutLock::Free { .. }) | Condition::Index(AboutIndex::Absent)
            if !is_verbose =>
        {
            return None;
        }
        Condition::Folder(what) => folder(what, &path, place.is_empty()),
        Condition::Journal(what) => journal(what, &run, &path),
        Condition::Blob(what) => blob(what, &run),
        Condition::Lock(what) => lock(what),
        Condition::Index(what) => index(what, &run, &path),
    };
    Some(line.at(shown))
}

fn folder(what: &AboutFolder, path: &str, is_root: bool) -> Line {
    let keep_out = format!("`chmod go-rwx {path}`");
    match what {
        AboutFolder::NoStateDirectory => Line::note("it is not there yet"),
        AboutFolder::Private => Line::ok("it belongs to you, and is for you only"),
        AboutFolder::Symlink => Line::note("a symbolic link, and kup makes none")
            .remedy("make sure that it leads to a disk that keeps what was synced"),
        AboutFolder::OthersCanWrite { mode } => {
            Line::problem(format!("other users can write to it (mode {mode:o})")).remedy(keep_out)
        }
        AboutFolder::OthersCanRead { mode } if is_root => {
            Line::note(format!("other users can look into it (mode {mode:o})")).remedy(keep_out)
        }
        AboutFolder::OthersCanRead { mode } => {
            Line::problem(format!("other users can read it (mode {mode:o})")).remedy(keep_out)
        }
        AboutFolder::OtherOwner { uid } => Line::problem(format!("it belongs to user {uid}"))
            .remedy("run kup as one user always, or `chown` what is here"),
        AboutFolder::Inaccessible { why } => {
            Line::problem(format!("it cannot be looked at: {why}"))
        }
        AboutFolder::Unknown => Line::note("kup makes nothing of this name"),
        AboutFolder::Scratch => {
            Line::note("a `kup plan` or `kup import` is at work, or was killed")
                .remedy(format!("`rm -r {path}`, if none is at work"))
        }
    }
}

fn journal(what: &AboutJournal, run: &str, path: &str) -> Line {
    match what {
        AboutJournal::Whole { entries, bytes, status } => {
            let entries = count(usize::try_from(*entries).unwrap_or(usize::MAX), "entry");
            let (entries, bytes) = (entries.replace("entrys", "entries"), size(*bytes));
            Line::ok(format!("{entries}, {bytes}, the chain holds; {status}"))
        }
        AboutJournal::Torn { bytes, is_live: true, .. } => {
            Line::ok(format!("an entry is being written ({} so far)", size(*bytes)))
        }
        AboutJournal::Torn { offset, bytes, is_live: false } => Line::note(format!(
            "it ends inside an entry that was never acknowledged ({} from byte {offset} on)",
            size(*bytes)
        ))
        .remedy("whoever takes the run over sets them aside"),
        AboutJournal::Damaged { offset, seq, what, irreparable } => {
            let line = Line::damage(format!("damaged at byte {offset} (entry {seq}): {what}"));
            match irreparable {
                None => line.remedy(format!(
                    "`kup doctor {run} --repair` asks the nodes whether anything came of it, and sets it aside if not"
                )),
                Some(Irreparable::Newer) => line.remedy("look with the newest kup that was used"),
                Some(why) => line.remedy(format!(
                    "it cannot be set aside: {why}; put {path} back from a copy, and keep what is there now"
                )),
            }
        }
        AboutJournal::Illegal { why } => Line::damage(why.clone())
            .remedy("kup does not go on with this run; keep a copy and report it"),
        AboutJournal::Newer { seq, type_id, type_version } => Line::note(format!(
            "entry {seq} is of a newer kup (type {type_id}, version {type_version})"
        ))
        .remedy("go on with the kup that wrote it"),
        AboutJournal::Unborn => Line::note("a run that was not born; nothing came of it")
            .remedy(format!("`rm -r {path}`, if no `kup start` is at work")),
        AboutJournal::SetAside { bytes } => {
            Line::ok(format!("{} that were set aside and are kept", size(*bytes)))
        }
    }
}

fn blob(what: &AboutBlob, run: &str) -> Line {
    let copy = format!(
        "a rollback that needs it will stop; its node may have a copy in /var/lib/kup/backups/{run}"
    );
    match what {
        AboutBlob::AllThere { count: n, bytes } => {
            let blobs = count(usize::try_from(*n).unwrap_or(usize::MAX), "blob");
            Line::ok(format!("{blobs}, {}, as their names say", size(*bytes)))
        }
        AboutBlob::Missing { seq } => {
            Line::damage(format!("it is missing, and entry {seq} names it")).remedy(copy)
        }
        AboutBlob::Damaged { seq } => Line::damage(format!(
            "its bytes are not those that entry {seq} names: they have another SHA-256"
        ))
        .remedy(copy),
        AboutBlob::Length { seq, recorded, found } => {
            let (recorded, found) = (size(*recorded), size(*found));
            Line::damage(format!("it has {found}, and entry {seq} says {recorded}"))
        }
        AboutBlob::Unnamed { bytes } => Line::note(format!(
            "no entry names it ({}): its process was killed before it wrote one; harmless",
            size(*bytes)
        )),
        AboutBlob::Freed { bytes } => Line::note(format!(
            "a backup that nothing needs any more ({}): removing it was broken off",
            size(*bytes)
        ))
        .remedy("`kup backup prune` removes it"),
        AboutBlob::Unfinished { bytes } => {
            Line::note(format!("a killed process left it unfinished ({})", size(*bytes)))
                .remedy("whoever takes the run over removes it; `kup doctor RUN --clean` does when the run is over".replace("RUN", run))
        }
    }
}

fn lock(what: &AboutLock) -> Line {
    match what {
        AboutLock::Held { holder } => Line::ok(format!("held by {holder}")),
        AboutLock::Free { last } => Line::ok(format!("free; the last to hold it was {last}")),
    }
}

fn index(what: &AboutIndex, run: &str, path: &str) -> Line {
    let rebuild = "`kup doctor --rebuild-index` makes it anew; nothing is lost by it";
    match what {
        AboutIndex::Agrees { runs } => {
            let runs = count(usize::try_from(*runs).unwrap_or(usize::MAX), "run");
            Line::ok(format!("it says of {runs} what the journals say"))
        }
        AboutIndex::Absent => Line::ok("there is none yet"),
        AboutIndex::InUse { holder } => {
            Line::note(format!("it was not looked at: {holder} has it"))
        }
        AboutIndex::Unusable => Line::note("it cannot be opened").remedy(rebuild),
        AboutIndex::Wrong => {
            Line::problem(format!("what it says of run {run} is not what the journal says"))
                .remedy(rebuild)
        }
        AboutIndex::MovedAside => Line::note("an index that could not be opened, moved aside")
            .remedy(format!("`rm -r {path}`, if nobody wants to know why")),
    }
}
