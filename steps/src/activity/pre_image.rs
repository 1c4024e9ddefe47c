//! Copies of a node's files, taken once before the first attempt of a step: one blob here, one tar on the node, where a script can put
//! files back even when the way to us is cut. Write-once on both ends, so that a second attempt never saves the damage of the first.

use std::path::Path;

use kup_core::activity::{ActivityError, Prepared, StepContext};
use kup_core::event::{Backup, StepPrepared};
use kup_core::id::BlobId;

use super::{PRE_IMAGE, call, manifests, pre_image_in};
use crate::facts::Copies;
use crate::host::Host;
use crate::script::{READ_FILES, Script};
use crate::world::{World, host_error};

/// The kubelet's files that kubeadm writes.
pub(super) const KUBELET_FILES: [&str; 3] = [
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
    "/var/lib/kubelet/instance-config.yaml",
];
/// What the pre-image of a step with kubeadm holds: all that kubeadm writes on a node, what the kubelet is started with, and where packages come
/// from; never `/etc/kubernetes/tmp`, which can be gigabytes.
pub(super) const OF_KUBEADM: [&str; 19] = [
    "/etc/kubernetes/manifests",
    "/etc/kubernetes/pki",
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/super-admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/bootstrap-kubelet.conf",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
    "/var/lib/kubelet/instance-config.yaml",
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/systemd/system/kubelet.service.d",
    "/usr/lib/systemd/system/kubelet.service.d",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/yum.repos.d",
    "/etc/zypp/repos.d",
];
/// The manifest that may name a file with the keys that Secrets are encrypted with.
const API_SERVER: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/// Copies files and folders; returns the backup and a note with its place on the node. May hold secrets; where those are to stay on their node, so
/// does all of it.
pub(super) async fn take(
    cx: &StepContext,
    host: &dyn Host,
    paths: &[String],
) -> Result<Prepared, ActivityError> {
    if !cx.blobs.takes_secrets() {
        return keep_there(cx, host, paths).await;
    }
    let script = Script::new(READ_FILES, paths.to_vec());
    let reply = host.ask(&script).await.map_err(|e| host_error(&e))?;
    if reply.status != 0 {
        let why =
            format!("cannot copy {} of {}: {}", paths.join(" "), cx.target, reply.stderr.trim());
        return Err(ActivityError::transient(why));
    }
    let kept = cx.blobs.put_secret(&reply.stdout).await;
    let blob =
        kept.map_err(|e| ActivityError::permanent("cannot keep the pre-image").because(&e))?;
    let name = format!("{}.tar", cx.step.id);
    let on_node = host.keep(&cx.run, &name, &reply.stdout).await.map_err(|e| host_error(&e))?;
    let size = u64::try_from(reply.stdout.len()).unwrap_or(u64::MAX);
    let what = what(cx, paths);
    let notes = vec![(PRE_IMAGE.to_owned(), on_node)];
    Ok(Prepared { notes, backups: vec![Backup { what, blob, size }] })
}

fn what(cx: &StepContext, paths: &[String]) -> String {
    format!("{} of {}", paths.join(" "), cx.target)
}

/// The same on the node alone: only the hash and the length come here.
async fn keep_there(
    cx: &StepContext,
    host: &dyn Host,
    paths: &[String],
) -> Result<Prepared, ActivityError> {
    let name = format!("{}.tar", cx.step.id);
    let kept = host.keep_files(&cx.run, &name, paths).await.map_err(|e| host_error(&e))?;
    let blob: BlobId = kept.sha256.parse().map_err(|e| {
        let why = format!("{} names no SHA-256 of what it keeps", cx.target);
        ActivityError::permanent(why).because(&e)
    })?;
    let notes = vec![
        (PRE_IMAGE.to_owned(), kept.path),
        (StepPrepared::ONLY_ON_NODE.to_owned(), blob.to_string()),
    ];
    Ok(Prepared { notes, backups: vec![Backup { what: what(cx, paths), blob, size: kept.length }] })
}

