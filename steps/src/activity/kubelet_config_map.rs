//! Writes the ConfigMap `kubelet-config-1.N` that a `kubeadm upgrade apply` by hand, interrupted after it wrote `kubeadm-config`, has not written:
//! as a copy of that of an older minor, which is also what kubeadm itself begins with.
//!
//! Changes: one new object. Half-way: it is there or not. Observe: whether it is there. Undo: nothing, no kubeadm can read the cluster without
//! it, and the one that follows writes it anew. Source: kubeadm 1.23 and older, `app/util/config/cluster.go` and `phases/upgrade/postupgrade.go`.

use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use crate::cluster::ConfigMap;
use crate::world::{World, cluster_error};

/// The activity `kubelet-config-map`. Parameters: `name` of the one that is missing, `older`, the name of the one it is made from.
pub struct KubeletConfigMap(pub Arc<World>);

impl KubeletConfigMap {
    async fn read(&self, name: &str) -> Result<Option<ConfigMap>, ActivityError> {
        self.0.cluster().await?.config_map(name).await.map_err(|e| cluster_error(&e))
    }
}

#[async_trait]
impl Activity for KubeletConfigMap {
    fn name(&self) -> &'static str {
        "kubelet-config-map"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["name", "older"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let name = cx.param("name")?;
        Ok(match self.read(name).await? {
            Some(_) => Found::After { what: format!("the ConfigMap {name} is there") },
            None => Found::Before { what: format!("there is no ConfigMap {name}") },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, _: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(Settlement::Untraceable)
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        let (name, from) = (cx.param("name")?, cx.param("older")?);
        let summary = format!("{name} is a copy of {from}");
        if self.read(name).await?.is_some() {
            return Ok(Output { summary: format!("{name} is there already"), blob: None });
        }
        let Some(older) = self.read(from).await? else {
            return Err(ActivityError::permanent(format!("there is no ConfigMap {from} either")));
        };
        let cluster = self.0.cluster().await?;
        cluster.put_config_map(name, &older.data, None).await.map_err(|e| cluster_error(&e))?;
        Ok(Output { summary, blob: None })
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::After { what } => Ok(Proof::from(what)),
            Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
                Err(ActivityError::transient(what))
            }
        }
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
