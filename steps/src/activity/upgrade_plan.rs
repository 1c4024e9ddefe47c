//! Reads `kubeadm upgrade plan` for what a person must do first: component configs that kubeadm cannot upgrade.
//!
//! Changes nothing (kubeadm's own health check makes a short-lived Job).

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

pub use self::output::{Component, PlanOutput, read};
use crate::script::{Script, UPGRADE_PLAN};
use crate::world::{World, host_error};

mod output;

/// The activity `upgrade-plan`. Parameters: `version`, `flags` (comma separated, may be empty).
pub struct UpgradePlan(pub Arc<World>);

#[async_trait]
impl Activity for UpgradePlan {
    fn name(&self) -> &'static str {
        "upgrade-plan"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "flags"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::ReadOnly
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, _: &StepContext) -> Result<Found, ActivityError> {
        Ok(Found::Before { what: "kubeadm's own plan is to be read".to_owned() })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let mut args = vec![cx.param("version")?.to_owned()];
        args.extend(super::flags(cx)?);
        let reply = host.ask(&Script::new(UPGRADE_PLAN, args)).await.map_err(|e| host_error(&e))?;
        let text = String::from_utf8_lossy(&reply.stdout).into_owned() + &reply.stderr;
        let blob = cx.blobs.put(text.as_bytes()).await.ok();
        if reply.status != 0 {
            let why = format!(
                "`kubeadm upgrade plan` on {} ended with status {}",
                cx.target, reply.status
            );
            let mut error = ActivityError::transient(why);
            error.causes = text.lines().rev().take(5).map(str::to_owned).collect();
            error.causes.reverse();
            error.output = blob;
            return Err(error);
        }
        let read = read(&text);
        if !read.manual.is_empty() {
            let mut error = ActivityError::permanent(format!(
                "these component configs must be upgraded by hand first: {}",
                read.manual.join(", ")
            ));
            error.output = blob;
            return Err(error);
        }
        let etcd = read.components.iter().find(|row| row.name == "etcd");
        let etcd = etcd.map(|row| format!("; etcd goes from {} to {}", row.current, row.target));
        let etcd = etcd.unwrap_or_default();
        let summary = format!("kubeadm sees nothing that must be done by hand{etcd}");
        Ok(Output { summary, blob })
    }

    async fn verify(&self, _: &StepContext) -> Result<Proof, ActivityError> {
        Ok(Proof::from("kubeadm sees nothing that must be done by hand".to_owned()))
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
