//! Looks whether etcd is one again after its members were replaced: all of them answer, run the minor that they should, and hold the same.
//!
//! Changes nothing. Undo: none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::etcd_downgrade::{minor, seen};
use crate::etcd::Member;
use crate::etcd::agreement::agree;
use crate::world::World;

const PAUSE: Duration = Duration::from_secs(1);

/// The activity `etcd-agreement`. Parameters: `control-planes` (`cp1,cp2`: the nodes through which etcd is asked, in this order), `minor`
/// (`3.5`: what every member shall run).
pub struct EtcdAgreement(pub Arc<World>);

impl EtcdAgreement {
    /// Returns what proves it, or says what is not yet so.
    async fn look(&self, cx: &StepContext) -> Result<Result<String, String>, ActivityError> {
        let minor = minor(cx)?;
        let (api, view) = seen(cx, &self.0).await?;
        if !view.all_run(minor) {
            return Ok(Err(format!("not every member of etcd runs {minor}")));
        }
        if let Some(illness) = view.illness() {
            return Ok(Err(illness));
        }
        if view.is_enabled() {
            return Ok(Err("etcd has not ended its downgrade yet".to_owned()));
        }
        let members: Vec<Member> = view.0.into_iter().map(|it| it.member).collect();
        let agreement = agree(api.as_ref(), &members, cx.clock.as_ref()).await?;
        if let Some((name, why)) = agreement.silent.first_key_value() {
            return Ok(Err(format!("{name} does not answer: {why}")));
        }
        let (n, revision) = (agreement.hashes.len(), agreement.revision);
        Ok(Ok(format!("{n} members of etcd run {minor} and hold the same at revision {revision}")))
    }
}

#[async_trait]
impl Activity for EtcdAgreement {
    fn name(&self) -> &'static str {
        "etcd-agreement"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["control-planes", "minor"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::ReadOnly
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    /// Always looked at as done: `verify` is where the looking is.
    async fn observe(&self, _: &StepContext) -> Result<Found, ActivityError> {
        Ok(Found::After { what: "every member was replaced".to_owned() })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let until = cx.clock.now().plus(cx.step.policy.timeout());
        loop {
            let seen = self.look(cx).await;
            let is_late = cx.clock.now() > until;
            match seen {
                Ok(Ok(evidence)) => return Ok(Proof::from(evidence)),
                Ok(Err(why)) if is_late => {
                    let mut error = ActivityError::permanent("etcd is not one again");
                    error.causes.push(why);
                    return Err(error);
                }
                Err(error) if is_late || !super::passes(&error) => return Err(error.as_permanent()),
                Ok(Err(why)) => cx.say(&why),
                Err(error) => cx.say(&error.message),
            }
            cx.clock.sleep(PAUSE).await;
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
