//! What kup has left on a simulated machine: the format that the head of `node/leftovers.sh` promises.

use std::fmt::Write;
use std::path::Path;

use super::machine::{AttemptState, Machine, OwnerRecord};
use super::{asks, files};
use crate::digest::sha256;
pub(super) use crate::host::BACKUPS;
use crate::host::Reply;
use crate::script::{self, Script};

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
            writeln!(text, "sha256:{path}={}", sha256(&bytes)).ok();
        }
    }
    text
}

/// Whether somebody wants to read copies that a machine keeps.
pub(super) fn is_of_copies(script: &Script) -> bool {
    let is_copy = |path: &String| path.starts_with(BACKUPS);
    script.name == script::READ_FILES.0 && script.args.first().is_some_and(is_copy)
}

/// Returns a tar of copies that a machine keeps.
pub(super) fn read(dir: &Path, node: &str, paths: &[String]) -> Reply {
    let mut builder = tar::Builder::new(Vec::new());
    let there = paths.iter().filter(|path| files::kept_path(dir, node, path).is_file());
    let added = there.into_iter().try_for_each(|path| {
        let file = files::kept_path(dir, node, path);
        builder.append_path_with_name(file, path.trim_start_matches('/'))
    });
    match added.and_then(|()| builder.into_inner()) {
        Ok(stdout) => Reply { status: 0, stdout, stderr: String::new() },
        Err(error) => asks::failed(1, error.to_string()),
    }
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
