//! What draining the nodes of a plan will meet, told before anything is drained: which pods go and what becomes of them, which budgets a
//! node waits for and whether they can ever let it go, and in which order workers are best taken. Pure; the drain itself is [`super::drain`].
//!
//! It agrees with the drain because it judges pods by the same [`classify`] and budgets by the rules of the API server's eviction
//! (pkg/registry/core/pod/storage/eviction.go) and of the disruption controller. It knows neither tolerations nor affinities: where they
//! might change the outcome it says [`Hold::Doubtful`].

mod budget;
mod fate;
mod order;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::budget::Hold;
use self::budget::{Before, Share};
pub use self::fate::Fate;
use self::fate::Places;
use super::{Disposition, DrainOptions, classify, name_of};
use crate::cluster::survey::{Budget, ClusterSurvey};
use crate::cluster::{Node, Pod};

/// What is to be drained, and how.
#[derive(Debug, Clone)]
pub struct Draining<'a> {
    /// The cluster's objects.
    pub survey: &'a ClusterSurvey,
    /// All nodes of the cluster.
    pub nodes: Vec<&'a Node>,
    /// Those that will be drained, in the plan's order.
    pub order: Vec<&'a Node>,
    /// How many workers may be away at once.
    pub side_by_side: usize,
    /// What the drain is allowed to do.
    pub options: DrainOptions,
}

/// What draining will meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Each node, in the plan's order.
    pub nodes: Vec<NodeForecast>,
    /// Workers that may be away at once by this order and wait for each other.
    pub clashes: Vec<Clash>,
    /// The workers in an order that is better: those that will stand still last, those that share a budget apart.
    pub better_order: Vec<String>,
}

/// Two workers that wait for each other when they are drained side by side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Clash {
    /// The one that comes earlier.
    pub first: String,
    /// The one that waits until the first is back.
    pub second: String,
    /// The budget that they share.
    pub budget: String,
}

/// What draining a node will meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeForecast {
    /// The node.
    pub node: String,
    /// Whether it is a control plane.
    pub control_plane: bool,
    /// The pods that go.
    pub leaving: Vec<Leaving>,
    /// How many pods stay: those of DaemonSets, and static ones.
    pub n_stay: usize,
    /// The pods that forbid the drain: pod, why, and the flag that would allow it.
    pub refused: Vec<(String, String, &'static str)>,
    /// The pods that no eviction moves, because several budgets cover them: pod and budgets.
    pub doubly_covered: Vec<(String, Vec<String>)>,
    /// The budgets of the pods that go.
    pub waits: Vec<Wait>,
}

/// A pod that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leaving {
    /// Namespace and name.
    pub pod: String,
    /// Kind and name of its controller.
    pub controller: Option<(String, String)>,
    /// What becomes of it.
    pub fate: Fate,
}

/// A budget that pods of a node need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// Namespace and name of the budget.
    pub budget: String,
    /// The pods that need it.
    pub pods: Vec<String>,
    /// How it lets them go.
    pub hold: Hold,
    /// How many of them cannot be made anywhere else while the node is away.
    pub n_fixed: i64,
    /// How many pods of the budget may be away when all are well.
    pub spare: i64,
}

impl Draining<'_> {
    /// Tells what will happen.
    ///
    /// # Errors
    /// Which part of the survey could not be read, and why.
    pub fn forecast(&self) -> Result<Forecast, String> {
        let pods = self.survey.pods.as_ref().map_err(|why| format!("the pods: {why}"))?;
        let budgets = self.survey.budgets.as_ref();
        let budgets = budgets.map_err(|why| format!("the disruption budgets: {why}"))?;
        let places = Places::of(self);
        let mut on: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in pods {
            on.entry(pod.node.as_str()).or_default().push(pod);
        }
        let pods_of = |node: &Node| on.get(node.name.as_str()).map_or(&[][..], Vec::as_slice);
        let mut before = BTreeMap::new();
        let mut nodes = Vec::new();
        for node in &self.order {
            nodes.push(self.node(node, pods_of(node), (budgets, &places), &mut before));
        }
        let clashes = order::clashes(&nodes, self.side_by_side);
        let better_order = order::better(&nodes, self.side_by_side);
        Ok(Forecast { nodes, clashes, better_order })
    }

    fn node(
        &self,
        node: &Node,
        pods: &[&Pod],
        (budgets, places): (&[Budget], &Places<'_>),
        before: &mut BTreeMap<String, Before>,
    ) -> NodeForecast {
        let mut seen = NodeForecast::empty(node);
        let mut shares: BTreeMap<String, Share<'_>> = BTreeMap::new();
        for pod in pods {
            match classify(pod, daemon_set_exists(self.survey, pod), &self.options) {
                Disposition::Leave(_) => seen.n_stay += 1,
                Disposition::Refuse { why, flag } => seen.refused.push((name_of(pod), why, flag)),
                Disposition::Evict => {
                    let fate = places.fate(node, pod);
                    match budget::covering(pod, budgets).as_slice() {
                        [] => {}
                        [one] => {
                            let name = budget::name(one);
                            let before = before.get(&name).copied().unwrap_or_default();
                            let share = shares.entry(name);
                            share.or_insert_with(|| Share::of(one, before)).add(pod, &fate);
                        }
                        several @ [_, _, ..] => {
                            let names = several.iter().map(|budget| budget::name(budget));
                            seen.doubly_covered.push((name_of(pod), names.collect()));
                        }
                    }
                    let (pod, controller) = (name_of(pod), pod.controller.clone());
                    seen.leaving.push(Leaving { pod, controller, fate });
                }
            }
        }
        before.extend(shares.iter().map(|(name, share)| (name.clone(), share.after())));
        seen.waits = shares.into_iter().filter_map(|(name, share)| share.wait(name)).collect();
        seen
    }
}

