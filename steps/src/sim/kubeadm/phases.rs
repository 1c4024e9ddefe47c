//! What each phase of `kubeadm upgrade` does and says, in kubeadm's order.

use serde::{Deserialize, Serialize};

use super::line::{Line, Verb};
use super::{KubeadmAct, parse};
use crate::release::has_upgrade_phases;
use crate::sim::act::{Act, Reach, Then};
use crate::sim::api::COMPONENTS;
use crate::sim::machine::Machine;
use crate::sim::policy;
use crate::sim::staticpods::StaticPodAct;
use crate::version::Version;

/// A phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sim) enum Phase {
    Preflight,
    ControlPlane,
    UploadConfig,
    /// It cannot be called alone.
    Kubeconfig,
    KubeletConfig,
    BootstrapToken,
    Addon {
        coredns: bool,
        proxy: bool,
    },
    PostUpgrade,
}

const READS: [&str; 2] = [
    "[upgrade] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \"kube-system\"...",
    "[upgrade] Use 'kubeadm init phase upload-config kubeadm --config your-config-file' to re-upload it.",
];
const PULLS: [&str; 3] = [
    "[upgrade/preflight] Pulling images required for setting up a Kubernetes cluster",
    "[upgrade/preflight] This might take a minute or two, depending on the speed of your internet connection",
    "[upgrade/preflight] You can also perform this action beforehand using 'kubeadm config images pull'",
];
const BOOTSTRAP_TOKEN: [&str; 6] = [
    "[upgrade/bootstrap-token] Configuring bootstrap token and cluster-info RBAC rules",
    "[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens to get nodes",
    "[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens to post CSRs in order for nodes to get long term certificate credentials",
    "[bootstrap-token] Configured RBAC rules to allow the csrapprover controller automatically approve CSRs from a Node Bootstrap Token",
    "[bootstrap-token] Configured RBAC rules to allow certificate rotation for all node client certificates in the cluster",
    "[bootstrap-token] Configured RBAC rules to allow the API server kubelet client certificate to access the kubelet API",
];

/// Begins a call: reads the configuration and enters the phases that were asked for.
pub(super) fn begin(machine: &Machine, reach: &mut Reach<'_>, line: &Line) -> Result<Then, String> {
    policy::check_config_maps(reach.api)?;
    let verb = line.verb()?;
    let version = match verb {
        Verb::Apply => parse(line.version().unwrap_or_default())?,
        Verb::Node => policy::cluster_version(reach.api)?,
    };
    let asked = line.phase();
    let phases = match asked.as_slice() {
        [] => {
            line.check(None, verb)?;
            whole(line, (verb, &version))
        }
        names => {
            let phase = named(names, (verb, &version), machine)?;
            line.check(Some(phase), verb)?;
            vec![phase]
        }
    };
    READS.iter().for_each(|words| reach.say(words));
    if verb == Verb::Node {
        policy::check_node(machine, &version)?;
    }
    let text = version.to_string();
    let enter = |phase| KubeadmAct::Phase { line: line.clone(), phase, version: text.clone() };
    let mut acts: Vec<KubeadmAct> = phases.into_iter().map(enter).collect();
    if asked.is_empty() && verb == Verb::Apply {
        let done = format!(
            "[upgrade] SUCCESS! A control plane node of your cluster was upgraded to \"{version}\"."
        );
        let next = "[upgrade] Now please proceed with upgrading the rest of the nodes by following the right order.";
        acts.extend(["", &done, "", next].map(say));
    }
    Ok(Then::First(acts.into_iter().map(Act::Kubeadm).collect()))
}

