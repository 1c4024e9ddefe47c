//! Attempts on a simulated machine: who may start one, that none runs twice, and what is left of it.

use std::collections::VecDeque;

use kup_core::activity::AttemptName;
use kup_core::clock::Timestamp;

use super::SimError;
use super::access::Access;
use super::act::Act;
use super::agenda::Chore;
use super::machine::{Attempt, AttemptState, Machine, OwnerRecord};
use super::{dpkg, files, kubeadm, kubelet, prefetch, restore, swap};
use crate::host::{AttemptStatus, Order, Owner};
use crate::script::{self, Script};

/// Milliseconds until a script that was told to fail does so.
const FAILING: u64 = 30;

/// Makes somebody the machine's owner, or returns the record of who stays it.
pub(super) fn claim(
    machine: &mut Machine,
    owner: &Owner,
    is_over: &dyn Fn(&str) -> bool,
) -> Result<(), String> {
    let run = owner.run.as_str();
    if let Some(old) = &machine.owner {
        let may = if old.run == run { old.epoch <= owner.epoch.0 } else { is_over(&old.run) };
        if !may {
            return Err(old.line());
        }
    }
    machine.owner = Some(OwnerRecord {
        cluster: owner.cluster.clone(),
        run: run.to_owned(),
        epoch: owner.epoch.0,
        operator: owner.operator.clone(),
    });
    Ok(())
}

/// Takes the owner's record away where it is this run's and not of a higher epoch.
pub(super) fn release(machine: &mut Machine, owner: &Owner) {
    let run = owner.run.as_str();
    machine.owner.take_if(|old| old.run == run && old.epoch <= owner.epoch.0);
}

/// Takes an order, refuses it, or finds that it was taken before.
pub(super) fn start(world: &mut Access<'_>, node: &str, order: &Order) -> Result<(), SimError> {
    let acts = acts(&order.script).ok_or(SimError::NoSuchScript { name: order.script.name })?;
    let (now, key) = (world.now, key(&order.name));
    let machine = world.machine(node)?;
    if !machine.powered || machine.attempts.contains_key(&key) {
        return Ok(());
    }
    if let Some(refused_by) = refusal(machine, order) {
        machine.refusals.insert(key, refused_by);
        return Ok(());
    }
    machine.refusals.remove(&key);
    let fault = machine.faults.remove(order.script.name);
    let acts = fault.map_or(acts, |status| vec![Act::Exit(status)]);
    let first = match fault {
        Some(_) => FAILING,
        None => acts.first().map_or(0, Act::milliseconds),
    };
    machine.attempts.insert(key.clone(), attempt(order, now, acts));
    let chore = Chore::Attempt { node: node.to_owned(), name: key };
    world.agenda.add(now, first, chore);
    Ok(())
}

fn attempt(order: &Order, begun: Timestamp, acts: Vec<Act>) -> Attempt {
    Attempt {
        script: order.script.name.to_owned(),
        epoch: order.epoch.0,
        intent: order.intent.0,
        begun,
        output: String::new(),
        state: AttemptState::Running(VecDeque::from(acts)),
    }
}

fn refusal(machine: &Machine, order: &Order) -> Option<String> {
    let Some(owner) = &machine.owner else {
        return Some("nobody has claimed this node".to_owned());
    };
    let may = owner.run == order.name.run.as_str() && order.epoch.0 >= owner.epoch;
    (!may).then(|| owner.line())
}

/// Returns what a mutating script does; `None` where there is no such script.
fn acts(script: &Script) -> Option<Vec<Act>> {
    let name = script.name;
    let args = &script.args;
    if name == script::REPOSITORY.0 {
        Some(dpkg::repository(args))
    } else if name == script::INSTALL.0 {
        Some(dpkg::install(args))
    } else if name == script::DOWNGRADE.0 {
        Some(dpkg::downgrade(args))
    } else if name == script::PREFETCH.0 {
        Some(prefetch::prefetch(args))
    } else if name == script::KUBEADM_APPLY.0 {
        Some(kubeadm::apply(args))
    } else if name == script::KUBEADM_NODE.0 {
        Some(kubeadm::node(args))
    } else if name == script::KUBEADM_PHASE.0 {
        Some(kubeadm::phase(args))
    } else if name == script::KUBELET_RESTART.0 {
        Some(kubelet::restart())
    } else if name == script::RESTORE_FILES.0 {
        Some(files::restore_files(args))
    } else if name == script::SWAP_BACK.0 {
        Some(swap::acts(args))
    } else if name == script::KUBELET_STOP.0 {
        Some(kubelet::only_stop())
    } else if name == script::RESTORE_PREPARE.0 {
        Some(restore::prepare(args))
    } else if name == script::RESTORE_STOP.0 {
        Some(restore::stop(args))
    } else if name == script::RESTORE_SWAP.0 {
        Some(restore::swap(args))
    } else if name == script::RESTORE_START.0 {
        Some(restore::start(args))
    } else if name == script::PUT_BACK.0 {
        Some(files::put_back_copies(args))
    } else {
        None
    }
}

/// Returns what the machine says of an attempt.
pub(super) fn status(machine: &Machine, name: &AttemptName) -> AttemptStatus {
    let key = key(name);
    let Some(attempt) = machine.attempts.get(&key) else {
        let refused = machine.refusals.get(&key).cloned();
        return refused.map_or(AttemptStatus::NotStarted, |owner| AttemptStatus::Refused { owner });
    };
    match &attempt.state {
        AttemptState::Running(_) => {
            let last_line = attempt.output.lines().last().unwrap_or_default().to_owned();
            AttemptStatus::Running { last_line }
        }
        AttemptState::Ended(status) => AttemptStatus::Ended { status: *status },
        AttemptState::Lost(what) => AttemptStatus::Lost { what: what.clone() },
    }
}

/// Returns the output of an attempt so far.
pub(super) fn output(machine: &Machine, name: &AttemptName) -> Vec<u8> {
    machine.attempts.get(&key(name)).map(|it| it.output.clone().into_bytes()).unwrap_or_default()
}

/// Ends the processes of all attempts under way; what they have done so far stays.
pub(super) fn lose(machine: &mut Machine, what: &str) {
    for attempt in machine.attempts.values_mut() {
        if matches!(attempt.state, AttemptState::Running(_)) {
            attempt.state = AttemptState::Lost(what.to_owned());
        }
    }
}

fn key(name: &AttemptName) -> String {
    format!("{}/{}.{}", name.run, name.step, name.attempt)
}
