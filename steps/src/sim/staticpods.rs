//! kubeadm's upgrade of one static pod, in its own order: key, certificate, manifest moved out, manifest moved in, wait.
//! Between key and certificate the pair does not match; between the two moves there is no manifest.

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::machine::{Machine, manifest_path};
use super::release;
use crate::version::{Version, tag_of};

/// How often kubeadm looks for the new pod before it puts the old manifest back.
const LOOKS: u32 = 100;

/// What kubeadm does to a static pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StaticPodAct {
    /// Compares the manifests and upgrades where they differ.
    Upgrade {
        component: String,
        version: String,
        renew: bool,
        backup: String,
    },
    WriteKey {
        base: String,
        number: String,
    },
    WriteCertificate {
        base: String,
        number: String,
    },
    RenewKubeconfig {
        path: String,
    },
    MoveOut {
        component: String,
        backup: String,
    },
    MoveIn {
        component: String,
        text: String,
    },
    WaitUp {
        component: String,
        text: String,
        backup: String,
        left: u32,
    },
}

impl StaticPodAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::Upgrade { .. } => 10,
            Self::WriteKey { .. } | Self::WriteCertificate { .. } => 5,
            Self::RenewKubeconfig { .. } => 10,
            Self::MoveOut { .. } | Self::MoveIn { .. } => 20,
            Self::WaitUp { .. } => 30,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::Upgrade { component, version, renew, backup } => {
                upgrade(machine, reach, component, version, *renew, backup)
            }
            Self::WriteKey { base, number } => {
                machine.write(&format!("{base}.key"), release::key(number));
                Then::Next
            }
            Self::WriteCertificate { base, number } => {
                machine.write(&format!("{base}.crt"), release::certificate(number));
                Then::Next
            }
            Self::RenewKubeconfig { path } => renew_kubeconfig(machine, reach, path),
            Self::MoveOut { component, backup } => move_out(machine, reach, component, backup),
            Self::MoveIn { component, text } => {
                machine.write(&manifest_path(component), text.clone());
                reach.say("[upgrade/staticpods] Waiting for the kubelet to restart the component");
                reach.say("[upgrade/staticpods] This can take up to 5m0s");
                Then::Next
            }
            Self::WaitUp { component, text, backup, left } => {
                wait_up(machine, reach, component, text, backup, *left)
            }
        }
    }
}

fn upgrade(
    machine: &Machine,
    reach: &mut Reach<'_>,
    component: &str,
    version: &str,
    renew: bool,
    backup: &str,
) -> Then {
    let Ok(version) = version.parse::<Version>() else { return Then::Exit(1) };
    reach.say(format!("[upgrade/staticpods] Preparing for \"{component}\" upgrade"));
    let new = wanted(machine, reach, component, &version);
    let old = machine.text(&manifest_path(component)).unwrap_or_default();
    if old == new {
        reach.say(format!(
            "[upgrade/staticpods] Current and new manifests of {component} are equal, skipping upgrade"
        ));
        if component == "etcd" {
            reach.say("[upgrade/etcd] Waiting for etcd to become available");
        }
        return Then::Next;
    }
    if component == "etcd" && is_older(&new, old) {
        reach
            .say("[upgrade/etcd] The desired etcd version is older than the current one, skipping");
        return Then::Next;
    }
    let mut acts = if renew { renewals(reach, component) } else { Vec::new() };
    let (component, backup) = (component.to_owned(), backup.to_owned());
    acts.extend([
        StaticPodAct::MoveOut { component: component.clone(), backup: backup.clone() },
        StaticPodAct::MoveIn { component: component.clone(), text: new.clone() },
        StaticPodAct::WaitUp { component, text: new, backup, left: LOOKS },
    ]);
    Then::First(acts.into_iter().map(Act::StaticPod).collect())
}

/// Renders a component's manifest. etcd's image is the one that `kubeadm-config` names, if it names one.
fn wanted(machine: &Machine, reach: &Reach<'_>, component: &str, version: &Version) -> String {
    let text = release::manifest(component, &machine.name, &machine.address, version);
    let configuration = reach.api.config("kubeadm-config", "ClusterConfiguration");
    match configuration.and_then(release::etcd_tag_in).filter(|_| component == "etcd") {
        Some(tag) => text.replace(&release::image("etcd", version), &release::etcd_image(tag)),
        None => text,
    }
}

