//! What can go wrong in a simulated world on a test's word. Nothing on the command line reaches this.

use std::time::Duration;

use super::agenda::{Chore, uuid};
use super::machine::Machine;
use super::{SimError, SimWorld, attempt, kubelet};
use crate::host::Order;

/// Milliseconds from power to the kubelet's start.
const BOOT: u64 = 100;

impl SimWorld {
    /// Takes the power from a machine: what was under way stays as far as it came.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn kill_machine(&self, node: &str) -> Result<(), SimError> {
        self.shared.access(|world| {
            let now = world.now;
            world.agenda.forget(node);
            world.change(node, now, |machine, _, _| {
                machine.powered = false;
                kubelet::stop(machine);
                attempt::lose(machine, "the machine lost its power");
            })
        })
    }

    /// Switches a machine on again: a new boot id, and the kubelet starts what it finds.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn boot_machine(&self, node: &str) -> Result<(), SimError> {
        self.shared.access(|world| {
            let now = world.now;
            world.change(node, now, |machine, agenda, _| {
                if machine.powered {
                    return;
                }
                machine.powered = true;
                machine.boot_id = uuid(&format!("{} then", machine.boot_id));
                machine.containers.clear();
                agenda.add(now, BOOT, Chore::Boot { node: node.to_owned() });
            })
        })
    }

    /// Kills the processes of the attempts under way on a machine that goes on running.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn kill_attempts(&self, node: &str) -> Result<(), SimError> {
        self.shared.access(|world| {
            world.agenda.forget_attempts(node);
            attempt::lose(world.machine(node)?, "its unit is gone without an exit status");
            Ok(())
        })
    }

    /// Lets the attempts under way on a machine hang for a while.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn stall_attempts(&self, node: &str, time: Duration) -> Result<(), SimError> {
        self.shared.access(|world| {
            world.agenda.put_off_attempts(node, time);
            Ok(())
        })
    }

    /// Lets somebody remove what attempts have left on a machine.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn forget_attempts(&self, node: &str) -> Result<(), SimError> {
        self.with_machine(node, |machine| machine.attempts.clear())
    }

    /// Forgets every failure that was ordered on a machine and did not happen yet.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn fail_no_more(&self, node: &str) -> Result<(), SimError> {
        self.with_machine(node, |machine| machine.faults.clear())
    }

    /// Cuts the way to a machine; its processes go on.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn cut(&self, node: &str) -> Result<(), SimError> {
        self.with_machine(node, |machine| machine.cut = true)
    }

    /// Mends the way to a machine.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn mend(&self, node: &str) -> Result<(), SimError> {
        self.with_machine(node, |machine| machine.cut = false)
    }

    /// Lets an order arrive that was sent before the way was cut.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn deliver_late(&self, node: &str, order: &Order) -> Result<(), SimError> {
        self.shared.access(|world| attempt::start(world, node, order))
    }

    /// Lets the next run of a script end with a status before it does anything.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn fail_next(&self, node: &str, script: &str, status: i32) -> Result<(), SimError> {
        self.with_machine(node, |machine| {
            machine.faults.insert(script.to_owned(), status);
        })
    }

    /// Lets the next snapshot of a machine's member of etcd break off half-way.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn break_next_snapshot(&self, node: &str) -> Result<(), SimError> {
        self.fail_next(node, super::etcd_api::BREAKS_OFF, 1)
    }

    /// Lets a machine's member of etcd hold other data than the others, or the same again.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn corrupt_etcd(&self, node: &str, is_corrupt: bool) -> Result<(), SimError> {
        self.with_machine(node, |machine| machine.etcd_is_corrupt = is_corrupt)
    }

    /// Lets an administrator cordon a node.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn foreign_cordon(&self, node: &str) -> Result<(), SimError> {
        self.shared.access(|world| {
            let found = world.api.nodes.get_mut(node);
            let found = found.ok_or_else(|| SimError::NoSuchNode { name: node.to_owned() })?;
            found.unschedulable = true;
            Ok(())
        })
    }

    /// Lets an administrator write a file on a machine, or remove it.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn foreign_file(&self, node: &str, path: &str, text: Option<&str>) -> Result<(), SimError> {
        self.shared.access(|world| {
            let now = world.now;
            world.change(node, now, |machine, _, _| match text {
                Some(text) => machine.write(path, text),
                None => drop(machine.files.remove(path)),
            })
        })
    }

    fn with_machine(&self, node: &str, act: impl FnOnce(&mut Machine)) -> Result<(), SimError> {
        self.shared.access(|world| {
            act(world.machine(node)?);
            Ok(())
        })
    }
}
