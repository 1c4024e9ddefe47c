//! What a machine says beyond who it is: what the gates ask about. Reads `node/survey.sh`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reply::Lines;
use crate::host::{Host, HostError};
use crate::script::{self, Script};

/// A machine as far as gates ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MachineSurvey {
    /// The kernel's release.
    pub kernel: String,
    /// The operating system's name for itself.
    pub os: String,
    /// As packages spell it: `amd64`, `arm64`.
    pub architecture: String,
    /// 1 or 2; 0 where nobody could tell.
    pub cgroup_version: u32,
    /// Swap devices and files in use.
    pub swap: Vec<String>,
    /// The socket of the container runtime, as the kubelet's flags or configuration name it; empty for the default.
    pub runtime_endpoint: String,
    /// The images that the container runtime has, by every name; `None` where nobody could tell.
    pub images: Option<Vec<String>>,
    /// Certificates below /etc/kubernetes, in kubeconfigs, and the kubelet's.
    pub certificates: Vec<Certificate>,
    /// The kubelet's flags, and where each stands.
    pub kubelet_flags: Vec<KubeletFlag>,
    /// The text of /var/lib/kubelet/config.yaml.
    pub kubelet_config: String,
    /// The texts of the static pods' manifests, by component.
    pub manifests: BTreeMap<String, String>,
    /// What kubeadm has left in /etc/kubernetes/tmp, sorted.
    pub kubeadm_leftovers: Vec<String>,
    /// Units that upgrade or reboot the machine by themselves and are active.
    pub automatic_upgrades: Vec<String>,
    /// Configurations of the pod network in /etc/cni/net.d.
    pub cni: Vec<String>,
    /// kubeadm's patches in /etc/kubernetes/patches, sorted. Nothing records which folder `--patches` named.
    pub patches: Vec<String>,
    /// The version of the kubelet that runs, e.g. `v1.19.16`; empty when none does.
    pub kubelet_process: String,
    /// Inodes left, by path; a filesystem that makes them as it needs them is left out.
    pub free_inodes: BTreeMap<String, u64>,
    /// What of this could not be read, and why.
    pub unreadable: Vec<String>,
    /// Whether its API server answers directly, without a load balancer; `None` on a worker.
    pub api_server: Option<DirectAnswer>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The file.
    pub path: String,
    /// When it ends, in seconds since 1970.
    pub ends: i64,
}

/// A flag of the kubelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeletFlag {
    /// As it is written: `--name=value`.
    pub flag: String,
    /// The file that has it, or `process` when only the running kubelet has it.
    pub place: String,
}

/// What an API server said on its own machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectAnswer {
    /// Its version; empty when it did not answer.
    pub version: String,
    /// What `/readyz` lacks; empty when it is ready.
    pub unready: String,
}

impl MachineSurvey {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host) -> Result<Self, HostError> {
        Self::of(&Lines::ask(host, &Script::new::<String>(script::SURVEY, [])).await?)
    }

    /// Takes an answer apart.
    pub(crate) fn of(lines: &Lines) -> Result<Self, HostError> {
        let all = |key: &'static str| lines.all(key).map(str::to_owned).collect::<Vec<_>>();
        Ok(Self {
            kernel: lines.text("kernel")?,
            os: lines.text("os")?,
            architecture: lines.text("architecture")?,
            cgroup_version: lines.number(lines.get("cgroup_version")?)?,
            swap: all("swap"),
            runtime_endpoint: lines.text("runtime_endpoint")?,
            images: lines.yes("images")?.then(|| all("image")),
            certificates: certificates(lines)?,
            kubelet_flags: flags(lines),
            kubelet_config: lines.decoded(lines.get("kubelet_config")?)?,
            manifests: manifests(lines)?,
            kubeadm_leftovers: all("leftover"),
            automatic_upgrades: all("automatic"),
            cni: all("cni"),
            patches: all("patch"),
            kubelet_process: lines.text("kubelet_process")?,
            free_inodes: free_inodes(lines)?,
            unreadable: all("unreadable"),
            api_server: api_server(lines)?,
        })
    }
}

fn certificates(lines: &Lines) -> Result<Vec<Certificate>, HostError> {
    let certificate = |(path, ends)| Ok(Certificate { path, ends: lines.number(ends)? });
    lines.with_prefix("certificate:").map(certificate).collect()
}

fn flags(lines: &Lines) -> Vec<KubeletFlag> {
    let flag = |(place, flag): (String, &str)| KubeletFlag { flag: flag.to_owned(), place };
    lines.with_prefix("flag:").map(flag).collect()
}

fn manifests(lines: &Lines) -> Result<BTreeMap<String, String>, HostError> {
    let manifest = |(component, text)| Ok((component, lines.decoded(text)?));
    lines.with_prefix("manifest:").map(manifest).collect()
}

fn free_inodes(lines: &Lines) -> Result<BTreeMap<String, u64>, HostError> {
    let free = |(path, inodes)| Ok((path, lines.number(inodes)?));
    lines.with_prefix("free_inodes:").map(free).collect()
}

fn api_server(lines: &Lines) -> Result<Option<DirectAnswer>, HostError> {
    if !lines.yes("api_server")? {
        return Ok(None);
    }
    let (version, unready) = (lines.text("api_version")?, lines.text("api_unready")?);
    Ok(Some(DirectAnswer { version, unready }))
}
