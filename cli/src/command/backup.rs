//! `kup backup list|show|verify`: the backups that runs have kept. Changes nothing.

use crate::args::{Backup, Global, OfRun, Verify};
use crate::catalogue::{self, Proof, Proven, ask_nodes, prove, read};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::backup::{Contents, kept_table, proofs_table, show};
use crate::wiring::Session;

mod create;
mod kubeadm_tmp;
mod prune;
mod restore;

pub(super) async fn run(global: &Global, args: &Backup) -> Result<Exit, CliError> {
    let session = || Session::open(global);
    match args {
        Backup::List(of) => list(global, &session()?, of),
        Backup::Show { backup, identity } => {
            show_one(global, &Session::open_with(global, identity)?, backup).await
        }
        Backup::Create(args) => create::run(global, args).await,
        Backup::Restore(args) => restore::run(global, args).await,
        Backup::Prune(args) => prune::run(global, args).await,
        Backup::Verify(args) => {
            verify(global, &Session::open_with(global, &args.identity)?, args).await
        }
    }
}

fn list(global: &Global, session: &Session, of: &OfRun) -> Result<Exit, CliError> {
    let all = catalogue::kept(session, of.run.as_deref())?;
    output::print_lines(global.output, &all.kept, || kept_table(&all.kept))?;
    Ok(all.finish())
}

async fn show_one(global: &Global, session: &Session, given: &str) -> Result<Exit, CliError> {
    let copies = catalogue::named(session, given)?;
    let mut shown = Vec::new();
    for kept in copies {
        let (proof, bytes) = read(session, &kept).await;
        let path = session.blobs(&kept.run).path(&kept.id);
        shown.push(Contents::of(kept, proof, (&path, &bytes)));
    }
    let as_kept = [Proof::Good, Proof::Sealed, Proof::OnlyOnNode];
    let damaged = shown.iter().any(|it| !as_kept.contains(&it.proof));
    output::print_lines(global.output, &shown, || shown.iter().map(show).collect())?;
    Ok(exit(damaged))
}

async fn verify(global: &Global, session: &Session, args: &Verify) -> Result<Exit, CliError> {
    let catalogue = catalogue::kept(session, args.of.run.as_deref())?;
    let mut all = Vec::new();
    for kept in &catalogue.kept {
        let proof = prove(session, kept).await;
        let node_proof = if kept.on_node.is_some() { Proof::NotAsked } else { Proof::None };
        all.push(Proven { kept: kept.clone(), proof, node_proof });
    }
    if args.nodes {
        ask_nodes(session, &mut all).await;
    }
    output::print_lines(global.output, &all, || proofs_table(&all))?;
    let unreadable = catalogue.finish();
    Ok(if unreadable == Exit::Done { worst(&all) } else { unreadable })
}

/// Bytes that are gone are worse than a node that does not answer.
fn worst(all: &[Proven]) -> Exit {
    let lost = |proof: &Proof| matches!(proof, Proof::Damaged | Proof::Missing);
    let silent = |proof: &Proof| matches!(proof, Proof::Unreadable(_));
    if all.iter().any(|it| lost(&it.proof) || silent(&it.proof) || lost(&it.node_proof)) {
        Exit::Damaged
    } else if all.iter().any(|it| silent(&it.node_proof)) {
        Exit::Ssh
    } else {
        Exit::Done
    }
}

fn exit(damaged: bool) -> Exit {
    if damaged { Exit::Damaged } else { Exit::Done }
}
