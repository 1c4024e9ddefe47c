//! One pod on its way off the node.

use std::time::Duration;

use kup_core::clock::{Clock, Timestamp};

use super::name_of;
use crate::cluster::{Cluster, ClusterError, Eviction, Pod};

/// How long after an eviction that is blocked it is asked for again, as kubectl does.
const RETRY: Duration = Duration::from_secs(5);
const AWAY: &str = "the API server does not answer";

/// A pod and how far its removal is.
pub(super) struct Removal {
    /// The pod; its UID says which.
    pub(super) pod: Pod,
    state: State,
}

enum State {
    /// The eviction is to be asked for.
    Due,
    /// It was asked for, and is to be asked for again.
    Blocked { until: Timestamp, why: String },
    /// It was accepted.
    Deleting { why: String },
    /// The pod does not exist any more.
    Gone,
    /// It will not be allowed.
    Failed { why: String },
}

impl Removal {
    /// A pod that is being deleted already needs no eviction, and an old API server would let a budget block it.
    fn new(pod: Pod) -> Self {
        let why = "is being deleted".to_owned();
        let state = if pod.terminating { State::Deleting { why } } else { State::Due };
        Self { pod, state }
    }

    /// Does what is due now, if anything, and tells what came of it.
    pub(super) async fn advance(
        self,
        cluster: &dyn Cluster,
        clock: &dyn Clock,
        grace: Option<u32>,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> Self {
        let now = clock.now();
        let before = self.state.text();
        let state = match self.state {
            State::Blocked { until, .. } if now < until => return self,
            State::Gone | State::Failed { .. } => return self,
            State::Due | State::Blocked { .. } => {
                after_eviction(cluster.evict(&self.pod, grace).await, now.plus(RETRY))
            }
            State::Deleting { .. } => after_look(cluster.pod_exists(&self.pod).await),
        };
        if state.text() != before {
            say(&format!("{}: {}", name_of(&self.pod), state.text()));
        }
        Self { pod: self.pod, state }
    }
}

fn after_eviction(answer: Result<Eviction, ClusterError>, until: Timestamp) -> State {
    match answer {
        Ok(Eviction::Accepted) => State::Deleting { why: "is being deleted".to_owned() },
        Ok(Eviction::Gone) => State::Gone,
        Ok(Eviction::Blocked { why }) => State::Blocked { until, why },
        Ok(Eviction::Refused { why }) => State::Failed { why },
        Err(ClusterError::Unavailable { .. }) => State::Blocked { until, why: AWAY.to_owned() },
        Err(error @ (ClusterError::Denied { .. } | ClusterError::Failed { .. })) => {
            State::Failed { why: error.to_string() }
        }
    }
}

fn after_look(answer: Result<bool, ClusterError>) -> State {
    match answer {
        Ok(true) => State::Deleting { why: "is being deleted".to_owned() },
        Ok(false) => State::Gone,
        Err(ClusterError::Unavailable { .. }) => {
            State::Deleting { why: format!("is being deleted; {AWAY}") }
        }
        Err(error @ (ClusterError::Denied { .. } | ClusterError::Failed { .. })) => {
            State::Failed { why: error.to_string() }
        }
    }
}

impl State {
    /// Returns the state in words.
    fn text(&self) -> String {
        match self {
            Self::Due => "is to be evicted".to_owned(),
            Self::Blocked { why, .. } => format!("cannot be evicted yet: {why}"),
            Self::Deleting { why } => why.clone(),
            Self::Gone => "is gone".to_owned(),
            Self::Failed { why } => format!("cannot be evicted: {why}"),
        }
    }

    fn is_waiting(&self) -> bool {
        matches!(self, Self::Due | Self::Blocked { .. } | Self::Deleting { .. })
    }
}

/// Returns the removals of pods before anything is done.
pub(super) fn begin(pods: Vec<Pod>) -> Vec<Removal> {
    pods.into_iter().map(Removal::new).collect()
}

/// Returns the pods that may yet go, and what each waits for.
pub(super) fn waiting(removals: &[Removal]) -> Vec<(Pod, String)> {
    let waiting = removals.iter().filter(|removal| removal.state.is_waiting());
    waiting.map(Removal::tell).collect()
}

/// Returns the pods that will not go, and why.
pub(super) fn failed(removals: &[Removal]) -> Vec<(Pod, String)> {
    let failed = removals.iter().filter(|it| matches!(it.state, State::Failed { .. }));
    failed.map(Removal::tell).collect()
}

impl Removal {
    fn tell(&self) -> (Pod, String) {
        (self.pod.clone(), self.state.text())
    }
}
