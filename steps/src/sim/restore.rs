//! A restore of etcd on a simulated machine: the scripts `restore-prepare`, `restore-stop`, `restore-swap` and `restore-start`, and what
//! `restore-state` and `etcdutl` answer. A member's data are a file: the image that a snapshot holds. While there is none, the machine has the
//! data that the cluster has.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::agenda::sha256;
use super::api::{Api, COMPONENTS};
use super::etcd_storage;
use super::files::{self, FileAct, kept_path, put, read, unreadable};
use super::machine::{Machine, StoredFile, manifest_path};
use super::told::{Lines, yes_no};
use crate::digest;

/// How often a script looks for a container to come or to go.
const LOOKS: u32 = 100;
/// The length of the hash behind a snapshot's image.
const HASH: usize = 32;
/// Where a member's data are, once they are not the cluster's.
pub(super) const DATA: &str = "/var/lib/etcd/member";

/// What a restore does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RestoreAct {
    Prepare { run: String, args: Vec<String> },
    Stop { run: String, component: String },
    AwaitGone { component: String, left: u32 },
    Swap { run: String, snapshot: String },
    Start { run: String, preimage: String, component: String },
}

/// Returns what one of the scripts does.
pub(super) fn prepare(args: &[String]) -> Vec<Act> {
    let Some((run, args)) = args.split_first() else { return vec![Act::Exit(64)] };
    vec![Act::Restore(RestoreAct::Prepare { run: run.clone(), args: args.to_vec() })]
}

pub(super) fn stop(args: &[String]) -> Vec<Act> {
    let Some((run, components)) = args.split_first() else { return vec![Act::Exit(64)] };
    let stop = |it: &String| RestoreAct::Stop { run: run.clone(), component: it.clone() };
    let gone = |it: &String| RestoreAct::AwaitGone { component: it.clone(), left: LOOKS };
    components.iter().map(stop).chain(components.iter().map(gone)).map(Act::Restore).collect()
}

pub(super) fn swap(args: &[String]) -> Vec<Act> {
    let [run, snapshot] = args else { return vec![Act::Exit(64)] };
    vec![Act::Restore(RestoreAct::Swap { run: run.clone(), snapshot: snapshot.clone() })]
}

pub(super) fn start(args: &[String]) -> Vec<Act> {
    let [run, preimage, components @ ..] = args else { return vec![Act::Exit(64)] };
    let start = |component: &String| {
        let (run, preimage) = (run.clone(), preimage.clone());
        Act::Restore(RestoreAct::Start { run, preimage, component: component.clone() })
    };
    components.iter().map(start).collect()
}

impl RestoreAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::Prepare { .. } => 200,
            Self::Stop { .. } | Self::Start { .. } => 20,
            Self::AwaitGone { .. } => 30,
            Self::Swap { .. } => 10,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::Prepare { run, args } => make(machine, reach, run, args),
            Self::Stop { run, component } => take_away(machine, run, component),
            Self::AwaitGone { component, left } => await_gone(machine, reach, component, *left),
            Self::Swap { run, snapshot } => change_places(machine, reach, run, snapshot),
            Self::Start { run, preimage, component } => {
                give_back(machine, reach, (run, preimage), component)
            }
        }
    }
}

fn noted(machine: &Machine, run: &str, name: &str) -> String {
    machine.text(&note(run, name)).unwrap_or_default().to_owned()
}

fn note(run: &str, name: &str) -> String {
    format!("/var/lib/kup/restore/{run}/{name}")
}

fn new_data(run: &str) -> String {
    format!("/var/lib/etcd.kup-{run}/new/member")
}

fn write(path: &str, text: &str) -> Act {
    put(path, &StoredFile { text: text.to_owned(), mode: 0o600 })
}