/// Returns the phases of the whole command.
fn whole(line: &Line, (verb, version): (Verb, &Version)) -> Vec<Phase> {
    let addon = Phase::Addon {
        coredns: !line.skips("addon/coredns"),
        proxy: !line.skips("addon/kube-proxy"),
    };
    let all = match verb {
        Verb::Apply => vec![
            Phase::Preflight,
            Phase::ControlPlane,
            Phase::UploadConfig,
            Phase::Kubeconfig,
            Phase::KubeletConfig,
            Phase::BootstrapToken,
            addon,
            Phase::PostUpgrade,
        ],
        Verb::Node => vec![
            Phase::Preflight,
            Phase::ControlPlane,
            Phase::Kubeconfig,
            Phase::KubeletConfig,
            addon,
            Phase::PostUpgrade,
        ],
    };
    // Before its phases kubeadm had neither of these.
    let is_new = |phase: &Phase| matches!(phase, Phase::Kubeconfig | Phase::PostUpgrade);
    all.into_iter().filter(|phase| has_upgrade_phases(*version) || !is_new(phase)).collect()
}

/// Returns the phase of that name, if this kubeadm has it.
fn named(
    names: &[&str],
    (verb, version): (Verb, &Version),
    machine: &Machine,
) -> Result<Phase, String> {
    let kubeadm = machine.program("kubeadm").unwrap_or(*version);
    let is_old = !has_upgrade_phases(kubeadm);
    let phase = match (verb, names) {
        (_, ["preflight"]) => Phase::Preflight,
        (_, ["control-plane"]) => Phase::ControlPlane,
        (_, ["kubelet-config"]) => Phase::KubeletConfig,
        (Verb::Apply, ["upload-config", "all"]) => Phase::UploadConfig,
        (Verb::Apply, ["bootstrap-token"]) => Phase::BootstrapToken,
        (_, ["addon", "all"]) => Phase::Addon { coredns: true, proxy: true },
        (_, ["addon", "coredns"]) => Phase::Addon { coredns: true, proxy: false },
        (_, ["addon", "kube-proxy"]) => Phase::Addon { coredns: false, proxy: true },
        (_, ["post-upgrade"]) => Phase::PostUpgrade,
        (_, names) => return Err(format!("error: unknown command {names:?}")),
    };
    match (verb, phase) {
        (Verb::Apply, _) if is_old => Err("error: unknown command \"phase\"".to_owned()),
        (_, Phase::Addon { .. } | Phase::PostUpgrade) if is_old => {
            Err(format!("error: unknown command {names:?}"))
        }
        (_, phase) => Ok(phase),
    }
}

fn say(words: impl Into<String>) -> KubeadmAct {
    KubeadmAct::Say { words: words.into() }
}

fn first(acts: impl IntoIterator<Item = KubeadmAct>) -> Then {
    Then::First(acts.into_iter().map(Act::Kubeadm).collect())
}

impl Phase {
    /// Does what a phase does at once, and returns what it does then.
    pub(super) fn begin(
        self,
        machine: &Machine,
        reach: &mut Reach<'_>,
        (line, version): (&Line, Version),
    ) -> Result<Then, String> {
        let text = || version.to_string();
        let is_worker = !machine.has_api_server_manifest();
        Ok(match self {
            Self::Preflight => preflight(machine, reach, (line, version))?,
            Self::ControlPlane if is_worker => skipped("control-plane"),
            Self::ControlPlane => control_plane(reach, (line, version)),
            Self::UploadConfig => first([
                KubeadmAct::UploadKubeadmConfig { version: text() },
                KubeadmAct::UploadKubeletConfig { version: text() },
            ]),
            Self::Kubeconfig if is_worker => skipped("kubeconfig"),
            Self::Kubeconfig => first([say(
                "[upgrade/kubeconfig] The kubeconfig files for this node were successfully upgraded!",
            )]),
            Self::KubeletConfig => kubelet_config(reach, version),
            Self::BootstrapToken => first(BOOTSTRAP_TOKEN.map(say)),
            Self::Addon { coredns, proxy } if is_worker => {
                let skips = [("coredns", coredns), ("kube-proxy", proxy)];
                let words = |name| {
                    format!(
                        "[upgrade/addon] Skipping the addon/{name} phase. Not a control plane node."
                    )
                };
                first(skips.into_iter().filter(|(_, on)| *on).map(|(name, _)| say(words(name))))
            }
            Self::Addon { coredns, proxy } => {
                let coredns = coredns.then(|| KubeadmAct::CoreDns { version: text() });
                let proxy = proxy.then(|| KubeadmAct::KubeProxy { version: text() });
                first(coredns.into_iter().chain(proxy))
            }
            Self::PostUpgrade => Then::Next,
        })
    }
}

