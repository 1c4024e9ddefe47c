//! The parts of a restore of etcd on one control plane, for a rollback that loses data: `restore-prepare` makes new data of the snapshot beside the
//! old while everything still runs; `restore-stop` takes static pods away; `restore-swap` puts the new data into the place of the old, which
//! stay aside; `restore-start` gives static pods back.
//!
//! Half-way: new data that nobody uses; some pods stopped; a member without data and without a manifest; some pods back. Each goes on from
//! there. Undo: none, they are themselves part of a way back.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};
use kup_core::id::BlobId;

use super::{bring, pre_image};
use crate::attempt;
use crate::facts::RestoreState;
use crate::host::{Host, kept_at};
use crate::script::{RESTORE_PREPARE, RESTORE_START, RESTORE_STOP, RESTORE_SWAP, Script};
use crate::world::{World, host_error};

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Parameters: `snapshot` and `etcdutl` (blobs), `minor` (of etcd), `member`, `peer`, `initial-cluster`, `token`.
    Prepare,
    /// Parameters: `components`, between commas.
    Stop,
    /// Parameters: `snapshot`.
    Swap,
    /// Parameters: `components`; `pre-image` and `blob` where their manifests come from there, else they are those that were taken away.
    Start,
}

/// The activities `restore-prepare`, `restore-stop`, `restore-swap` and `restore-start`.
pub struct Restoring {
    /// The ways to the world.
    pub world: Arc<World>,
    /// Which one.
    pub part: Part,
}

/// What the kubelet of a control plane shall run or not run.
fn components(cx: &StepContext) -> Result<Vec<String>, ActivityError> {
    Ok(cx.param("components")?.split(',').map(str::to_owned).collect())
}

/// Returns a parameter that names a blob.
fn blob(cx: &StepContext, name: &str) -> Result<BlobId, ActivityError> {
    cx.param(name)?.parse().map_err(|error| {
        ActivityError::permanent(format!("`{name}` names no blob")).because(&error)
    })
}

impl Restoring {
    async fn script(&self, cx: &StepContext, host: &dyn Host) -> Result<Script, ActivityError> {
        let mut args = vec![cx.run.to_string()];
        let text = match self.part {
            Part::Prepare => {
                args.extend(prepare(cx, host).await?);
                RESTORE_PREPARE
            }
            Part::Stop => {
                args.extend(components(cx)?);
                RESTORE_STOP
            }
            Part::Swap => {
                args.push(cx.param("snapshot")?.to_owned());
                RESTORE_SWAP
            }
            Part::Start => {
                args.push(source(cx, host).await?);
                args.extend(components(cx)?);
                RESTORE_START
            }
        };
        Ok(Script::new(text, args))
    }

    fn found(&self, cx: &StepContext, state: &RestoreState) -> Result<Found, ActivityError> {
        match self.part {
            Part::Prepare => same(cx, state.prepared.as_deref(), "new data of etcd are made"),
            Part::Swap => same(cx, state.swapped.as_deref(), "the new data are in their place"),
            Part::Stop => Ok(stopped(&components(cx)?, state)),
            Part::Start => Ok(started(&components(cx)?, state)),
        }
    }
}

/// Brings everything that the preparation needs, and returns its arguments.
async fn prepare(cx: &StepContext, host: &dyn Host) -> Result<Vec<String>, ActivityError> {
    let (snapshot, etcdutl) = (blob(cx, "snapshot")?, blob(cx, "etcdutl")?);
    let place = kept_at(&cx.run, super::etcdutl::NAME);
    let program = pre_image::whole(cx, host, (&place, &etcdutl)).await?;
    let parts = bring::bring(cx, host, &snapshot).await?;
    let mut args = vec![
        format!("member={}", cx.param("member")?),
        format!("peer={}", cx.param("peer")?),
        format!("cluster={}", cx.param("initial-cluster")?),
        format!("token={}", cx.param("token")?),
        format!("sha256={snapshot}"),
        format!("etcdutl={program}"),
        format!("etcdutl-sha256={etcdutl}"),
        format!("minor={}", cx.param("minor")?),
    ];
    args.extend(parts);
    Ok(args)
}

/// Returns where the manifests come from.
async fn source(cx: &StepContext, host: &dyn Host) -> Result<String, ActivityError> {
    match cx.step.params.get("pre-image") {
        None => Ok("-".to_owned()),
        Some(place) => pre_image::whole(cx, host, (place, &blob(cx, "blob")?)).await,
    }
}

fn same(cx: &StepContext, noted: Option<&str>, done: &str) -> Result<Found, ActivityError> {
    Ok(match noted == Some(cx.param("snapshot")?) {
        true => Found::After { what: done.to_owned() },
        false => Found::Before { what: format!("not yet: {done}") },
    })
}

fn stopped(components: &[String], state: &RestoreState) -> Found {
    let (there, running) = state.count(components);
    let what = format!("{running} of {} run: {}", components.len(), components.join(", "));
    match (there, running) {
        (0, 0) => Found::After { what },
        (there, _) if there == components.len() => Found::Before { what },
        _ => Found::Between { what, repairable: true },
    }
}

fn started(components: &[String], state: &RestoreState) -> Found {
    let (there, running) = state.count(components);
    let all = components.len();
    let what = format!("{running} of {all} run: {}", components.join(", "));
    match (there, running) {
        (there, running) if there == all && running == all => Found::After { what },
        (0, _) => Found::Before { what },
        _ => Found::Between { what, repairable: true },
    }
}

#[async_trait]
impl Activity for Restoring {
    fn name(&self) -> &'static str {
        match self.part {
            Part::Prepare => "restore-prepare",
            Part::Stop => "restore-stop",
            Part::Swap => "restore-swap",
            Part::Start => "restore-start",
        }
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        match self.part {
            Part::Prepare => {
                &["snapshot", "etcdutl", "minor", "member", "peer", "initial-cluster", "token"]
            }
            Part::Stop | Part::Start => &["components"],
            Part::Swap => &["snapshot"],
        }
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Convergent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let host = self.world.host(&cx.target).await?;
        let state = RestoreState::read(host, cx.run.as_str()).await.map_err(|e| host_error(&e))?;
        self.found(cx, &state)
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.world.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let host = self.world.host(&cx.target).await?;
        let script = self.script(cx, host).await?;
        attempt::run(cx, host, script).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        super::must_be_after(cx, self.observe(cx).await?)
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
