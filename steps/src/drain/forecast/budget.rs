//! How a budget lets the pods of a node go: the rules of the API server's eviction and of the disruption controller.

use serde::Serialize;

use super::{Fate, Wait, name_of};
use crate::cluster::Pod;
use crate::cluster::survey::Budget;

/// How a budget lets pods go, the easiest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// All at once.
    AtOnce,
    /// Some, then others when those are ready elsewhere.
    InTurn {
        /// How many at once.
        allowed: i64,
    },
    /// Nobody can tell: its status is older than its form.
    Unsettled,
    /// Not all for now: it has too few pods to spare until more are ready.
    Exhausted {
        /// How many go before.
        allowed: i64,
        /// How many are ready.
        healthy: i64,
        /// How many must stay ready.
        needed: i64,
    },
    /// Perhaps not all, ever: it depends on what pods tolerate, or on which go first.
    Doubtful(String),
    /// None for ever.
    Never(String),
}

impl Hold {
    /// Says how it holds this many pods; `None` when it does not hold them.
    #[must_use]
    pub fn in_words(&self, n_pods: usize) -> Option<String> {
        match self {
            Self::AtOnce => None,
            Self::InTurn { allowed } => Some(format!("lets {n_pods} pods go {allowed} at a time")),
            Self::Unsettled => Some("is still being processed by the cluster".to_owned()),
            Self::Exhausted { allowed: 0, healthy, needed } if healthy > needed => {
                Some("lets no pod go now; its status says why".to_owned())
            }
            Self::Exhausted { allowed, healthy, needed } => Some(format!(
                "lets {allowed} of {n_pods} pods go until more are ready: {healthy} are, {needed} must stay so"
            )),
            Self::Doubtful(why) | Self::Never(why) => Some(why.clone()),
        }
    }
}

/// Returns a budget's namespace and name.
pub(super) fn name(budget: &Budget) -> String {
    format!("{}/{}", budget.namespace, budget.name)
}

/// Returns the budgets that an eviction of the pod is held against. What has not begun, or has ended, is evicted whatever budgets say.
pub(super) fn covering<'a>(pod: &Pod, budgets: &'a [Budget]) -> Vec<&'a Budget> {
    if pod.terminating || matches!(pod.phase.as_str(), "Succeeded" | "Failed" | "Pending") {
        return Vec::new();
    }
    let of_pod = budgets.iter().filter(|it| it.namespace == pod.namespace);
    of_pod.filter(|it| it.selector.selects(&pod.labels)).collect()
}

/// What a node has of a budget's pods.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    pods: Vec<String>,
    n_bound: i64,
    n_stranded: i64,
    n_lost: i64,
    n_moving: i64,
    before: Before,
}

/// What became of a budget's pods on nodes that are drained earlier.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Before {
    /// How many were lost.
    n_lost: i64,
    /// How many moved, perhaps to this node.
    n_moving: i64,
}

impl<'a> Share<'a> {
    pub(super) fn of(budget: &'a Budget, before: Before) -> Self {
        let pods = Vec::new();
        Self { budget, pods, n_bound: 0, n_stranded: 0, n_lost: 0, n_moving: 0, before }
    }

    /// Returns what has become of the budget's pods when this node is drained too.
    pub(super) fn after(&self) -> Before {
        let Before { n_lost, n_moving } = self.before;
        Before { n_lost: n_lost + self.n_lost, n_moving: n_moving + self.n_moving }
    }

    /// Counts a pod, unless it goes whatever the budget says.
    pub(super) fn add(&mut self, pod: &Pod, fate: &Fate) {
        let budget = self.budget;
        let has_enough = budget.healthy >= budget.desired && budget.desired > 0;
        if !pod.ready && (budget.lets_unhealthy_go || has_enough) {
            return;
        }
        self.pods.push(name_of(pod));
        // A pod that is not ready is missing already: that it is away changes nothing.
        match fate {
            Fate::Bound { .. } if pod.ready => self.n_bound += 1,
            Fate::Lost if pod.ready => self.n_lost += 1,
            Fate::Stranded if pod.ready => self.n_stranded += 1,
            Fate::Moves | Fate::Bound { .. } | Fate::Stranded | Fate::Lost => self.n_moving += 1,
            Fate::Ended => {}
        }
    }