fn skipped(phase: &str) -> Then {
    first([say(format!("[upgrade/{phase}] Skipping phase. Not a control plane node."))])
}

fn preflight(
    machine: &Machine,
    reach: &mut Reach<'_>,
    (line, version): (&Line, Version),
) -> Result<Then, String> {
    if line.verb()? == Verb::Node {
        reach.say("[upgrade/preflight] Running pre-flight checks");
        match machine.has_api_server_manifest() {
            true => PULLS.iter().for_each(|words| reach.say(words)),
            false => reach.say("[upgrade/preflight] Skipping prepull. Not a control plane node."),
        }
        return Ok(Then::Next);
    }
    reach.say("[upgrade/preflight] Running preflight checks");
    let cluster = policy::cluster_version(reach.api)?;
    policy::check_health(machine, reach.api, &line.ignored())?;
    reach.say("[upgrade] Running cluster health checks");
    reach.say(format!(
        "[upgrade/preflight] You have chosen to upgrade the cluster version to \"{version}\""
    ));
    reach.say(format!("[upgrade/versions] Cluster version: {cluster}"));
    let kubeadm = machine.program("kubeadm").map(|it| it.to_string()).unwrap_or_default();
    reach.say(format!("[upgrade/versions] kubeadm version: {kubeadm}"));
    policy::check_plan(machine, reach.api, &version, &line.words)?;
    if line.config.is_empty() && !line.has(&["-y", "--yes", "-f", "--force"]) {
        return Err(
            "error: won't proceed; the user didn't answer (Y|y) in order to continue".to_owned()
        );
    }
    PULLS.iter().for_each(|words| reach.say(words));
    Ok(Then::Next)
}

fn control_plane(reach: &mut Reach<'_>, (line, version): (&Line, Version)) -> Then {
    let is_on = |flag: &str| line.says(flag).is_none_or(|value| value != "false");
    let (renew, etcd) = (is_on("certificate-renewal"), is_on("etcd-upgrade"));
    let backup = format!("/etc/kubernetes/tmp/kubeadm-backup-manifests-{}", stamp(reach));
    let number = reach.agenda.fresh_uid();
    let number: String = number.chars().filter(char::is_ascii_digit).take(9).collect();
    reach.say(format!(
        "[upgrade/control-plane] Upgrading your static Pod-hosted control plane to version \"{version}\" (timeout: 5m0s)..."
    ));
    reach.say(format!(
        "[upgrade/staticpods] Writing new Static Pod manifests to \"/etc/kubernetes/tmp/kubeadm-upgraded-manifests{number}\""
    ));
    let components = COMPONENTS.into_iter().filter(|component| etcd || *component != "etcd");
    let mut acts: Vec<Act> = components
        .map(|component| StaticPodAct::Upgrade {
            component: component.to_owned(),
            version: version.to_string(),
            renew,
            backup: backup.clone(),
        })
        .map(Act::StaticPod)
        .collect();
    if renew {
        let files = ["/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"];
        let renewals = files.map(|path| StaticPodAct::RenewKubeconfig { path: path.to_owned() });
        acts.extend(renewals.map(Act::StaticPod));
    }
    acts.push(Act::Kubeadm(say("[upgrade/control-plane] The control plane instance for this node was successfully upgraded!")));
    Then::First(acts)
}

fn kubelet_config(reach: &Reach<'_>, version: Version) -> Then {
    let backup = format!("/etc/kubernetes/tmp/kubeadm-kubelet-config-{}/config.yaml", stamp(reach));
    let version = version.to_string();
    first([
        KubeadmAct::BackUpKubeletConfig { backup },
        KubeadmAct::TruncateKubeletConfig,
        KubeadmAct::WriteKubeletConfig { version },
    ])
}

fn stamp(reach: &Reach<'_>) -> String {
    reach.now.to_utc().format("%Y-%m-%d-%H-%M-%S").to_string()
}
