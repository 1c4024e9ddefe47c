//! `kubeadm upgrade apply` on the first control plane and `kubeadm upgrade node` elsewhere, between a pre-image and a verification.
//!
//! Changes: static pod manifests, certificates (renewed), kubelet configuration, and with `apply` the ConfigMaps and addons. Half-way: a manifest
//! missing between kubeadm's two renames, a key without its certificate, some components new (kubeadm `phases/upgrade/staticpods.go`); the
//! scripts put the first two back before they call kubeadm again. Observe: the images in the manifests, the pairs, `kubeadm-config`. Undo: the
//! manifests and kubelet files of the pre-image; the ConfigMaps are a step of their own. Certificates stay: the renewed ones are under the same CA.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::{addons, call, config_maps, kubelet_files, manifests, pre_image, running};
use crate::attempt;
use crate::facts::{ControlPlaneState, KubeletState, STATIC_PODS};
use crate::script::{KUBEADM_APPLY, KUBEADM_NODE, KUBEADM_PHASE, Script};
use crate::world::{World, cluster_error};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Apply,
    Node,
}

/// The activities `kubeadm-apply` and `kubeadm-node`. Parameters: `version`, `role` (`control-plane` or `worker`), `flags`; `config` where
/// kubeadm gets a file, and `again` where somebody else may have begun.
pub struct Kubeadm {
    world: Arc<World>,
    command: Command,
}

impl Kubeadm {
    /// Returns the activity for the first control plane.
    #[must_use]
    pub fn apply(world: Arc<World>) -> Self {
        Self { world, command: Command::Apply }
    }

    /// Returns the activity for all other nodes.
    #[must_use]
    pub fn node(world: Arc<World>) -> Self {
        Self { world, command: Command::Node }
    }

    /// A worker shows no mark of `kubeadm upgrade node` but a changed kubelet configuration.
    fn observe_worker(cx: &StepContext, kubelet: &KubeletState) -> Found {
        let changed = kubelet_files::are_changed(cx, kubelet);
        match (cx.step.undo_of.is_some(), changed) {
            (true, true) => {
                Found::After { what: "the kubelet's files are not those from before".to_owned() }
            }
            (_, _) => Found::Before {
                what: "`kubeadm upgrade node` is not known to have run here".to_owned(),
            },
        }
    }

    async fn observe_control_plane(
        &self,
        cx: &StepContext,
        (state, kubelet): (&ControlPlaneState, &KubeletState),
    ) -> Result<Found, ActivityError> {
        if cx.step.undo_of.is_some() {
            return Ok(manifests::compare_for_undo(
                cx,
                state,
                kubelet_files::are_changed(cx, kubelet),
            ));
        }
        let version = cx.param("version")?;
        let found = call::doubted(cx, manifests::compare(cx, state, version));
        let Found::After { what } = found else { return Ok(found) };
        let whole =
            self.command == Command::Node || call::config_is_at(&self.world, version).await?;
        let what =
            if whole { what } else { format!("{what}; kubeadm-config is not at the version yet") };
        Ok(if whole { Found::After { what } } else { Found::Between { what, repairable: true } })
    }

    /// What runs or has ended there is taken over. A worker takes nothing away from the others, so it does not wait for them.
    async fn may_begin(&self, cx: &StepContext) -> Result<(), ActivityError> {
        if call::has_begun(cx, self.world.host(&cx.target).await?).await? {
            return Ok(());
        }
        let mut is_whole = true;
        if cx.param("role")? == "control-plane" {
            let (state, kubelet) =
                call::read(cx, &self.world).await.map_err(ActivityError::as_unclear)?;
            let found = manifests::compare(cx, &state, cx.param("version")?);
            is_whole = matches!(found, Found::Before { .. }) && kubelet.active == "active";
            call::others_serve(cx, &self.world, is_whole).await?;
        }
        if self.command == Command::Node && cx.step.undo_of.is_none() {
            call::wait_for_config(cx, &self.world, is_whole).await?;
        }
        Ok(())
    }

    fn script(&self, cx: &StepContext) -> Result<Script, ActivityError> {
        let mut args = vec![pre_image::path(cx)?.to_owned()];
        if let Some(config) = cx.step.params.get("config") {
            args.extend(["worker", config.as_str(), "upgrade", "node"].map(str::to_owned));
            args.extend(super::flags(cx)?);
            return Ok(Script::new(KUBEADM_PHASE, args));
        }
        let (script, second) = match self.command {
            Command::Apply => (KUBEADM_APPLY, cx.param("version")?),
            Command::Node => (KUBEADM_NODE, cx.param("role")?),
        };
        args.push(second.to_owned());
        args.extend(super::flags(cx)?);
        Ok(Script::new(script, args))
    }

    async fn prove(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let version = cx.param("version")?;
        let (state, kubelet) = call::read(cx, &self.world).await?;
        let left = manifests::hashes(&state, &kubelet);
        if cx.param("role")? == "worker" {
            let evidence = "`kubeadm upgrade node` reported success".to_owned();
            return Ok(Some(Proof { evidence, left }));
        }
        manifests::must_be_at(cx, &state, version)?;
        let cluster = self.world.cluster().await?;
        let Some(evidence) = running::at_version(cluster, &cx.target, version).await? else {
            return Ok(None);
        };
        let at_version = call::config_is_at(&self.world, version).await?;
        let mut left = left;
        if self.command == Command::Apply {
            left.extend(config_maps::left(cluster).await?);
        }
        left.extend(addons::left(cluster).await.map_err(|e| cluster_error(&e))?);
        Ok(at_version.then_some(Proof { evidence, left }))
    }

    /// The files must be back, and on a control plane the pods of the old images must be up before the next node is touched.
    async fn prove_undo(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        super::must_be_before(self.observe(cx).await?)?;
        if cx.param("role")? == "worker" {
            return Ok(Some(Proof::from("the kubelet's files are those from before".to_owned())));
        }
        running::back_at(cx, &self.world, manifests::version_before(cx)).await
    }
}

#[async_trait]
impl Activity for Kubeadm {
    fn name(&self) -> &'static str {
        match self.command {
            Command::Apply => "kubeadm-apply",
            Command::Node => "kubeadm-node",
        }
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "role", "flags"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Convergent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let (state, kubelet) = call::read(cx, &self.world).await?;
        if cx.param("role")? == "worker" {
            return Ok(Self::observe_worker(cx, &kubelet));
        }
        self.observe_control_plane(cx, (&state, &kubelet)).await
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let mut taken = pre_image::of_kubeadm(cx, &self.world).await?;
        if self.command == Command::Apply {
            let cluster = self.world.cluster().await?;
            taken.backups.push(config_maps::take(cx, cluster).await?);
            taken.backups.push(addons::take(cx, cluster).await?);
        }
        Ok(taken)
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.world.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.world.host(&cx.target).await?;
        self.may_begin(cx).await?;
        attempt::run(cx, host, self.script(cx)?).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "its control plane does not run the images that it should";
        call::proven(cx, lacks, || self.prove(cx).boxed()).await
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        match cx.param("role")? {
            "control-plane" => {
                let back = (&STATIC_PODS[..], &pre_image::KUBELET_FILES[..]);
                call::swap_back(cx, &self.world, back).await
            }
            _ => {
                call::restore(cx, &self.world, pre_image::KUBELET_FILES.map(str::to_owned).into())
                    .await
            }
        }
    }

    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "its control plane does not run the images from before";
        call::proven(cx, lacks, || self.prove_undo(cx).boxed()).await
    }
}
