//! Puts manifests back that a `kubeadm upgrade` by hand, interrupted between its two renames, has taken away.
//!
//! Changes: the missing manifests, each from kubeadm's own newest copy in one rename. Half-way: some are back. Observe: which are there. Undo:
//! nothing, they belong there. Source: kubeadm `phases/upgrade/staticpods.go`.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::attempt;
use crate::facts::ControlPlaneState;
use crate::script::{PUT_BACK, Script};
use crate::world::{World, host_error};

/// The activity `put-back`. Parameters: `components`, between commas.
pub struct PutBack(pub Arc<World>);

fn components(cx: &StepContext) -> Result<Vec<String>, ActivityError> {
    Ok(cx.param("components")?.split(',').map(str::to_owned).collect())
}

#[async_trait]
impl Activity for PutBack {
    fn name(&self) -> &'static str {
        "put-back"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["components"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let state = ControlPlaneState::read(host).await.map_err(|e| host_error(&e))?;
        let components = components(cx)?;
        let missing: Vec<&str> = components
            .iter()
            .filter(|it| state.manifest(it).is_empty())
            .map(String::as_str)
            .collect();
        let what = format!("missing in /etc/kubernetes/manifests: {}", missing.join(", "));
        Ok(match missing.len() {
            0 => Found::After { what: "all manifests are there".to_owned() },
            some if some == components.len() => Found::Before { what },
            _ => Found::Between { what, repairable: true },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        attempt::run(cx, host, Script::new(PUT_BACK, components(cx)?)).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::permanent(what))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
