//! Puts an etcdutl onto a control plane before anything is changed: without one of the right minor nothing can restore a snapshot there.
//!
//! Changes: one file below `/var/lib/kup/backups`. `prepare` makes sure that the program is kept here. Half-way: nothing. Observe: the hash of the copy.
//! The proof runs it and compares its minor. Undo: none, the copy goes with the other copies of the run.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Backup, Found, Settlement};
use kup_core::id::BlobId;
use kup_core::journal::{BlobError, Whole};

use crate::facts::reply::Lines;
use crate::host::kept_at;
use crate::script::{self, Script};
use crate::world::{World, host_error};

/// By this name the backup is found again.
pub const WHAT: &str = "etcdutl";
/// Its name among the copies of a run on a node.
pub(super) const NAME: &str = "etcdutl";

/// The activity `etcdutl`. Parameters: `blob`, `minor` (`3.5`).
pub struct Etcdutl(pub Arc<World>);

fn blob(cx: &StepContext) -> Result<BlobId, ActivityError> {
    let named = cx.param("blob")?.parse();
    named.map_err(|error| ActivityError::permanent("`blob` names no blob").because(&error))
}

impl Etcdutl {
    /// Asks for the hash and the version of the copy; both are empty where there is none.
    async fn ask(&self, cx: &StepContext) -> Result<(String, String), ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let place = kept_at(&cx.run, NAME);
        let lines = Lines::ask(host, &Script::new(script::ETCDUTL, [place])).await;
        let lines = lines.map_err(|e| host_error(&e))?;
        let value = |key| lines.get(key).map(str::to_owned).map_err(|e| host_error(&e));
        Ok((value("sha256")?, value("version")?))
    }

    /// Returns what proves that the copy is the one meant and that it can restore this etcd.
    async fn fits(&self, cx: &StepContext) -> Result<Option<String>, ActivityError> {
        let (hash, version) = self.ask(cx).await?;
        if hash.is_empty() {
            return Ok(None);
        }
        let (wanted, minor, node) = (cx.param("blob")?, cx.param("minor")?, &cx.target);
        if hash != wanted {
            let why = format!("{node} has other bytes under the name of the etcdutl of this run");
            return Err(ActivityError::permanent(why));
        }
        if !version.starts_with(&format!("{minor}.")) {
            let why = format!(
                "etcd on {node} is of {minor}, and the etcdutl that was given says of itself: {version}. Give one of {minor} for this machine's architecture"
            );
            return Err(ActivityError::permanent(why));
        }
        Ok(Some(format!("etcdutl {version} lies ready on {node}, SHA-256 {hash}")))
    }
}

#[async_trait]
impl Activity for Etcdutl {
    fn name(&self) -> &'static str {
        "etcdutl"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["blob", "minor"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        Ok(match self.fits(cx).await? {
            Some(what) => Found::After { what },
            None => {
                Found::Before { what: format!("there is no etcdutl of this run on {}", cx.target) }
            }
        })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let blob = blob(cx)?;
        let gone = |error: BlobError| {
            ActivityError::permanent("the etcdutl is not kept here").because(&error)
        };
        let size = match cx.blobs.verify(&blob).await.map_err(gone)? {
            Whole::Read(size) | Whole::Sealed(size) => size,
        };
        let backup = Backup { what: WHAT.to_owned(), blob, size };
        Ok(Prepared { notes: Vec::new(), backups: vec![backup] })
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        let gone = |error: BlobError| {
            ActivityError::permanent("the etcdutl is not kept here").because(&error)
        };
        let bytes = cx.blobs.get(&blob(cx)?).await.map_err(gone)?;
        let place = host.keep(&cx.run, NAME, &bytes).await.map_err(|e| host_error(&e))?;
        Ok(Output { summary: format!("kept at {place} on {}", cx.target), blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let fits = self.fits(cx).await?;
        fits.map(Proof::from).ok_or_else(|| {
            ActivityError::transient(format!("there is no etcdutl of this run on {}", cx.target))
        })
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
