//! Draining a node as `kubectl drain --ignore-daemonsets` does, but by UID, and telling why it waits.
//!
//! Every pod is judged before the first is evicted ([`classify`]). Then they are evicted side by side; one that a budget
//! blocks is asked for again later and holds nobody else up. The node is listed again until nothing is left to evict, so
//! a drain that was interrupted is continued by draining again. Cordoning is the caller's business, and so is
//! what becomes of the evicted pods elsewhere.

mod filter;
pub mod forecast;
mod removal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::{StreamExt, stream};
use kup_core::clock::{Clock, Timestamp};
use thiserror::Error;

pub use self::filter::{ALLOW_BARE_PODS, ALLOW_EMPTY_DIRS, Disposition, classify};
use self::removal::Removal;
use crate::cluster::{Cluster, ClusterError, Pod};

/// How many requests are under way at once.
const SIDE_BY_SIDE: usize = 20;
/// How long between two looks.
const POLL: Duration = Duration::from_secs(1);
/// How many pods a message names.
const NAMED: usize = 20;

/// What the operator allows a drain to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DrainOptions {
    /// Evict pods whose emptyDir volumes are lost with them.
    pub delete_emptydir_data: bool,
    /// Evict pods that nothing will create again.
    pub force: bool,
    /// Seconds that pods get to stop; `None` for what each asks for itself.
    pub grace_period: Option<u32>,
}

/// A pod that may not be evicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The pod.
    pub pod: Pod,
    /// Why.
    pub why: String,
    /// The flag that would allow it.
    pub flag: &'static str,
}

/// What a drain would do with each pod of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// These would be evicted, or are being deleted already.
    pub to_evict: Vec<Pod>,
    /// These stay, and why.
    pub left: Vec<(Pod, String)>,
    /// These forbid the drain.
    pub refused: Vec<Refusal>,
}

/// What a drain that succeeded did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// These are gone.
    pub evicted: Vec<Pod>,
    /// These stay, and why.
    pub left: Vec<(Pod, String)>,
}

/// Says why a node is not drained. It stays as far drained as it is; draining it again goes on from there.
#[derive(Debug, Error)]
pub enum DrainError {
    /// The options do not allow it. Nothing was evicted, unless such a pod turned up later.
    #[error("cannot drain node {node}: {}", name_refusals(refused))]
    Refused {
        /// The node.
        node: String,
        /// The pods that forbid it.
        refused: Vec<Refusal>,
    },
    /// The API server will not evict these, however long one waits; the others are gone.
    #[error("cannot drain node {node}: {}", name_pods(failed))]
    Failed {
        /// The node.
        node: String,
        /// The pods, and what the server said.
        failed: Vec<(Pod, String)>,
    },
    /// The time is over.
    #[error("node {node} is not drained in time: {}", name_pods(waiting))]
    Timeout {
        /// The node.
        node: String,
        /// The pods that are still there, and what each waits for.
        waiting: Vec<(Pod, String)>,
    },
    /// The pods of the node cannot be listed.
    #[error("cannot list what is to be evicted from node {node}")]
    Unlisted {
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: ClusterError,
    },
}

/// Returns what a drain would do with each pod of a node. Changes nothing.
///
/// # Errors
/// What the cluster says; that a pod forbids the drain is no error here.
pub async fn survey(
    cluster: &dyn Cluster,
    node: &str,
    options: &DrainOptions,
) -> Result<Survey, ClusterError> {
    let mut survey = Survey::default();
    for pod in cluster.pods_on(node).await? {
        let exists = its_daemon_set_exists(cluster, &pod).await?;
        match classify(&pod, exists, options) {
            Disposition::Evict => survey.to_evict.push(pod),
            Disposition::Leave(why) => survey.left.push((pod, why)),
            Disposition::Refuse { why, flag } => survey.refused.push(Refusal { pod, why, flag }),
        }
    }
    Ok(survey)
}

/// Returns whether the pod belongs to a DaemonSet that is there.
async fn its_daemon_set_exists(cluster: &dyn Cluster, pod: &Pod) -> Result<bool, ClusterError> {
    match &pod.controller {
        Some((kind, name)) if kind == "DaemonSet" => {
            cluster.daemon_set_exists(&pod.namespace, name).await
        }
        Some(_) | None => Ok(false),
    }
}

/// A drain under way.
struct Drain<'a> {
    cluster: &'a dyn Cluster,
    clock: &'a dyn Clock,
    node: &'a str,
    options: &'a DrainOptions,
    deadline: Timestamp,
    say: &'a (dyn Fn(&str) + Send + Sync),
}

