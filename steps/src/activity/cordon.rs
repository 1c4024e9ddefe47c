//! Cordons a node and marks it with the run.
//!
//! Changes: `spec.unschedulable` and an annotation, in one patch. Observe: both. Undo: uncordons where the mark is ours. A cordon that
//! somebody else set stays and is not ours to lift.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::world::{World, cluster_error};

/// The activity `cordon`. No parameters.
pub struct Cordon(pub Arc<World>);

#[async_trait]
impl Activity for Cordon {
    fn name(&self) -> &'static str {
        "cordon"
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
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let node = super::node(&self.0, &cx.target).await?;
        let ours = node.cordoned_by.as_deref() == Some(self.0.run());
        Ok(match (node.unschedulable, ours) {
            (true, true) => Found::After { what: "cordoned by this run".to_owned() },
            (true, false) => Found::After {
                what: "somebody else cordoned it before; that cordon stays".to_owned(),
            },
            (false, _) => Found::Before { what: "schedulable".to_owned() },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let cluster = self.0.cluster().await?;
        let ours = cluster.cordon(&cx.target, self.0.run()).await.map_err(|e| cluster_error(&e))?;
        let summary = if ours { "cordoned" } else { "somebody else's cordon stands" };
        Ok(Output { summary: summary.to_owned(), blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::transient(format!("{} is not cordoned: {what}", cx.target)))
            }
        }
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        super::lift_cordon(&self.0, &cx.target).await
    }
}
