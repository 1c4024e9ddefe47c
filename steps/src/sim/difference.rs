//! What the kubeadm of a release would change on a simulated machine, in the words of `kubeadm upgrade apply --dry-run` and `upgrade diff`.

use similar::TextDiff;

use super::api::{Api, COMPONENTS};
use super::asks::{failed, said};
use super::machine::{KUBELET_CONFIG, Machine, manifest_path};
use super::release;
use crate::host::Reply;
use crate::version::Version;

/// Answers `diff`.
pub(super) fn answer(machine: &Machine, api: &Api, args: &[String]) -> Reply {
    let [minor, package, how, version, ..] = args else {
        return failed(
            64,
            "kup: diff wants a minor, a package, apply or diff, and a release".to_owned(),
        );
    };
    let offered = package.strip_prefix("kubeadm=").is_some_and(|it| release::is_offered(minor, it));
    if !offered {
        return failed(69, format!("kup: {package} cannot be fetched"));
    }
    if api.server().is_none() {
        return failed(1, "error: the API server does not answer".to_owned());
    }
    let text = version.parse::<Version>().map_err(|error| error.to_string());
    let text = text.map(|version| match how.as_str() {
        "apply" => dry_run(machine, api, &version),
        _ => diff(machine, &version),
    });
    text.map_or_else(|why| failed(1, why), said)
}

fn manifests(machine: &Machine, version: &Version) -> Vec<(String, String)> {
    let three = COMPONENTS.into_iter().filter(|component| *component != "etcd");
    let new =
        |component: &str| release::manifest(component, &machine.name, &machine.address, version);
    three.map(|component| (manifest_path(component), new(component))).collect()
}

fn dry_run(machine: &Machine, api: &Api, version: &Version) -> String {
    let mut text = "[upgrade] Reading configuration from the cluster...\n".to_owned();
    for (path, new) in manifests(machine, version) {
        text += &format!("[dryrun] Would write file \"{path}\" with content:\n{new}");
    }
    let old = api.config("kubeadm-config", "ClusterConfiguration").unwrap_or_default();
    let new = release::with_version(old, version);
    let (old, new) = (config_map(old), config_map(&new));
    text += &format!("[dryrun] Returning faked GET response:\n{old}");
    text += "[dryrun] Would perform action CREATE on resource \"configmaps\" in API group \"core/v1\"\n";
    text += &format!("[dryrun] Attached object:\n{new}");
    let config = release::kubelet_config(version);
    text += &format!("[dryrun] Would write file \"{KUBELET_CONFIG}\" with content:\n{config}");
    text + "[dryrun] Finished dryrunning successfully!\n"
}

fn config_map(configuration: &str) -> String {
    let lines = configuration.lines().map(|line| format!("    {line}\n"));
    format!(
        "apiVersion: v1\ndata:\n  ClusterConfiguration: |\n{}kind: ConfigMap\nmetadata:\n  name: kubeadm-config\n  namespace: kube-system\n",
        lines.collect::<String>()
    )
}

fn diff(machine: &Machine, version: &Version) -> String {
    let mut text = "[upgrade/diff] Reading configuration from the cluster...\n".to_owned();
    for (path, new) in manifests(machine, version) {
        let old = machine.files.get(&path).map(|file| file.text.clone()).unwrap_or_default();
        let lines = TextDiff::from_lines(&old, &new);
        text += &lines.unified_diff().context_radius(3).header(&path, "new manifest").to_string();
    }
    text
}
