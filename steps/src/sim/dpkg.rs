//! apt and dpkg on a simulated machine: the repository's file first and its lists later; all packages unpacked first and
//! each configured later. A kill in between leaves a switched file without lists, or a broken package.

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::machine::{Machine, PACKAGES, Package, REPOSITORY_FILE};
use super::release;

/// What apt and dpkg do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum PackageAct {
    /// Names another minor in the repository's file.
    SwitchRepository { minor: String },
    /// Fetches the package lists of the repository that the file names.
    RefreshLists,
    /// Configures what an interrupted dpkg left unpacked.
    ConfigurePending,
    /// Checks a transaction and begins it: `name=version` each.
    Begin { packages: Vec<String>, downgrade: bool },
    /// Puts the new programs on the disk.
    Unpack { name: String, version: String },
    /// Finishes a package.
    Configure { name: String },
    /// Holds exactly these of the packages of a transaction.
    Hold { names: Vec<String>, of: Vec<String> },
}

/// Returns what the script `repository` does.
pub(super) fn repository(args: &[String]) -> Vec<Act> {
    let minor = args.first().cloned().unwrap_or_default();
    acts([PackageAct::SwitchRepository { minor }, PackageAct::RefreshLists])
}

/// Returns what the script `install` does.
pub(super) fn install(args: &[String]) -> Vec<Act> {
    let begin = PackageAct::Begin { packages: args.to_vec(), downgrade: false };
    acts([PackageAct::ConfigurePending, begin])
}

/// Returns what the script `downgrade` does: packages back, then holds.
pub(super) fn downgrade(args: &[String]) -> Vec<Act> {
    let Some((hold, packages)) = args.split_first() else { return vec![Act::Exit(64)] };
    let Some(names) = hold.strip_prefix("hold:") else { return vec![Act::Exit(64)] };
    let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let begin = PackageAct::Begin { packages: packages.to_vec(), downgrade: true };
    let of = packages.iter().filter_map(|it| Some(it.split_once('=')?.0.to_owned())).collect();
    acts([PackageAct::ConfigurePending, begin, PackageAct::Hold { names, of }])
}

fn acts<const N: usize>(acts: [PackageAct; N]) -> Vec<Act> {
    acts.into_iter().map(Act::Package).collect()
}

impl PackageAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::SwitchRepository { .. } | Self::ConfigurePending => 20,
            Self::RefreshLists => 70,
            Self::Begin { .. } => 40,
            Self::Unpack { .. } => 70,
            Self::Configure { .. } => 30,
            Self::Hold { .. } => 10,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::SwitchRepository { minor } => switch(machine, reach, minor),
            Self::RefreshLists => refresh(machine, reach),
            Self::ConfigurePending => configure_pending(machine, reach),
            Self::Begin { packages, downgrade } => begin(machine, reach, packages, *downgrade),
            Self::Unpack { name, version } => unpack(machine, reach, name, version),
            Self::Configure { name } => configure(machine, reach, name),
            Self::Hold { names, of } => hold(machine, reach, names, of),
        }
    }
}

fn switch(machine: &mut Machine, reach: &mut Reach<'_>, minor: &str) -> Then {
    let text = machine.text(REPOSITORY_FILE).unwrap_or_default();
    let Some(old) = release::minor_in(text) else {
        reach.say("no file names a Kubernetes repository");
        return Then::Exit(66);
    };
    let new = text.replace(&format!("/{old}/"), &format!("/{minor}/"));
    machine.write(REPOSITORY_FILE, new);
    Then::Next
}

fn refresh(machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
    let text = machine.text(REPOSITORY_FILE).unwrap_or_default();
    let minor = release::minor_in(text).unwrap_or_default().to_owned();
    if !release::has_repository(&minor) {
        reach.say(format!(
            "E: The repository 'https://pkgs.k8s.io/core:/stable:/{minor}/deb  Release' does not have a Release file."
        ));
        return Then::Exit(100);
    }
    reach.say(format!("Get:1 https://pkgs.k8s.io/core:/stable:/{minor}/deb  InRelease [1227 B]"));
    reach.say("Reading package lists...");
    machine.lists = minor;
    Then::Next
}

