//! Puts the ConfigMaps of kube-system back, for a rollback, while the API server still answers.
//!
//! Changes: the `data` of those that differ from what was kept. Half-way: some are back. Observe: all of them. Undo: none, it is itself part
//! of one.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::config_maps;
use crate::world::World;

/// The activity `config-maps`. Parameters: `blob` (the SHA-256 of the kept ones), `left` (what the upgrade left).
pub struct ConfigMaps(pub Arc<World>);

#[async_trait]
impl Activity for ConfigMaps {
    fn name(&self) -> &'static str {
        "config-maps"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["blob", "left"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let differing = config_maps::differing(cx, self.0.cluster().await?).await?;
        let left = cx.param("left")?;
        let later = differing
            .iter()
            .filter(|kept| super::minds_changes(cx) && kept.was_changed_later(left));
        let later: Vec<&str> = later.map(|kept| kept.name.as_str()).collect();
        if !later.is_empty() {
            return Ok(Found::Foreign {
                what: format!("changed after the upgrade: {}", later.join(", ")),
            });
        }
        let names: Vec<&str> = differing.iter().map(|kept| kept.name.as_str()).collect();
        Ok(match names.is_empty() {
            true => Found::After { what: "the ConfigMaps are those from before".to_owned() },
            false => Found::Before { what: format!("not as before: {}", names.join(", ")) },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let n_back = config_maps::put_back(cx, self.0.cluster().await?).await?;
        Ok(Output { summary: format!("{n_back} ConfigMaps put back"), blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::transient(what))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
