//! Whether the keys are there without which the control plane from before would not serve: the CA, and what Secrets are encrypted with. A way
//! back brings only what is broken of `/etc/kubernetes/pki` back, so each must be on its node, or in the pre-image that goes back there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use kup_core::guard::Guard;
use kup_core::id::BlobId;
use kup_core::journal::Blobs;
use kup_core::plan::{Plan, StepSpec};
use kup_core::state::RunState;
use serde_yaml_ng::Value;

use crate::activity::pre_image_in;
use crate::host::{Host, HostError};
use crate::script::{READ_FILES, Script};

/// Every control plane of kubeadm has it.
const CA: &str = "/etc/kubernetes/pki/ca.crt";
const MANIFESTS: &str = "/etc/kubernetes/manifests/";
/// The flags of static pods that name such a file.
const FLAGS: [&str; 4] = [
    "--encryption-provider-config=",
    "--client-ca-file=",
    "--cluster-signing-cert-file=",
    "--cluster-signing-key-file=",
];

/// Returns which keys are lacking for a plan of a rollback, in an operator's words. What a pre-image that nobody can read would need is not known.
///
/// # Errors
/// See [`HostError`].
pub async fn lacking(
    (plan, state): (&Plan, &RunState),
    blobs: &dyn Blobs,
    hosts: &BTreeMap<String, Arc<dyn Host>>,
) -> Result<BTreeSet<String>, HostError> {
    let mut lacking = BTreeSet::new();
    for (stage, step) in plan.steps() {
        let kept = pre_image_of(step, state).zip(hosts.get(&stage.target));
        let Some(((place, blob), host)) = kept else { continue };
        let bytes = match blobs.get(blob).await {
            Ok(bytes) => Some(bytes),
            // What is to stay on its node is not looked into from here.
            Err(_) if state.guard == Guard::OnNodes => None,
            Err(_) => copy_on(host.as_ref(), place).await?,
        };
        let wanted = bytes.map(|bytes| Image::read(&bytes).unkept()).unwrap_or_default();
        let there = there(host.as_ref(), wanted.keys().cloned().collect()).await?;
        let gone = wanted.into_iter().filter(|(path, _)| !there.contains(path));
        lacking.extend(gone.map(|(path, who)| {
            format!(
                "{path} on {}, which {who} needs, is neither there nor in the pre-image",
                stage.target
            )
        }));
    }
    Ok(lacking)
}

/// Returns the pre-image that an undo of a control plane's step reads.
fn pre_image_of<'a>(step: &StepSpec, state: &'a RunState) -> Option<(&'a str, &'a BlobId)> {
    let is_control_plane = step.params.get("role").is_some_and(|role| role == "control-plane");
    let undone = step.undo_of.as_ref().filter(|_| is_control_plane)?;
    pre_image_in(state.step(undone)?.prepared.as_ref()?)
}

async fn copy_on(host: &dyn Host, place: &str) -> Result<Option<Vec<u8>>, HostError> {
    let reply = host.ask(&Script::new(READ_FILES, [place])).await?;
    Ok(Image::read(&reply.stdout).0.into_values().next().flatten())
}

/// Returns those of some files that are on a node.
async fn there(host: &dyn Host, paths: Vec<String>) -> Result<BTreeSet<String>, HostError> {
    if paths.is_empty() {
        return Ok(BTreeSet::new());
    }
    let reply = host.ask(&Script::new(READ_FILES, paths)).await?;
    Ok(Image::read(&reply.stdout).0.into_keys().collect())
}

/// What is in a pre-image, by absolute path; a file has its bytes, a link none. What cannot be read is not there.
struct Image(BTreeMap<String, Option<Vec<u8>>>);

impl Image {
    fn read(tar: &[u8]) -> Self {
        let mut files = BTreeMap::new();
        let mut archive = tar::Archive::new(tar);
        for mut entry in archive.entries().into_iter().flatten().flatten() {
            let Ok(path) = entry.path().map(|path| format!("/{}", path.display())) else {
                continue;
            };
            let mut bytes = Vec::new();
            let is_file = entry.header().entry_type().is_file();
            let is_read = is_file && entry.read_to_end(&mut bytes).is_ok();
            if !path.ends_with('/') {
                files.insert(path, is_read.then_some(bytes));
            }
        }
        Self(files)
    }

