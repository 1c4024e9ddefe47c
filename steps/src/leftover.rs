//! Compares what kup has left on nodes with what the journals say: owners of runs that are over, attempts that no journal knows of,
//! units that nobody waits for. Pure but for [`ask`]; what to do about it is said by the command line.

mod past;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::stream::{self, StreamExt};
use kup_core::activity::ActivityError;
use kup_core::event::{ClusterIdentity, MachineIdentity};
use kup_core::id::{Epoch, Seq};

pub use self::past::{Past, Pasts};
use crate::cluster::{Cluster, Node};
use crate::facts::{LeftAttempt, Leftovers, NodeFacts, Trace};
use crate::host::{self, Host};
use crate::world::{cluster_error, host_error, same_cluster, same_machine};

/// Machines asked at once.
const AT_ONCE: usize = 16;

/// What was found on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// It does not say.
    Silent {
        /// Why.
        why: String,
    },
    /// It answers, and nothing is left that should not be.
    Clean {
        /// The size of what is kept there, in KiB.
        backups_kib: u64,
    },
    /// A run owns it that is not over.
    Owned {
        /// The record.
        owner: String,
    },
    /// A run owns it that is over.
    OwnedByFinished {
        /// The run.
        run: String,
    },
    /// A run owns it of which no journal is here.
    OwnedByUnknown {
        /// The record.
        owner: String,
    },
    /// A later process has owned it than any that the journal knows.
    LaterEpoch {
        /// The run.
        run: String,
        /// The epoch there.
        epoch: Epoch,
        /// The last one in the journal.
        known: Epoch,
    },
    /// An intent names a place behind the journal's end: a part of the history is lost.
    BeyondEnd {
        /// The attempt.
        attempt: LeftAttempt,
        /// The last entry.
        head: Seq,
    },
    /// An intent names a place where the journal has something else.
    NotInJournal {
        /// The attempt.
        attempt: LeftAttempt,
    },
    /// An attempt still runs, of a run that is not over.
    Running {
        /// The attempt.
        attempt: LeftAttempt,
    },
    /// An attempt still runs, and its run is over or unknown here.
    RunningAlone {
        /// The attempt.
        attempt: LeftAttempt,
    },
    /// An attempt was lost, and its journal does not know yet.
    Lost {
        /// The attempt.
        attempt: LeftAttempt,
    },
    /// It carries the cordon of a run that is over, or of which no journal is here.
    Cordoned {
        /// The run.
        run: String,
        /// Whether its journal says that it is over.
        is_over: bool,
        /// Whether it is unschedulable, or only carries the mark.
        is_unschedulable: bool,
    },
    /// A unit is loaded that does not run.
    Unit {
        /// Its name.
        unit: String,
        /// Its state.
        state: String,
    },
}

/// Asks machines side by side what is left on them, after making sure that they are the run's.
pub async fn ask(
    machines: Vec<(MachineIdentity, Option<Arc<dyn Host>>)>,
) -> Vec<(String, Result<Leftovers, ActivityError>)> {
    let ask = |(machine, host): (MachineIdentity, Option<Arc<dyn Host>>)| async move {
        let left = match host {
            Some(host) => ask_one(&machine, host.as_ref()).await,
            None => Err(ActivityError::permanent(format!("{} has no address", machine.name))),
        };
        (machine.name, left)
    };
    stream::iter(machines).map(ask).buffered(AT_ONCE).collect().await
}

async fn ask_one(machine: &MachineIdentity, host: &dyn Host) -> Result<Leftovers, ActivityError> {
    let facts = NodeFacts::read(host).await.map_err(|e| host_error(&e))?;
    same_machine(machine, (&facts.machine_id, &facts.host_key.unwrap_or_default()))?;
    Leftovers::read(host).await.map_err(|e| host_error(&e))
}

/// Compares what a node says with all pasts. `only` leaves out the attempts of other runs.
#[must_use]
pub fn judge(left: &Leftovers, pasts: &Pasts, only: Option<&str>) -> Vec<Leftover> {
    let is_wanted = |attempt: &&LeftAttempt| only.is_none_or(|run| run == attempt.run);
    let mut found: Vec<Leftover> = owner(left, pasts).into_iter().collect();
    found.extend(left.attempts.iter().filter(is_wanted).filter_map(|it| judge_attempt(it, pasts)));
    let idle = left.units.iter().filter(|(_, state)| !is_alive(state));
    found.extend(
        idle.map(|(unit, state)| Leftover::Unit { unit: unit.clone(), state: state.clone() }),
    );
    let is_usual = |it: &Leftover| matches!(it, Leftover::Owned { .. } | Leftover::Running { .. });
    if found.iter().all(is_usual) {
        found.insert(0, Leftover::Clean { backups_kib: left.backups_kib.values().sum() });
    }
    found
}

