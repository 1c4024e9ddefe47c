//! kubeadm on a simulated machine, inside kup's scripts around it: `upgrade apply` and `upgrade node`, whole or phase by phase, with the words of
//! kubeadm 1.36. It refuses what kubeadm refuses, and it is blind where kubeadm is: without kube-apiserver.yaml it takes a control plane for a worker.
//!
//! `line` reads a command line, `phases` knows what each phase does; here are the acts that these become.

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::addons;
use super::api::COMPONENTS;
use super::files::FileAct;
use super::machine::{KUBELET_CONFIG, Machine, manifest_path};
use super::release;
use crate::release::kubelet_config_map;
use crate::version::Version;

mod line;
mod phases;

pub(super) use line::Line;
pub(super) use phases::Phase;

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
    /// Reads its command line and the cluster's configuration.
    Begin {
        line: Line,
    },
    /// Begins a phase.
    Phase {
        line: Line,
        phase: Phase,
        version: String,
    },
    Say {
        words: String,
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
    let words = ["upgrade", "apply", version, "-y"].map(str::to_owned);
    let line = Line {
        words: words.into_iter().chain(flags.iter().cloned()).collect(),
        config: String::new(),
    };
    begin(preimage, "worker", line)
}

/// Returns what the script `kubeadm-node` does.
pub(super) fn node(args: &[String]) -> Vec<Act> {
    let [preimage, role, flags @ ..] = args else { return vec![Act::Exit(64)] };
    let words = ["upgrade", "node"].map(str::to_owned);
    let line = Line {
        words: words.into_iter().chain(flags.iter().cloned()).collect(),
        config: String::new(),
    };
    begin(preimage, role, line)
}

/// Returns what the script `kubeadm-phase` does.
pub(super) fn phase(args: &[String]) -> Vec<Act> {
    let [preimage, care, config, words @ ..] = args else { return vec![Act::Exit(64)] };
    begin(preimage, care, Line { words: words.to_vec(), config: config.clone() })
}

fn begin(preimage: &str, care: &str, line: Line) -> Vec<Act> {
    let mut acts = Vec::new();
    if preimage != "-" {
        acts.push(Act::File(FileAct::PutBack { preimage: preimage.to_owned() }));
    }
    if care != "worker" {
        acts.push(Act::Kubeadm(KubeadmAct::RequireControlPlane));
    }
    acts.push(Act::Kubeadm(KubeadmAct::WaitForApi { left: API_LOOKS }));
    acts.push(Act::Kubeadm(KubeadmAct::Begin { line }));
    acts
}

impl KubeadmAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::WaitForApi { left } if *left < API_LOOKS => 200,
            Self::RequireControlPlane | Self::WaitForApi { .. } => 5,
            Self::Begin { .. } => 70,
            Self::Phase { .. } => 10,
            Self::Say { .. } => 1,
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
            Self::Say { words } => {
                reach.say(words);
                Then::Next
            }
            Self::TruncateKubeletConfig => {
                machine.write(KUBELET_CONFIG, "");
                Then::Next
            }
            Self::BackUpKubeletConfig { backup } => back_up_kubelet_config(machine, reach, backup),
            Self::Begin { .. }
            | Self::Phase { .. }
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
            Self::Begin { line } => phases::begin(machine, reach, line),
            Self::Phase { line, phase, version } => {
                parse(version).and_then(|version| phase.begin(machine, reach, (line, version)))
            }
            Self::UploadKubeadmConfig { version } => upload_kubeadm_config(reach, version),
            Self::UploadKubeletConfig { version } => upload_kubelet_config(reach, version),
            Self::WriteKubeletConfig { version } => write_kubelet_config(machine, reach, version),
            Self::CoreDns { version } => parse(version).map(|it| addons::core_dns(reach, &it)),
            Self::KubeProxy { version } => parse(version).map(|it| addons::kube_proxy(reach, &it)),
            Self::RequireControlPlane
            | Self::WaitForApi { .. }
            | Self::Say { .. }
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
    let name = kubelet_config_map(version);
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
    let name = kubelet_config_map(parse(version)?);
    let text = reach.api.config(&name, "kubelet").map(str::to_owned);
    let text = text.ok_or_else(|| format!("error: configmaps \"{name}\" not found"))?;
    machine.write(KUBELET_CONFIG, text);
    if machine.files.contains_key("/var/lib/kubelet/instance-config.yaml") {
        reach.say("[patches] Applied patch of type \"application/strategic-merge-patch+json\" to target \"kubeletconfiguration\"");
    }
    reach
        .say(format!("[kubelet-start] Writing kubelet configuration to file \"{KUBELET_CONFIG}\""));
    reach.say("[upgrade/kubelet-config] The kubelet configuration for this node was successfully upgraded!");
    Ok(Then::Next)
}

/// Returns whether a control plane's three manifests are there, as kubeadm's preflight asks.
pub(super) fn has_manifests(machine: &Machine) -> bool {
    let three = COMPONENTS.into_iter().filter(|component| *component != "etcd");
    three.map(manifest_path).all(|path| machine.files.contains_key(&path))
}