    /// Returns the keys that its static pods need and that it does not hold, with who needs each.
    fn unkept(&self) -> BTreeMap<String, String> {
        let mut wanted = BTreeMap::from([(CA.to_owned(), "the control plane".to_owned())]);
        for (path, bytes) in &self.0 {
            let name = path.strip_prefix(MANIFESTS).zip(bytes.as_ref());
            let Some((name, bytes)) = name else { continue };
            let named = serde_yaml_ng::from_slice(bytes).map(|manifest| named_in(&manifest));
            let who = name.trim_end_matches(".yaml");
            wanted.extend(named.unwrap_or_default().into_iter().map(|path| (path, who.to_owned())));
        }
        wanted.retain(|path, _| !self.0.contains_key(path));
        wanted
    }
}

/// Returns the files on the node that a static pod's flags name.
fn named_in(manifest: &Value) -> Vec<String> {
    let Some(pod) = manifest.get("spec") else { return Vec::new() };
    let container = list(pod, "containers").first();
    let words = container.into_iter().flat_map(|it| ["command", "args"].map(|key| list(it, key)));
    let words = words.flatten().filter_map(Value::as_str);
    let paths = words.filter_map(|word| FLAGS.iter().find_map(|flag| word.strip_prefix(flag)));
    let paths = paths.filter(|path| path.starts_with('/'));
    paths.filter_map(|path| on_node(pod, container?, path)).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

/// Returns where a container's file lies on the node; `None` where it comes from no folder of it.
fn on_node(pod: &Value, container: &Value, path: &str) -> Option<String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let below = |mount: &&Value| {
        let at = text(mount, "mountPath").unwrap_or_default();
        let rest = path.strip_prefix(at.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mounts = list(container, "volumeMounts").iter().filter(below);
    let length = |mount: &&Value| text(mount, "mountPath").map_or(0, |at| at.len());
    let Some(mount) = mounts.max_by_key(length) else { return Some(path.to_owned()) };
    let name = text(mount, "name")?;
    let is_it = |volume: &&Value| text(volume, "name").as_ref() == Some(&name);
    let folder = text(list(pod, "volumes").iter().find(is_it)?.get("hostPath")?, "path")?;
    let at = text(mount, "mountPath")?;
    let rest = path.strip_prefix(at.trim_end_matches('/'))?;
    Some(format!("{}{rest}", folder.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "
spec:
  containers:
  - command: [kube-apiserver, --client-ca-file=/etc/kubernetes/pki/ca.crt, --encryption-provider-config=/keys/enc.yaml]
    args: [--cluster-signing-key-file=/pki/own/ca.key, --encryption-provider-config-automatic-reload=true]
    volumeMounts:
    - {name: pki, mountPath: /pki}
    - {name: own, mountPath: /pki/own/}
    - {name: all, mountPath: /pk}
  volumes:
  - {name: pki, hostPath: {path: /wrong}}
  - {name: own, hostPath: {path: /srv/own}}
  - {name: all, emptyDir: {}}
";

    #[test]
    fn files_are_looked_for_where_they_lie_on_the_node() {
        let named = named_in(&serde_yaml_ng::from_str(MANIFEST).unwrap());
        assert_eq!(named, ["/etc/kubernetes/pki/ca.crt", "/keys/enc.yaml", "/srv/own/ca.key"]);
        let elsewhere = MANIFEST.replace("hostPath: {path: /srv/own}", "secret: {}");
        let named = named_in(&serde_yaml_ng::from_str(&elsewhere).unwrap());
        assert_eq!(named, ["/etc/kubernetes/pki/ca.crt", "/keys/enc.yaml"]);
    }

    #[test]
    fn what_a_pre_image_holds_is_not_looked_for() {
        let file = |bytes: &str| Some(bytes.as_bytes().to_vec());
        let manifest = ("/etc/kubernetes/manifests/kube-apiserver.yaml".to_owned(), file(MANIFEST));
        let mut image = Image(BTreeMap::from([manifest, (CA.to_owned(), file("x"))]));
        let wanted: Vec<String> = image.unkept().into_keys().collect();
        assert_eq!(wanted, ["/keys/enc.yaml", "/srv/own/ca.key"]);
        image.0.remove(CA);
        image.0.insert("/keys/enc.yaml".to_owned(), None);
        let wanted: Vec<String> = image.unkept().into_keys().collect();
        assert_eq!(wanted, [CA, "/srv/own/ca.key"]);
    }
}
