//! Restarts the kubelet and waits until its node is Ready at the version.
//!
//! Changes: the kubelet's process. Half-way: it is down or not Ready yet. Observe: whether the unit was started since `prepare`
//! (its invocation id changes with every start) from the program that is installed now; where the package has restarted it and nothing was
//! changed since, another restart would only interrupt its start. Undo: nothing by itself; a rollback restarts again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::attempt;
use crate::facts::KubeletState;
use crate::script::{KUBELET_RESTART, Script};
use crate::world::{World, host_error};

const PAUSE: Duration = Duration::from_millis(500);
/// How long a kubelet that cannot work takes to say so.
const TO_FAIL: Duration = Duration::from_secs(5);

/// The activity `kubelet-restart`. Parameters: `version`; `alone` where no API server could say Ready, so that the unit itself is asked.
pub struct KubeletRestart(pub Arc<World>);

impl KubeletRestart {
    async fn state(&self, cx: &StepContext) -> Result<KubeletState, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        KubeletState::read(host).await.map_err(|e| host_error(&e))
    }

    async fn ready_at(&self, cx: &StepContext, version: &str) -> Result<bool, ActivityError> {
        if cx.step.params.get("alone").is_some_and(|alone| alone == "yes") {
            return self.stays_up(cx, version).await;
        }
        let node = super::node(&self.0, &cx.target).await?;
        Ok(node.ready && node.kubelet_version == version)
    }
}

impl KubeletRestart {
    /// A kubelet that does not like its configuration dies at once and is started again: it must be the same one after a while.
    async fn stays_up(&self, cx: &StepContext, version: &str) -> Result<bool, ActivityError> {
        let first = self.state(cx).await?;
        cx.clock.sleep(TO_FAIL).await;
        let later = self.state(cx).await?;
        Ok(later.active == "active"
            && later.invocation == first.invocation
            && later.runs_what_is_installed()
            && later.program_version() == version)
    }
}

#[async_trait]
impl Activity for KubeletRestart {
    fn name(&self) -> &'static str {
        "kubelet-restart"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let state = self.state(cx).await?;
        let what = format!("kubelet {} is {}", state.program_version(), state.active);
        let Some(before) = cx.note("invocation") else {
            let done = state.is_fresh
                && state.runs_what_is_installed()
                && state.program_version() == cx.param("version")?;
            let what = if done { format!("{what}; its package has restarted it") } else { what };
            return Ok(if done { Found::After { what } } else { Found::Before { what } });
        };
        Ok(match (before == state.invocation, state.runs_what_is_installed()) {
            (true, true) => Found::Before { what },
            (false, true) => Found::After { what },
            (_, false) => Found::Between { what, repairable: true },
        })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let notes = vec![("invocation".to_owned(), self.state(cx).await?.invocation)];
        Ok(Prepared { notes, backups: Vec::new() })
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.0.host(&cx.target).await?;
        attempt::run(cx, host, Script::new(KUBELET_RESTART, Vec::<String>::new())).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let version = cx.param("version")?;
        let until = cx.clock.now().plus(cx.step.policy.timeout());
        loop {
            match self.ready_at(cx, version).await {
                Ok(true) => return Ok(Proof::from(says(cx, version))),
                Err(error) if !super::passes(&error) => return Err(error),
                Ok(false) | Err(_) if cx.clock.now() > until => break,
                Ok(false) | Err(_) => cx.clock.sleep(PAUSE).await,
            }
        }
        let state = self.state(cx).await?;
        let mut error = ActivityError::permanent(format!(
            "{} is not Ready at {version}: kubelet {} is {}",
            cx.target,
            state.program_version(),
            state.active
        ));
        error.causes.push(format!("the last line of its journal: {}", state.last_log));
        Err(error)
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}

fn says(cx: &StepContext, version: &str) -> String {
    match cx.step.params.contains_key("alone") {
        true => format!("the kubelet of {} runs at {version}", cx.target),
        false => format!("{} is Ready at {version}", cx.target),
    }
}
