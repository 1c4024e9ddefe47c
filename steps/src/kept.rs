//! The copies of backups that nodes keep: looked at, and removed when nothing needs them any more, after making sure that the machine is the one that is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kup_core::activity::ActivityError;
use kup_core::event::MachineIdentity;

use crate::facts::reply::Lines;
use crate::facts::{Copies, NodeFacts};
use crate::host::Host;
use crate::script::{self, Script};
use crate::world::{host_error, same_machine};

/// Machines asked at once.
const AT_ONCE: usize = 16;

/// A machine that an earlier run knew, the way to it where there is one, and what it is asked for.
pub type Asked<T> = (MachineIdentity, Option<Arc<dyn Host>>, T);

/// What a machine has answered, by its node's name.
pub type Answers<T> = BTreeMap<String, Result<T, ActivityError>>;

/// Asks machines side by side for the hashes of the copies that they keep, by path.
pub async fn look(machines: Vec<Asked<Vec<String>>>) -> Answers<Copies> {
    let ask = |(machine, host, paths): Asked<Vec<String>>| async move {
        let answer = look_at(&machine, host, &paths).await;
        (machine.name, answer)
    };
    stream::iter(machines).map(ask).buffer_unordered(AT_ONCE).collect().await
}

async fn look_at(
    machine: &MachineIdentity,
    host: Option<Arc<dyn Host>>,
    paths: &[String],
) -> Result<Copies, ActivityError> {
    let host = known(machine, host).await?;
    Copies::read(host.as_ref(), paths).await.map_err(|e| host_error(&e))
}

/// Removes the copies of runs that need them no more from machines, side by side, and returns how many KiB each has freed.
pub async fn forget(machines: Vec<Asked<Vec<String>>>) -> Answers<u64> {
    let ask = |(machine, host, runs): Asked<Vec<String>>| async move {
        let answer = forget_at(&machine, host, runs).await;
        (machine.name, answer)
    };
    stream::iter(machines).map(ask).buffer_unordered(AT_ONCE).collect().await
}

async fn forget_at(
    machine: &MachineIdentity,
    host: Option<Arc<dyn Host>>,
    runs: Vec<String>,
) -> Result<u64, ActivityError> {
    let host = known(machine, host).await?;
    let script = Script::new(script::FORGET, runs);
    let lines = Lines::tidy(host.as_ref(), &script).await.map_err(|e| host_error(&e))?;
    let freed = lines.with_prefix("freed:").map(|(_, kib)| lines.number::<u64>(kib));
    freed.sum::<Result<u64, _>>().map_err(|e| host_error(&e))
}

/// Returns the way to a machine, after making sure that it is the one.
pub(crate) async fn known(
    machine: &MachineIdentity,
    host: Option<Arc<dyn Host>>,
) -> Result<Arc<dyn Host>, ActivityError> {
    let why = || ActivityError::permanent(format!("{} has no address", machine.name));
    let host = host.ok_or_else(why)?;
    let facts = NodeFacts::read(host.as_ref()).await.map_err(|e| host_error(&e))?;
    same_machine(machine, (&facts.machine_id, &facts.host_key.unwrap_or_default()))?;
    Ok(host)
}
