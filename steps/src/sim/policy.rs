//! What kubeadm refuses before it changes anything: its version policy and its preflight checks. Pure.

use super::api::Api;
use super::kubeadm::has_manifests;
use super::machine::Machine;
use super::release;
use crate::release::kubelet_config_map;
use crate::version::Version;

/// Returns the version in `kubeadm-config`.
pub(super) fn cluster_version(api: &Api) -> Result<Version, String> {
    let text = api.config("kubeadm-config", "ClusterConfiguration");
    text.and_then(release::version_in).ok_or_else(|| {
        "error: failed to get config map: configmaps \"kubeadm-config\" not found".to_owned()
    })
}

/// Says which of kubeadm's health checks fails before an upgrade, if one does that is not ignored.
pub(super) fn check_health(machine: &Machine, api: &Api, ignored: &[String]) -> Result<(), String> {
    let is_ignored = |check: &str| ignored.iter().any(|name| name == check || name == "all");
    let waiting = api.control_planes().find(|(_, node)| !node.status.ready);
    let failed = match waiting {
        _ if !has_manifests(machine) && !is_ignored("StaticPodManifest") => {
            Some(("StaticPodManifest", "one or more static pod manifests are missing".to_owned()))
        }
        Some((name, _)) if !is_ignored("ControlPlaneNodesReady") => {
            let what = format!("there are NotReady control-planes in the cluster: [{name}]");
            Some(("ControlPlaneNodesReady", what))
        }
        Some(_) | None => None,
    };
    failed.map_or(Ok(()), |(check, what)| Err(preflight(check, &what)))
}

/// Says what a kubeadm looks for in vain, if it does: it reads the kubelets' configuration of the minor that `kubeadm-config` names.
pub(super) fn check_config_maps(api: &Api) -> Result<(), String> {
    let name = kubelet_config_map(cluster_version(api)?);
    match api.config(&name, "kubelet") {
        Some(_) => Ok(()),
        None => Err(format!("[upgrade/versions] FATAL: configmaps \"{name}\" not found")),
    }
}

/// Says why `kubeadm upgrade plan` refuses, if it does.
pub(super) fn check_plan(
    machine: &Machine,
    api: &Api,
    target: &Version,
    flags: &[String],
) -> Result<(), String> {
    check_config_maps(api)?;
    let cluster = cluster_version(api)?;
    let kubeadm = kubeadm_version(machine)?;
    let force = flags.iter().any(|flag| flag == "--force" || flag == "-f");
    let mandatory = mandatory(target, &cluster, &kubeadm);
    let skippable = if force { Vec::new() } else { skippable(target, &kubeadm) };
    let errors: Vec<String> = mandatory.into_iter().chain(skippable).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let list: String = errors.iter().map(|error| format!("\n\t- {error}")).collect();
    Err(format!(
        "[upgrade/version] FATAL: the --version argument is invalid due to these fatal errors:\n{list}"
    ))
}

/// Says why `kubeadm upgrade node` refuses the cluster's version, if it does.
pub(super) fn check_node(machine: &Machine, version: &Version) -> Result<(), String> {
    let kubeadm = kubeadm_version(machine)?;
    if version.minor > kubeadm.minor || version.minor.saturating_add(1) < kubeadm.minor {
        return Err(format!(
            "error: this version of kubeadm only supports deploying clusters with the control plane \
             version >= v1.{}.0. Current version: {version}",
            kubeadm.minor.saturating_sub(1)
        ));
    }
    Ok(())
}

fn kubeadm_version(machine: &Machine) -> Result<Version, String> {
    machine.program("kubeadm").ok_or_else(|| "sh: kubeadm: not found".to_owned())
}

fn preflight(check: &str, what: &str) -> String {
    format!(
        "[preflight] Some fatal errors occurred:\n\t[ERROR {check}]: {what}\n\
         error: error execution phase preflight: preflight checks failed"
    )
}

fn mandatory(target: &Version, cluster: &Version, kubeadm: &Version) -> Vec<String> {
    let mut errors = Vec::new();
    if target.minor > cluster.minor.saturating_add(1) {
        errors.push(format!(
            "Specified version to upgrade to \"{target}\" is too high; you can upgrade only 1 minor version at a time"
        ));
    }
    if target.minor.saturating_add(1) < cluster.minor {
        errors.push(format!(
            "Specified version to downgrade to \"{target}\" is too low; you can downgrade only 1 minor version at a time"
        ));
    }
    if target.minor > kubeadm.minor {
        errors.push(format!(
            "Specified version to upgrade to \"{target}\" is at least one minor release higher than the kubeadm minor release ({} > {}). Such an upgrade is not supported",
            target.minor, kubeadm.minor
        ));
    }
    if target.minor.saturating_add(1) < kubeadm.minor {
        errors.push(format!(
            "Specified version to upgrade to \"{target}\" is equal to or lower than the minimum supported version \"v1.{}.0\"",
            kubeadm.minor.saturating_sub(1)
        ));
    }
    errors
}

fn skippable(target: &Version, kubeadm: &Version) -> Vec<String> {
    let mut errors = Vec::new();
    if target.minor == kubeadm.minor && target.patch > kubeadm.patch {
        errors.push(format!(
            "Specified version to upgrade to \"{target}\" is higher than the kubeadm version \"{kubeadm}\". Upgrade kubeadm first using the tool you used to install kubeadm"
        ));
    }
    if kubeadm.minor > target.minor {
        errors.push(format!(
            "Kubeadm version {kubeadm} can only be used to upgrade to Kubernetes version {}",
            kubeadm.minor_name()
        ));
    }
    errors
}
