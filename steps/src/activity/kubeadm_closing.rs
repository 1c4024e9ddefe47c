//! The closing run: kubeadm's whole command once more after all its phases, without etcd and without new certificates. It finds everything equal, and
//! does what has no phase that can be called alone (the server in kubelet.conf).
//!
//! Changes: nothing that a phase has not changed before, but kubelet.conf. Half-way: as kubeadm's static pod upgrade, if it finds a difference after all.
//! Proof: the static pods are as they were. Undo: none of its own; kubelet.conf may name the node's own API server in any minor.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::addons;
use super::call::{self, Care};
use super::{manifests, pre_image, running};
use crate::attempt;
use crate::world::{World, cluster_error};

/// The activity `kubeadm-closing`. Parameters: `version`, `role`, `call`, `config`.
pub struct KubeadmClosing(pub Arc<World>);

impl KubeadmClosing {
    async fn prove(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let version = cx.param("version")?;
        let (state, kubelet) = call::read(cx, &self.0).await?;
        let changed = manifests::changed(cx, &state);
        if !changed.is_empty() {
            return Err(ActivityError::permanent(format!(
                "kubeadm's closing run has changed {} on {}: its phases had left something else than the whole command wants",
                changed.join(", "),
                cx.target
            )));
        }
        let running = running::at_version(self.0.cluster().await?, &cx.target, version).await?;
        let mut left = manifests::hashes(&state, &kubelet);
        left.extend(addons::left(self.0.cluster().await?).await.map_err(|e| cluster_error(&e))?);
        let evidence = format!("kubeadm finds the static pods of {} as they are", cx.target);
        Ok(running.map(|_| Proof { evidence, left }))
    }
}

#[async_trait]
impl Activity for KubeadmClosing {
    fn name(&self) -> &'static str {
        "kubeadm-closing"
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
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let (state, _) = call::read(cx, &self.0).await?;
        Ok(match manifests::damage(cx, &state) {
            Some(what) => Found::Between { what, repairable: true },
            None => {
                Found::Before { what: "the closing run leaves no mark, so it is done".to_owned() }
            }
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
        let lacks = "its control plane does not run the images that it should";
        call::proven(cx, lacks, || self.prove(cx).boxed()).await
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
