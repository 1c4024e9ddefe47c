//! The phase `addon`, after the last control plane: CoreDNS and kube-proxy, or one of them.
//!
//! Changes: their Deployment, DaemonSet and ConfigMaps; kubeadm does nothing where one is disabled or was never there. Half-way: one is new, the other
//! old. Observe: the images of kube-proxy's pods, which carry the version; CoreDNS's do not. Undo: none; `addons_back.rs` puts them back.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::event::{Found, Settlement};

use super::call::{self, Care};
use super::{addons, manifests};
use crate::attempt;
use crate::cluster::Pod;
use crate::world::{World, cluster_error};

/// The activity `kubeadm-addons`. Parameters: `version`, `role`, `call`, `config`, `addons` (`coredns,kube-proxy` or one of them).
pub struct KubeadmAddons(pub Arc<World>);

impl KubeadmAddons {
    /// Returns the pods of kube-proxy, where that is cared for.
    async fn proxies(&self, cx: &StepContext) -> Result<Vec<Pod>, ActivityError> {
        if !cx.param("addons")?.split(',').any(|addon| addon == "kube-proxy") {
            return Ok(Vec::new());
        }
        let cluster = self.0.cluster().await?;
        let mut pods = cluster.system_pods().await.map_err(|e| cluster_error(&e))?;
        pods.retain(|pod| {
            pod.labels.get("k8s-app").is_some_and(|app| app == "kube-proxy") && !pod.terminating
        });
        Ok(pods)
    }

    /// A large cluster replaces kube-proxy for a long time: that it has begun is proof here, that it is over is asked at the very end.
    async fn prove(&self, cx: &StepContext) -> Result<Option<Proof>, ActivityError> {
        let version = cx.param("version")?;
        let pods = self.proxies(cx).await?;
        let n_new = pods.iter().filter(|pod| is_at(pod, version)).count();
        let n_pods = pods.len();
        let evidence = format!("{n_new} of {n_pods} pods of kube-proxy are at {version}");
        if n_new == 0 && !pods.is_empty() {
            return Ok(None);
        }
        let left = addons::left(self.0.cluster().await?).await.map_err(|e| cluster_error(&e))?;
        Ok(Some(Proof { evidence, left }))
    }
}

fn is_at(pod: &Pod, version: &str) -> bool {
    pod.images.iter().any(|image| manifests::is_at(image, version))
}

#[async_trait]
impl Activity for KubeadmAddons {
    fn name(&self) -> &'static str {
        "kubeadm-addons"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &["version", "role", "call", "config", "addons"]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::Idempotent
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::NothingToUndo
    }

    /// CoreDNS comes first: where kube-proxy is new, both are.
    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let version = cx.param("version")?;
        let pods = self.proxies(cx).await?;
        let is_done = !pods.is_empty() && pods.iter().all(|pod| is_at(pod, version));
        Ok(match is_done {
            true => call::doubted(cx, Found::After { what: format!("kube-proxy is at {version}") }),
            false => Found::Before { what: format!("the addons are not known to be at {version}") },
        })
    }

    async fn prepare(&self, _: &StepContext) -> Result<Prepared, ActivityError> {
        Ok(Prepared::default())
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        attempt::settle(cx, self.0.host(&cx.target).await?).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        call::run(cx, &self.0, Care::ControlPlane).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        let lacks = "no pod of kube-proxy has its new image";
        call::proven(cx, lacks, || self.prove(cx).boxed()).await
    }

    async fn undo(&self, _: &StepContext) -> Result<Output, ActivityError> {
        super::nothing_to_undo()
    }
}