/// Copies all that kubeadm writes on a node, and notes what was there.
pub(super) async fn of_kubeadm(cx: &StepContext, world: &World) -> Result<Prepared, ActivityError> {
    let (state, kubelet) = call::read(cx, world).await?;
    let host = world.host(&cx.target).await?;
    let mut paths = OF_KUBEADM.map(str::to_owned).to_vec();
    paths.extend(encryption_config(host).await?);
    let mut taken = take(cx, host, &paths).await?;
    taken.notes.extend(manifests::hashes(&state, &kubelet));
    Ok(taken)
}

/// Makes sure that the pre-image lies whole on the node, and returns its place there. Where the node has lost it, or has other bytes under its name,
/// it is brought again from here.
///
/// # Errors
/// Permanent where it is whole on neither machine; nothing was touched then.
pub(super) async fn brought(cx: &StepContext, host: &dyn Host) -> Result<String, ActivityError> {
    let kept = cx.prepared.as_ref().and_then(pre_image_in).ok_or_else(|| {
        ActivityError::permanent(format!("step `{}` recorded no pre-image", cx.step.id))
    })?;
    whole(cx, host, kept).await
}

/// As [`brought`], for a pre-image by its place and its bytes.
pub(super) async fn whole(
    cx: &StepContext,
    host: &dyn Host,
    (place, blob): (&str, &BlobId),
) -> Result<String, ActivityError> {
    let name = place.rsplit('/').next().unwrap_or(place);
    let again = format!("again.{name}");
    let beside = place.replace(name, &again);
    let found = Copies::read(host, &[place.to_owned(), beside.clone()]).await;
    let found = found.map_err(|e| host_error(&e))?.0;
    let is_whole = |place: &str| found.get(place).is_some_and(|hash| hash == blob.as_str());
    if let Some(whole) = [place, &beside].into_iter().find(|place| is_whole(place)) {
        return Ok(whole.to_owned());
    }
    let bytes = cx.blobs.get(blob).await.map_err(|e| {
        let target = &cx.target;
        let why = format!(
            "the pre-image {place} of {target} is whole neither there nor here; nothing was touched"
        );
        ActivityError::permanent(why).because(&e)
    })?;
    let name = if found.contains_key(place) { &again } else { name };
    cx.say(&format!("bringing {name} to {} again", cx.target));
    let kept = host.keep(&cx.run, name, &bytes).await.map_err(|e| host_error(&e))?;
    let now = Copies::read(host, std::slice::from_ref(&kept)).await.map_err(|e| host_error(&e))?;
    match now.0.get(&kept).is_some_and(|hash| hash == blob.as_str()) {
        true => Ok(kept),
        false => Err(ActivityError::permanent(format!("{} has other bytes at {kept}", cx.target))),
    }
}

/// Returns the file with the keys that Secrets are encrypted with, where it lies apart from the rest: without it etcd's data cannot be read.
async fn encryption_config(host: &dyn Host) -> Result<Option<String>, ActivityError> {
    let script = Script::new(READ_FILES, [API_SERVER]);
    let reply = host.ask(&script).await.map_err(|e| host_error(&e))?;
    let text = String::from_utf8_lossy(&reply.stdout);
    Ok(named_in(&text).filter(|path| !OF_KUBEADM.iter().any(|it| Path::new(path).starts_with(it))))
}

/// Finds the file in a manifest, around which there may be the rest of a tar.
fn named_in(manifest: &str) -> Option<String> {
    let value = manifest.split_once("--encryption-provider-config=")?.1;
    let is_end = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'');
    let path = value.split(is_end).next().unwrap_or_default();
    path.starts_with('/').then(|| path.to_owned())
}

/// Returns the place of the pre-image on the node.
pub(super) fn path(cx: &StepContext) -> Result<&str, ActivityError> {
    super::need_note(cx, PRE_IMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_with_the_keys_is_found_in_the_manifest() {
        for (line, path) in [
            (
                "    - --encryption-provider-config=/etc/keys/enc.yaml\n    - --x",
                "/etc/keys/enc.yaml",
            ),
            ("- \"--encryption-provider-config=/a b\"", "/a"),
            ("--encryption-provider-config=/enc.yaml", "/enc.yaml"),
        ] {
            assert_eq!(named_in(line).as_deref(), Some(path));
        }
        for none in [
            "",
            "--encryption-provider-config-automatic-reload=true",
            "--encryption-provider-config=x",
        ] {
            assert_eq!(named_in(none), None, "{none}");
        }
    }
}
