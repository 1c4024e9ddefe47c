//! etcd of one node: the phase `control-plane` with `--etcd-upgrade=true` when the other static pods are equal, so that kubeadm replaces etcd alone.
//!
//! Changes: etcd's manifest and certificates. Half-way: the manifest missing between kubeadm's two renames, a key without its certificate. Which etcd
//! kubeadm wants is its own secret, so nothing but a `tag` in the step says done beforehand. Never begun while another control plane is away;
//! leadership is moved off the member first, as well as that can be done. Undo: the manifest, over the same minor, or where etcd was taken down
//! to the older one while it ran.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call::{self, Care};
use super::{DOWNGRADED, etcd_downgrade, manifests, pre_image, running};
use crate::attempt;
use crate::etcd::downgrade::{Minor, behind};
use crate::etcd::snapshot::etcd_error;
use crate::facts::{ControlPlaneState, VERSIONED};
use crate::version::tag_of;
use crate::world::World;

/// The activity `kubeadm-etcd`. Parameters: `version`, `role`, `call`, `config`; `tag` where etcd is patched to a tag before its minor changes;
/// `etcd-downgraded` and `control-planes` in an undo after etcd was taken down a minor.
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
        let proof = running::etcd_back_at(cx, &self.0, image).await?;
        match proof.is_some() && !self.has_caught_up(cx).await? {
            true => Ok(None),
            false => Ok(proof),
        }
    }

    /// Whether a member that went back a minor has what the others have: only then may the next one be replaced.
    async fn has_caught_up(&self, cx: &StepContext) -> Result<bool, ActivityError> {
        if !cx.step.params.contains_key(DOWNGRADED) {
            return Ok(true);
        }
        let (api, _) = etcd_downgrade::seen(cx, &self.0).await?;
        let behind = behind(api.as_ref(), &cx.target).await.map_err(|error| etcd_error(&error))?;
        behind.iter().for_each(|why| cx.say(why));
        Ok(behind.is_none())
    }

    /// Before an etcd of an older minor is put here, the members must store their data for it: somebody may have cancelled the downgrade since.
    async fn may_go_down(&self, cx: &StepContext) -> Result<(), ActivityError> {
        let Some(minor) = cx.step.params.get(DOWNGRADED).and_then(|text| Minor::of(text)) else {
            return Ok(());
        };
        if call::has_begun(cx, self.0.host(&cx.target).await?).await? {
            return Ok(());
        }
        let (state, _) = call::read(cx, &self.0).await.map_err(ActivityError::as_unclear)?;
        let now = tag_of(state.image("etcd")).and_then(Minor::of);
        // A member that is broken cannot say anything, and is repaired by what comes.
        let is_damaged = manifests::damage(cx, &state).is_some();
        if is_damaged || now.is_none_or(|now| now == minor) {
            return Ok(());
        }
        let (_, view) = etcd_downgrade::seen(cx, &self.0).await?;
        match view.found(minor) {
            Found::After { .. } => Ok(()),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                let why = format!("an etcd {minor} would not start on {}: {what}", cx.target);
                let mut error = ActivityError::permanent(why);
                error.causes.push(format!(
                    "nothing was changed there. Somebody has cancelled the downgrade of etcd: `etcdctl downgrade enable {minor}` on a control \
                     plane enables it again, then `kup resume {} --retry {} --reason TEXT`",
                    cx.run, cx.step.id
                ));
                Err(error)
            }
        }
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
        self.may_go_down(cx).await?;
        call::swap_back(cx, &self.0, (&["etcd"], &[])).await
    }

    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "its etcd member from before is not ready";
        call::proven(cx, lacks, || self.prove_undo(cx).boxed()).await
    }
}
