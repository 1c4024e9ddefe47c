//! Puts the kubelet's files back, for a rollback: the older kubelet may not read what the newer kubeadm wrote, so they go back before it starts.
//!
//! Changes: the kubelet's configuration, flags and instance configuration. Observe: their hashes. Undo: none, it is itself part of one.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::pre_image::{self, KUBELET_FILES};
use crate::attempt;
use crate::facts::KubeletState;
use crate::script::{RESTORE_FILES, Script};
use crate::world::{World, host_error};

/// The activity `kubelet-files`. Parameters: `pre-image` (a path on the node), `blob` (its bytes, where the node has lost them), `config`, `flags` (hashes that
/// the files shall have), `left` (hashes that the upgrade left).
pub struct KubeletFiles(pub Arc<World>);

/// Whether the kubelet's files are not those that `prepare` noted.
pub(super) fn are_changed(cx: &StepContext, kubelet: &KubeletState) -> bool {
    let differs = |name, now: &str| cx.note(name).is_some_and(|before| before != now);
    differs("kubelet:config", kubelet.config_hash())
        || differs("kubelet:flags", kubelet.flags_hash())
}

#[async_trait]
impl Activity for KubeletFiles {
    fn name(&self) -> &'static str {
        "kubelet-files"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["pre-image", "config", "flags", "left"]
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
        let (config, flags) = (state.config_hash(), state.flags_hash());
        let (old_config, old_flags) = (cx.param("config")?, cx.param("flags")?);
        if (config, flags) == (old_config, old_flags) {
            return Ok(Found::After {
                what: "the kubelet's files are those from before".to_owned(),
            });
        }
        let left = cx.param("left")?;
        let later = super::minds_changes(cx)
            && (is_later(left, "kubelet:config", (old_config, config))
                || is_later(left, "kubelet:flags", (old_flags, flags)));
        Ok(match later {
            true => Found::Foreign {
                what: "the kubelet's files were changed after the upgrade".to_owned(),
            },
            false => {
                Found::Before { what: "the kubelet's files differ from those before".to_owned() }
            }
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
        let place = cx.param("pre-image")?;
        // A plan of an older kup does not name the bytes.
        let place = match cx.step.params.get("blob").and_then(|blob| blob.parse().ok()) {
            Some(blob) => pre_image::whole(cx, host, (place, &blob)).await?,
            None => place.to_owned(),
        };
        let mut args = vec![place];
        args.extend(KUBELET_FILES.map(str::to_owned));
        attempt::run(cx, host, Script::new(RESTORE_FILES, args)).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::permanent(what))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}

/// Whether a file is neither as it was before the run nor as the run left it.
fn is_later(left: &str, name: &str, (old, now): (&str, &str)) -> bool {
    let left =
        left.split(',').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    left.is_some_and(|(_, left)| now != old && now != left)
}
