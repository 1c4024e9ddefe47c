//! `kubeadm upgrade apply` and `kubeadm upgrade node` on a simulated machine, inside kup's scripts around them.
//! It refuses what kubeadm refuses, and it is blind where kubeadm is: without kube-apiserver.yaml it takes a control plane for a worker.

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::addons;
use super::api::COMPONENTS;
use super::files::FileAct;
use super::machine::{KUBELET_CONFIG, Machine, manifest_path};
use super::policy;
use super::release;
use super::staticpods::StaticPodAct;
use crate::version::Version;

/// How often the scripts look for an API server, every fifth of a second: two minutes.
const API_LOOKS: u32 = 600;

/// What kup's scripts and kubeadm do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KubeadmAct {
    /// Ends with 65 where kubeadm would take a control plane for a worker.
    RequireControlPlane,
    WaitForApi {
        left: u32,
    },
    Apply {
        version: String,
        flags: Vec<String>,
    },
    Node {
        flags: Vec<String>,
    },
    UploadKubeadmConfig {
        version: String,
    },
    UploadKubeletConfig {
        version: String,
    },
    BackUpKubeletConfig {
        backup: String,
    },
    TruncateKubeletConfig,
    WriteKubeletConfig {
        version: String,
    },
    CoreDns {
        version: String,
    },
    KubeProxy {
        version: String,
    },
}

/// Returns what the script `kubeadm-apply` does.
pub(super) fn apply(args: &[String]) -> Vec<Act> {
    let [preimage, version, flags @ ..] = args else { return vec![Act::Exit(64)] };
    vec![
        Act::File(FileAct::PutBack { preimage: preimage.clone() }),
        Act::Kubeadm(KubeadmAct::WaitForApi { left: API_LOOKS }),
        Act::Kubeadm(KubeadmAct::Apply { version: version.clone(), flags: flags.to_vec() }),
    ]
}

/// Returns what the script `kubeadm-node` does.
pub(super) fn node(args: &[String]) -> Vec<Act> {
    let [preimage, role, flags @ ..] = args else { return vec![Act::Exit(64)] };
    let mut acts = vec![Act::File(FileAct::PutBack { preimage: preimage.clone() })];
    if role == "control-plane" {
        acts.push(Act::Kubeadm(KubeadmAct::RequireControlPlane));
    }
    acts.push(Act::Kubeadm(KubeadmAct::WaitForApi { left: API_LOOKS }));
    acts.push(Act::Kubeadm(KubeadmAct::Node { flags: flags.to_vec() }));
    acts
}

impl KubeadmAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::WaitForApi { left } if *left < API_LOOKS => 200,
            Self::RequireControlPlane | Self::WaitForApi { .. } => 5,
            Self::Apply { .. } | Self::Node { .. } => 80,
            Self::UploadKubeadmConfig { .. } | Self::UploadKubeletConfig { .. } => 25,
            Self::BackUpKubeletConfig { .. }
            | Self::TruncateKubeletConfig
            | Self::WriteKubeletConfig { .. } => 10,
            Self::CoreDns { .. } | Self::KubeProxy { .. } => 25,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::RequireControlPlane => require_control_plane(machine, reach),
            Self::WaitForApi { left } => wait_for_api(reach, *left),
            Self::TruncateKubeletConfig => {
                machine.write(KUBELET_CONFIG, "");
                Then::Next
            }
            Self::BackUpKubeletConfig { backup } => back_up_kubelet_config(machine, reach, backup),
            Self::Apply { .. }
            | Self::Node { .. }
            | Self::UploadKubeadmConfig { .. }
            | Self::UploadKubeletConfig { .. }
            | Self::WriteKubeletConfig { .. }
            | Self::CoreDns { .. }
            | Self::KubeProxy { .. } => self.perform_through_api(machine, reach),
        }
    }

    /// Does what needs an answer from the API server.
    fn perform_through_api(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        if reach.api.server().is_none() {
            reach.say("error: failed to get config map: the API server does not answer");
            return Then::Exit(1);
        }
        let result = match self {
            Self::Apply { version, flags } => begin_apply(machine, reach, version, flags),
            Self::Node { flags } => begin_node(machine, reach, flags),
            Self::UploadKubeadmConfig { version } => upload_kubeadm_config(reach, version),
            Self::UploadKubeletConfig { version } => upload_kubelet_config(reach, version),
            Self::WriteKubeletConfig { version } => write_kubelet_config(machine, reach, version),
            Self::CoreDns { version } => parse(version).map(|it| addons::core_dns(reach, &it)),
            Self::KubeProxy { version } => parse(version).map(|it| addons::kube_proxy(reach, &it)),
            Self::RequireControlPlane
            | Self::WaitForApi { .. }
            | Self::TruncateKubeletConfig
            | Self::BackUpKubeletConfig { .. } => Ok(Then::Next),
        };
        result.unwrap_or_else(|why| {
            reach.say(why);
            Then::Exit(1)
        })
    }
}

