//! Drains a node: evicts what may be evicted and waits until it is gone. The rules are in [`crate::drain`].
//!
//! Changes: pods move away. Half-way: some are gone; another attempt goes on with the rest. Observe: what is left to evict. Undo: nothing:
//! controllers have made new pods elsewhere.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{ErrorClass, Found, Settlement};

use crate::cluster::Pod;
use crate::drain::{DrainError, DrainOptions, drain, survey};
use crate::world::{World, cluster_error};

/// The activity `drain`. Parameters: `delete-emptydir-data`, `force` (`yes` or `no`), `grace-period` (seconds; empty for the pods' own).
pub struct Drain(pub Arc<World>);

fn options(cx: &StepContext) -> Result<DrainOptions, ActivityError> {
    Ok(DrainOptions {
        delete_emptydir_data: cx.param("delete-emptydir-data")? == "yes",
        force: cx.param("force")? == "yes",
        grace_period: cx.param("grace-period")?.parse().ok(),
    })
}

#[async_trait]
impl Activity for Drain {
    fn name(&self) -> &'static str {
        "drain"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["delete-emptydir-data", "force", "grace-period"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Convergent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let cluster = self.0.cluster().await?;
        let seen =
            survey(cluster, &cx.target, &options(cx)?).await.map_err(|e| cluster_error(&e))?;
        let cordoned = super::node(&self.0, &cx.target).await?.unschedulable;
        // A pod that tolerates the cordon may be back already: it was evicted, and that is all a drain can do.
        let counts = |pod: &&Pod| cx.attempt == 0 || !pod.tolerates_cordon;
        let (evict, refused) = (seen.to_evict.iter().filter(counts).count(), seen.refused.len());
        Ok(match (evict + refused, cordoned) {
            (0, true) => Found::After { what: "no pod is left to evict".to_owned() },
            (_, true) => Found::Before { what: format!("{} pods to evict", evict + refused) },
            (_, false) => Found::Foreign { what: "somebody uncordoned the node".to_owned() },
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
        let say = |text: &str| cx.say(text);
        let options = options(cx)?;
        let draining = drain(cluster, cx.clock.as_ref(), &cx.target, &options, cx.deadline, &say);
        // An eviction asks for exactly one pod, so it may be asked for again: waiting for budgets need not hold up a rest.
        let done = tokio::select! {
            biased;
            done = draining => done,
            () = cx.stopping() => {
                return Err(ActivityError::unclear("the run was to rest; evictions that were accepted go on"));
            }
        };
        let report = done.map_err(|error| drain_error(&error))?;
        Ok(Output {
            summary: format!("{} pods evicted, {} stay", report.evicted.len(), report.left.len()),
            blob: None,
        })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::permanent(format!("{} is not drained: {what}", cx.target)))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}

fn drain_error(error: &DrainError) -> ActivityError {
    match error {
        DrainError::Unlisted { source, .. } => cluster_error(source),
        other @ (DrainError::Refused { .. }
        | DrainError::Failed { .. }
        | DrainError::Timeout { .. }) => {
            ActivityError::new(ErrorClass::Permanent, other.to_string())
        }
    }
}
