//! Can every disruption budget let the pods go that must leave their nodes?

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use super::draining::unread;
use super::{About, Overruling, Question};
use crate::drain::forecast::{Forecast, Hold};

pub(super) const ABOUT: About = About {
    code: "K124",
    name: "budgets",
    question: "Can every disruption budget let the pods go that must leave their nodes?",
    why: "A drain waits for budgets until its time is over, and the run stops in the middle. A budget that needs all its pods (minAvailable as high as the replicas, maxUnavailable 0, a percentage rounded up) waits for ever; so does one whose pods are not ready and that does not say unhealthyPodEvictionPolicy: AlwaysAllow (pkg/controller/disruption/disruption.go, pkg/registry/core/pod/storage/eviction.go).",
    remedy: "give the budget a pod to spare: `kubectl scale -n NAMESPACE deployment/NAME --replicas=N`, or `kubectl edit pdb -n NAMESPACE NAME`",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let forecast = match question.draining(question.drain_options()).forecast() {
        Ok(forecast) => forecast,
        Err(why) => return unread(&why),
    };
    let never = held(&forecast, |hold| matches!(hold, Hold::Never(_)));
    let order = better_order(&forecast);
    if !never.is_empty() {
        let evidence = [super::some(&never), order].join("");
        return super::block(evidence, ABOUT.remedy);
    }
    let waits = |hold: &Hold| match hold {
        Hold::Unsettled | Hold::Exhausted { .. } | Hold::Doubtful(_) => true,
        Hold::AtOnce | Hold::InTurn { .. } | Hold::Never(_) => false,
    };
    let mut waiting = held(&forecast, waits);
    waiting.extend(forecast.clashes.iter().map(|clash| {
        let (first, second, budget) = (&clash.first, &clash.second, &clash.budget);
        format!("{second} waits for {first} to be back: they share budget {budget}")
    }));
    if !waiting.is_empty() {
        let remedy = "make the budget's pods ready first: `kubectl describe pdb -n NAMESPACE NAME`; one worker at a time waits for no other: --max-unavailable 1";
        return super::warn([super::some(&waiting), order].join(""), remedy);
    }
    let in_turn = held(&forecast, |hold| matches!(hold, Hold::InTurn { .. }));
    super::pass(if in_turn.is_empty() {
        "no pod that must leave its node waits for a budget".to_owned()
    } else {
        super::some(&in_turn)
    })
}

/// Names the budgets that hold pods in such a way, each with its nodes; those that hold alike together.
fn held(forecast: &Forecast, wanted: impl Fn(&Hold) -> bool) -> Vec<String> {
    let mut held: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for node in &forecast.nodes {
        for wait in node.waits.iter().filter(|wait| wanted(&wait.hold)) {
            let words = wait.hold.in_words(wait.pods.len()).unwrap_or_default();
            held.entry(format!("budget {} {words}", wait.budget)).or_default().push(&node.node);
        }
    }
    held.into_iter().map(|(what, nodes)| format!("{what} (on {})", some_nodes(&nodes))).collect()
}

fn some_nodes(nodes: &[&str]) -> String {
    const NAMED: usize = 5;
    let named = nodes.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match nodes.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Says which order of the workers is better, where another one is.
fn better_order(forecast: &Forecast) -> String {
    let workers = forecast.nodes.iter().filter(|node| !node.control_plane);
    let planned: Vec<&str> = workers.map(|node| node.node.as_str()).collect();
    let better: Vec<&str> = forecast.better_order.iter().map(String::as_str).collect();
    if better == planned {
        return String::new();
    }
    format!("; a better order of the workers is {}", some_nodes(&better))
}
