//! Takes a snapshot of etcd through its own API, before anything of a hop is changed: what a restore of the whole cluster begins with.
//!
//! Changes nothing in the cluster. `prepare` takes it, so that it stands in the journal like every copy that an undo needs; what it needs on
//! the control plane is etcd and nothing else. First the members must agree on what they hold: of one that differs no snapshot is taken. The
//! proof reads the kept bytes again. Half-way: nothing is left. Undo: none.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::SecondsFormat;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Backup, ErrorClass, Found, Settlement};
use kup_core::journal::Whole;

use crate::etcd::EtcdApi;
use crate::etcd::agreement::agree;
use crate::etcd::record::Record;
use crate::etcd::snapshot::{self, etcd_error};
use crate::world::World;

/// The activity `etcd-snapshot`. Parameters: `control-planes` (`cp1,cp2`: the nodes through which etcd is asked, in this order).
pub struct EtcdSnapshot(pub Arc<World>);

/// How often the size so far is shown, in bytes.
const SHOWN_EVERY: u64 = 32 << 20;

impl EtcdSnapshot {
    /// Takes it through one control plane.
    async fn through(&self, cx: &StepContext, node: &str) -> Result<Prepared, ActivityError> {
        let api = self.0.etcd(node).await?;
        let (endpoint, mut record) = source(api.as_ref(), cx, node).await?;
        let agreement = agree(api.as_ref(), &record.members, cx.clock.as_ref()).await?;
        record.agreed(&agreement);
        let mut shown = 0;
        let say = |length: u64| {
            if length >= shown + SHOWN_EVERY {
                shown = length;
                cx.say(&format!("{} MiB of etcd's snapshot", length >> 20));
            }
        };
        let backup = snapshot::take(api.as_ref(), &endpoint, cx.blobs.as_ref(), say).await?;
        Ok(Prepared { notes: record.notes(), backups: vec![backup] })
    }
}

/// Finds a member that is well among those that the API server uses, and returns its endpoint and what is known of the snapshot to come.
async fn source(
    api: &dyn EtcdApi,
    cx: &StepContext,
    node: &str,
) -> Result<(String, Record), ActivityError> {
    let mut refusals = Vec::new();
    for endpoint in api.endpoints() {
        let status = match api.status(endpoint).await {
            Ok(status) => status,
            Err(error) => {
                refusals.push(etcd_error(&error).to_record().to_string());
                continue;
            }
        };
        if let Some(why) = unfit(&status) {
            refusals.push(format!("the member at {endpoint} {why}"));
            continue;
        }
        let members = api.members(endpoint).await.map_err(|error| etcd_error(&error))?;
        let member = members.members.iter().find(|member| member.id == status.member);
        let record = Record {
            member: member.map_or(status.member.clone(), |member| member.name.clone()),
            version: status.version,
            cluster: members.cluster,
            through: node.to_owned(),
            revision: status.revision,
            agreed: 0,
            hashes: std::collections::BTreeMap::new(),
            silent: Vec::new(),
            members: members.members,
            db_size: status.db_size,
            taken: cx.clock.now().to_utc().to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        return Ok((endpoint.clone(), record));
    }
    let mut error =
        ActivityError::transient(format!("no member of etcd can be copied through {node}"));
    error.causes = refusals;
    Err(error)
}

/// Says why no copy of a member is worth anything.
fn unfit(status: &crate::etcd::Status) -> Option<String> {
    if status.is_learner {
        return Some("is a learner".to_owned());
    }
    if !status.has_leader {
        return Some("knows no leader".to_owned());
    }
    status.errors.iter().find(|it| it.contains("CORRUPT")).map(|it| format!("complains: {it}"))
}

/// Returns what was kept.
fn kept(cx: &StepContext) -> Option<(&Backup, Record)> {
    let prepared = cx.prepared.as_ref()?;
    let backup = prepared.backups.iter().find(|backup| backup.what == snapshot::WHAT)?;
    Some((backup, Record::of(&prepared.notes)?))
}

/// Reads what was kept again.
async fn prove(cx: &StepContext) -> Result<Option<String>, ActivityError> {
    let Some((backup, record)) = kept(cx) else { return Ok(None) };
    let proven = match snapshot::prove(cx.blobs.as_ref(), backup).await? {
        Whole::Read(length) if length != backup.size => {
            let size = backup.size;
            let why = format!("the snapshot of etcd that was kept has {length} bytes, not {size}");
            return Err(ActivityError::permanent(why));
        }
        Whole::Read(_) => "read again and whole",
        // It was whole when it was encrypted; what is inside nobody here can read.
        Whole::Sealed(_) => "encrypted: it came whole, and its file is as it was written",
    };
    let silent = match record.silent.len() {
        0 => String::new(),
        n => format!(", {n} did not answer"),
    };
    Ok(Some(format!(
        "a snapshot of etcd {} at revision {} is kept, {} MiB, {proven}; {} members hold the same{silent}",
        record.version,
        record.revision,
        backup.size.div_ceil(1 << 20),
        record.hashes.len(),
    )))
}

#[async_trait]
impl Activity for EtcdSnapshot {
    fn name(&self) -> &'static str {
        "etcd-snapshot"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["control-planes"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::ReadOnly
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        Ok(match prove(cx).await? {
            Some(what) => Found::After { what },
            None => Found::Before { what: "no snapshot of etcd was taken yet".to_owned() },
        })
    }

    /// One control plane after the other is tried. That etcd is corrupt is true through each of them.
    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        let mut errors = Vec::new();
        for node in cx.param("control-planes")?.split(',') {
            match self.through(cx, node).await {
                Ok(prepared) => return Ok(prepared),
                Err(error) if error.class == ErrorClass::Permanent => return Err(error),
                Err(error) => {
                    cx.say(&error.message);
                    errors.push(error.to_record().to_string());
                }
            }
        }
        let mut error = ActivityError::transient("no snapshot of etcd could be taken");
        error.causes = errors;
        Err(error)
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let (backup, record) = kept(cx).ok_or_else(|| {
            ActivityError::permanent("the journal names no snapshot of etcd for this step")
        })?;
        let summary = format!(
            "{} bytes of member {}, through {}",
            backup.size, record.member, record.through
        );
        Ok(Output { summary, blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let proven = prove(cx).await?;
        proven.map(Proof::from).ok_or_else(|| {
            ActivityError::permanent("the journal names no snapshot of etcd for this step")
        })
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
