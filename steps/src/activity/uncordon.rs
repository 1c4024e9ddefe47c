//! Uncordons a node that this run cordoned, and only that.
//!
//! Changes: `spec.unschedulable` and the run's mark, in one patch. Observe: the mark. Undo: nothing; a rollback cordons for itself.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::world::World;

/// The activity `uncordon`. No parameters.
pub struct Uncordon(pub Arc<World>);

#[async_trait]
impl Activity for Uncordon {
    fn name(&self) -> &'static str {
        "uncordon"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &[]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let node = super::node(&self.0, &cx.target).await?;
        let ours = node.cordoned_by.as_deref() == Some(self.0.run());
        Ok(match (ours, node.unschedulable) {
            (true, _) => Found::Before { what: "cordoned by this run".to_owned() },
            (false, true) => {
                Found::After { what: "still cordoned, by somebody else; left so".to_owned() }
            }
            (false, false) => Found::After { what: "schedulable".to_owned() },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        super::lift_cordon(&self.0, &cx.target).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::transient(format!("{} is not uncordoned: {what}", cx.target)))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
