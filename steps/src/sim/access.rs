//! One access to a simulated world: lock, load, do what has become due, act, save. Only the machines that are needed are loaded.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use kup_core::clock::Timestamp;

use super::SimError;
use super::act::{Reach, Then};
use super::agenda::{Agenda, Chore};
use super::api::{Api, Status};
use super::folder::{Folder, Loaded};
use super::machine::{AttemptState, Machine};
use super::{etcd_storage, kubelet, pods, restore};

/// The most that is kept of an attempt's output.
const MAX_OUTPUT: usize = 64 << 10;

/// The world while somebody looks at it.
#[derive(Debug)]
pub(super) struct Access<'a> {
    folder: &'a mut Folder,
    pub(super) dir: PathBuf,
    pub(super) now: Timestamp,
    pub(super) agenda: Loaded<Agenda>,
    pub(super) api: Loaded<Api>,
    machines: BTreeMap<String, Loaded<Machine>>,
}

/// Opens the world, lets time pass until now, acts, and saves. An error saves nothing.
pub(super) fn access<R>(
    folder: &mut Folder,
    now: impl FnOnce() -> Timestamp,
    act: impl FnOnce(&mut Access<'_>) -> Result<R, SimError>,
) -> Result<R, SimError> {
    folder.lock()?;
    // The time is read under the lock: read before, it could be earlier than what another process has done since.
    let result = Access::open(folder, now()).and_then(|mut world| {
        match world.advance().and_then(|()| act(&mut world)) {
            Ok(result) => world.save().map(|()| result),
            Err(error) => {
                world.give_up();
                Err(error)
            }
        }
    });
    folder.unlock();
    result
}

impl<'a> Access<'a> {
    fn open(folder: &'a mut Folder, now: Timestamp) -> Result<Self, SimError> {
        let agenda = folder.take_agenda()?;
        let api = folder.take_api()?;
        let dir = folder.dir().to_owned();
        Ok(Self { folder, dir, now, agenda, api, machines: BTreeMap::new() })
    }

    fn save(self) -> Result<(), SimError> {
        self.folder.commit(self.agenda, self.api, self.machines)
    }

    fn give_up(self) {
        self.folder.give_back(self.agenda, self.api, self.machines);
    }

    /// Returns a machine.
    pub(super) fn machine(&mut self, name: &str) -> Result<&mut Loaded<Machine>, SimError> {
        if !self.api.nodes.contains_key(name) {
            return Err(SimError::NoSuchNode { name: name.to_owned() });
        }
        match self.machines.entry(name.to_owned()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(self.folder.take_machine(name)?)),
        }
    }

    /// Looks at a machine and the API without changing them.
    pub(super) fn look<R>(
        &mut self,
        name: &str,
        look: impl FnOnce(&Machine, &Api) -> R,
    ) -> Result<R, SimError> {
        self.machine(name)?;
        let machine = self.machines.get(name);
        let machine = machine.ok_or_else(|| SimError::NoSuchNode { name: name.to_owned() })?;
        Ok(look(machine, &self.api))
    }

    /// Changes a machine, and lets its kubelet and the API see what became of it.
    pub(super) fn change<R>(
        &mut self,
        name: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Machine, &mut Agenda, &Api) -> R,
    ) -> Result<R, SimError> {
        self.machine(name)?;
        let Some(machine) = self.machines.get_mut(name) else {
            return Err(SimError::NoSuchNode { name: name.to_owned() });
        };
        let result = change(machine, &mut self.agenda, &self.api);
        reflect(machine, &mut self.agenda, &mut self.api, now);
        Ok(result)
    }

    /// Does everything that is due, in order of time over all machines.
    fn advance(&mut self) -> Result<(), SimError> {
        while self.agenda.is_due(self.now) {
            let Some((at, chore)) = self.agenda.pop_due(self.now) else { break };
            self.perform(at, chore)?;
        }
        Ok(())
    }

    fn perform(&mut self, at: Timestamp, chore: Chore) -> Result<(), SimError> {
        match chore {
            Chore::Attempt { node, name } => self.perform_attempt(at, &node, &name)?,
            Chore::Boot { node } => {
                self.change(&node, at, |machine, agenda, _| kubelet::boot(machine, agenda, at))?;
            }
            Chore::Sync { node } => {
                self.change(&node, at, |machine, _, _| kubelet::sync(machine))?;
            }
            Chore::Report { node, invocation } => {
                let serves = self.api.server().is_some();
                self.change(&node, at, |machine, agenda, _| {
                    kubelet::report(machine, agenda, at, invocation, serves);
                })?;
            }
            Chore::EtcdStorage { node } => {
                self.change(&node, at, |machine, _, api| etcd_storage::settle(machine, api))?;
                if etcd_storage::is_over(&self.api) {
                    self.api.etcd_downgrade = None;
                }
            }
            Chore::Gone { uid } => pods::gone(&mut self.api, &mut self.agenda, at, &uid),
            Chore::Schedule => pods::schedule(&mut self.api, &mut self.agenda, at),
            Chore::PodReady { uid } => {
                if let Some(pod) = self.api.pods.get_mut(&uid) {
                    pod.ready = !pod.terminating;
                }
            }
        }
        Ok(())
    }

    /// Does the next act of an attempt and enters the one after it.
    fn perform_attempt(&mut self, at: Timestamp, node: &str, name: &str) -> Result<(), SimError> {
        let dir = self.dir.clone();
        self.machine(node)?;
        let Some(machine) = self.machines.get_mut(node) else { return Ok(()) };
        let Some(attempt) = machine.attempts.get_mut(name) else { return Ok(()) };
        let AttemptState::Running(acts) = &mut attempt.state else { return Ok(()) };
        let act = acts.pop_front();
        let mut output = std::mem::take(&mut attempt.output);
        let (agenda, api) = (&mut self.agenda, &mut self.api);
        let mut reach = Reach { now: at, dir: &dir, agenda, api, output: &mut output };
        let then = act.map_or(Then::Exit(0), |act| act.perform(machine, &mut reach));
        keep_end(&mut output);
        let Some(attempt) = machine.attempts.get_mut(name) else { return Ok(()) };
        attempt.output = output;
        go_on(&mut attempt.state, then);
        if let AttemptState::Running(acts) = &attempt.state {
            let next = acts.front().map_or(0, super::act::Act::milliseconds);
            let chore = Chore::Attempt { node: node.to_owned(), name: name.to_owned() };
            self.agenda.add(at, next, chore);
        }
        reflect(machine, &mut self.agenda, &mut self.api, at);
        Ok(())
    }
}

