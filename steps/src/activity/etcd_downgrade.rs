//! Takes etcd down a minor while it runs, as far as that is done before its programs are replaced: enables the downgrade, and waits until every
//! member stores its data for the older minor. EXPERIMENTAL: tried in the simulated cluster only.
//!
//! Changes: the version at which etcd stores; no key of it. Half-way: enabled, and a member stores at the newer version still; etcd goes on by
//! itself. Observe: what the members say. Undo: `downgrade cancel`, as long as a member runs the newer minor; etcd raises its storage again by
//! itself. When all members run the older minor etcd ends the downgrade by itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::etcd::downgrade::{Minor, View, look};
use crate::etcd::snapshot::etcd_error;
use crate::etcd::{Downgrade, EtcdApi, EtcdError};
use crate::world::World;

const PAUSE: Duration = Duration::from_secs(1);

/// The activity `etcd-downgrade`. Parameters: `control-planes` (`cp1,cp2`: the nodes through which etcd is asked, in this order), `minor` (`3.5`:
/// where it goes).
pub struct EtcdDowngrade(pub Arc<World>);

/// Returns the minor that a step names.
pub(super) fn minor(cx: &StepContext) -> Result<Minor, ActivityError> {
    let text = cx.param("minor")?;
    Minor::of(text).ok_or_else(|| ActivityError::permanent(format!("`{text}` is no minor of etcd")))
}

/// Asks every member through the first of the step's control planes that leads to all of them.
pub(super) async fn seen<'a>(
    cx: &StepContext,
    world: &'a World,
) -> Result<(Box<dyn EtcdApi + 'a>, View), ActivityError> {
    let mut refusals = Vec::new();
    for node in cx.param("control-planes")?.split(',') {
        match through(world, node).await {
            Ok(seen) => return Ok(seen),
            Err(error) => refusals.push(error.to_record().to_string()),
        }
    }
    let mut error = ActivityError::transient("not every member of etcd answers");
    error.causes = refusals;
    Err(error)
}

async fn through<'a>(
    world: &'a World,
    node: &str,
) -> Result<(Box<dyn EtcdApi + 'a>, View), ActivityError> {
    let api = world.etcd(node).await?;
    let view = look(api.as_ref()).await.map_err(|error| etcd_error(&error))?;
    Ok((api, view))
}

async fn ask(api: &dyn EtcdApi, what: Downgrade, minor: Minor) -> Result<(), EtcdError> {
    let endpoint = api.endpoints().first().map(String::as_str).unwrap_or_default();
    api.downgrade(endpoint, what, &minor.to_string()).await
}

/// Enables the downgrade once etcd says that it would begin.
async fn enable(api: &dyn EtcdApi, view: &View, minor: Minor) -> Result<(), ActivityError> {
    if let Some(illness) = view.illness() {
        let why = format!("etcd is not well, so its downgrade to {minor} was not enabled");
        let mut error = ActivityError::transient(why);
        error.causes.push(illness);
        return Err(error);
    }
    ask(api, Downgrade::Validate, minor).await.map_err(|error| {
        let why = format!("etcd was asked whether it goes down to {minor}; nothing was changed");
        refused(why, &error)
    })?;
    ask(api, Downgrade::Enable, minor).await.map_err(|error| {
        let why = format!("the downgrade of etcd to {minor} was to be enabled");
        match error.passes() {
            // Whether it has heard is not known.
            true => refused(why, &error).as_unclear(),
            false => refused(why, &error),
        }
    })
}

fn refused(why: String, error: &EtcdError) -> ActivityError {
    match error.passes() {
        true => ActivityError::transient(why).because(error),
        false => ActivityError::permanent(why).because(error),
    }
}

/// Waits until etcd has done what was enabled, and returns what it says then.
async fn wait(cx: &StepContext, world: &World, minor: Minor) -> Result<String, ActivityError> {
    let until = cx.clock.now().plus(cx.step.policy.timeout());
    loop {
        let why = match seen(cx, world).await {
            Ok((_, view)) => match view.found(minor) {
                Found::After { what } => return Ok(what),
                Found::Foreign { what } => return Err(ActivityError::permanent(what)),
                Found::Before { what } | Found::Between { what, .. } if !view.is_enabled() => {
                    return Err(not_enabled(what));
                }
                Found::Before { what } | Found::Between { what, .. } => what,
            },
            Err(error) => error.to_record().to_string(),
        };
        if cx.clock.now() > until {
            return Err(half_way(cx, minor, why));
        }
        cx.say(&why);
        tokio::select! {
            biased;
            () = cx.stopping() => {
                let why = "the run was to rest; what is enabled in etcd stays so, and etcd goes on with it by itself";
                return Err(ActivityError::unclear(why));
            }
            () = cx.clock.sleep(PAUSE) => {}
        }
    }
}

/// Nothing is under way that could be waited for.
fn not_enabled(what: String) -> ActivityError {
    let mut error = ActivityError::permanent(what);
    error.causes.push("nothing else has gone back; somebody may have cancelled it".to_owned());
    error
}

fn half_way(cx: &StepContext, minor: Minor, why: String) -> ActivityError {
    let mut error = ActivityError::permanent(format!("etcd is half-way down to {minor}"));
    error.causes = vec![
        why,
        format!(
            "nothing else has gone back. The downgrade stays enabled and etcd goes on with it by itself: \
             `kup resume {} --retry {} --reason TEXT` looks again; `etcdctl downgrade cancel` on a control plane gives it up",
            cx.run, cx.step.id
        ),
    ];
    error
}

#[async_trait]
impl Activity for EtcdDowngrade {
    fn name(&self) -> &'static str {
        "etcd-downgrade"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["control-planes", "minor"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Convergent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let (_, view) = seen(cx, &self.0).await?;
        Ok(view.found(minor(cx)?))
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let minor = minor(cx)?;
        let (api, view) = seen(cx, &self.0).await?;
        let is_done = match view.found(minor) {
            Found::After { .. } => true,
            Found::Foreign { what } => return Err(ActivityError::permanent(what)),
            Found::Before { .. } | Found::Between { .. } => false,
        };
        if !is_done && !view.is_enabled() {
            enable(api.as_ref(), &view, minor).await?;
        }
        let summary = wait(cx, &self.0, minor).await?;
        Ok(Output { summary, blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        wait(cx, &self.0, minor(cx)?).await.map(Proof::from)
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let minor = minor(cx)?;
        let (api, view) = seen(cx, &self.0).await?;
        if !view.is_enabled() || view.all_run(minor) {
            return super::nothing_to_undo();
        }
        ask(api.as_ref(), Downgrade::Cancel, minor).await.map_err(|error| {
            refused(format!("the downgrade of etcd to {minor} was to be cancelled"), &error)
        })?;
        let summary = format!("the downgrade of etcd to {minor} is cancelled");
        Ok(Output { summary, blob: None })
    }
}
