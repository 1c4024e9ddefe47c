//! A simulated machine's files as archives: what `read-files` prints, what a pre-image holds, and how files come back from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::api::COMPONENTS;
use super::machine::{KUBELET_CONFIG, Machine, StoredFile, manifest_path};
use super::swap;

/// The most that a pre-image may hold when it is read.
const MAX_PREIMAGE: u64 = 64 << 20;

/// What the kubelet does not start without.
const KUBELET_FILES: [&str; 2] = [KUBELET_CONFIG, "/var/lib/kubelet/kubeadm-flags.env"];

/// What happens to files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FileAct {
    /// Puts manifests that are missing, kubelet files that are empty and key pairs that do not match back from a pre-image.
    PutBack {
        preimage: String,
    },
    /// Puts everything below these paths back from a pre-image and removes the rest there.
    Restore {
        preimage: String,
        paths: Vec<String>,
    },
    /// Replaces a file in one rename.
    Put {
        path: String,
        text: String,
        mode: u32,
    },
    Remove {
        path: String,
    },
    /// Puts a manifest that is missing back from kubeadm's newest copy.
    PutBackCopy {
        component: String,
    },
    /// Puts static pods back as a pre-image has them, one after the other, then files.
    SwapBack {
        preimage: String,
        components: Vec<String>,
        files: Vec<String>,
    },
    /// Waits until a component's container runs as its manifest says.
    AwaitPod {
        component: String,
        left: u32,
    },
}

/// Returns what the script `put-back` does.
pub(super) fn put_back_copies(components: &[String]) -> Vec<Act> {
    let copy = |component: &String| FileAct::PutBackCopy { component: component.clone() };
    components.iter().map(copy).map(Act::File).collect()
}

/// Returns what the script `restore-files` does.
pub(super) fn restore_files(args: &[String]) -> Vec<Act> {
    let Some((preimage, paths)) = args.split_first() else { return vec![Act::Exit(64)] };
    let (preimage, paths) = (preimage.clone(), paths.to_vec());
    vec![Act::File(FileAct::Restore { preimage, paths })]
}

impl FileAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::PutBack { .. } | Self::Restore { .. } => 20,
            Self::Put { .. } | Self::PutBackCopy { .. } => 10,
            Self::Remove { .. } => 5,
            Self::SwapBack { .. } => 20,
            Self::AwaitPod { .. } => 30,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::PutBack { preimage } => put_back(machine, reach, preimage),
            Self::Restore { preimage, paths } => restore(machine, reach, preimage, paths),
            Self::Put { path, text, mode } => {
                let file = StoredFile { text: text.clone(), mode: *mode };
                machine.files.insert(path.clone(), file);
                reach.say(format!("put back {path}"));
                Then::Next
            }
            Self::PutBackCopy { component } => put_back_copy(machine, reach, component),
            Self::SwapBack { preimage, components, files } => {
                swap::swap(machine, reach, preimage, (components, files))
            }
            Self::AwaitPod { component, left } => swap::await_pod(machine, reach, component, *left),
            Self::Remove { path } => {
                machine.files.remove(path);
                reach.say(format!("removed {path}"));
                Then::Next
            }
        }
    }
}

fn put_back_copy(machine: &mut Machine, reach: &mut Reach<'_>, component: &str) -> Then {
    let path = manifest_path(component);
    if machine.files.contains_key(&path) {
        return Then::Next;
    }
    let name = format!("/{component}.yaml");
    let mut copies = machine.files.iter().filter(|(path, _)| {
        path.starts_with("/etc/kubernetes/tmp/kubeadm-backup-manifests-") && path.ends_with(&name)
    });
    let Some((_, copy)) = copies.next_back() else {
        reach.say(format!("there is no copy of {component}.yaml below /etc/kubernetes/tmp"));
        return Then::Exit(65);
    };
    let copy = copy.clone();
    reach.say(format!("put {path} back"));
    machine.files.insert(path, copy);
    Then::Next
}

/// Returns where bytes that a node keeps really lie.
pub(super) fn kept_path(dir: &Path, node: &str, path: &str) -> PathBuf {
    dir.join("disk").join(node).join(path.trim_start_matches('/'))
}

/// Keeps bytes for a machine, write-once. The caller holds the world's lock.
pub(super) fn keep(dir: &Path, node: &str, path: &str, bytes: &[u8]) -> io::Result<()> {
    let kept = kept_path(dir, node, path);
    if kept.exists() {
        return Ok(());
    }
    fs::create_dir_all(kept.parent().unwrap_or(dir))?;
    let new = dir.join("kept.new");
    fs::write(&new, bytes)?;
    fs::rename(&new, &kept)
}

