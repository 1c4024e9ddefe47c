//! Clusters and machines that journals know, reached again as the first events of runs say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kup_core::event::{Entry, Event, MachineIdentity, RunStarted};
use kup_core::id::RunId;
use kup_steps::host::Host;
use kup_store::checkup;

use crate::connect::{Connected, connect_existing};
use crate::error::CliError;
use crate::system::SystemClock;

/// Returns the newest run of each cluster, or one run.
pub(crate) fn newest_runs(state_dir: &Path, only: Option<&RunId>) -> Vec<(RunId, RunStarted)> {
    let runs = only.map_or_else(|| checkup::runs(state_dir), |run| vec![run.clone()]);
    let mut newest = BTreeMap::new();
    for run in runs {
        if let Some(started) = started(&checkup::read(state_dir, &run).entries) {
            newest.insert(started.cluster.uid.clone(), (run, started));
        }
    }
    newest.into_values().collect()
}

/// Returns how a run began.
fn started(entries: &[Entry]) -> Option<RunStarted> {
    match entries.first().map(|entry| &entry.event) {
        Some(Event::RunStarted(started)) => Some((**started).clone()),
        Some(_) | None => None,
    }
}

/// Reaches a run's cluster as its first event says.
pub(crate) async fn connected(
    state_dir: &Path,
    run: &RunId,
    started: &RunStarted,
) -> Result<Connected, CliError> {
    let sim_dir = state_dir.join("runs").join(run.as_str()).join("sim");
    connect_existing(started.reach.clone(), &sim_dir, Arc::new(SystemClock)).await
}

/// Returns the machines of a run, each with the way to it where it has an address.
pub(crate) fn machines(
    connected: &Connected,
    started: &RunStarted,
) -> Vec<(MachineIdentity, Option<Arc<dyn Host>>)> {
    let addresses = started.machines.iter().map(|it| (it.name.clone(), it.address.clone()));
    let mut hosts = connected.hosts_at(addresses);
    let host = |name: &str| hosts.remove(name).map(|(_, host)| host);
    let hosts: Vec<_> = started.machines.iter().map(|it| it.name.as_str()).map(host).collect();
    started.machines.iter().cloned().zip(hosts).collect()
}
