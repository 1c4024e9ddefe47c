//! The scripts that take away what nothing needs any more, on a simulated machine.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use kup_core::clock::Timestamp;

use super::api::COMPONENTS;
use super::asks::{failed, said};
use super::leftovers::BACKUPS;
use super::machine::{Machine, manifest_path};
use super::{SimError, files};
use crate::host::Reply;
use crate::script::{self, Script};

/// Tidies a machine. `dir` is the world's folder.
pub(super) fn answer(
    machine: &mut Machine,
    dir: &Path,
    script: &Script,
) -> Result<Reply, SimError> {
    if script.name == script::FORGET.0 {
        return forget(machine, dir, &script.args);
    }
    if script.name == script::KUBEADM_TMP_REMOVE.0 {
        return Ok(remove(machine, &script.args));
    }
    Err(SimError::NoSuchScript { name: script.name })
}

fn forget(machine: &Machine, dir: &Path, runs: &[String]) -> Result<Reply, SimError> {
    let mut text = String::new();
    for run in runs {
        if run.parse::<kup_core::id::RunId>().is_err() {
            return Ok(failed(64, format!("kup: '{run}' is not a run")));
        }
        let folder = files::kept_path(dir, &machine.name, &format!("{BACKUPS}/{run}"));
        if folder.is_dir() {
            let bytes = size(&folder);
            std::fs::remove_dir_all(&folder).map_err(|e| SimError::io("remove", folder, e))?;
            // Writing to a String does not fail.
            writeln!(text, "freed:{run}={}", bytes.div_ceil(1024)).ok();
        }
    }
    Ok(said(text))
}

const TMP: &str = "/etc/kubernetes/tmp/";
/// How the names of kubeadm's folders begin.
const FOLDERS: [&str; 5] = [
    "kubeadm-backup-etcd",
    "kubeadm-backup-manifests",
    "kubeadm-upgraded-manifests",
    "kubeadm-upgrade-dryrun",
    "kubeadm-kubelet-config",
];

/// Returns what `kubeadm-tmp` prints.
pub(super) fn kubeadm_tmp(machine: &Machine, now: Timestamp) -> String {
    let mut text = String::new();
    for (name, bytes) in folders(machine) {
        let seconds = now.to_utc().timestamp();
        writeln!(text, "folder:{name}={} {seconds}", bytes.div_ceil(1024)).ok();
    }
    text
}

fn folders(machine: &Machine) -> BTreeMap<String, usize> {
    let mut folders = BTreeMap::new();
    for (path, file) in &machine.files {
        let name = path.strip_prefix(TMP).and_then(|rest| rest.split_once('/')).map(|it| it.0);
        if let Some(name) = name.filter(|name| is_kubeadms(name)) {
            *folders.entry(name.to_owned()).or_insert(0) += file.text.len();
        }
    }
    folders
}

fn is_kubeadms(name: &str) -> bool {
    FOLDERS.iter().any(|start| name.starts_with(start))
}

fn remove(machine: &mut Machine, names: &[String]) -> Reply {
    if let Some(owner) = &machine.owner {
        return failed(75, format!("kup: a run owns this node: {}", owner.line()));
    }
    if let Some(name) = names.iter().find(|name| name.contains('/') || !is_kubeadms(name)) {
        return failed(64, format!("kup: '{name}' is not a folder of kubeadm's"));
    }
    if let Some(component) = only_copy(machine, names) {
        return failed(75, format!("kup: there is no {}", manifest_path(&component)));
    }
    let mut text = String::new();
    for (name, bytes) in folders(machine).into_iter().filter(|(name, _)| names.contains(name)) {
        let folder = format!("{TMP}{name}/");
        machine.files.retain(|path, _| !path.starts_with(&folder));
        writeln!(text, "removed:{name}={}", bytes.div_ceil(1024)).ok();
    }
    said(text)
}

/// Returns a component without manifest of which a folder has a copy.
fn only_copy(machine: &Machine, names: &[String]) -> Option<String> {
    let is_copy = |component: &str| {
        let of = |name: &String| format!("{TMP}{name}/{component}.yaml");
        let manifests = names.iter().filter(|name| name.starts_with("kubeadm-backup-manifests"));
        manifests.map(of).any(|copy| machine.files.contains_key(&copy))
    };
    let missing =
        COMPONENTS.into_iter().filter(|it| !machine.files.contains_key(&manifest_path(it)));
    missing.map(str::to_owned).find(|component| is_copy(component))
}

fn size(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|it| it.len()).sum()
}
