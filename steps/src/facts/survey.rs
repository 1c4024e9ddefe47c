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
        let lines = Lines::ask(host, &Script::new::<String>(script::SURVEY, [])).await?;
        let certificate = |(path, ends)| Ok(Certificate { path, ends: lines.number(ends)? });
        let flag = |(place, flag): (String, &str)| KubeletFlag { flag: flag.to_owned(), place };
        let manifest = |(component, text)| Ok((component, lines.decoded(text)?));
        let answers = lines.yes("api_server")?;
        Ok(Self {
            kernel: lines.text("kernel")?,
            os: lines.text("os")?,
            architecture: lines.text("architecture")?,
            cgroup_version: lines.number(lines.get("cgroup_version")?)?,
            swap: lines.all("swap").map(str::to_owned).collect(),
            runtime_endpoint: lines.text("runtime_endpoint")?,
            images: lines.yes("images")?.then(|| lines.all("image").map(str::to_owned).collect()),
            certificates: lines
                .with_prefix("certificate:")
                .map(certificate)
                .collect::<Result<_, HostError>>()?,
            kubelet_flags: lines.with_prefix("flag:").map(flag).collect(),
            kubelet_config: lines.decoded(lines.get("kubelet_config")?)?,
            manifests: lines
                .with_prefix("manifest:")
                .map(manifest)
                .collect::<Result<_, HostError>>()?,
            kubeadm_leftovers: lines.all("leftover").map(str::to_owned).collect(),
            automatic_upgrades: lines.all("automatic").map(str::to_owned).collect(),
            cni: lines.all("cni").map(str::to_owned).collect(),
            api_server: answers
                .then(|| {
                    let (version, unready) =
                        (lines.text("api_version")?, lines.text("api_unready")?);
                    Ok::<_, HostError>(DirectAnswer { version, unready })
                })
                .transpose()?,
        })
    }
}