    /// Returns how the budget lets the pods go; `None` when none needs it.
    pub(super) fn wait(self, name: String) -> Option<Wait> {
        if self.pods.is_empty() {
            return None;
        }
        let (hold, n_fixed) = (self.hold(), self.n_bound + self.n_stranded + self.n_lost);
        let spare = spare(self.budget).max(self.budget.allowed) - self.before.n_lost;
        Some(Wait { budget: name, pods: self.pods, hold, n_fixed, spare })
    }

    fn hold(&self) -> Hold {
        let budget = self.budget;
        let n_pods = i64::try_from(self.pods.len()).unwrap_or(i64::MAX);
        let allowed = budget.allowed - self.before.n_lost;
        // What is lost for good is missing for the nodes that come later.
        let room = spare(budget).max(budget.allowed) - self.before.n_lost;
        let (stay_away, may_stay_away) = (self.n_bound + self.n_lost, self.n_stranded);
        if !budget.is_current {
            return Hold::Unsettled;
        }
        if budget.allowed <= 0
            && let Some(why) = never(budget)
        {
            return Hold::Never(why);
        }
        if room <= 0 {
            let why = "has no pod to spare any more: those are lost with the nodes before";
            return Hold::Never(why.to_owned());
        }
        if stay_away > room {
            return Hold::Never(fixed(stay_away, room, "can run nowhere else"));
        }
        if stay_away + may_stay_away > room {
            let why = "run nowhere else, unless they tolerate the taints of another node";
            return Hold::Doubtful(fixed(stay_away + may_stay_away, room, why));
        }
        // Pods that move need one place in the budget at a time, which those that cannot may have taken before.
        let needed = stay_away + may_stay_away + self.after().n_moving.min(1);
        if needed > room {
            let why = "can run nowhere else: when they go first, none is left for the others";
            return Hold::Doubtful(fixed(stay_away + may_stay_away, room, why));
        }
        if allowed <= 0 || needed > allowed {
            let (healthy, needed) = (budget.healthy, budget.desired);
            return Hold::Exhausted { allowed: allowed.max(0), healthy, needed };
        }
        if n_pods > allowed {
            return Hold::InTurn { allowed };
        }
        Hold::AtOnce
    }
}

/// Returns how many of a budget's pods may be away when all are well.
fn spare(budget: &Budget) -> i64 {
    budget.expected.saturating_sub(budget.desired).max(0)
}

fn fixed(n_fixed: i64, room: i64, why: &str) -> String {
    format!("can spare {room} of its pods, and of this node's {n_fixed} {why}")
}

/// Says why a budget that allows nothing now will never allow anything; `None` when it may.
fn never(budget: &Budget) -> Option<String> {
    if budget.expected == 0 {
        let why = "counts no pods, so that it lets none go: the cluster cannot count pods without a controller that has replicas";
        return Some(why.to_owned());
    }
    if budget.desired < budget.expected {
        return None;
    }
    let (desired, expected) = (budget.desired, budget.expected);
    let spec = match (&budget.min_available, &budget.max_unavailable) {
        (Some(least), _) => format!("minAvailable {least}"),
        (None, Some(most)) => format!("maxUnavailable {most}"),
        (None, None) => "neither minAvailable nor maxUnavailable".to_owned(),
    };
    let rounded = match spec.ends_with('%') {
        true => ", rounded up",
        false => "",
    };
    Some(format!("never lets a pod go: it needs {desired} of {expected} pods ({spec}{rounded})"))
}
