//! Packages and images on a simulated machine before they are needed: one after the other, the list of images in between. A kill leaves what has
//! come so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::api::COMPONENTS;
use super::machine::Machine;
use super::release;
use crate::version::Version;

/// The pause image that the simulated kubeadm lists.
const PAUSE: &str = "registry.k8s.io/pause:3.10";

/// What was brought to a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Brought {
    /// Packages, `name=version` each.
    pub(super) packages: BTreeSet<String>,
    /// Which images a version and role want, as kubeadm has said.
    pub(super) wanted: BTreeMap<String, Vec<String>>,
    /// Images that are there.
    pub(super) images: BTreeSet<String>,
}

/// What the script `prefetch` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PrefetchAct {
    /// Downloads a package, whatever repository the node is at.
    Download { package: String },
    /// Asks the new kubeadm for its images, and begins to pull them.
    ListImages { version: String, role: String },
    /// Pulls an image.
    Pull { image: String },
}

/// The arguments of the script: version, role, packages from before, packages wanted.
struct Words<'a> {
    version: &'a str,
    role: &'a str,
    old: Vec<&'a str>,
    wanted: Vec<&'a str>,
}

fn words(args: &[String]) -> Option<Words<'_>> {
    let [_, version, role, rest @ ..] = args else { return None };
    let packages = || rest.iter().filter(|word| !word.starts_with("image:"));
    let old = packages().filter_map(|word| word.strip_prefix("old:")).collect();
    let wanted = packages().filter(|word| !word.starts_with("old:")).map(String::as_str).collect();
    Some(Words { version, role, old, wanted })
}

/// Returns what the script `prefetch` does.
pub(super) fn prefetch(args: &[String]) -> Vec<Act> {
    let Some(words) = words(args) else { return vec![Act::Exit(64)] };
    let packages = words.old.into_iter().chain(words.wanted);
    let mut acts: Vec<Act> = packages
        .map(|package| Act::Prefetch(PrefetchAct::Download { package: package.to_owned() }))
        .collect();
    let (version, role) = (words.version.to_owned(), words.role.to_owned());
    acts.push(Act::Prefetch(PrefetchAct::ListImages { version, role }));
    acts
}

/// Answers the script `prefetched`.
pub(super) fn prefetched(machine: &Machine, args: &[String]) -> String {
    let mut text = String::new();
    let Some(words) = words(args) else { return text };
    for package in words.wanted {
        let (name, version) = package.split_once('=').unwrap_or((package, ""));
        let is_there = machine.brought.packages.contains(package);
        // Writing to a String does not fail.
        writeln!(text, "have:{name}={}", if is_there { version } else { "" }).ok();
    }
    let Some(images) = machine.brought.wanted.get(&key(words.version, words.role)) else {
        return text + "images=unknown\n";
    };
    text.push_str("images=known\n");
    for image in images {
        let is_there = if machine.brought.images.contains(image) { "yes" } else { "no" };
        writeln!(text, "image:{image}={is_there}").ok();
    }
    text
}

fn key(version: &str, role: &str) -> String {
    format!("{version} {role}")
}

fn images(version: &Version, role: &str) -> Vec<String> {
    let components = COMPONENTS.into_iter().chain(["coredns"]).filter(|_| role == "control-plane");
    let images = components.chain(["kube-proxy"]).map(|name| release::image(name, version));
    images.chain([PAUSE.to_owned()]).collect()
}

impl PrefetchAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::Download { .. } => 40,
            Self::ListImages { .. } => 10,
            Self::Pull { .. } => 60,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::Download { package } => download(machine, reach, package),
            Self::ListImages { version, role } => list_images(machine, reach, version, role),
            Self::Pull { image } => {
                machine.brought.images.insert(image.clone());
                reach.say(format!("{image} was pulled"));
                Then::Next
            }
        }
    }
}

fn download(machine: &mut Machine, reach: &mut Reach<'_>, package: &str) -> Then {
    let version = package.split_once('=').and_then(|(_, version)| release::upstream(version));
    if !version.is_some_and(|version| release::has_repository(&version.minor_name())) {
        reach.say(format!("kup: {package} cannot be downloaded"));
        return Then::Exit(69);
    }
    machine.brought.packages.insert(package.to_owned());
    reach.say(format!("{package} was downloaded"));
    Then::Next
}

fn list_images(machine: &mut Machine, reach: &mut Reach<'_>, version: &str, role: &str) -> Then {
    let Ok(release) = version.parse::<Version>() else {
        reach.say(format!("kup: `{version}` is not a version"));
        return Then::Exit(64);
    };
    let images = images(&release, role);
    machine.brought.wanted.insert(key(version, role), images.clone());
    let missing = images.into_iter().filter(|image| !machine.brought.images.contains(image));
    Then::First(missing.map(|image| Act::Prefetch(PrefetchAct::Pull { image })).collect())
}
