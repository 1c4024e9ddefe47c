//! `kubeadm upgrade apply` on the first control plane and `kubeadm upgrade node` elsewhere, between a pre-image and a verification.
//!
//! Changes: static pod manifests, certificates (renewed), kubelet configuration, and with `apply` the ConfigMaps and addons. Half-way: a manifest
//! missing between kubeadm's two renames, a key without its certificate, some components new (kubeadm `phases/upgrade/staticpods.go`); the
//! scripts put the first two back before they call kubeadm again. Observe: the images in the manifests, the pairs, `kubeadm-config`. Undo: the
//! manifests and kubelet files of the pre-image; the ConfigMaps are a step of their own. Certificates stay: the renewed ones are under the same CA.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::{config_maps, manifests, others, pre_image};
use crate::attempt;
use crate::facts::{ControlPlaneState, KubeletState};
use crate::script::{KUBEADM_APPLY, KUBEADM_NODE, RESTORE_FILES, Script};
use crate::world::{World, host_error};

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Apply,
    Node,
}

/// The activities `kubeadm-apply` and `kubeadm-node`. Parameters: `version`, `role` (`control-plane` or `worker`), `flags`.
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

    async fn read(
        &self,
        cx: &StepContext,
    ) -> Result<(ControlPlaneState, KubeletState), ActivityError> {
        let host = self.world.host(&cx.target).await?;
        let control_plane = ControlPlaneState::read(host).await.map_err(|e| host_error(&e))?;
        let kubelet = KubeletState::read(host).await.map_err(|e| host_error(&e))?;
        Ok((control_plane, kubelet))
    }

    async fn config_is_at(&self, version: &str) -> Result<bool, ActivityError> {
        Ok(config_maps::cluster_version(self.world.cluster().await?).await? == version)
    }

    /// A worker shows no mark of `kubeadm upgrade node` but a changed kubelet configuration.
    fn observe_worker(cx: &StepContext, kubelet: &KubeletState) -> Found {
        let changed = kubelet_changed(cx, kubelet);
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
            return Ok(manifests::compare_for_undo(cx, state, kubelet_changed(cx, kubelet)));
        }
        let found = manifests::compare(cx, state, cx.param("version")?);
        let Found::After { what } = found else { return Ok(found) };
        if cx.attempt > 0 {
            let what = format!(
                "{what}; how the last attempt ended is not known, so kubeadm may have more to do"
            );
            return Ok(Found::Between { what, repairable: true });
        }
        let whole =
            self.command == Command::Node || self.config_is_at(cx.param("version")?).await?;
        let what =
            if whole { what } else { format!("{what}; kubeadm-config is not at the version yet") };
        Ok(if whole { Found::After { what } } else { Found::Between { what, repairable: true } })
    }

    /// `upgrade node` takes the version from `kubeadm-config`: an old one would render the old version and report success.
    async fn must_be_configured(&self, cx: &StepContext) -> Result<(), ActivityError> {
        let version = cx.param("version")?;
        let is_undo = cx.step.undo_of.is_some();
        if is_undo || self.command == Command::Apply || self.config_is_at(version).await? {
            return Ok(());
        }
        Err(ActivityError::permanent(format!(
            "kubeadm-config is not at {version}, so `kubeadm upgrade node` would upgrade {} to something else",
            cx.target
        )))
    }

    /// What runs or has ended there is taken over, whatever the API says or does not say by now. Before a start the other control
    /// planes must serve and `kubeadm-config` must be right; but a node that is half done is repaired also while no API answers: it may
    /// be the reason, and the script waits for the API before it calls kubeadm.
    async fn may_begin(&self, cx: &StepContext) -> Result<(), ActivityError> {
        let status = attempt::settle(cx, self.world.host(&cx.target).await?).await;
        if status.map_err(ActivityError::as_unclear)? != Settlement::NotStarted {
            return Ok(());
        }
        let mut is_whole = true;
        if cx.param("role")? == "control-plane" {
            let (state, kubelet) = self.read(cx).await.map_err(ActivityError::as_unclear)?;
            let found = manifests::compare(cx, &state, cx.param("version")?);
            is_whole = matches!(found, Found::Before { .. }) && kubelet.active == "active";
            others::wait_for(cx, &self.world, is_whole).await?;
        }
        let until = cx.clock.now().plus(others::PATIENCE);
        while let Err(error) = self.must_be_configured(cx).await {
            match super::passes(&error) {
                false => return Err(error),
                true if !is_whole => break,
                true => others::pause(cx, until, &error.message).await?,
            }
        }
        Ok(())
    }

    fn script(&self, cx: &StepContext) -> Result<Script, ActivityError> {
        let mut args = vec![pre_image::path(cx)?.to_owned()];
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
        let (state, kubelet) = self.read(cx).await?;
        let left = manifests::hashes(&state, &kubelet);
        if cx.param("role")? == "worker" {
            let evidence = "`kubeadm upgrade node` reported success".to_owned();
            return Ok(Some(Proof { evidence, left }));
        }
        match manifests::compare(cx, &state, version) {
            Found::After { .. } => {}
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                let why = format!("kubeadm reported success, but on {}: {what}", cx.target);
                return Err(ActivityError::permanent(why));
            }
        }
        let cluster = self.world.cluster().await?;
        let Some(evidence) = manifests::running(cluster, &cx.target, version).await? else {
            return Ok(None);
        };
        let at_version = self.config_is_at(version).await?;
        let mut left = left;
        if self.command == Command::Apply {
            left.extend(config_maps::left(cluster).await?);
        }
        Ok(at_version.then_some(Proof { evidence, left }))
    }

    /// While the API server restarts, not to get an answer is part of the picture.
    async fn wait_for_proof(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let until = cx.clock.now().plus(cx.step.policy.timeout());
        loop {
            let seen = match cx.step.undo_of {
                None => self.prove(cx).await,
                Some(_) => self.prove_undo(cx).await,
            };
            let is_late = cx.clock.now() > until;
            match seen {
                Ok(Some(proof)) => return Ok(proof),
                Err(error) if is_late || !super::passes(&error) => return Err(error.as_permanent()),
                Ok(None) if is_late => {
                    let why = format!(
                        "the control plane of {} does not run the images that it should",
                        cx.target
                    );
                    return Err(ActivityError::permanent(why));
                }
                Ok(None) => cx.say("waiting for the control plane's pods"),
                Err(error) => cx.say(&error.message),
            }
            cx.clock.sleep(PAUSE).await;
        }
    }

    /// The files must be back, and on a control plane the pods of the old images must be up before the next node is touched.
    async fn prove_undo(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let what = match self.observe(cx).await? {
            Found::Before { what } => what,
            Found::Between { what, .. } | Found::After { what } | Found::Foreign { what } => {
                return Err(ActivityError::permanent(format!(
                    "the files are not those from before: {what}"
                )));
            }
        };
        if cx.param("role")? == "worker" {
            return Ok(Some(Proof::from(what)));
        }
        let image = cx.note("image:kube-apiserver").unwrap_or_default();
        let old = image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
        let cluster = self.world.cluster().await?;
        Ok(manifests::running(cluster, &cx.target, old).await?.map(Proof::from))
    }
}

