//! A call of kubeadm on a node, as an attempt: when it may begin, what is handed to the node, and how its effect is waited for.

use std::time::Duration;

use futures::future::BoxFuture;
use kup_core::activity::{ActivityError, Output, Proof, StepContext};
use kup_core::event::{Found, Settlement};

use super::{config_maps, manifests, others, pre_image};
use crate::attempt;
use crate::facts::{ControlPlaneState, KubeletState};
use crate::host::Host;
use crate::script::{KUBEADM_PHASE, RESTORE_FILES, SWAP_BACK, Script};
use crate::world::{World, host_error};

const PAUSE: Duration = Duration::from_secs(1);
/// Stands for a pre-image where a call changes nothing on the node that could be put back.
const NO_PRE_IMAGE: &str = "-";

/// What the script does beside calling kubeadm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// It refuses a control plane that kubeadm would take for a worker.
    ControlPlane,
    /// That, and it moves etcd's leadership to another member first.
    Etcd,
}

/// Reads what a node says of its static pods and its kubelet.
pub(super) async fn read(
    cx: &StepContext,
    world: &World,
) -> Result<(ControlPlaneState, KubeletState), ActivityError> {
    let host = world.host(&cx.target).await?;
    let control_plane = ControlPlaneState::read(host).await.map_err(|e| host_error(&e))?;
    let kubelet = KubeletState::read(host).await.map_err(|e| host_error(&e))?;
    Ok((control_plane, kubelet))
}

/// Whether `kubeadm-config` names a version.
pub(super) async fn config_is_at(world: &World, version: &str) -> Result<bool, ActivityError> {
    Ok(config_maps::cluster_version(world.cluster().await?).await? == version)
}

/// Whether the step says that nothing may be taken as done because it looks so: somebody else may have begun it.
pub(super) fn again(cx: &StepContext) -> bool {
    cx.step.params.get("again").is_some_and(|again| again == "yes")
}

/// Doubts what looks done where nobody knows whether kubeadm came to its end.
pub(super) fn doubted(cx: &StepContext, found: Found) -> Found {
    let why = match (cx.attempt > 0, again(cx)) {
        (true, _) => "how the last attempt ended is not known, so kubeadm may have more to do",
        (false, true) => "somebody else may have done only this much of it",
        (false, false) => return found,
    };
    match found {
        Found::After { what } => {
            Found::Between { what: format!("{what}; {why}"), repairable: true }
        }
        Found::Before { .. } | Found::Between { .. } | Found::Foreign { .. } => found,
    }
}

/// Whether the attempt runs or has ended there already: then it is taken over, whatever the API says or does not say by now.
pub(super) async fn has_begun(cx: &StepContext, host: &dyn Host) -> Result<bool, ActivityError> {
    let status = attempt::settle(cx, host).await.map_err(ActivityError::as_unclear)?;
    Ok(status != Settlement::NotStarted)
}

/// Waits until the attempt may begin. Before a start the other control planes must serve and `kubeadm-config` must be right; but a node that
/// is half done is repaired also while no API answers: it may be the reason, and the script waits for the API before it calls kubeadm.
pub(super) async fn may_begin(cx: &StepContext, world: &World) -> Result<(), ActivityError> {
    if has_begun(cx, world.host(&cx.target).await?).await? {
        return Ok(());
    }
    let (state, kubelet) = read(cx, world).await.map_err(ActivityError::as_unclear)?;
    let is_undo = cx.step.undo_of.is_some();
    let is_damaged = manifests::damage(cx, &state).is_some() || kubelet.active != "active";
    let is_whole = !is_undo && !is_damaged;
    others_serve(cx, world, is_whole).await?;
    let is_node = cx.step.params.get("call").is_some_and(|call| call.starts_with("upgrade\nnode"));
    if is_node && !is_undo {
        wait_for_config(cx, world, is_whole).await?;
    }
    Ok(())
}

/// Waits until all other control planes serve.
pub(super) async fn others_serve(
    cx: &StepContext,
    world: &World,
    is_whole: bool,
) -> Result<(), ActivityError> {
    others::wait_for(cx, world, is_whole).await
}