fn require_control_plane(machine: &Machine, reach: &mut Reach<'_>) -> Then {
    if machine.has_api_server_manifest() {
        return Then::Next;
    }
    reach.say("kube-apiserver.yaml is missing: kubeadm would take this control plane for a worker");
    Then::Exit(65)
}

fn wait_for_api(reach: &mut Reach<'_>, left: u32) -> Then {
    if reach.api.server().is_some() {
        return Then::Next;
    }
    match left.checked_sub(1) {
        Some(left) => Then::First(vec![Act::Kubeadm(KubeadmAct::WaitForApi { left })]),
        None => {
            reach.say("the API server does not answer");
            Then::Exit(69)
        }
    }
}

fn parse(version: &str) -> Result<Version, String> {
    version.parse().map_err(|error| format!("error: {error}"))
}

fn begin_apply(
    machine: &Machine,
    reach: &mut Reach<'_>,
    version: &str,
    flags: &[String],
) -> Result<Then, String> {
    reach.say("[upgrade] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \"kube-system\"...");
    reach.say("[upgrade/preflight] Running preflight checks");
    let version = parse(version)?;
    policy::check_apply(machine, reach.api, &version, flags)?;
    reach.say(format!(
        "[upgrade/preflight] You have chosen to upgrade the cluster version to \"{version}\""
    ));
    let text = version.to_string();
    let mut acts = control_plane(reach, &version, flags);
    acts.push(Act::Kubeadm(KubeadmAct::UploadKubeadmConfig { version: text.clone() }));
    acts.push(Act::Kubeadm(KubeadmAct::UploadKubeletConfig { version: text }));
    acts.extend(kubelet_config(reach, &version));
    acts.extend(addons_of(&version));
    Ok(Then::First(acts))
}

fn begin_node(machine: &Machine, reach: &mut Reach<'_>, flags: &[String]) -> Result<Then, String> {
    reach.say("[upgrade] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \"kube-system\"...");
    reach.say("[upgrade/preflight] Running pre-flight checks");
    let version = policy::cluster_version(reach.api)?;
    policy::check_node(machine, &version)?;
    if !machine.has_api_server_manifest() {
        reach.say("[upgrade/control-plane] Skipping phase. Not a control plane node.");
        return Ok(Then::First(kubelet_config(reach, &version)));
    }
    let mut acts = control_plane(reach, &version, flags);
    acts.extend(kubelet_config(reach, &version));
    acts.extend(addons_of(&version));
    Ok(Then::First(acts))
}