/// Drains a node: evicts what may be evicted and waits until it is gone. An API server that is away for a while is
/// waited for until the deadline. Dropping the future is safe: every eviction asked for stands by itself.
///
/// # Errors
/// [`DrainError`] names every pod that stands in the way and why.
pub async fn drain(
    cluster: &dyn Cluster,
    clock: &dyn Clock,
    node: &str,
    options: &DrainOptions,
    deadline: Timestamp,
    say: &(dyn Fn(&str) + Send + Sync),
) -> Result<DrainReport, DrainError> {
    let drain = Drain { cluster, clock, node, options, deadline, say };
    let mut report = DrainReport::default();
    let mut rounds = 0;
    loop {
        let survey = drain.list().await?;
        if !survey.refused.is_empty() {
            let (node, refused) = (node.to_owned(), survey.refused);
            return Err(DrainError::Refused { node, refused });
        }
        report.left = survey.left;
        // What has come back although the node is cordoned would come back for ever.
        let comes_back = |pod: &Pod| rounds > 0 && pod.tolerates_cordon && !pod.terminating;
        let (back, to_evict): (Vec<_>, Vec<_>) = survey.to_evict.into_iter().partition(comes_back);
        let why = "came back: it tolerates the cordon";
        report.left.extend(back.into_iter().map(|pod| (pod, why.to_owned())));
        rounds += 1;
        if to_evict.is_empty() {
            return Ok(report);
        }
        if drain.is_over() {
            return Err(drain.timeout(removal::waiting(&removal::begin(to_evict))));
        }
        // Only what keeps coming is not asked for at once.
        if rounds > 1 {
            clock.sleep(POLL).await;
        }
        report.evicted.extend(drain.remove(to_evict).await?);
    }
}

impl Drain<'_> {
    /// Surveys the node, waiting for an API server that is away.
    async fn list(&self) -> Result<Survey, DrainError> {
        let mut is_away = false;
        loop {
            match survey(self.cluster, self.node, self.options).await {
                Ok(survey) => return Ok(survey),
                Err(ClusterError::Unavailable { .. }) if !self.is_over() => {
                    if !is_away {
                        (self.say)("the API server does not answer; waiting for it");
                    }
                    is_away = true;
                }
                Err(source) => {
                    return Err(DrainError::Unlisted { node: self.node.to_owned(), source });
                }
            }
            self.clock.sleep(POLL).await;
        }
    }

    /// Removes pods and returns them when all are gone.
    async fn remove(&self, pods: Vec<Pod>) -> Result<Vec<Pod>, DrainError> {
        let mut removals = removal::begin(pods);
        loop {
            removals = self.advance(removals).await;
            let waiting = removal::waiting(&removals);
            if waiting.is_empty() {
                break;
            }
            if self.is_over() {
                return Err(self.timeout([waiting, removal::failed(&removals)].concat()));
            }
            self.clock.sleep(POLL).await;
        }
        let failed = removal::failed(&removals);
        if failed.is_empty() {
            return Ok(removals.into_iter().map(|removal| removal.pod).collect());
        }
        Err(DrainError::Failed { node: self.node.to_owned(), failed })
    }

    /// Does for every pod what is due, side by side.
    async fn advance(&self, removals: Vec<Removal>) -> Vec<Removal> {
        let steps = removals.into_iter().map(|removal| {
            removal.advance(self.cluster, self.clock, self.options.grace_period, self.say)
        });
        stream::iter(steps).buffered(SIDE_BY_SIDE).collect().await
    }

    fn timeout(&self, waiting: Vec<(Pod, String)>) -> DrainError {
        DrainError::Timeout { node: self.node.to_owned(), waiting }
    }

    fn is_over(&self) -> bool {
        self.clock.now() >= self.deadline
    }
}

/// Returns a pod's name as messages have it.
fn name_of(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

fn name_pods(pods: &[(Pod, String)]) -> String {
    sentence(pods.iter().map(|(pod, why)| format!("{}: {why}", name_of(pod))).collect())
}

fn name_refusals(refused: &[Refusal]) -> String {
    let name = |it: &Refusal| format!("{} {} (allowed by {})", name_of(&it.pod), it.why, it.flag);
    sentence(refused.iter().map(name).collect())
}

fn sentence(all: Vec<String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all.into_iter().take(NAMED).collect::<Vec<_>>().join("; ");
    if more == 0 { named } else { format!("{named}; and {more} more") }
}
