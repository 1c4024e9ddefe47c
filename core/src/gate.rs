//! Questions without effect, asked before the first effect.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::activity::ActivityError;
use crate::event::Verdict;

/// A question about the world that can stand in a run's way.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Returns its name in plans.
    fn name(&self) -> &'static str;

    /// Returns its version; a plan made for another one is refused.
    fn version(&self) -> u32;

    /// Asks. Changes nothing.
    ///
    /// # Errors
    /// When the question could not be answered, which blocks like a `Block`.
    async fn check(&self, params: &BTreeMap<String, String>) -> Result<Verdict, ActivityError>;
}