/// Looks at the cordons of a cluster, after making sure that it is the one, and compares them with all pasts.
///
/// # Errors
/// When the API does not answer, or another cluster does.
pub async fn cordons(
    cluster: &dyn Cluster,
    expected: &ClusterIdentity,
    pasts: &Pasts,
) -> Result<Vec<(String, Leftover)>, ActivityError> {
    let found = cluster.identity().await.map_err(|e| cluster_error(&e))?;
    same_cluster(expected, &found)?;
    let nodes = cluster.nodes().await.map_err(|e| cluster_error(&e))?;
    let judged = |node: &Node| Some((node.name.clone(), judge_cordon(node, pasts)?));
    Ok(nodes.iter().filter_map(judged).collect())
}

fn judge_cordon(node: &Node, pasts: &Pasts) -> Option<Leftover> {
    let run = node.cordoned_by.clone()?;
    let is_over = match pasts.get(&run).map(|past| past.is_over) {
        Some(Some(true)) => true,
        None => false,
        Some(Some(false) | None) => return None,
    };
    Some(Leftover::Cordoned { run, is_over, is_unschedulable: node.unschedulable })
}

/// Returns the attempts of a run that name this place in its journal or a later one, or a place that cannot be read.
#[must_use]
pub fn intents_from<'a>(left: &'a Leftovers, run: &str, seq: Seq) -> Vec<&'a LeftAttempt> {
    let names_it = |it: &&LeftAttempt| it.run == run && it.seq.is_none_or(|named| named >= seq.0);
    left.attempts.iter().filter(names_it).collect()
}

/// Returns a unit of a run that is at work, or waits for its turn: it may still leave an intent.
#[must_use]
pub fn unit_at_work<'a>(left: &'a Leftovers, run: &str) -> Option<&'a str> {
    let prefix = format!("kup-{run}-");
    let mut units = left.units.iter().filter(|(_, state)| is_alive(state));
    units.find(|(unit, _)| unit.starts_with(&prefix)).map(|(unit, _)| unit.as_str())
}

/// Returns the epoch in an owner's record of this run.
#[must_use]
pub fn epoch_of(left: &Leftovers, run: &str) -> Option<Epoch> {
    let record = left.owner.as_deref().filter(|record| host::run_of_owner(record) == Some(run))?;
    let epoch = record.split(' ').find_map(|field| field.strip_prefix("epoch="))?;
    epoch.parse().ok().map(Epoch)
}

fn owner(left: &Leftovers, pasts: &Pasts) -> Option<Leftover> {
    let owner = left.owner.clone()?;
    let run = host::run_of_owner(&owner).unwrap_or_default().to_owned();
    let Some(past) = pasts.get(&run) else { return Some(Leftover::OwnedByUnknown { owner }) };
    if let (Some(epoch), Some(known)) = (epoch_of(left, &run), past.epoch)
        && epoch > known
    {
        return Some(Leftover::LaterEpoch { run, epoch, known });
    }
    match past.is_over {
        Some(true) => Some(Leftover::OwnedByFinished { run }),
        Some(false) | None => Some(Leftover::Owned { owner }),
    }
}

fn judge_attempt(attempt: &LeftAttempt, pasts: &Pasts) -> Option<Leftover> {
    let found = attempt.clone();
    let Some(past) = pasts.get(&attempt.run) else {
        let runs = attempt.trace == Trace::Running;
        return runs.then_some(Leftover::RunningAlone { attempt: found });
    };
    if let (Some(seq), Some(head)) = (attempt.seq, past.head)
        && seq > head.0
    {
        return Some(Leftover::BeyondEnd { attempt: found, head });
    }
    let Some(is_settled) = past.is_settled(&attempt.name, attempt.seq) else {
        return Some(Leftover::NotInJournal { attempt: found });
    };
    match attempt.trace {
        Trace::Running if past.is_over == Some(true) => {
            Some(Leftover::RunningAlone { attempt: found })
        }
        Trace::Running => Some(Leftover::Running { attempt: found }),
        Trace::Lost if !is_settled => Some(Leftover::Lost { attempt: found }),
        Trace::Lost | Trace::Ended => None,
    }
}

/// Whether a unit is at work, or waits for its turn.
fn is_alive(state: &str) -> bool {
    matches!(state, "active" | "activating" | "deactivating" | "reloading")
}