/// `upgrade node` takes the version from `kubeadm-config`: an old one would render the old version and report success.
pub(super) async fn wait_for_config(
    cx: &StepContext,
    world: &World,
    is_whole: bool,
) -> Result<(), ActivityError> {
    let version = cx.param("version")?;
    let until = cx.clock.now().plus(others::PATIENCE);
    loop {
        match config_is_at(world, version).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                return Err(ActivityError::permanent(format!(
                    "kubeadm-config is not at {version}, so `kubeadm upgrade node` would upgrade {} to something else",
                    cx.target
                )));
            }
            Err(error) if !super::passes(&error) => return Err(error),
            Err(_) if !is_whole => return Ok(()),
            Err(error) => others::pause(cx, until, &error.message).await?,
        }
    }
}

/// Runs the step's call on its node.
pub(super) async fn run(
    cx: &StepContext,
    world: &World,
    care: Care,
) -> Result<Output, ActivityError> {
    may_begin(cx, world).await?;
    attempt::run(cx, world.host(&cx.target).await?, script(cx, care)?).await
}

/// Returns the script with all that the step says to kubeadm.
pub(super) fn script(cx: &StepContext, care: Care) -> Result<Script, ActivityError> {
    let pre_image = cx.note(super::PRE_IMAGE).unwrap_or(NO_PRE_IMAGE);
    let care = match care {
        Care::ControlPlane => "control-plane",
        Care::Etcd => "etcd",
    };
    let mut args = vec![pre_image.to_owned(), care.to_owned(), cx.param("config")?.to_owned()];
    args.extend(cx.param("call")?.split('\n').map(str::to_owned));
    Ok(Script::new(KUBEADM_PHASE, args))
}

/// Puts files of the pre-image back, once the other control planes serve.
pub(super) async fn restore(
    cx: &StepContext,
    world: &World,
    files: Vec<String>,
) -> Result<Output, ActivityError> {
    may_begin(cx, world).await?;
    let host = world.host(&cx.target).await?;
    let mut args = vec![pre_image::brought(cx, host).await?];
    args.extend(files);
    attempt::run(cx, host, Script::new(RESTORE_FILES, args)).await
}

/// Puts static pods of the pre-image back one after the other, then files, once the other control planes serve.
pub(super) async fn swap_back(
    cx: &StepContext,
    world: &World,
    (components, files): (&[&str], &[&str]),
) -> Result<Output, ActivityError> {
    may_begin(cx, world).await?;
    let host = world.host(&cx.target).await?;
    let mut args = vec![pre_image::brought(cx, host).await?];
    args.extend(in_order(components, answers(world).await));
    args.push("--".to_owned());
    args.extend(files.iter().map(|file| (*file).to_owned()));
    attempt::run(cx, host, Script::new(SWAP_BACK, args)).await
}

/// Whether an API server answers.
async fn answers(world: &World) -> bool {
    match world.cluster().await {
        Ok(cluster) => cluster.server_version().await.is_ok(),
        Err(_) => false,
    }
}

/// No controller may be newer than its API server, so on the way back that one comes last; but without one nothing works, so then it comes first.
fn in_order(components: &[&str], is_served: bool) -> Vec<String> {
    let mut ordered: Vec<String> = components.iter().map(|it| (*it).to_owned()).collect();
    ordered.sort_by_key(|it| match (it.as_str(), is_served) {
        ("etcd", _) => 0,
        ("kube-apiserver", false) => 1,
        ("kube-apiserver", true) => 3,
        (_, _) => 2,
    });
    ordered
}

/// Waits until a look proves the effect. While the API server restarts, not to get an answer is part of the picture.
pub(super) async fn proven<'a>(
    cx: &StepContext,
    lacks: &str,
    look: impl Fn() -> BoxFuture<'a, Result<Option<Proof>, ActivityError>> + Send + Sync,
) -> Result<Proof, ActivityError> {
    let until = cx.clock.now().plus(cx.step.policy.timeout());
    loop {
        let seen = look().await;
        let is_late = cx.clock.now() > until;
        match seen {
            Ok(Some(proof)) => return Ok(proof),
            Err(error) if is_late || !super::passes(&error) => return Err(error.as_permanent()),
            Ok(None) if is_late => {
                return Err(ActivityError::permanent(format!("on {}: {lacks}", cx.target)));
            }
            Ok(None) => cx.say(lacks),
            Err(error) => cx.say(&error.message),
        }
        cx.clock.sleep(PAUSE).await;
    }
}
