//! What kup has left on a simulated machine: the format that the head of `node/leftovers.sh` promises.

use std::fmt::Write;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::files;
use super::machine::{AttemptState, Machine, OwnerRecord};

/// Where a machine keeps what kup gives it.
pub(super) const BACKUPS: &str = "/var/lib/kup/backups";

/// Returns the lines. `dir` is the world's folder.
pub(super) fn text(machine: &Machine, dir: &Path) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    writeln!(text, "owner={}", machine.owner.as_ref().map(OwnerRecord::line).unwrap_or_default())
        .ok();
    for (key, attempt) in &machine.attempts {
        if matches!(attempt.state, AttemptState::Running(_)) {
            writeln!(text, "unit:{}=active", unit(key)).ok();
        }
        let trace = match &attempt.state {
            AttemptState::Running(_) => "running",
            AttemptState::Ended(_) => "ended",
            AttemptState::Lost(_) => "lost",
        };
        writeln!(text, "intent:{key}={}\nattempt:{key}={trace}", attempt.intent).ok();
    }
    for (run, kib) in backups(machine, dir) {
        writeln!(text, "backups:{run}={kib}").ok();
    }
    text
}

/// Returns the hashes of copies that a machine keeps: the format that the head of `node/kept.sh` promises.
pub(super) fn hashes(dir: &Path, node: &str, paths: &[String]) -> String {
    let mut text = String::new();
    for path in paths {
        if let Ok(bytes) = std::fs::read(files::kept_path(dir, node, path)) {
            writeln!(text, "sha256:{path}={}", hex(&Sha256::digest(&bytes))).ok();
        }
    }
    text
}

/// Returns the SHA-256 of bytes in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the name of an attempt's unit: `kup-RUN-STEP-N`.
fn unit(key: &str) -> String {
    let (run, name) = key.split_once('/').unwrap_or((key, ""));
    let (step, attempt) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("kup-{run}-{step}-{attempt}")
}

fn backups(machine: &Machine, dir: &Path) -> Vec<(String, u64)> {
    let folder = files::kept_path(dir, &machine.name, BACKUPS);
    let Ok(runs) = std::fs::read_dir(folder) else { return Vec::new() };
    let size = |run: &Path| {
        let files = std::fs::read_dir(run).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|it| it.len()).sum::<u64>()
    };
    let named = |run: std::fs::DirEntry| {
        (run.file_name().to_string_lossy().into_owned(), size(&run.path()).div_ceil(1024))
    };
    let mut backups: Vec<_> = runs.flatten().map(named).collect();
    backups.sort();
    backups
}
