//! What `kubeadm upgrade` has left on nodes: looked at, and removed when an operator says so. kubeadm never removes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kup_core::activity::ActivityError;
use kup_core::event::MachineIdentity;

use crate::facts::reply::Lines;
use crate::host::{Host, HostError};
use crate::kept::{Answers, Asked, known};
use crate::script::{self, Script};
use crate::world::host_error;

/// Machines asked at once.
const AT_ONCE: usize = 16;

/// A folder below `/etc/kubernetes/tmp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: String,
    /// Its size.
    pub kib: u64,
    /// When it was changed last, in seconds since 1970.
    pub changed: i64,
}

/// Asks machines side by side for kubeadm's folders.
pub async fn folders(
    machines: Vec<(MachineIdentity, Option<Arc<dyn Host>>)>,
) -> Answers<Vec<Folder>> {
    let ask = |(machine, host): (MachineIdentity, Option<Arc<dyn Host>>)| async move {
        let answer = folders_of(&machine, host).await;
        (machine.name, answer)
    };
    stream::iter(machines).map(ask).buffer_unordered(AT_ONCE).collect().await
}

async fn folders_of(
    machine: &MachineIdentity,
    host: Option<Arc<dyn Host>>,
) -> Result<Vec<Folder>, ActivityError> {
    let host = known(machine, host).await?;
    read(host.as_ref()).await.map_err(|e| host_error(&e))
}

async fn read(host: &dyn Host) -> Result<Vec<Folder>, HostError> {
    let lines = Lines::ask(host, &Script::new::<String>(script::KUBEADM_TMP, [])).await?;
    let folder = |(name, value): (String, &str)| {
        let (kib, changed) = value.split_once(' ').unwrap_or((value, ""));
        Ok(Folder { name, kib: lines.number(kib)?, changed: lines.number(changed)? })
    };
    lines.with_prefix("folder:").map(folder).collect()
}

/// Removes folders, by name, side by side, and returns how many KiB each machine has freed.
pub async fn remove(machines: Vec<Asked<Vec<String>>>) -> Answers<u64> {
    let ask = |(machine, host, names): Asked<Vec<String>>| async move {
        let answer = remove_at(&machine, host, names).await;
        (machine.name, answer)
    };
    stream::iter(machines).map(ask).buffer_unordered(AT_ONCE).collect::<BTreeMap<_, _>>().await
}

async fn remove_at(
    machine: &MachineIdentity,
    host: Option<Arc<dyn Host>>,
    names: Vec<String>,
) -> Result<u64, ActivityError> {
    let host = known(machine, host).await?;
    let script = Script::new(script::KUBEADM_TMP_REMOVE, names);
    let lines = Lines::tidy(host.as_ref(), &script).await.map_err(|e| host_error(&e))?;
    let freed = lines.with_prefix("removed:").map(|(_, kib)| lines.number::<u64>(kib));
    freed.sum::<Result<u64, _>>().map_err(|e| host_error(&e))
}
