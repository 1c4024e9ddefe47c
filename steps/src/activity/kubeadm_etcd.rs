//! etcd of one node: the phase `control-plane` with `--etcd-upgrade=true` when the other static pods are equal, so that kubeadm replaces etcd alone.
//!
//! Changes: etcd's manifest and certificates. Half-way: the manifest missing between kubeadm's two renames, a key without its certificate. Which etcd
//! kubeadm wants is its own secret, so nothing but a `tag` in the step says done beforehand. Never begun while another control plane is away;
//! leadership is moved off the member first, as well as that can be done. Undo: the manifest, over the same minor only.

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
use crate::facts::{ControlPlaneState, VERSIONED};
use crate::world::World;

/// The activity `kubeadm-etcd`. Parameters: `version`, `role`, `call`, `config`; `tag` where etcd is patched to a tag before its minor changes.
pub struct KubeadmEtcd(pub Arc<World>);

impl KubeadmEtcd {
    fn compare(cx: &StepContext, state: &ControlPlaneState) -> Found {
        let what = format!("etcd's manifest names {}", state.image("etcd"));
        let wanted = cx.step.params.get("tag").map(String::as_str);
        if let Some(damage) = manifests::damage(cx, state) {
            return Found::Between { what: damage, repairable: true };
        }
        if wanted.is_some_and(|tag| manifests::is_at(state.image("etcd"), tag)) {
            return Found::After { what };
        }
        match cx.note("manifest:etcd") {
            Some(before) if before != state.manifest("etcd") => Found::Between {
                what: format!("{what}; whether kubeadm came to its end is not known"),
                repairable: true,
            },
            Some(_) | None => Found::Before { what },
        }
    }

    /// Were the other static pods not at the version, kubeadm would replace them too.
    async fn others_are_equal(&self, cx: &StepContext) -> Result<(), ActivityError> {
        let (state, _) = call::read(cx, &self.0).await?;
        let version = cx.param("version")?;
        let is_equal =
            |it: &&str| state.image(it).is_empty() || manifests::is_at(state.image(it), version);
        match VERSIONED.iter().find(|it| !is_equal(it)) {
            None => Ok(()),
            Some(other) => Err(ActivityError::permanent(format!(
                "{other} on {} is not at {version}, so kubeadm would replace more than etcd",
                cx.target
            ))),
        }
    }

    async fn prove(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let (state, kubelet) = call::read(cx, &self.0).await?;
        let image = state.image("etcd").to_owned();
        let wanted = cx.step.params.get("tag");
        if let Some(tag) = wanted.filter(|tag| !manifests::is_at(&image, tag)) {
            let why = format!(
                "kubeadm reported success, but etcd on {} is at {image}, not at {tag}",
                cx.target
            );
            return Err(ActivityError::permanent(why));
        }
        if let Some(damage) = manifests::damage(cx, &state) {
            let why = format!("kubeadm reported success, but on {}: {damage}", cx.target);
            return Err(ActivityError::permanent(why));
        }
        let left = manifests::hashes(&state, &kubelet);
        let runs = running::etcd_at(self.0.cluster().await?, &cx.target, &image).await?;
        Ok(runs.map(|evidence| Proof { evidence, left }))
    }

    async fn prove_undo(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        super::must_be_before(self.observe(cx).await?)?;
        let image = cx.note("image:etcd").unwrap_or_default();
        running::etcd_back_at(cx, &self.0, image).await
    }
}

#[async_trait]
impl Activity for KubeadmEtcd {
    fn name(&self) -> &'static str {
        "kubeadm-etcd"
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
            return Ok(manifests::compare_etcd_for_undo(cx, &state));
        }
        Ok(call::doubted(cx, Self::compare(cx, &state)))
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        pre_image::of_kubeadm(cx, &self.0).await
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        if !call::has_begun(cx, self.0.host(&cx.target).await?).await? {
            self.others_are_equal(cx).await?;
        }
        call::run(cx, &self.0, Care::Etcd).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "its etcd member is not ready";
        call::proven(cx, lacks, || self.prove(cx).boxed()).await
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::swap_back(cx, &self.0, (&["etcd"], &[])).await
    }

    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "its etcd member from before is not ready";
        call::proven(cx, lacks, || self.prove_undo(cx).boxed()).await
    }
}
