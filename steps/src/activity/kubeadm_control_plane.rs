//! The phase `control-plane` of kubeadm 1.32 and newer, without etcd: API server, controller manager and scheduler of one node.
//!
//! Changes: three static pod manifests and the certificates of their components. Half-way: a manifest missing between kubeadm's two renames,
//! a key without its certificate, some components new; the script puts the first two back before kubeadm is called again. Observe: the images in
//! the manifests and the pairs. Undo: the three manifests of the pre-image; renewed certificates stay, they are under the same CA.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call::{self, Care};
use super::{manifests, pre_image, running};
use crate::attempt;
use crate::facts::VERSIONED;
use crate::world::World;

/// The activity `kubeadm-control-plane`. Parameters: `version`, `role`, `call` (kubeadm's arguments, one a line), `config` (what its file says).
pub struct KubeadmControlPlane(pub Arc<World>);

impl KubeadmControlPlane {
    async fn prove(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let version = cx.param("version")?;
        let (state, kubelet) = call::read(cx, &self.0).await?;
        manifests::must_be_at(cx, &state, version)?;
        let evidence = running::at_version(self.0.cluster().await?, &cx.target, version).await?;
        let left = manifests::hashes(&state, &kubelet);
        Ok(evidence.map(|evidence| Proof { evidence, left }))
    }

    /// The files must be back, and the pods of the old images up, before the next node is touched.
    async fn prove_undo(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        super::must_be_before(self.observe(cx).await?)?;
        running::back_at(cx, &self.0, manifests::version_before(cx)).await
    }
}

#[async_trait]
impl Activity for KubeadmControlPlane {
    fn name(&self) -> &'static str {
        "kubeadm-control-plane"
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
        let (state, _) = call::read(cx, &self.0).await?;
        if cx.step.undo_of.is_some() {
            return Ok(manifests::compare_for_undo(cx, &state, false));
        }
        Ok(call::doubted(cx, manifests::compare(cx, &state, cx.param("version")?)))
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
        let lacks = "its control plane does not run the images that it should";
        call::proven(cx, lacks, || self.prove(cx).boxed()).await
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::swap_back(cx, &self.0, (&VERSIONED[..], &[])).await
    }

    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "its control plane does not run the images from before";
        call::proven(cx, lacks, || self.prove_undo(cx).boxed()).await
    }
}
