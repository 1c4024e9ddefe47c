//! The kubelet of a simulated machine: its unit, its node's status, and the static pods that it starts and stops.

use serde::{Deserialize, Serialize};

use super::act::{Act, Reach, Then};
use super::agenda::{Agenda, Chore};
use super::machine::{Container, KUBELET_CONFIG, Machine, UnitState};
use kup_core::clock::Timestamp;

/// Milliseconds from a manifest's appearance to its container's start.
pub(super) const SYNC: u64 = 80;
/// Milliseconds from the kubelet's start to its report that the node is Ready.
pub(super) const REPORT: u64 = 200;
/// Milliseconds from a failed start to systemd's next try.
const RESTART: u64 = 500;

/// What systemd does with the kubelet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum KubeletAct {
    ReloadUnits,
    Stop,
    Start,
}

/// Returns what the script `kubelet-restart` does.
pub(super) fn restart() -> Vec<Act> {
    [KubeletAct::ReloadUnits, KubeletAct::Stop, KubeletAct::Start].map(Act::Kubelet).into()
}

/// Returns what the script `kubelet-stop` does.
pub(super) fn only_stop() -> Vec<Act> {
    vec![Act::Kubelet(KubeletAct::Stop)]
}

impl KubeletAct {
    pub(super) fn milliseconds(&self) -> u64 {
        match self {
            Self::ReloadUnits => 50,
            Self::Stop => 100,
            Self::Start => 150,
        }
    }

    pub(super) fn perform(&self, machine: &mut Machine, reach: &mut Reach<'_>) -> Then {
        match self {
            Self::ReloadUnits => machine.kubelet.needs_reload = false,
            Self::Stop => stop(machine),
            Self::Start => {
                start(machine, reach.agenda, reach.now);
                if machine.kubelet.state == UnitState::Failed {
                    reach.say("Job for kubelet.service failed.");
                    return Then::Exit(1);
                }
            }
        }
        Then::Next
    }
}

/// Ends the kubelet's process. Containers go on without it.
pub(super) fn stop(machine: &mut Machine) {
    machine.kubelet.state = UnitState::Inactive;
    machine.kubelet.pid = 0;
    machine.kubelet.ready = false;
    machine.kubelet.replaced = false;
    machine.kubelet.running.clear();
    "Stopped kubelet.service.".clone_into(&mut machine.kubelet.last_log);
}

/// Lets systemd begin a kubelet at boot or after a failed start, unless one runs by now.
pub(super) fn boot(machine: &mut Machine, agenda: &mut Agenda, now: Timestamp) {
    if machine.kubelet.state != UnitState::Active {
        start(machine, agenda, now);
    }
}

/// Begins a kubelet with the program that is on the disk now.
pub(super) fn start(machine: &mut Machine, agenda: &mut Agenda, now: Timestamp) {
    let configured = machine.text(KUBELET_CONFIG).is_some_and(|text| text.contains("kind:"));
    let (Some(program), true) = (machine.program("kubelet"), configured) else {
        machine.kubelet.state = UnitState::Failed;
        "failed to load kubelet config file".clone_into(&mut machine.kubelet.last_log);
        agenda.add(now, RESTART, Chore::Boot { node: machine.name.clone() });
        return;
    };
    let invocation = agenda.fresh_uid().replace('-', "");
    let digits = invocation.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let kubelet = &mut machine.kubelet;
    kubelet.state = UnitState::Active;
    kubelet.pid = digits.unwrap_or(0).saturating_add(1000);
    kubelet.invocation.clone_from(&invocation);
    kubelet.running = program.to_string();
    kubelet.last_log = format!("Started kubelet {program}.");
    let node = machine.name.clone();
    agenda.add(now, REPORT, Chore::Report { node, invocation });
    watch_manifests(machine, agenda, now);
}

/// Lets a running kubelet notice what happened in the folder of manifests: what is gone or different stops at once, what is new starts a moment later.
pub(super) fn watch_manifests(machine: &mut Machine, agenda: &mut Agenda, now: Timestamp) {
    if machine.kubelet.state != UnitState::Active {
        return;
    }
    let wanted = machine.wanted();
    let is_wanted = |name: &str, container: &Container| {
        wanted.iter().any(|(component, _, hash)| *component == name && *hash == container.hash)
    };
    machine.containers.retain(|name, container| is_wanted(name, container));
    let chore = Chore::Sync { node: machine.name.clone() };
    let missing = wanted.iter().any(|(name, _, _)| !machine.containers.contains_key(*name));
    if missing && !agenda.contains(&chore) {
        agenda.add(now, SYNC, chore);
    }
}

/// Starts the containers that are wanted and not there.
pub(super) fn sync(machine: &mut Machine) {
    if machine.kubelet.state != UnitState::Active {
        return;
    }
    for (name, image, hash) in machine.wanted() {
        if machine.containers.get(name).is_none_or(|container| container.hash != hash) {
            let sound = machine.can_read_pairs(name);
            machine.containers.insert(name.to_owned(), Container { image, hash, sound });
        }
    }
}

/// Reports the node Ready, if this kubelet still runs and an API server takes the report; else tries again later.
pub(super) fn report(
    machine: &mut Machine,
    agenda: &mut Agenda,
    now: Timestamp,
    invocation: String,
    api_serves: bool,
) {
    let kubelet = &mut machine.kubelet;
    if kubelet.state != UnitState::Active || kubelet.invocation != invocation {
        return;
    }
    if !api_serves {
        let node = machine.name.clone();
        agenda.add(now, REPORT, Chore::Report { node, invocation });
        return;
    }
    kubelet.ready = true;
    kubelet.reported.clone_from(&kubelet.running);
}
