//! Backups outside of an upgrade: a node's files, or the objects of kube-system that kubeadm writes.
//!
//! Changes nothing but that copies are kept here and on the node, and that is done by `prepare`; the attempt reads the bytes again. Half-way:
//! copies that no entry names. Observe: there is nothing to look at, only the journal knows. Undo: nothing was changed.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Backup as Kept, Found, Settlement};
use kup_core::journal::Whole;

use super::{addons, config_maps, pre_image};
use crate::facts::Copies;
use crate::world::{World, host_error};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Node,
    Objects,
}

/// The activities `backup-node` and `backup-objects`. They have no parameters.
pub struct Backup {
    world: Arc<World>,
    of: Of,
}

impl Backup {
    /// Returns the activity for a node's files.
    #[must_use]
    pub fn node(world: Arc<World>) -> Self {
        Self { world, of: Of::Node }
    }

    /// Returns the activity for objects of kube-system.
    #[must_use]
    pub fn objects(world: Arc<World>) -> Self {
        Self { world, of: Of::Objects }
    }
}

/// Reads all copies of a step again, and says how many bytes are as they were kept.
async fn read_again(cx: &StepContext, world: &World) -> Result<String, ActivityError> {
    let Some(prepared) = &cx.prepared else { return Ok("nothing was kept".to_owned()) };
    let (mut n_copies, mut n_bytes, mut n_sealed) = (0, 0, 0);
    for backup in &prepared.backups {
        if prepared.is_only_on_node(&backup.blob) {
            must_be_there(cx, world, backup).await?;
        } else {
            let whole = cx.blobs.verify(&backup.blob).await;
            let whole = whole
                .map_err(|e| ActivityError::permanent("cannot read what was kept").because(&e))?;
            n_sealed += u32::from(matches!(whole, Whole::Sealed(_)));
        }
        n_copies += 1;
        n_bytes += backup.size;
    }
    let kib = n_bytes.div_ceil(1024);
    let but = match n_sealed {
        0 => String::new(),
        n => format!("; {n} of them are encrypted, and their files are as they were written"),
    };
    Ok(format!("{n_copies} copies ({kib} KiB) are as they were kept{but}"))
}

/// Asks the node for the hash of a copy that is nowhere else.
async fn must_be_there(
    cx: &StepContext,
    world: &World,
    backup: &Kept,
) -> Result<(), ActivityError> {
    let place = pre_image::path(cx)?.to_owned();
    let host = world.host(&cx.target).await?;
    let copies = Copies::read(host, std::slice::from_ref(&place)).await;
    let copies = copies.map_err(|e| host_error(&e))?.0;
    match copies.get(&place).is_some_and(|hash| hash == backup.blob.as_str()) {
        true => Ok(()),
        false => {
            let target = &cx.target;
            Err(ActivityError::permanent(format!("{place} on {target} is not what was kept")))
        }
    }
}

#[async_trait]
impl Activity for Backup {
    fn name(&self) -> &'static str {
        match self.of {
            Of::Node => "backup-node",
            Of::Objects => "backup-objects",
        }
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &[]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, _: &StepContext) -> Result<Found, ActivityError> {
        Ok(Found::Before { what: "a backup is to be taken".to_owned() })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        match self.of {
            Of::Node => pre_image::of_kubeadm(cx, &self.world).await,
            Of::Objects => {
                let cluster = self.world.cluster().await?;
                let maps = config_maps::take(cx, cluster).await?;
                let addons = addons::take(cx, cluster).await?;
                Ok(Prepared { notes: Vec::new(), backups: vec![maps, addons] })
            }
        }
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        Ok(Output { summary: read_again(cx, &self.world).await?, blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        read_again(cx, &self.world).await.map(Proof::from)
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
