//! `kup export RUN FILE.tar`: a run's journal and blobs as one file, for `kup import` on another machine. Everything is read and checked first.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use kup_core::guard::Guard;
use kup_core::id::RunId;
use kup_store::Foreign;

use crate::args::{Export, Global};
use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::wiring::Session;

pub(super) fn run(global: &Global, args: &Export) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let whole = Foreign::read(&session.run_dir(&run))?;
    let to = args.to.display();
    let failed =
        |e: &io::Error| CliError::unchanged(Exit::Usage, format!("cannot make {to}")).because(e);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.to);
    let file = file.map_err(|e| failed(&e).hint("name a file that is not there yet"))?;
    write(file, &args.to, &whole)
        .map_err(|e| failed(&e).state(format!("{to} is not whole; remove it")))?;
    tell!("Run {run} is in {to}: {} blobs. {}", whole.blobs().count(), held(&session, &run)?);
    tell!("On the other machine: `kup import {to}`");
    Ok(Exit::Done)
}

/// Says what secrets the file holds.
fn held(session: &Session, run: &RunId) -> Result<&'static str, CliError> {
    Ok(match session.read(run)?.0.guard {
        Guard::Plain => "It holds keys of the cluster.",
        Guard::Encrypted { .. } => "The keys of the cluster in it are encrypted.",
        Guard::OnNodes => "It holds no keys of the cluster; those backups are on their nodes only.",
    })
}

fn write(file: File, path: &Path, run: &Foreign) -> io::Result<()> {
    let mut builder = tar::Builder::new(file);
    let name = run.run();
    append(&mut builder, &format!("{name}/journal"), (run.journal().len() as u64, run.journal()))?;
    for (blob, path) in run.blobs() {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        append(&mut builder, &format!("{name}/blobs/{blob}"), (length, file))?;
    }
    builder.into_inner()?.sync_all()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn append(
    builder: &mut tar::Builder<File>,
    name: &str,
    (length, bytes): (u64, impl io::Read),
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o600);
    header.set_size(length);
    builder.append_data(&mut header, name, bytes)
}