fn kubelet_changed(cx: &StepContext, kubelet: &KubeletState) -> bool {
    let differs = |name, now: &str| cx.note(name).is_some_and(|before| before != now);
    differs("kubelet:config", kubelet.config_hash())
        || differs("kubelet:flags", kubelet.flags_hash())
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
        let (state, kubelet) = self.read(cx).await?;
        if cx.param("role")? == "worker" {
            return Ok(Self::observe_worker(cx, &kubelet));
        }
        self.observe_control_plane(cx, (&state, &kubelet)).await
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let host = self.world.host(&cx.target).await?;
        let (state, kubelet) = self.read(cx).await?;
        let mut taken =
            pre_image::take(cx, host, &pre_image::OF_KUBEADM.map(str::to_owned)).await?;
        taken.notes.extend(manifests::hashes(&state, &kubelet));
        if self.command == Command::Apply {
            let cluster = self.world.cluster().await?;
            taken.backups.push(config_maps::take(cx, cluster).await?);
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
        self.wait_for_proof(cx).await
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        self.may_begin(cx).await?;
        let host = self.world.host(&cx.target).await?;
        let mut args = vec![pre_image::path(cx)?.to_owned()];
        if cx.param("role")? == "control-plane" {
            args.extend(manifests::paths());
        }
        args.extend(pre_image::KUBELET_FILES.map(str::to_owned));
        attempt::run(cx, host, Script::new(RESTORE_FILES, args)).await
    }

    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        self.wait_for_proof(cx).await
    }
}