fn go_on(state: &mut AttemptState, then: Then) {
    let AttemptState::Running(acts) = state else { return };
    match then {
        Then::Next => {}
        Then::First(first) => first.into_iter().rev().for_each(|act| acts.push_front(act)),
        Then::Exit(status) => *state = AttemptState::Ended(status),
    }
    if matches!(state, AttemptState::Running(acts) if acts.is_empty()) {
        *state = AttemptState::Ended(0);
    }
}

fn keep_end(output: &mut String) {
    if let Some(excess) = output.len().checked_sub(MAX_OUTPUT) {
        let from = (excess..output.len()).find(|at| output.is_char_boundary(*at));
        output.drain(..from.unwrap_or(0));
    }
}

/// Lets the kubelet notice its manifests and the API its node; writes nothing where nothing changed.
fn reflect(
    machine: &mut Machine,
    agenda: &mut Loaded<Agenda>,
    api: &mut Loaded<Api>,
    now: Timestamp,
) {
    if machine.powered {
        kubelet::watch_manifests(machine, agenda, now);
    }
    let status = machine.status();
    if api.nodes.get(&machine.name).is_some_and(|node| node.status != status) {
        let etcd = |status: &Status| status.mirrors.get("etcd").cloned();
        let before = api.nodes.get(&machine.name).and_then(|node| etcd(&node.status));
        let is_other_etcd = before != etcd(&status);
        if let Some(node) = api.nodes.get_mut(&machine.name) {
            node.status = status;
        }
        restore::adopt(api, machine);
        agenda.add(now, 0, Chore::Schedule);
        if is_other_etcd {
            etcd_storage::notice(api, agenda, now);
        }
    }
}
