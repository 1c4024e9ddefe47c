//! A script on a simulated machine is a list of acts, each with its time. An act does one thing that a kill can come
//! before or after; what it leaves is a half-done state that recovery must know.

use std::path::Path;

use kup_core::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::agenda::Agenda;
use super::api::Api;
use super::folder::Loaded;
use super::machine::Machine;
use super::{dpkg, files, kubeadm, kubelet, prefetch, restore, staticpods};

/// One thing that a script does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    Package(dpkg::PackageAct),
    Prefetch(prefetch::PrefetchAct),
    Kubelet(kubelet::KubeletAct),
    File(files::FileAct),
    Kubeadm(kubeadm::KubeadmAct),
    StaticPod(staticpods::StaticPodAct),
    Restore(restore::RestoreAct),
    /// Ends the script with a status.
    Exit(i32),
}

/// What comes after an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// The next one.
    Next,
    /// These first, then the next one.
    First(Vec<Act>),
    /// The end, with this status.
    Exit(i32),
}

/// What acts can reach beyond their machine.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    /// When the act happens.
    pub(super) now: Timestamp,
    /// The world's folder.
    pub(super) dir: &'a Path,
    pub(super) agenda: &'a mut Loaded<Agenda>,
    pub(super) api: &'a mut Loaded<Api>,
    /// Where an act prints to.
    pub(super) output: &'a mut String,
}

impl Reach<'_> {
    /// Prints a line.
    pub(super) fn say(&mut self, line: impl AsRef<str>) {
        self.output.push_str(line.as_ref());
        self.output.push('\n');
    }
}

impl Act {
    /// Returns how many milliseconds it takes at the usual speed; its effect is at the end of them.
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::Package(act) => act.milliseconds(),
            Self::Prefetch(act) => act.milliseconds(),
            Self::Kubelet(act) => act.milliseconds(),
            Self::File(act) => act.milliseconds(),
            Self::Kubeadm(act) => act.milliseconds(),
            Self::StaticPod(act) => act.milliseconds(),
            Self::Restore(act) => act.milliseconds(),
            Self::Exit(_) => 10,
        }
    }

    /// Does it.
    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::Package(act) => act.perform(machine, reach),
            Self::Prefetch(act) => act.perform(machine, reach),
            Self::Kubelet(act) => act.perform(machine, reach),
            Self::File(act) => act.perform(machine, reach),
            Self::Kubeadm(act) => act.perform(machine, reach),
            Self::StaticPod(act) => act.perform(machine, reach),
            Self::Restore(act) => act.perform(machine, reach),
            Self::Exit(status) => Then::Exit(*status),
        }
    }
}
