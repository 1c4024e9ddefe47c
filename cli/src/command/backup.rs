//! `kup backup list|show|verify`: the backups that runs have kept. Changes nothing.

use crate::args::{Backup, Global, OfRun};
use crate::catalogue::{self, Proof, Proven, prove};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::backup::{Contents, kept_table, proofs_table, show};
use crate::wiring::Session;

pub(super) async fn run(global: &Global, args: &Backup) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    match args {
        Backup::List(of) => list(global, &session, of),
        Backup::Show { backup } => show_one(global, &session, backup).await,
        Backup::Verify(of) => verify(global, &session, of).await,
    }
}

fn list(global: &Global, session: &Session, of: &OfRun) -> Result<Exit, CliError> {
    let all = catalogue::kept(session, of.run.as_deref())?;
    output::print_lines(global.output, &all, || kept_table(&all))?;
    Ok(Exit::Done)
}

async fn show_one(global: &Global, session: &Session, given: &str) -> Result<Exit, CliError> {
    let copies = catalogue::named(session, given)?;
    let mut shown = Vec::new();
    for kept in copies {
        let (proof, bytes) = prove(session, &kept).await;
        let path = session.store.blobs(&kept.run).path(&kept.id);
        shown.push(Contents::of(kept, proof, (&path, &bytes)));
    }
    let damaged = shown.iter().any(|it| it.proof != Proof::Good);
    output::print_lines(global.output, &shown, || shown.iter().map(show).collect())?;
    Ok(exit(damaged))
}

async fn verify(global: &Global, session: &Session, of: &OfRun) -> Result<Exit, CliError> {
    let mut all = Vec::new();
    for kept in catalogue::kept(session, of.run.as_deref())? {
        let (proof, _) = prove(session, &kept).await;
        all.push(Proven { kept, proof });
    }
    let damaged = all.iter().any(|it| it.proof != Proof::Good);
    output::print_lines(global.output, &all, || proofs_table(&all))?;
    Ok(exit(damaged))
}

fn exit(damaged: bool) -> Exit {
    if damaged { Exit::Damaged } else { Exit::Done }
}
