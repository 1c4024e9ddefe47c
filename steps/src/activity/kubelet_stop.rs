//! Stops a kubelet that is newer than the API servers that will come, so that it never meets one of them.
//!
//! Changes: the kubelet's process; containers go on. Half-way: none. Observe: the unit's state. Undo: none, a later step starts it.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::attempt;
use crate::facts::KubeletState;
use crate::script::{KUBELET_STOP, Script};
use crate::world::{World, host_error};

/// The activity `kubelet-stop`. No parameters.
pub struct KubeletStop(pub Arc<World>);

#[async_trait]
impl Activity for KubeletStop {
    fn name(&self) -> &'static str {
        "kubelet-stop"
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
        let host = self.0.host(&cx.target).await?;
        let state = KubeletState::read(host).await.map_err(|e| host_error(&e))?;
        let what = format!("kubelet {} is {}", state.program_version(), state.active);
        // One that is failing or starting comes back by itself.
        Ok(match state.active.as_str() {
            "inactive" => Found::After { what },
            _ => Found::Before { what },
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
        attempt::run(cx, host, Script::new(KUBELET_STOP, Vec::<String>::new())).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        super::must_be_after(cx, self.observe(cx).await?)
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
