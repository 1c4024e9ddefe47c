//! What can stand in the way of an upgrade, one breakage of a simulated cluster for each answer of a gate: for the tests of gates, and for
//! whatever lists them.

use kup_steps::sim::Appearance;

mod asking;
pub mod control_plane;
pub mod etcd;
pub mod machines;
mod page;
pub mod settings;
pub mod workloads;

pub use asking::{Told, Town, ask};
pub use page::{PLANNED_BEFORE, operators, render, rows};

/// Something that stands in the way, and what takes it away.
pub struct Breakage {
    /// The gate that says so.
    pub code: &'static str,
    /// What is wrong, in words.
    pub what: &'static str,
    /// The cluster, and where the upgrade goes.
    pub on: On,
    /// Brings it about in a healthy cluster.
    pub breaks: fn(&mut Appearance),
    /// What the plan says beyond what it always says.
    pub says: &'static [(&'static str, &'static str)],
    /// The gate's answer.
    pub answer: Answer,
    /// A word of its evidence.
    pub evidence: &'static str,
    /// How it is mended.
    pub mended: Mended,
}

/// A healthy cluster and an upgrade of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct On {
    /// As `--cluster` names it.
    pub cluster: &'static str,
    /// The releases to go through.
    pub hops: &'static [&'static str],
}

impl On {
    /// Three control planes and two workers, one minor up.
    pub const USUAL: Self = Self { cluster: "sim:3x2@v1.35.6", hops: &["v1.36.2"] };
}

/// An answer that is not a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The run may begin.
    Warns,
    /// It may not, unless the gate is ignored.
    Blocks,
}

/// How a breakage is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// With this command, which makes the cluster as it was.
    By(&'static str),
    /// By something that takes its time, or more than one command: once this is so, the cluster is as it was.
    Once(&'static str),
    /// By another parameter of the plan, which this flag gives: the gate does not block then.
    With(&'static str, (&'static str, &'static str)),
}

/// Returns all breakages, in the order of their gates' codes.
#[must_use]
pub fn all() -> Vec<&'static Breakage> {
    let families = [
        control_plane::ALL.as_slice(),
        etcd::ALL.as_slice(),
        machines::ALL.as_slice(),
        settings::ALL.as_slice(),
        workloads::ALL.as_slice(),
    ];
    let mut all: Vec<&Breakage> = families.into_iter().flatten().collect();
    all.sort_by_key(|breakage| breakage.code);
    all
}
