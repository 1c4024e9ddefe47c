//! Waits until all members of a restored etcd answer, have a leader, complain of nothing and hold the same.
//!
//! Changes nothing. Observe: never done beforehand, a look is cheap. Undo: none.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call;
use crate::etcd::EtcdApi;
use crate::etcd::agreement::agree;
use crate::etcd::snapshot::etcd_error;
use crate::world::World;

/// The activity `etcd-agree`. Parameters: `members` (`cp1,cp2`: those that there must be; each is a node through which etcd can be asked).
pub struct EtcdAgree(pub Arc<World>);

impl EtcdAgree {
    async fn look(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let wanted: Vec<&str> = cx.param("members")?.split(',').collect();
        let api = self.0.etcd(wanted.first().copied().unwrap_or_default()).await?;
        let Some(endpoint) = api.endpoints().first().cloned() else { return Ok(None) };
        let members = api.members(&endpoint).await.map_err(|e| etcd_error(&e))?.members;
        let mut names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        if names != wanted {
            let names = names.join(", ");
            return Err(ActivityError::transient(format!("etcd has the members {names}")));
        }
        all_serve(api.as_ref(), &members).await?;
        let agreement = agree(api.as_ref(), &members, cx.clock.as_ref()).await?;
        if let Some((name, why)) = agreement.silent.iter().next() {
            return Err(ActivityError::transient(format!("member {name} does not answer: {why}")));
        }
        let hash = agreement.hashes.values().next().map_or(0, |it| it.hash);
        let (n, revision) = (agreement.hashes.len(), agreement.revision);
        Ok(Some(Proof::from(format!(
            "{n} members of etcd hold the same at revision {revision} (hash {hash:08x})"
        ))))
    }
}

/// Every member has a leader and complains of nothing.
async fn all_serve(
    api: &dyn EtcdApi,
    members: &[crate::etcd::Member],
) -> Result<(), ActivityError> {
    for member in members {
        let Some(endpoint) = member.clients.first() else { continue };
        let status = api.status(endpoint).await.map_err(|e| etcd_error(&e))?;
        if !status.has_leader {
            let why = format!("member {} knows no leader yet", member.name);
            return Err(ActivityError::transient(why));
        }
        if !status.errors.is_empty() {
            let complaints = status.errors.join("; ");
            let why = format!("member {} complains: {complaints}", member.name);
            return Err(ActivityError::transient(why));
        }
    }
    Ok(())
}

#[async_trait]
impl Activity for EtcdAgree {
    fn name(&self) -> &'static str {
        "etcd-agree"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["members"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::ReadOnly
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, _: &StepContext) -> Result<Found, ActivityError> {
        Ok(Found::Before { what: "etcd was not asked yet".to_owned() })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, _: &StepContext) -> Result<Output, ActivityError> {
        Ok(Output { summary: "nothing is done but to look".to_owned(), blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        call::proven(cx, "etcd does not serve yet", || self.look(cx).boxed()).await
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