fn make(machine: &Machine, reach: &mut Reach<'_>, run: &str, args: &[String]) -> Then {
    let value = |name: &str| {
        let mut values = args.iter().filter_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        values.next().unwrap_or_default().to_owned()
    };
    let wanted = value("sha256");
    if noted(machine, run, "prepared") == wanted {
        return Then::Next;
    }
    let program = fs::read(kept_path(reach.dir, &machine.name, &value("etcdutl")));
    let program = program.unwrap_or_default();
    if digest::sha256(&program) != value("etcdutl-sha256") {
        reach.say("kup: it is not the etcdutl that was staged");
        return Then::Exit(66);
    }
    if !version(&program).starts_with(&format!("{}.", value("minor"))) {
        reach.say("kup: the etcdutl is of another minor");
        return Then::Exit(65);
    }
    let parts = args.iter().filter(|it| it.starts_with('/'));
    let parts = parts.map(|it| fs::read(kept_path(reach.dir, &machine.name, it)));
    let bytes = parts.collect::<Result<Vec<_>, _>>().unwrap_or_default().concat();
    let image = bytes.len().checked_sub(HASH).and_then(|end| bytes.get(..end));
    let text = image.map(|it| String::from_utf8_lossy(it).trim_end_matches('\0').to_owned());
    let Some(text) = text.filter(|_| digest::sha256(&bytes) == wanted) else {
        reach.say("kup: the parts are not the snapshot that was meant");
        return Then::Exit(66);
    };
    Then::First(vec![write(&new_data(run), &text), write(&note(run, "prepared"), &wanted)])
}

fn take_away(machine: &Machine, run: &str, component: &str) -> Then {
    let (path, copy) =
        (manifest_path(component), note(run, &format!("manifests/{component}.yaml")));
    let Some(file) = machine.files.get(&path) else { return Then::Next };
    let mut acts = Vec::new();
    if !machine.files.contains_key(&copy) {
        acts.push(put(&copy, file));
    }
    acts.push(Act::File(FileAct::Remove { path }));
    Then::First(acts)
}

/// Where no kubelet sees to it, the runtime is told.
fn await_gone(machine: &mut Machine, reach: &mut Reach<'_>, component: &str, left: u32) -> Then {
    if machine.kubelet.pid == 0 {
        machine.containers.remove(component);
    }
    if !machine.containers.contains_key(component) {
        return Then::Next;
    }
    if left == 0 {
        reach.say(format!("kup: {component} still runs"));
        return Then::Exit(70);
    }
    let component = component.to_owned();
    Then::First(vec![Act::Restore(RestoreAct::AwaitGone { component, left: left - 1 })])
}

fn change_places(machine: &mut Machine, reach: &mut Reach<'_>, run: &str, snapshot: &str) -> Then {
    if noted(machine, run, "swapped") == snapshot {
        return Then::Next;
    }
    if noted(machine, run, "prepared") != snapshot {
        reach.say("kup: the new data were not made on this node");
        return Then::Exit(66);
    }
    let runs = machine.containers.contains_key("etcd");
    if runs || machine.files.contains_key(&manifest_path("etcd")) {
        reach.say("kup: etcd still runs here; its data were not touched");
        return Then::Exit(65);
    }
    let mut acts = Vec::new();
    if let Some(new) = machine.text(&new_data(run)).map(str::to_owned) {
        // What the data were stored at comes with them.
        machine.etcd_storage = stored_at(&new, &machine.name).unwrap_or_default();
        if machine.text(DATA) != Some("") {
            // Between the two renames the member has no data.
            let old = format!("/var/lib/etcd.kup-{run}/old/member");
            acts.push(write(&old, machine.text(DATA).unwrap_or("the cluster's")));
            acts.push(write(DATA, ""));
        }
        acts.push(write(DATA, &new));
        acts.push(Act::File(FileAct::Remove { path: new_data(run) }));
    }
    acts.push(write(&note(run, "swapped"), snapshot));
    Then::First(acts)
}

/// Returns the version at which the data of a snapshot are stored.
fn stored_at(text: &str, node: &str) -> Option<String> {
    let then: Api = serde_json::from_str(text).ok()?;
    let mirror = then.nodes.get(node)?.status.mirrors.get("etcd")?;
    etcd_storage::minor_of(&mirror.image).map(|minor| minor.to_string())
}

