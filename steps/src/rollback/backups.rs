//! Whether the backups that a rollback rests on are whole, looked at before anything is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kup_core::id::BlobId;
use kup_core::journal::{BlobError, Blobs, Whole};
use kup_core::plan::{Plan, StepSpec};
use kup_core::state::RunState;

use crate::activity::pre_image_in;
use crate::facts::Copies;
use crate::host::{Host, HostError};

/// A backup that a step of the rollback will read.
struct Need {
    step: String,
    blob: BlobId,
    /// The node and the place of its copy there.
    copy: Option<(String, String)>,
}

impl Need {
    fn unmet(self, error: &BlobError) -> Unsound {
        let place = self.copy.map(|(node, place)| format!(", nor whole at {place} on {node}"));
        let why = format!("{}: {error}{}", self.step, place.unwrap_or_default());
        Unsound { why, is_locked: matches!(error, BlobError::Locked { .. }) }
    }
}

/// A backup that cannot be used, with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsound {
    /// Which step needs it, and what is wrong with it.
    pub why: String,
    /// Whether it is only encrypted, as it was written, and there is no key for it.
    pub is_locked: bool,
}

/// Returns what is wrong with the backups that a plan of a rollback rests on; each is whole where the node has its bytes, or this machine has.
///
/// # Errors
/// See [`HostError`].
pub async fn unsound(
    (plan, state): (&Plan, &RunState),
    blobs: &dyn Blobs,
    hosts: &BTreeMap<String, Arc<dyn Host>>,
) -> Result<Vec<Unsound>, HostError> {
    let (mut unsound, mut good) = (Vec::new(), BTreeSet::new());
    for (stage, step) in plan.steps() {
        for need in needs(&stage.target, step, state) {
            // A snapshot of etcd is large, and every member needs it.
            if good.contains(&need.blob) || has_copy(&need, hosts).await? {
                continue;
            }
            match readable(blobs, &need.blob).await {
                Ok(()) => drop(good.insert(need.blob)),
                Err(error) => unsound.push(need.unmet(&error)),
            }
        }
    }
    Ok(unsound)
}

/// Reads a blob to its end. That an encrypted one is as it was written is not enough: the rollback wants its bytes.
async fn readable(blobs: &dyn Blobs, blob: &BlobId) -> Result<(), BlobError> {
    match blobs.verify(blob).await? {
        Whole::Read(_) => Ok(()),
        Whole::Sealed(_) => blobs.open(blob).await.map(drop),
    }
}

async fn has_copy(need: &Need, hosts: &BTreeMap<String, Arc<dyn Host>>) -> Result<bool, HostError> {
    let Some((node, place)) = &need.copy else { return Ok(false) };
    let Some(host) = hosts.get(node) else { return Ok(false) };
    let copies = Copies::read(host.as_ref(), std::slice::from_ref(place)).await?;
    Ok(copies.0.get(place).is_some_and(|hash| hash == need.blob.as_str()))
}

/// Returns what a step of the rollback reads: the pre-image of the step that it undoes, or what its parameters name.
fn needs(target: &str, step: &StepSpec, state: &RunState) -> Vec<Need> {
    let need = |blob: BlobId, place: Option<String>| Need {
        step: step.id.to_string(),
        blob,
        copy: place.map(|place| (target.to_owned(), place)),
    };
    let named = |name: &str| step.params.get(name).and_then(|blob| blob.parse().ok());
    if let Some(blob) = named("blob") {
        return vec![need(blob, step.params.get("pre-image").cloned())];
    }
    // What a restore of etcd is made of must be whole here.
    let restored = ["snapshot", "etcdutl"].into_iter().filter_map(named);
    let restored: Vec<Need> = restored.map(|blob| need(blob, None)).collect();
    if !restored.is_empty() {
        return restored;
    }
    let undone = step.undo_of.as_ref().and_then(|id| state.step(id));
    let kept = undone.and_then(|record| record.prepared.as_ref()).and_then(pre_image_in);
    kept.map(|(place, blob)| need(blob.clone(), Some(place.to_owned()))).into_iter().collect()
}
