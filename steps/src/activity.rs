//! The activities: one file for each kind of step.

use std::sync::Arc;

use kup_core::activity::{Activity, ActivityError, Output, Proof, StepContext};
use kup_core::catalog::Catalog;
use kup_core::event::{ErrorClass, Found, StepPrepared};
use kup_core::id::BlobId;

use crate::cluster::Node;
use crate::world::{World, cluster_error};

use self::restoring::{Part, Restoring};

pub(crate) mod addons;
pub mod addons_back;
pub mod backup;
mod bring;
mod call;
pub(crate) mod config_maps;
pub mod config_maps_back;
pub mod cordon;
pub mod drain;
pub mod etcd_agreement;
pub mod etcd_downgrade;
pub mod etcd_image_tag;
pub mod etcd_snapshot;
pub mod etcdutl;
pub mod kubeadm;
pub mod kubeadm_addons;
pub mod kubeadm_closing;
pub mod kubeadm_control_plane;
pub mod kubeadm_etcd;
pub mod kubeadm_kubelet_config;
pub mod kubeadm_phase;
pub mod kubeadm_upload_config;
pub mod kubelet_config_map;
pub mod kubelet_files;
pub mod kubelet_restart;
pub mod kubelet_stop;
mod manifests;
mod others;
pub mod packages;
mod pre_image;
pub mod prefetch;
pub mod put_back;
pub mod repository;
pub mod restoring;
mod running;
pub mod uncordon;
pub mod upgrade_plan;
pub mod verify;

/// The note of a step under which the place of its copy on the node stands.
pub const PRE_IMAGE: &str = "pre-image";

/// Returns the place of a step's pre-image on its node and the bytes that it has; `None` where the step took none. What else a step keeps
/// comes after it.
pub(crate) fn pre_image_in(prepared: &StepPrepared) -> Option<(&str, &BlobId)> {
    let (_, place) = prepared.notes.iter().find(|(name, _)| name == PRE_IMAGE)?;
    Some((place.as_str(), &prepared.backups.first()?.blob))
}

/// The parameter of an undo that writes over what somebody else has changed since the run left it.
pub(crate) const OVERWRITE: &str = "overwrite";

/// The parameter of an undo that says to which minor etcd was taken down online before: then, and only then, its data are read by that one.
pub(crate) const DOWNGRADED: &str = "etcd-downgraded";

/// Whether an undo still has to ask about what somebody else has changed: an operator has not agreed, and it has not begun.
fn minds_changes(cx: &StepContext) -> bool {
    cx.attempt == 0 && cx.step.params.get(OVERWRITE).is_none_or(|yes| yes != "yes")
}

/// Adds every activity to a catalog.
pub fn add_all(catalog: &mut Catalog, world: &Arc<World>) {
    let world = || Arc::clone(world);
    let restoring = |part| Restoring { world: world(), part };
    let all: [Arc<dyn Activity>; 35] = [
        Arc::new(put_back::PutBack(world())),
        Arc::new(kubelet_config_map::KubeletConfigMap(world())),
        Arc::new(repository::Repository(world())),
        Arc::new(packages::Packages(world())),
        Arc::new(prefetch::Prefetch(world())),
        Arc::new(upgrade_plan::UpgradePlan(world())),
        Arc::new(kubeadm::Kubeadm::apply(world())),
        Arc::new(kubeadm::Kubeadm::node(world())),
        Arc::new(kubeadm_phase::KubeadmPhase(world())),
        Arc::new(kubeadm_control_plane::KubeadmControlPlane(world())),
        Arc::new(kubeadm_etcd::KubeadmEtcd(world())),
        Arc::new(kubeadm_upload_config::KubeadmUploadConfig(world())),
        Arc::new(kubeadm_kubelet_config::KubeadmKubeletConfig(world())),
        Arc::new(kubeadm_addons::KubeadmAddons(world())),
        Arc::new(kubeadm_closing::KubeadmClosing(world())),
        Arc::new(etcd_image_tag::EtcdImageTag(world())),
        Arc::new(etcd_snapshot::EtcdSnapshot(world())),
        Arc::new(etcd_downgrade::EtcdDowngrade(world())),
        Arc::new(etcd_agreement::EtcdAgreement(world())),
        Arc::new(config_maps_back::ConfigMaps(world())),
        Arc::new(addons_back::Addons(world())),
        Arc::new(cordon::Cordon(world())),
        Arc::new(drain::Drain(world())),
        Arc::new(kubelet_restart::KubeletRestart(world())),
        Arc::new(kubelet_files::KubeletFiles(world())),
        Arc::new(uncordon::Uncordon(world())),
        Arc::new(verify::Verify(world())),
        Arc::new(backup::Backup::node(world())),
        Arc::new(backup::Backup::objects(world())),
        Arc::new(etcdutl::Etcdutl(world())),
        Arc::new(kubelet_stop::KubeletStop(world())),
        Arc::new(restoring(Part::Prepare)),
        Arc::new(restoring(Part::Stop)),
        Arc::new(restoring(Part::Swap)),
        Arc::new(restoring(Part::Start)),
    ];
    for activity in all {
        catalog.add(activity);
    }
}

/// What an undo says that has nothing to do.
fn nothing_to_undo() -> Result<Output, ActivityError> {
    Ok(Output { summary: "it left nothing that would have to go back".to_owned(), blob: None })
}

/// An undo is proven when the world is as before.
fn must_be_before(found: Found) -> Result<(), ActivityError> {
    match found {
        Found::Before { .. } => Ok(()),
        Found::Between { what, .. } | Found::After { what } | Found::Foreign { what } => {
            let why = format!("the files are not those from before: {what}");
            Err(ActivityError::permanent(why))
        }
    }
}

/// A step is proven when a look finds its effect.
fn must_be_after(cx: &StepContext, found: Found) -> Result<Proof, ActivityError> {
    match found {
        Found::After { what } => Ok(Proof::from(what)),
        Found::Before { what } | Found::Between { what, .. } | Found::Foreign { what } => {
            Err(ActivityError::transient(format!("on {}: {what}", cx.target)))
        }
    }
}

/// Returns the note of `prepare`, which is there before any attempt.
fn need_note<'a>(cx: &'a StepContext, name: &str) -> Result<&'a str, ActivityError> {
    cx.note(name).ok_or_else(|| {
        ActivityError::permanent(format!(
            "step `{}` recorded no `{name}` to go back to",
            cx.step.id
        ))
    })
}

/// Returns the flags that the operator has for kubeadm.
fn flags(cx: &StepContext) -> Result<Vec<String>, ActivityError> {
    Ok(cx.param("flags")?.split('\n').filter(|flag| !flag.is_empty()).map(str::to_owned).collect())
}

/// Whether an error passes by itself: an API server or a machine that is away for a moment.
fn passes(error: &ActivityError) -> bool {
    error.class == ErrorClass::Transient
}

async fn node(world: &World, name: &str) -> Result<Node, ActivityError> {
    let cluster = world.cluster().await?;
    let node = cluster.node(name).await.map_err(|e| cluster_error(&e))?;
    node.ok_or_else(|| {
        ActivityError::permanent(format!("the cluster has no node `{name}` any more"))
    })
}

async fn lift_cordon(world: &World, node: &str) -> Result<Output, ActivityError> {
    let cluster = world.cluster().await?;
    let lifted = cluster.uncordon(node, world.run()).await.map_err(|e| cluster_error(&e))?;
    let summary = if lifted { "uncordoned" } else { "this run has no cordon here" };
    Ok(Output { summary: summary.to_owned(), blob: None })
}
