//! Reads `kubeadm upgrade plan` for what a person must do first: component configs that kubeadm cannot upgrade.
//!
//! Changes nothing (kubeadm's own health check makes a short-lived Job).

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::script::{Script, UPGRADE_PLAN};
use crate::world::{World, host_error};

/// The activity `upgrade-plan`. Parameters: `version`, `flags` (comma separated, may be empty).
pub struct UpgradePlan(pub Arc<World>);

/// Returns the API groups of the table's rows that want manual work.
/// The table is kubeadm's (`cmd/upgrade/plan.go`, printComponentConfigVersionStates).
fn manual_upgrades(text: &str) -> Vec<String> {
    let rows = text.lines().skip_while(|line| !line.starts_with("API GROUP")).skip(1);
    let cells = rows.map(|line| line.split_whitespace().collect::<Vec<_>>());
    cells
        .filter_map(|cells| match cells.as_slice() {
            [group, .., "yes"] => Some((*group).to_owned()),
            _ => None,
        })
        .collect()
}

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
        let manual = manual_upgrades(&text);
        if !manual.is_empty() {
            let mut error = ActivityError::permanent(format!(
                "these component configs must be upgraded by hand first: {}",
                manual.join(", ")
            ));
            error.output = blob;
            return Err(error);
        }
        Ok(Output { summary: "kubeadm sees nothing that must be done by hand".to_owned(), blob })
    }

    async fn verify(&self, _: &StepContext) -> Result<Proof, ActivityError> {
        Ok(Proof::from("kubeadm sees nothing that must be done by hand".to_owned()))
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_that_need_a_person_are_found() {
        let table = "COMPONENT NODE\n\nAPI GROUP   CURRENT VERSION   PREFERRED VERSION   MANUAL UPGRADE REQUIRED\n\
            kubeproxy.config.k8s.io   v1alpha1   v1alpha1   no\nkubelet.config.k8s.io   v1alpha1   v1beta1   yes\n____\n";
        assert_eq!(manual_upgrades(table), ["kubelet.config.k8s.io"]);
        assert!(manual_upgrades("yes\n").is_empty());
    }
}