fn give_back(
    machine: &Machine,
    reach: &mut Reach<'_>,
    (run, preimage): (&str, &str),
    component: &str,
) -> Then {
    let path = manifest_path(component);
    let file = match preimage {
        "-" => machine.files.get(&note(run, &format!("manifests/{component}.yaml"))).cloned(),
        place => match read(reach.dir, &machine.name, place) {
            Ok(kept) => kept.get(&path).cloned(),
            Err(error) => return unreadable(reach, place, &error),
        },
    };
    let Some(file) = file else { return Then::Next };
    let mut acts = Vec::new();
    if machine.files.get(&path) != Some(&file) {
        acts.push(put(&path, &file));
    }
    let component = component.to_owned();
    acts.push(Act::File(FileAct::AwaitPod { component, left: LOOKS }));
    Then::First(acts)
}

/// Returns what `restore-state` prints.
pub(super) fn state(machine: &Machine, args: &[String]) -> String {
    let run = args.first().map(String::as_str).unwrap_or_default();
    let mut lines = Lines::default();
    lines.add("prepared", noted(machine, run, "prepared"));
    lines.add("swapped", noted(machine, run, "swapped"));
    lines.add("aside", format!("/var/lib/etcd.kup-{run}"));
    for component in COMPONENTS {
        let is_there = machine.files.contains_key(&manifest_path(component));
        lines.add(&format!("manifest:{component}"), yes_no(is_there));
        let runs = machine.containers.contains_key(component);
        lines.add(&format!("running:{component}"), yes_no(runs));
    }
    lines.0
}

/// Returns what `etcdutl` prints. A simulated program says its version in its text.
pub(super) fn etcdutl(dir: &Path, node: &str, args: &[String]) -> String {
    let place = args.first().map(String::as_str).unwrap_or_default();
    let mut lines = Lines::default();
    match fs::read(files::kept_path(dir, node, place)) {
        Ok(bytes) => {
            lines.add("sha256", digest::sha256(&bytes));
            lines.add("version", version(&bytes));
        }
        Err(_) => {
            lines.add("sha256", "");
            lines.add("version", "");
        }
    }
    lines.0
}

fn version(program: &[u8]) -> String {
    let text = String::from_utf8_lossy(program);
    let after = text.split_once("etcdutl version: ").map(|(_, after)| after.to_owned());
    let is_version = |c: char| c.is_ascii_digit() || c == '.';
    let after = after.unwrap_or_default();
    after.chars().take_while(|c| is_version(*c)).collect()
}

/// Names the data of a machine's member: empty for the cluster's, nothing where there are none.
pub(super) fn token(machine: &Machine) -> Option<String> {
    match machine.text(DATA) {
        None => Some(String::new()),
        Some("") => None,
        Some(text) => Some(sha256(text)),
    }
}

/// Lets the objects be those of the restored data, once members with these have a quorum.
pub(super) fn adopt(api: &mut Api, machine: &Machine) {
    let Some(token) = api.quorum_data().filter(|token| *token != api.etcd_data) else { return };
    let text = machine.text(DATA).filter(|text| sha256(text) == token);
    let token = token.to_owned();
    let Some(then) = text.and_then(|text| serde_json::from_str::<Api>(text).ok()) else { return };
    for (name, node) in &mut api.nodes {
        if let Some(then) = then.nodes.get(name) {
            node.unschedulable = then.unschedulable;
            node.cordoned_by.clone_from(&then.cordoned_by);
        }
    }
    api.pods = then.pods;
    api.pods.values_mut().for_each(|pod| pod.ready = !pod.node.is_empty());
    api.config_maps = then.config_maps;
    api.daemon_sets = then.daemon_sets;
    api.budgets = then.budgets;
    // As `--bump-revision` has it.
    api.version_counter = then.version_counter.saturating_add(1_000_000_000);
    api.etcd_downgrade = then.etcd_downgrade;
    api.etcd_data = token;
}
