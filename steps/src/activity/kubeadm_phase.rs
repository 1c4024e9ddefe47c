//! Phases of kubeadm that leave nothing to compare: `preflight` (checks, pulled images), `bootstrap-token` (roles and bindings) and `post-upgrade`
//! (what one minor alone does to the kubelet's flags).
//!
//! Changes: images, RBAC, and in some minors the kubelet's flags, which the pre-image of `kubeadm-kubelet-config` holds. Half-way or not, kubeadm does
//! it again. Undo: none of its own.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call::{self, Care};
use super::manifests;
use crate::attempt;
use crate::world::World;

/// The activity `kubeadm-phase`. Parameters: `version`, `role`, `call`, `config`.
pub struct KubeadmPhase(pub Arc<World>);

#[async_trait]
impl Activity for KubeadmPhase {
    fn name(&self) -> &'static str {
        "kubeadm-phase"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "role", "call", "config"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, _: &StepContext) -> Result<Found, ActivityError> {
        Ok(Found::Before { what: "this phase leaves no mark, so it is done".to_owned() })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::run(cx, &self.0, Care::ControlPlane).await
    }

    /// What it left tells a rollback whether somebody came later.
    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let (state, kubelet) = call::read(cx, &self.0).await?;
        let left = manifests::hashes(&state, &kubelet);
        Ok(Proof { evidence: "kubeadm reported success".to_owned(), left })
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
