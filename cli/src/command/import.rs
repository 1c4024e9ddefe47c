//! `kup import FOLDER|FILE.tar`: brings in the run of another machine, copied as a folder or exported as a tar. `kup export` is in its own file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use kup_core::event::RunStarted;
use kup_core::id::RunId;
use kup_core::state::RunState;
use kup_store::{Foreign, ImportError, Imported, is_file_name};

use crate::args::{Global, Import};
use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::render::show;
use crate::system::new_run_id;
use crate::wiring::{Session, discard};

pub(super) fn run(global: &Global, args: &Import) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    if args.from.is_dir() {
        return import(&session, &args.from);
    }
    let scratch = new_run_id(session.clock.now());
    let scratch = scratch
        .map_err(|e| CliError::unchanged(Exit::Unexpected, "cannot name this").because(&e))?;
    let folder = session.state_dir.join(format!("import-{scratch}"));
    let imported = unpack(&args.from, &folder)
        .map_err(|e| {
            let message = format!("cannot unpack {}", args.from.display());
            CliError::unchanged(Exit::Usage, message).because(&e).hint(
                "name the folder of a run, as <state dir>/runs/RUN, or what `kup export` has made",
            )
        })
        .and_then(|()| import(&session, &folder));
    discard(&folder);
    imported
}

fn import(session: &Session, folder: &Path) -> Result<Exit, CliError> {
    let foreign = Foreign::read(folder)?;
    let run = foreign.run().clone();
    if foreign.torn_bytes() > 0 {
        tell!(
            "{} bytes at its end are an entry that was never acknowledged; they are left out.",
            foreign.torn_bytes()
        );
    }
    let imported = session.store.import(&foreign)?;
    let n_blobs = foreign.blobs().count();
    let (state, entries) = session.read(&run)?;
    match imported {
        Imported::New => tell!(
            "Run {run} is here: {} entries and {n_blobs} blobs, all as they were written.",
            entries.len()
        ),
        Imported::Extended => tell!(
            "Run {run} goes on where it ended here: it has {} entries and {n_blobs} blobs now.",
            entries.len()
        ),
        Imported::Equal => {
            tell!("Run {run} is here already, just as it is there. Nothing was changed.");
        }
        Imported::Older => {
            tell!("Run {run} is here already, and longer than there. Nothing was changed.");
        }
    }
    next(&run, &state);
    Ok(Exit::Done)
}

/// Says what can be done with the run here, and what it still needs.
fn next(run: &RunId, state: &RunState) {
    tell!("It {}. Next: kup show {run}", show::status(state));
    for command in show::next_commands(run, state) {
        tell!("  or {command}");
    }
    for needed in missing(&state.started) {
        tell!("It needs {needed}, which is not on this machine.");
    }
    if !state.is_finished() {
        tell!("Make sure that no kup on the other machine goes on with it.");
    }
}

/// Returns the files that the run is reached with and that are not here.
fn missing(started: &RunStarted) -> Vec<String> {
    let reach = &started.reach;
    let is_sim = reach.kind == "sim";
    let kubeconfigs = std::env::split_paths(&reach.cluster).filter(|_| !is_sim);
    let identity = Some(PathBuf::from(&reach.ssh_identity));
    let identity = identity.filter(|path| !path.as_os_str().is_empty());
    let paths = kubeconfigs.chain(identity);
    paths.filter(|path| !path.exists()).map(|path| path.display().to_string()).collect()
}

/// Unpacks the journal and the blobs of one run, and nothing else, into a folder of ours.
fn unpack(tar: &Path, folder: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(File::open(tar)?);
    let private = |path: &Path| DirBuilder::new().mode(0o700).create(path);
    private(folder)?;
    private(&folder.join("blobs"))?;
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(place) = place(&entry.path()?) else { continue };
        let path = folder.join(place);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        io::copy(&mut entry, &mut file)?;
    }
    Ok(())
}

/// Returns where a file of a run goes: its journal, or one of its blobs; one folder around them is left away.
fn place(path: &Path) -> Option<PathBuf> {
    let names: Vec<&str> = path
        .components()
        .filter(|it| *it != Component::CurDir)
        .map(|it| if let Component::Normal(name) = it { name.to_str() } else { None })
        .collect::<Option<_>>()?;
    match names.as_slice() {
        ["journal"] | [_, "journal"] => Some("journal".into()),
        ["blobs", blob] | [_, "blobs", blob] => {
            is_file_name(blob).then(|| Path::new("blobs").join(blob))
        }
        _ => None,
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        let made = |exit, error: &dyn std::error::Error| {
            let made = Self::unchanged(exit, error.to_string());
            error
                .source()
                .map_or_else(|| Self::unchanged(exit, error.to_string()), |it| made.because(it))
        };
        match error {
            ImportError::Store(error) => (*error).into(),
            ImportError::Unreadable { .. } => made(Exit::Usage, &error)
                .hint("name the folder of a run, as <state dir>/runs/RUN, or what `kup export` has made"),
            ImportError::Damaged { .. } => made(Exit::Damaged, &error)
                .hint("copy it again; where it is damaged on its own machine, `kup doctor` there says what can be done"),
            ImportError::OtherHistory { ref run, .. } => made(Exit::Usage, &error)
                .hint(format!("keep both; with --state-dir another directory can take the other one; `kup show {run}` tells what is here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_journal_and_blobs_have_a_place() {
        let blob = "ab".repeat(32);
        for (path, to) in [
            ("journal", "journal".to_owned()),
            ("./20261123-aaaaaaa/journal", "journal".to_owned()),
            (&format!("blobs/{blob}"), format!("blobs/{blob}")),
            (&format!("x/blobs/{blob}"), format!("blobs/{blob}")),
            (&format!("blobs/{blob}.{blob}.age"), format!("blobs/{blob}.{blob}.age")),
        ] {
            assert_eq!(place(Path::new(path)), Some(to.into()), "{path}");
        }
        for path in
            ["../journal", "/journal", "lock", "a/b/journal", "blobs/x", "blobs/../journal", ""]
        {
            assert_eq!(place(Path::new(path)), None, "{path}");
        }
    }
}