fn configure_pending(machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
    for (name, package) in &mut machine.packages {
        if !package.configured {
            package.configured = true;
            reach.say(format!("Setting up {name} ({}) ...", package.version));
        }
    }
    Then::Next
}

fn begin(
    machine: &mut Machine,
    reach: &mut Reach<'_>,
    packages: &[String],
    downgrade: bool,
) -> Then {
    reach.say("Reading package lists...");
    // As the scripts do: lists may be those of another minor, after a switch that was cut short or on the way back.
    // What was brought before needs no lists.
    let versions = packages.iter().filter_map(|it| Some(it.split_once('=')?.1));
    let is_brought = packages.iter().all(|it| machine.brought.packages.contains(it));
    if !is_brought
        && !versions.into_iter().all(|version| release::is_offered(&machine.lists, version))
        && let Then::Exit(status) = refresh(machine, reach)
    {
        return Then::Exit(status);
    }
    let mut changes = Vec::new();
    for wanted in packages {
        let Some((name, version)) = wanted.split_once('=') else {
            reach.say(format!("E: `{wanted}` is not of the form name=version"));
            return Then::Exit(64);
        };
        if let Some(why) = refusal(machine, name, version, downgrade) {
            reach.say(why);
            return Then::Exit(100);
        }
        if machine.packages.get(name).is_none_or(|package| package.version != version) {
            changes.push((name.to_owned(), version.to_owned()));
        }
    }
    reach.say(format!("{} to change, 0 to remove", changes.len()));
    Then::First(transaction(changes))
}

fn transaction(changes: Vec<(String, String)>) -> Vec<Act> {
    let unpacks = changes.iter().cloned();
    let unpacks = unpacks.map(|(name, version)| PackageAct::Unpack { name, version });
    let configures = changes.iter().map(|(name, _)| PackageAct::Configure { name: name.clone() });
    unpacks.chain(configures).map(Act::Package).collect()
}

/// Says why apt would not install this, if so.
fn refusal(machine: &Machine, name: &str, version: &str, downgrade: bool) -> Option<String> {
    if !PACKAGES.contains(&name) {
        return Some(format!("E: Unable to locate package {name}"));
    }
    let installed = machine.packages.get(name).map(|package| package.version.as_str());
    let is_brought = machine.brought.packages.contains(&format!("{name}={version}"));
    if installed != Some(version) && !is_brought && !release::is_offered(&machine.lists, version) {
        return Some(format!("E: Version '{version}' for '{name}' was not found"));
    }
    let older = release::upstream(version) < installed.and_then(release::upstream);
    let why = "E: Packages were downgraded and -y was used without --allow-downgrades.";
    (older && !downgrade).then(|| why.to_owned())
}

fn unpack(machine: &mut Machine, reach: &mut Reach<'_>, name: &str, version: &str) -> Then {
    let old = machine.packages.get(name);
    let (before, held) = old.map_or(("none".to_owned(), false), |p| (p.version.clone(), p.held));
    reach.say(format!("Unpacking {name} ({version}) over ({before}) ..."));
    let package = Package { version: version.to_owned(), configured: false, held };
    machine.packages.insert(name.to_owned(), package);
    if name == "kubelet" {
        machine.kubelet.replaced = true;
        machine.kubelet.needs_reload = true;
    }
    Then::Next
}

fn configure(machine: &mut Machine, reach: &mut Reach<'_>, name: &str) -> Then {
    if let Some(package) = machine.packages.get_mut(name) {
        package.configured = true;
        reach.say(format!("Setting up {name} ({}) ...", package.version));
    }
    Then::Next
}

fn hold(machine: &mut Machine, reach: &mut Reach<'_>, names: &[String], of: &[String]) -> Then {
    for (name, package) in machine.packages.iter_mut().filter(|(name, _)| of.contains(name)) {
        package.held = names.contains(name);
        if package.held {
            reach.say(format!("{name} set on hold."));
        }
    }
    Then::Next
}