fn control_plane(reach: &mut Reach<'_>, version: &Version, flags: &[String]) -> Vec<Act> {
    let says = |flag: &str| flags.iter().any(|given| given == flag);
    let renew = !says("--certificate-renewal=false");
    let etcd = !says("--etcd-upgrade=false");
    let backup = format!("/etc/kubernetes/tmp/kubeadm-backup-manifests-{}", stamp(reach));
    reach.say(format!(
        "[upgrade/control-plane] Upgrading your static Pod-hosted control plane to version \"{version}\" (timeout: 5m0s)..."
    ));
    let components = COMPONENTS.into_iter().filter(|component| etcd || *component != "etcd");
    let mut acts: Vec<StaticPodAct> = components
        .map(|component| StaticPodAct::Upgrade {
            component: component.to_owned(),
            version: version.to_string(),
            renew,
            backup: backup.clone(),
        })
        .collect();
    if renew {
        let files = ["/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"];
        acts.extend(files.map(|path| StaticPodAct::RenewKubeconfig { path: path.to_owned() }));
    }
    acts.into_iter().map(Act::StaticPod).collect()
}

fn kubelet_config(reach: &Reach<'_>, version: &Version) -> Vec<Act> {
    let backup = format!("/etc/kubernetes/tmp/kubeadm-kubelet-config-{}/config.yaml", stamp(reach));
    let version = version.to_string();
    let acts = [
        KubeadmAct::BackUpKubeletConfig { backup },
        KubeadmAct::TruncateKubeletConfig,
        KubeadmAct::WriteKubeletConfig { version },
    ];
    acts.map(Act::Kubeadm).into()
}

fn addons_of(version: &Version) -> Vec<Act> {
    let version = version.to_string();
    let acts =
        [KubeadmAct::CoreDns { version: version.clone() }, KubeadmAct::KubeProxy { version }];
    acts.map(Act::Kubeadm).into()
}

fn stamp(reach: &Reach<'_>) -> String {
    reach.now.to_utc().format("%Y-%m-%d-%H-%M-%S").to_string()
}

fn upload_kubeadm_config(reach: &mut Reach<'_>, version: &str) -> Result<Then, String> {
    let old = reach.api.config("kubeadm-config", "ClusterConfiguration").unwrap_or_default();
    let new = release::with_version(old, &parse(version)?);
    let data = [("ClusterConfiguration".to_owned(), new)].into();
    reach.api.put_config_map("kubeadm-config", data);
    reach.say("[upload-config] Storing the configuration used in ConfigMap \"kubeadm-config\" in the \"kube-system\" Namespace");
    Ok(Then::Next)
}

fn upload_kubelet_config(reach: &mut Reach<'_>, version: &str) -> Result<Then, String> {
    let version = parse(version)?;
    let name = release::kubelet_config_map(&version);
    let data = [("kubelet".to_owned(), release::kubelet_config(&version))].into();
    reach.api.put_config_map(&name, data);
    reach.say(format!("[kubelet] Creating a ConfigMap \"{name}\" in namespace kube-system with the configuration for the kubelets in the cluster"));
    Ok(Then::Next)
}

fn back_up_kubelet_config(machine: &mut Machine, reach: &mut Reach<'_>, backup: &str) -> Then {
    if let Some(file) = machine.files.get(KUBELET_CONFIG).cloned() {
        machine.files.insert(backup.to_owned(), file);
    }
    reach.say(format!("[upgrade] Backing up kubelet config file to {backup}"));
    Then::Next
}

fn write_kubelet_config(
    machine: &mut Machine,
    reach: &mut Reach<'_>,
    version: &str,
) -> Result<Then, String> {
    let name = release::kubelet_config_map(&parse(version)?);
    let text = reach.api.config(&name, "kubelet").map(str::to_owned);
    let text = text.ok_or_else(|| format!("error: configmaps \"{name}\" not found"))?;
    machine.write(KUBELET_CONFIG, text);
    reach
        .say(format!("[kubelet-start] Writing kubelet configuration to file \"{KUBELET_CONFIG}\""));
    Ok(Then::Next)
}

/// Returns whether a control plane's three manifests are there, as kubeadm's preflight asks.
pub(super) fn has_manifests(machine: &Machine) -> bool {
    let three = COMPONENTS.into_iter().filter(|component| *component != "etcd");
    three.map(manifest_path).all(|path| machine.files.contains_key(&path))
}