fn is_older(new: &str, old: &str) -> bool {
    let tag = |text| {
        let tag = tag_of(release::image_in(text)?)?;
        release::upstream(tag)
    };
    tag(new) < tag(old)
}

fn renewals(reach: &mut Reach<'_>, component: &str) -> Vec<StaticPodAct> {
    let mut acts = Vec::new();
    for base in release::pairs_of(component) {
        let number = reach.agenda.fresh_uid();
        let base = (*base).to_owned();
        reach.say(format!("[upgrade/staticpods] Renewing {} certificate", certificate_name(&base)));
        acts.push(StaticPodAct::WriteKey { base: base.clone(), number: number.clone() });
        acts.push(StaticPodAct::WriteCertificate { base, number });
    }
    let kubeconfig = release::kubeconfig_of(component).map(str::to_owned);
    if let Some(path) = &kubeconfig {
        let name = path.rsplit('/').next().unwrap_or_default();
        reach.say(format!("[upgrade/staticpods] Renewing {name} certificate"));
    }
    acts.extend(kubeconfig.map(|path| StaticPodAct::RenewKubeconfig { path }));
    acts
}

/// Returns kubeadm's name for a certificate: `etcd-server` for the one at `pki/etcd/server`.
fn certificate_name(base: &str) -> String {
    base.trim_start_matches("/etc/kubernetes/pki/").replace('/', "-")
}

fn renew_kubeconfig(machine: &mut Machine, reach: &mut Reach<'_>, path: &str) -> Then {
    let Some(old) = machine.text(path) else { return Then::Next };
    let number = reach.agenda.fresh_uid();
    let data = |line: &str| match line.split_once("-data: ") {
        Some((name, _)) => format!("{name}-data: {number}\n"),
        None => format!("{line}\n"),
    };
    let new: String = old.lines().map(data).collect();
    machine.write(path, new);
    Then::Next
}

fn move_out(machine: &mut Machine, reach: &mut Reach<'_>, component: &str, backup: &str) -> Then {
    let path = manifest_path(component);
    let Some(file) = machine.files.remove(&path) else {
        reach.say(format!("error: rename {path}: no such file or directory"));
        return Then::Exit(1);
    };
    let kept = format!("{backup}/{component}.yaml");
    reach.say(format!(
        "[upgrade/staticpods] Moving new manifest to \"{path}\" and backing up old manifest to \"{kept}\""
    ));
    machine.files.insert(kept, file);
    Then::Next
}

fn wait_up(
    machine: &mut Machine,
    reach: &mut Reach<'_>,
    component: &str,
    text: &str,
    backup: &str,
    left: u32,
) -> Then {
    let image = release::image_in(text);
    let runs = machine.containers.get(component).is_some_and(|it| Some(it.image.as_str()) == image);
    if runs && machine.is_up(component) {
        let n_pods = reach.api.control_planes().count();
        reach.say(format!(
            "[apiclient] Found {n_pods} Pods for label selector component={component}"
        ));
        reach.say(format!("[upgrade/staticpods] Component \"{component}\" upgraded successfully!"));
        if component == "etcd" {
            reach.say("[upgrade/etcd] Waiting for etcd to become available");
        }
        return Then::Next;
    }
    if left == 0 {
        return give_up(machine, reach, component, backup);
    }
    let (component, text, backup) = (component.to_owned(), text.to_owned(), backup.to_owned());
    let again = StaticPodAct::WaitUp { component, text, backup, left: left.saturating_sub(1) };
    Then::First(vec![Act::StaticPod(again)])
}

/// Does what kubeadm does after five minutes: the old manifest comes back, the certificates do not.
fn give_up(machine: &mut Machine, reach: &mut Reach<'_>, component: &str, backup: &str) -> Then {
    if let Some(old) = machine.files.remove(&format!("{backup}/{component}.yaml")) {
        machine.files.insert(manifest_path(component), old);
    }
    reach.say(format!(
        "error: couldn't upgrade control plane. kubeadm has tried to recover everything into the \
         earlier state. Errors faced: static Pod hash for component {component} did not change after 5m0s"
    ));
    Then::Exit(1)
}
