//! Backups as tables. Their contents are named and never shown: they hold keys.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::doctor::size;
use super::table;
use crate::catalogue::{Kept, Proof, Proven};

/// Returns the list of backups.
pub(crate) fn kept_table(all: &[Kept]) -> String {
    if all.is_empty() {
        return "There are no backups yet.\n".to_owned();
    }
    let row = |kept: &Kept| {
        let mut row = place(kept);
        row.push(kept.what.clone());
        row
    };
    table(&["BACKUP", "TAKEN (UTC)", "RUN", "STEP", "SIZE", "OF"], all.iter().map(row).collect())
}

fn place(kept: &Kept) -> Vec<String> {
    vec![
        kept.short().to_owned(),
        kept.taken.to_utc().format("%Y-%m-%d %H:%M:%S").to_string(),
        kept.run.to_string(),
        kept.step.to_string(),
        size(kept.size),
    ]
}

/// Returns what became of the bytes of each backup, and how many are as they were.
pub(crate) fn proofs_table(all: &[Proven]) -> String {
    if all.is_empty() {
        return "There are no backups yet.\n".to_owned();
    }
    let row = |it: &Proven| {
        let mut row = place(&it.kept);
        row.push(word(&it.proof));
        row
    };
    let mut text = table(
        &["BACKUP", "TAKEN (UTC)", "RUN", "STEP", "SIZE", "BYTES"],
        all.iter().map(row).collect(),
    );
    let good = all.iter().filter(|it| it.proof == Proof::Good).count();
    let _ = writeln!(text, "{good} of {} are as they were kept", all.len());
    if good < all.len() {
        text += "A rollback refuses ConfigMaps that are not; files it takes from the copies on the nodes, which were not looked at: `kup backup show BACKUP` says where\n";
    }
    text
}

fn word(proof: &Proof) -> String {
    match proof {
        Proof::Good => "good".to_owned(),
        Proof::Damaged => "DAMAGED".to_owned(),
        Proof::Missing => "MISSING".to_owned(),
        Proof::Unreadable(why) => format!("UNREADABLE: {why}"),
    }
}

/// One backup with the names of what is in it.
#[derive(Debug, Serialize)]
pub(crate) struct Contents {
    #[serde(flatten)]
    kept: Kept,
    /// Where its bytes are on this machine.
    path: PathBuf,
    pub(crate) proof: Proof,
    /// Files with their sizes, or names of objects.
    holds: Vec<String>,
}

impl Contents {
    pub(crate) fn of(kept: Kept, proof: Proof, (path, bytes): (&Path, &[u8])) -> Self {
        let holds = files(bytes).or_else(|| objects(bytes)).unwrap_or_default();
        Self { kept, path: path.to_owned(), proof, holds }
    }
}

/// Names the files of a tar.
fn files(bytes: &[u8]) -> Option<Vec<String>> {
    let mut archive = tar::Archive::new(bytes);
    let mut names = Vec::new();
    for entry in archive.entries().ok()? {
        let entry = entry.ok()?;
        if entry.header().entry_type().is_file() {
            let path = entry.path().ok()?.display().to_string();
            names.push(format!("/{} ({})", path.trim_start_matches('/'), size(entry.size())));
        }
    }
    (!names.is_empty()).then_some(names)
}

/// Names the ConfigMaps, which are kept as one object of objects.
fn objects(bytes: &[u8]) -> Option<Vec<String>> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let name = |(name, value): (&String, &serde_json::Value)| match value.is_null() {
        true => format!("{name} (there was none)"),
        false => name.clone(),
    };
    Some(value.as_object()?.iter().map(name).collect())
}

/// Returns one backup as text.
pub(crate) fn show(shown: &Contents) -> String {
    let Contents { kept, path, proof, holds } = shown;
    let on_node = match &kept.on_node {
        Some(path) => format!("{path} on {}", kept.target),
        None => "none".to_owned(),
    };
    let lines = [
        ("Backup", kept.id.to_string()),
        ("Of", kept.what.clone()),
        ("Taken (UTC)", kept.taken.to_utc().format("%Y-%m-%d %H:%M:%S").to_string()),
        ("Run", format!("{} from {} to {}", kept.run, kept.from, kept.to)),
        ("Before step", kept.step.to_string()),
        ("Size", size(kept.size)),
        ("Here", format!("{}: {}", path.display(), word(proof))),
        ("On its node", on_node),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{:<13}{value}", format!("{name}:"));
    }
    for held in holds {
        let _ = writeln!(text, "  {held}");
    }
    text
}
