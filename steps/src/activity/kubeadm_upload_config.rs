//! The phase `upload-config`: the ConfigMaps `kubeadm-config` and `kubelet-config` at the version.
//!
//! Changes: both ConfigMaps. Half-way: the first is there, the second is old. Observe: the version in the first; while nobody knows how an attempt
//! ended, it is done again. Undo: a step of its own puts the kept ConfigMaps back while the API server still answers (`config-maps`).

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call::{self, Care};
use super::{addons, config_maps};
use crate::attempt;
use crate::world::World;

/// The activity `kubeadm-upload-config`. Parameters: `version`, `role`, `call`, `config`.
pub struct KubeadmUploadConfig(pub Arc<World>);

#[async_trait]
impl Activity for KubeadmUploadConfig {
    fn name(&self) -> &'static str {
        "kubeadm-upload-config"
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

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let found = config_maps::cluster_version(self.0.cluster().await?).await?;
        let what = format!("kubeadm-config is at {found}");
        let is_there = found == cx.param("version")?;
        let found = if is_there { Found::After { what } } else { Found::Before { what } };
        Ok(call::doubted(cx, found))
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let cluster = self.0.cluster().await?;
        let maps = config_maps::take(cx, cluster).await?;
        let addons = addons::take(cx, cluster).await?;
        Ok(Prepared { notes: Vec::new(), backups: vec![maps, addons] })
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::run(cx, &self.0, Care::ControlPlane).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let cluster = self.0.cluster().await?;
        let version = cx.param("version")?;
        let found = config_maps::cluster_version(cluster).await?;
        if found != version {
            let why = format!("kubeadm reported success, but kubeadm-config is at {found}");
            return Err(ActivityError::permanent(why));
        }
        let left = config_maps::left(cluster).await?;
        Ok(Proof { evidence: format!("kubeadm-config is at {version}"), left })
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
