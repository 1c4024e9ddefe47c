//! Puts CoreDNS and kube-proxy back, for a rollback, when the API servers are those from before.
//!
//! Changes: the data of their ConfigMaps and the `spec` of their Deployment and DaemonSet, where they differ from what was kept; then it waits until
//! the old pods serve. Half-way: some are back. Observe: all of them. Undo: none, it is itself part of one.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::{addons, call};
use crate::world::World;

/// The activity `addons`. Parameters: `blob` (the SHA-256 of the kept ones), `left` (what the upgrade left).
pub struct Addons(pub Arc<World>);

impl Addons {
    async fn prove(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let cluster = self.0.cluster().await?;
        if let Some(other) = addons::differing(cx, cluster).await?.first() {
            let why = format!("{} is not as before", other.key);
            return Err(ActivityError::permanent(why));
        }
        if let Some(waits) = addons::waits_for(cluster).await? {
            cx.say(&waits);
            return Ok(None);
        }
        Ok(Some(Proof::from("CoreDNS and kube-proxy are those from before, and serve".to_owned())))
    }
}

#[async_trait]
impl Activity for Addons {
    fn name(&self) -> &'static str {
        "addons"
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
        let cluster = self.0.cluster().await?;
        let differing = addons::differing(cx, cluster).await?;
        let left = cx.param("left")?;
        let keys = |all: Vec<&addons::Differing>| -> String {
            all.iter().map(|it| it.key.as_str()).collect::<Vec<_>>().join(", ")
        };
        let is_later = |it: &&addons::Differing| it.was_changed_later(left);
        let later: Vec<_> = differing.iter().filter(is_later).collect();
        if super::minds_changes(cx) && !later.is_empty() {
            let what = format!("changed after the upgrade: {}", keys(later));
            return Ok(Found::Foreign { what });
        }
        if !differing.is_empty() {
            let what = format!("not as before: {}", keys(differing.iter().collect()));
            return Ok(Found::Before { what });
        }
        Ok(match addons::waits_for(cluster).await? {
            None => Found::After { what: "the addons are those from before".to_owned() },
            Some(waits) => Found::Before { what: waits },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let n_back = addons::put_back(cx, self.0.cluster().await?).await?;
        Ok(Output { summary: format!("{n_back} objects put back"), blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "the old pods of CoreDNS and kube-proxy are not all up";
        call::proven(cx, lacks, || self.prove(cx).boxed()).await
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
