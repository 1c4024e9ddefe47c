//! The version at which a simulated etcd stores its data, and its downgrade: an etcd of an older minor does not start on newer data. Members raise
//! it when all of them run a newer minor, and lower it when a downgrade is enabled, each for itself and a moment later; when all run the older
//! minor the downgrade ends.

use super::agenda::{Agenda, Chore};
use super::api::{Api, SimNode};
use super::machine::{Machine, manifest_path};
use super::{SimError, SimWorld, release};
use crate::etcd::Downgrade;
use crate::etcd::downgrade::Minor;
use crate::version::tag_of;
use kup_core::clock::Timestamp;

/// Milliseconds until a member has noticed that it should store at another version.
const NOTICES: u64 = 60;
/// By this name a control plane's etcd is told to refuse the next downgrade.
const REFUSES: &str = "etcd-downgrade";

/// Returns the minor that an image is of.
pub(super) fn minor_of(image: &str) -> Option<Minor> {
    tag_of(image).and_then(Minor::of)
}

/// Returns the version at which a member stores that was born with its machine.
pub(super) fn at_birth(machine: &Machine) -> String {
    let text = machine.text(&manifest_path("etcd")).and_then(release::image_in);
    text.and_then(minor_of).map(|minor| minor.to_string()).unwrap_or_default()
}

/// Whether an etcd of this image can read what the machine has stored.
pub(super) fn is_readable(machine: &Machine, image: &str) -> bool {
    Minor::of(&machine.etcd_storage).is_none_or(|stored| minor_of(image) >= Some(stored))
}

/// Returns the oldest minor among the members, where all of them serve.
fn oldest(api: &Api) -> Option<Minor> {
    let serves = |node: &SimNode| {
        let etcd = node.status.mirrors.get("etcd").filter(|mirror| mirror.up)?;
        minor_of(&etcd.image)
    };
    let minors: Option<Vec<Minor>> = api.control_planes().map(|(_, node)| serves(node)).collect();
    minors?.into_iter().min()
}

/// Returns the version at which every member shall store, where that is known.
fn wanted(api: &Api) -> Option<Minor> {
    api.etcd_downgrade.as_deref().and_then(Minor::of).or_else(|| oldest(api))
}

/// Lets every member notice what has changed.
pub(super) fn notice(api: &Api, agenda: &mut Agenda, now: Timestamp) {
    for (node, _) in api.control_planes() {
        let chore = Chore::EtcdStorage { node: node.clone() };
        if !agenda.contains(&chore) {
            agenda.add(now, NOTICES, chore);
        }
    }
}

/// Lets a member store at the version that it should.
pub(super) fn settle(machine: &mut Machine, api: &Api) {
    let is_able = machine.is_up("etcd") && !machine.etcd_storage_is_stuck && api.has_quorum();
    if let Some(wanted) = wanted(api).filter(|_| is_able) {
        machine.etcd_storage = wanted.to_string();
    }
}

/// Whether all members run the minor to which etcd goes down, so that the downgrade ends.
pub(super) fn is_over(api: &Api) -> bool {
    let target = api.etcd_downgrade.as_deref().and_then(Minor::of);
    target.is_some() && target == oldest(api) && newest(api) == target
}

fn newest(api: &Api) -> Option<Minor> {
    let images = api.control_planes().filter_map(|(_, node)| node.status.mirrors.get("etcd"));
    images.filter_map(|mirror| minor_of(&mirror.image)).max()
}

/// Does what etcd does when it is asked for a downgrade; says why where it does not.
pub(super) fn downgrade(api: &mut Api, what: Downgrade, minor: &str) -> Result<(), &'static str> {
    let is_enabled = api.etcd_downgrade.is_some();
    match what {
        Downgrade::Cancel if !is_enabled => return Err("etcdserver: no inflight downgrade job"),
        Downgrade::Cancel => {
            api.etcd_downgrade = None;
            return Ok(());
        }
        Downgrade::Validate | Downgrade::Enable => {}
    }
    if is_enabled {
        return Err("etcdserver: cluster has a downgrade job in progress");
    }
    let wanted = Minor::of(minor).ok_or("etcdserver: wrong downgrade target version format")?;
    let now = oldest(api).ok_or("etcdserver: cluster version not found during downgrade")?;
    if !now.goes_online_to(wanted) {
        return Err("etcdserver: invalid downgrade target version");
    }
    if what == Downgrade::Enable {
        api.etcd_downgrade = Some(wanted.to_string());
    }
    Ok(())
}

/// Takes the word of a test that the next downgrade is refused.
pub(super) fn refuses(machine: &mut Machine) -> bool {
    machine.faults.remove(REFUSES).is_some()
}

impl SimWorld {
    /// Lets the next downgrade of etcd that is asked for through a control plane be refused.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn refuse_next_downgrade(&self, node: &str) -> Result<(), SimError> {
        self.fail_next(node, REFUSES, 1)
    }

    /// Lets a member of etcd keep the version of its storage whatever it should be, or follow again.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn hold_etcd_storage(&self, node: &str, is_stuck: bool) -> Result<(), SimError> {
        self.shared.access(|world| {
            world.machine(node)?.etcd_storage_is_stuck = is_stuck;
            notice(&world.api, &mut world.agenda, world.now);
            Ok(())
        })
    }

    /// Lets an administrator say `etcdctl downgrade cancel`.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn foreign_downgrade_cancel(&self) -> Result<(), SimError> {
        self.shared.access(|world| {
            world.api.etcd_downgrade = None;
            notice(&world.api, &mut world.agenda, world.now);
            Ok(())
        })
    }
}