/// Returns whether the pod's DaemonSet is there. Where nobody could tell, it is.
#[must_use]
pub fn daemon_set_exists(survey: &ClusterSurvey, pod: &Pod) -> bool {
    let Some((_, name)) = pod.controller.as_ref().filter(|(kind, _)| kind == "DaemonSet") else {
        return false;
    };
    survey.workloads.as_ref().map_or(true, |workloads| {
        workloads.iter().any(|workload| {
            workload.kind == "DaemonSet"
                && workload.namespace == pod.namespace
                && workload.name == *name
        })
    })
}

impl NodeForecast {
    fn empty(node: &Node) -> Self {
        Self {
            node: node.name.clone(),
            control_plane: node.control_plane,
            leaving: Vec::new(),
            n_stay: 0,
            refused: Vec::new(),
            doubly_covered: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// Returns whether nothing keeps the drain from ending, as far as can be told; it may yet have to wait.
    #[must_use]
    pub fn is_drainable(&self) -> bool {
        let ends = |wait: &Wait| !matches!(wait.hold, Hold::Never(_) | Hold::Doubtful(_));
        self.refused.is_empty() && self.doubly_covered.is_empty() && self.waits.iter().all(ends)
    }

    /// Goes through the pods that have no other place, and why each is away until the node is back.
    pub fn away(&self) -> impl Iterator<Item = (&str, String)> {
        self.leaving.iter().filter_map(|leaving| {
            let why = leaving.fate.why_away(&self.node)?;
            Some((leaving.pod.as_str(), why))
        })
    }

    /// Says which budgets the drain waits for.
    pub fn waits_in_words(&self) -> impl Iterator<Item = String> {
        let one = |wait: &Wait| {
            Some(format!("budget {} {}", wait.budget, wait.hold.in_words(wait.pods.len())?))
        };
        self.waits.iter().filter_map(one)
    }

    /// Says which pods forbid the drain, and the flag that would allow it.
    pub fn refusals_in_words(&self) -> impl Iterator<Item = String> {
        self.refused.iter().map(|(pod, why, flag)| format!("{pod} {why}: needs {flag}"))
    }

    /// Says in words what the node loses and what its drain waits for: one clause each, the worst ones last.
    #[must_use]
    pub fn clauses(&self) -> Vec<String> {
        let away: Vec<&str> = self.away().map(|(pod, _)| pod).collect();
        let lost = self.leaving.iter().filter(|leaving| leaving.fate == Fate::Lost);
        let lost: Vec<&str> = lost.map(|leaving| leaving.pod.as_str()).collect();
        let n_moving = self.leaving.iter().filter(|leaving| leaving.fate == Fate::Moves).count();
        let mut clauses = vec![format!("{n_moving} pods move to other nodes")];
        if !away.is_empty() {
            clauses.push(format!("{} away until {} is back", are(&away), self.node));
        }
        if !lost.is_empty() {
            clauses.push(format!("{} gone for good", are(&lost)));
        }
        clauses.extend(self.waits_in_words());
        let doubly = self.doubly_covered.iter();
        clauses.extend(doubly.map(|(pod, budgets)| {
            format!("{pod} cannot be evicted: it has the budgets {}", budgets.join(" and "))
        }));
        clauses.extend(self.refusals_in_words());
        clauses
    }
}

/// A few names, and whether they are or it is.
fn are(names: &[&str]) -> String {
    const NAMED: usize = 3;
    match names {
        [one] => format!("{one} is"),
        several => {
            let named = several.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            match several.len().saturating_sub(NAMED) {
                0 => format!("{named} are"),
                more => format!("{named} and {more} more are"),
            }
        }
    }
}