fn put_back(machine: &Machine, reach: &mut Reach<'_>, preimage: &str) -> Then {
    let missing = COMPONENTS.into_iter().map(manifest_path);
    let mut paths: Vec<String> = missing.filter(|path| !machine.files.contains_key(path)).collect();
    let is_empty = |path: &&str| machine.text(path).is_none_or(str::is_empty);
    paths.extend(KUBELET_FILES.into_iter().filter(is_empty).map(str::to_owned));
    for base in machine.pairs().into_iter().filter(|base| !machine.pair_matches(base)) {
        paths.extend([format!("{base}.key"), format!("{base}.crt")]);
    }
    if paths.is_empty() {
        return Then::Next;
    }
    let kept = match read(reach.dir, &machine.name, preimage) {
        Ok(kept) => kept,
        Err(error) => return unreadable(reach, preimage, &error),
    };
    let puts = paths.iter().filter_map(|path| Some(put(path, kept.get(path)?)));
    Then::First(puts.collect())
}

fn restore(machine: &Machine, reach: &mut Reach<'_>, preimage: &str, paths: &[String]) -> Then {
    let kept = match read(reach.dir, &machine.name, preimage) {
        Ok(kept) => kept,
        Err(error) => return unreadable(reach, preimage, &error),
    };
    let asked = |path: &str| paths.iter().any(|asked| is_below(path, asked));
    let differs = |(path, file): &(&String, &StoredFile)| machine.files.get(*path) != Some(*file);
    let puts = kept.iter().filter(|(path, _)| asked(path)).filter(differs);
    let puts = puts.map(|(path, file)| put(path, file));
    let extra = machine.files.keys().filter(|path| asked(path) && !kept.contains_key(*path));
    let removals = extra.map(|path| Act::File(FileAct::Remove { path: path.clone() }));
    Then::First(puts.chain(removals).collect())
}

pub(super) fn put(path: &str, file: &StoredFile) -> Act {
    Act::File(FileAct::Put { path: path.to_owned(), text: file.text.clone(), mode: file.mode })
}

pub(super) fn unreadable(reach: &mut Reach<'_>, preimage: &str, error: &io::Error) -> Then {
    reach.say(format!("cannot read the pre-image {preimage}: {error}"));
    Then::Exit(66)
}

fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads a pre-image that the machine keeps.
pub(super) fn read(
    dir: &Path,
    node: &str,
    preimage: &str,
) -> io::Result<BTreeMap<String, StoredFile>> {
    let file = fs::File::open(kept_path(dir, node, preimage))?;
    let mut archive = tar::Archive::new(file.take(MAX_PREIMAGE));
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = format!("/{}", entry.path()?.display());
            let mode = entry.header().mode()?;
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            files.insert(path, StoredFile { text, mode });
        }
    }
    Ok(files)
}

/// Returns a tar of the files below the given paths, folders included, missing ones left out.
pub(super) fn archive(machine: &Machine, paths: &[String]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for asked in paths {
        for (path, file) in machine.files.iter().filter(|(path, _)| is_below(path, asked)) {
            for folder in folders_between(asked, path) {
                if folders.insert(folder.clone()) {
                    append_folder(&mut builder, &folder)?;
                }
            }
            append_file(&mut builder, path, file)?;
        }
    }
    builder.into_inner()
}

/// Returns the folders from the one that was asked for down to a file's own.
fn folders_between(asked: &str, path: &str) -> Vec<String> {
    let asked = Path::new(asked.trim_end_matches('/'));
    let above = Path::new(path).ancestors().skip(1).take_while(|folder| folder.starts_with(asked));
    let mut folders: Vec<String> = above.map(|folder| folder.display().to_string()).collect();
    folders.reverse();
    folders
}

fn append_folder(builder: &mut tar::Builder<Vec<u8>>, path: &str) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    builder.append_data(&mut header, format!("{}/", path.trim_start_matches('/')), io::empty())
}

fn append_file(
    builder: &mut tar::Builder<Vec<u8>>,
    path: &str,
    file: &StoredFile,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(file.mode);
    header.set_size(u64::try_from(file.text.len()).unwrap_or(u64::MAX));
    builder.append_data(&mut header, path.trim_start_matches('/'), file.text.as_bytes())
}
