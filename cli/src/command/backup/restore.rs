//! `kup backup restore BACKUP`: writes what is in a backup into a new folder of this machine, for people. Nothing is put onto a node: that is
//! `kup rollback`.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use kup_core::journal::Blobs;

use crate::args::{Global, Restore};
use crate::catalogue::{self, Kept, Proof, read};
use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::render::backup::runbook;
use crate::unpack::{Contents, Kind, unpack};
use crate::wiring::Session;

/// The name of a snapshot's file.
const SNAPSHOT: &str = "snapshot.db";

pub(super) async fn run(global: &Global, args: &Restore) -> Result<Exit, CliError> {
    let session = Session::open_with(global, &args.identity)?;
    let copies = catalogue::named(&session, &args.backup)?;
    let copies = of_cluster(copies, args)?;
    let (kept, bytes) = good(&session, &copies).await?;
    if kept.kind == catalogue::Kind::EtcdSnapshot && args.file.is_empty() {
        return snapshot(&session, &kept, &folder(args, &kept)).await;
    }
    let refused =
        |why: String| CliError::unchanged(Exit::Damaged, "cannot unpack the backup").cause(why);
    let mut contents = unpack(&kept.what, bytes).map_err(refused)?;
    let missing = contents.only(&args.file);
    if let Some(path) = missing.first() {
        let message = format!("backup {} has no /{}", kept.short(), path.display());
        return Err(CliError::unchanged(Exit::Usage, message)
            .hint(format!("`kup backup show {}` names what is in it", kept.short())));
    }
    let folder = folder(args, &kept);
    write(&folder, &contents)?;
    report(&kept, &folder, &contents);
    Ok(Exit::Done)
}

fn folder(args: &Restore, kept: &Kept) -> PathBuf {
    let default = || PathBuf::from(format!("kup-backup-{}", kept.short()));
    args.to.clone().unwrap_or_else(default)
}

/// Refuses copies of another cluster than the one that is meant.
fn of_cluster(copies: Vec<Kept>, args: &Restore) -> Result<Vec<Kept>, CliError> {
    let Some(meant) = &args.of_cluster else { return Ok(copies) };
    let is_meant = |kept: &Kept| kept.cluster == *meant || kept.endpoint == *meant;
    let found = copies.first().map(|kept| kept.endpoint.clone()).unwrap_or_default();
    let copies: Vec<Kept> = copies.into_iter().filter(is_meant).collect();
    if copies.is_empty() {
        let message =
            format!("backup {} is of the cluster at {found}, not of {meant}", args.backup);
        return Err(CliError::unchanged(Exit::Usage, message));
    }
    Ok(copies)
}

/// Returns the first copy whose bytes are as they were kept.
async fn good(session: &Session, copies: &[Kept]) -> Result<(Kept, Vec<u8>), CliError> {
    let (mut why, mut are_sealed) = (Vec::new(), true);
    for kept in copies {
        let path = session.blobs(&kept.run).path(&kept.id);
        match read(session, kept).await {
            (Proof::Good, bytes) => return Ok((kept.clone(), bytes)),
            (Proof::OnlyOnNode, _) => return Err(only_on_node(kept)),
            (proof, _) => {
                are_sealed &= proof == Proof::Sealed;
                why.push(format!("{}: {proof:?}", path.display()));
            }
        }
    }
    if are_sealed {
        let message = "the backup is encrypted, and no identity was given that opens it";
        let error = CliError::unchanged(Exit::Usage, message)
            .hint("`--backup-identity FILE` names an age identity or a private key of SSH");
        return Err(why.into_iter().fold(error, CliError::cause));
    }
    let message = "the backup cannot be believed: its bytes are not those that were kept";
    let error = CliError::unchanged(Exit::Damaged, message)
        .hint("`kup backup verify --nodes` says whether its node has a good copy");
    Err(why.into_iter().fold(error, CliError::cause))
}

fn only_on_node(kept: &Kept) -> CliError {
    let place = kept.on_node.as_deref().unwrap_or_default();
    let message = format!("the backup is on its node only, in {place} on {}", kept.target);
    CliError::unchanged(Exit::Usage, message).hint(format!(
        "`kup rollback {}` uses it there; `kup backup verify {} --nodes` asks whether it is whole",
        kept.run, kept.run
    ))
}

/// Writes a snapshot of etcd, which may not fit into memory.
async fn snapshot(session: &Session, kept: &Kept, folder: &Path) -> Result<Exit, CliError> {
    let path = folder.join(SNAPSHOT);
    let failed = |e: &dyn std::error::Error| {
        CliError::new(Exit::Unexpected, format!("cannot write {}", path.display()))
            .because(e)
            .state(format!("{} has only a part of the backup", folder.display()))
    };
    let mut pieces = session.blobs(&kept.run).open(&kept.id).await.map_err(|e| failed(&e))?;
    make_folder(folder)?;
    let mut file = create(&path).map_err(|e| failed(&e))?;
    while let Some(piece) = pieces.next().await.map_err(|e| failed(&e))? {
        file.write_all(&piece).map_err(|e| failed(&e))?;
    }
    file.sync_all().map_err(|e| failed(&e))?;
    let contents = Contents {
        files: BTreeMap::from([(PathBuf::from(SNAPSHOT), Vec::new())]),
        links: Vec::new(),
        kind: Kind::Whole,
    };
    report(kept, folder, &contents);
    Ok(Exit::Done)
}

/// Writes everything into a folder that must not be there yet; for its owner only.
fn write(folder: &Path, contents: &Contents) -> Result<(), CliError> {
    make_folder(folder)?;
    for (path, content) in &contents.files {
        let path = folder.join(path);
        write_file(&path, content).map_err(|e| {
            CliError::new(Exit::Unexpected, format!("cannot write {}", path.display()))
                .because(&e)
                .state(format!("{} has only a part of the backup", folder.display()))
        })?;
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), CliError> {
    DirBuilder::new().mode(0o700).create(folder).map_err(|e| {
        CliError::unchanged(Exit::Usage, format!("cannot make the folder {}", folder.display()))
            .because(&e)
            .hint("name a folder that is not there yet with --to")
    })
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().mode(0o700).recursive(true).create(parent)?;
    }
    let mut file = create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn report(kept: &Kept, folder: &Path, contents: &Contents) {
    tell!(
        "{} files of backup {} ({}, taken {} in run {} of the cluster at {}) are in {}.",
        contents.files.len(),
        kept.short(),
        kept.target,
        kept.taken,
        kept.run,
        kept.endpoint,
        folder.display()
    );
    for (link, to) in &contents.links {
        tell!("The link {link} to {to} was not made.");
    }
    match contents.kind {
        Kind::Files => tell!(
            "They hold keys. Modes and owners are not those of the node; `kup rollback {}` puts files back.",
            kept.run
        ),
        Kind::Objects => {
            tell!("They are as the API showed them: compare before anything is applied.");
        }
        Kind::Whole => {
            contents.files.keys().for_each(|file| tell!("{}", runbook(&folder.join(file))));
        }
    }
}
