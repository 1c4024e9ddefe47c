//! What the kubeadm of a release would change on a simulated machine, in the words of `kubeadm upgrade apply --dry-run`.

use super::api::{Api, COMPONENTS};
use super::asks::{failed, said};
use super::machine::{KUBELET_CONFIG, Machine, manifest_path};
use super::{objects, release};
use crate::host::Reply;
use crate::version::Version;

/// Answers `diff`.
pub(super) fn answer(machine: &Machine, api: &Api, args: &[String]) -> Reply {
    let [minor, package, _config, _upgrade, _apply, version, flags @ ..] = args else {
        let wants =
            "kup: diff wants a minor, a package, a configuration, and arguments for kubeadm";
        return failed(64, wants.to_owned());
    };
    let offered = package.strip_prefix("kubeadm=").is_some_and(|it| release::is_offered(minor, it));
    if !offered {
        return failed(69, format!("kup: {package} cannot be fetched"));
    }
    if api.server().is_none() {
        return failed(1, "error: the API server does not answer".to_owned());
    }
    let skipped = flags.iter().find(|flag| flag.starts_with("--skip-phases="));
    let skipped = skipped.map(String::as_str).unwrap_or_default();
    match version.parse::<Version>() {
        Ok(version) => said(dry_run(machine, &version, &objects::written(api, &version, skipped))),
        Err(error) => failed(1, error.to_string()),
    }
}

fn dry_run(machine: &Machine, version: &Version, objects: &[serde_json::Value]) -> String {
    let mut text = "[upgrade] Reading configuration from the cluster...\n".to_owned();
    for component in COMPONENTS.into_iter().filter(|component| *component != "etcd") {
        let new = release::manifest(component, &machine.name, &machine.address, version);
        let path = manifest_path(component);
        text += &format!("[dryrun] Would write file \"{path}\" with content:\n{new}");
    }
    for object in objects {
        let object = serde_yaml_ng::to_string(object).unwrap_or_default();
        text += "[dryrun] Would perform action CREATE on resource \"objects\" in API group \"core/v1\"\n";
        text += &format!("[dryrun] Attached object:\n{object}\n");
    }
    let config = release::kubelet_config(version);
    text += &format!("[dryrun] Would write file \"{KUBELET_CONFIG}\" with content:\n{config}");
    text + "[dryrun] Finished dryrunning successfully!\n"
}
