//! What can stand in the way of an upgrade, one breakage of a simulated cluster for each answer of a gate: for the tests of gates, and for
//! whatever lists them.

use kup_steps::sim::Appearance;

pub mod workloads;

/// Something that stands in the way, and what takes it away.
pub struct Breakage {
    /// The gate that says so.
    pub code: &'static str,
    /// What is wrong, in words.
    pub what: &'static str,
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
    /// By another parameter of the plan, which this flag gives: the gate does not block then.
    With(&'static str, (&'static str, &'static str)),
}
