//! The phase `kubelet-config`: the kubelet's configuration of a control plane, written from the ConfigMap.
//!
//! Changes: the kubelet's files; the kubelet reads them at its next start. Half-way: kubeadm truncates before it writes, and may have taken a flag
//! away whose value is not in `instance-config.yaml` yet; the script puts empty files back. What kubeadm writes is its own secret, so only a
//! change tells that it has run. Undo: the files of the pre-image.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call::{self, Care};
use super::{kubelet_files, manifests, pre_image};
use crate::attempt;
use crate::world::World;

/// The SHA-256 of nothing: a file that was truncated.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The activity `kubeadm-kubelet-config`. Parameters: `version`, `role`, `call`, `config`.
pub struct KubeadmKubeletConfig(pub Arc<World>);

#[async_trait]
impl Activity for KubeadmKubeletConfig {
    fn name(&self) -> &'static str {
        "kubeadm-kubelet-config"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "role", "call", "config"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Convergent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let (_, kubelet) = call::read(cx, &self.0).await?;
        let changed = kubelet_files::are_changed(cx, &kubelet);
        let what = if changed { "are not those from before" } else { "are as they were" };
        let what = format!("the kubelet's files {what}");
        Ok(match (cx.step.undo_of.is_some(), changed) {
            (true, true) => Found::After { what },
            (false, true) => Found::Between { what, repairable: true },
            (_, false) => Found::Before { what },
        })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        pre_image::of_kubeadm(cx, &self.0).await
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::run(cx, &self.0, Care::ControlPlane).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let (state, kubelet) = call::read(cx, &self.0).await?;
        if ["", EMPTY].contains(&kubelet.config_hash()) {
            let target = &cx.target;
            let why =
                format!("kubeadm reported success, but {target} has no kubelet configuration");
            return Err(ActivityError::permanent(why));
        }
        let left = manifests::hashes(&state, &kubelet);
        Ok(Proof { evidence: "the kubelet's configuration is written".to_owned(), left })
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::restore(cx, &self.0, pre_image::KUBELET_FILES.map(str::to_owned).into()).await
    }
}
