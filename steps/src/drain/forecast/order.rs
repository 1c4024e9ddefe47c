//! In which order workers are best drained. A worker that will stand still comes last, so that all others are done by then; workers that
//! may be away at once should not wait for each other.

use std::collections::{BTreeMap, VecDeque};

use super::{Clash, Hold, NodeForecast, Wait};

/// Returns the workers that wait for each other when as many as that are away at once, in this order.
pub(super) fn clashes(nodes: &[NodeForecast], side_by_side: usize) -> Vec<Clash> {
    let workers: Vec<&NodeForecast> = nodes.iter().filter(|node| !node.control_plane).collect();
    let mut found = Vec::new();
    for (index, second) in workers.iter().enumerate() {
        let from = index.saturating_sub(side_by_side.saturating_sub(1));
        for first in workers.get(from..index).unwrap_or_default() {
            let shared = second.waits.iter().filter(|wait| clash(first, wait));
            found.extend(shared.map(|wait| Clash {
                first: first.node.clone(),
                second: second.node.clone(),
                budget: wait.budget.clone(),
            }));
        }
    }
    found
}

/// Whether a budget spares each node's pods, but not both's.
fn clash(first: &NodeForecast, wait: &Wait) -> bool {
    let firsts = first.waits.iter().filter(|other| other.budget == wait.budget);
    let fixed = |other: &Wait| {
        other.n_fixed > 0 && wait.n_fixed > 0 && other.n_fixed + wait.n_fixed > wait.spare
    };
    let each_alone = |other: &Wait| other.n_fixed <= other.spare && wait.n_fixed <= wait.spare;
    firsts.into_iter().any(|other| fixed(other) && each_alone(other))
}

/// Returns the workers in a better order, which is the given one where nothing is wrong with it.
pub(super) fn better(nodes: &[NodeForecast], side_by_side: usize) -> Vec<String> {
    let mut left: Vec<&NodeForecast> = nodes.iter().filter(|node| !node.control_plane).collect();
    left.sort_by_key(|node| trouble(node));
    let mut beside = Beside { most: side_by_side.saturating_sub(1), ..Beside::default() };
    let mut order = Vec::new();
    while let Some(next) = beside.fitting(&left) {
        let node = left.remove(next);
        beside.add(node);
        order.push(node.node.clone());
    }
    order
}

/// How likely a node's drain stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    None,
    Waits,
    StandsStill,
}

fn trouble(node: &NodeForecast) -> Trouble {
    if !node.is_drainable() {
        return Trouble::StandsStill;
    }
    let waits = |wait: &Wait| matches!(wait.hold, Hold::Unsettled | Hold::Exhausted { .. });
    if node.waits.iter().any(waits) { Trouble::Waits } else { Trouble::None }
}

/// The workers that may still be away when the next one is drained, and what they hold of each budget.
#[derive(Default)]
struct Beside<'a> {
    most: usize,
    nodes: VecDeque<&'a NodeForecast>,
    fixed: BTreeMap<&'a str, i64>,
    pods: BTreeMap<&'a str, i64>,
}

impl<'a> Beside<'a> {
    /// Returns which of the nodes fits best: of those with the least trouble the first that shares least.
    fn fitting(&self, left: &[&NodeForecast]) -> Option<usize> {
        let first = trouble(left.first()?);
        let alike = left.iter().enumerate().take_while(|(_, node)| trouble(node) == first);
        alike.min_by_key(|(index, node)| (self.cost(node), *index)).map(|(index, _)| index)
    }

    /// Returns how many budgets the node and these would wait for together for long, then for a while.
    fn cost(&self, node: &NodeForecast) -> (usize, usize) {
        let of = |map: &BTreeMap<&str, i64>, wait: &Wait| {
            map.get(wait.budget.as_str()).copied().unwrap_or_default()
        };
        let long = |wait: &&Wait| {
            let there = of(&self.fixed, wait);
            there > 0 && wait.n_fixed > 0 && there + wait.n_fixed > wait.spare
        };
        let short = |wait: &&Wait| of(&self.pods, wait) > 0;
        (node.waits.iter().filter(long).count(), node.waits.iter().filter(short).count())
    }

    fn add(&mut self, node: &'a NodeForecast) {
        self.nodes.push_back(node);
        self.count(node, 1);
        if self.nodes.len() > self.most
            && let Some(back) = self.nodes.pop_front()
        {
            self.count(back, -1);
        }
    }

    fn count(&mut self, node: &'a NodeForecast, sign: i64) {
        for wait in &node.waits {
            let n_pods = i64::try_from(wait.pods.len()).unwrap_or(i64::MAX);
            *self.fixed.entry(wait.budget.as_str()).or_default() += sign * wait.n_fixed;
            *self.pods.entry(wait.budget.as_str()).or_default() += sign * n_pods;
        }
    }
}
