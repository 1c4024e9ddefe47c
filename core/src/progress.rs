//! Words for the eye: durable entries as they are written, and lossy notes in between.

use crate::event::Entry;
use crate::id::StepId;

/// Watches a run. Implementations must be quick and must not fail.
pub trait Progress: Send + Sync {
    /// An entry is on stable storage.
    fn entry(&self, entry: &Entry);

    /// Something happens inside a step. Not kept anywhere.
    fn note(&self, step: &StepId, text: &str);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn entry(&self, _: &Entry) {}
    fn note(&self, _: &StepId, _: &str) {}
}
