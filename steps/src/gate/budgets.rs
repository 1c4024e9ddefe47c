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

#[cfg(test)]
mod tests {
    use super::check;
    use crate::cluster::survey::Claim;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, ask_with, blocks, healthy, params, passes, warns};

    /// Four pods on two workers, under a budget with this much.
    fn with(min_available: &str, (healthy_now, desired): (i64, i64)) -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        let budget = &mut inventory.survey.budgets.as_mut().unwrap()[0];
        budget.min_available = Some(min_available.to_owned());
        budget.max_unavailable = None;
        (budget.healthy, budget.desired) = (healthy_now, desired);
        budget.allowed = (healthy_now - desired).max(0);
        inventory
    }

    #[test]
    fn blocks_when_a_budget_needs_all_its_pods() {
        let words = ["budget shop/web", "4 of 4 pods (minAvailable 4)", "w1, w2", "kubectl scale"];
        blocks(ask(check, &with("4", (4, 4)), &["v1.36.2"]), &words);
        let words = ["minAvailable 80%, rounded up"];
        blocks(ask(check, &with("80%", (4, 4)), &["v1.36.2"]), &words);
    }

    #[test]
    fn passes_when_the_budget_has_a_pod_to_spare_and_says_who_goes_in_turn() {
        let seen = passes(ask(check, &with("3", (4, 3)), &["v1.36.2"]));
        assert!(seen.contains("lets 2 pods go 1 at a time"), "{seen}");
    }

    #[test]
    fn warns_while_pods_are_missing_or_nobody_counted_them() {
        let words = ["budget shop/web", "3 are, 3 must stay so", "kubectl describe pdb"];
        warns(ask(check, &with("3", (3, 3)), &["v1.36.2"]), &words);
        let mut stale = with("3", (4, 3));
        stale.survey.budgets.as_mut().unwrap()[0].is_current = false;
        warns(ask(check, &stale, &["v1.36.2"]), &["still being processed"]);
    }

    #[test]
    fn a_budget_over_pods_that_stay_is_no_matter() {
        let mut inventory = with("4", (4, 4));
        let pods = inventory.survey.pods.as_mut().unwrap();
        for pod in pods.iter_mut().filter(|pod| pod.namespace == "shop") {
            pod.node = "somewhere-else".to_owned();
        }
        passes(ask(check, &inventory, &["v1.36.2"]));
    }

    #[test]
    fn names_workers_that_wait_for_each_other_and_a_better_order() {
        let mut inventory = healthy(3, 3, "v1.35.6");
        let bind = |inventory: &mut Inventory, pod: &str, node: &str| {
            let it = inventory.pod_mut(pod);
            it.node = node.to_owned();
            it.claims = vec![format!("data-{pod}")];
            inventory.survey.claims.as_mut().unwrap().push(Claim {
                namespace: "shop".to_owned(),
                name: format!("data-{pod}"),
                volume: format!("volume-of-{pod}"),
                hostnames: vec![node.to_owned()],
            });
        };
        for (index, node) in ["w1", "w1", "w2", "w2"].into_iter().enumerate() {
            bind(&mut inventory, &format!("web-7d9c5b6f4-{index}"), node);
        }
        let mut params = params(&inventory, &["v1.36.2"]);
        passes(ask_with(check, &inventory, &params));
        params.insert("max-unavailable".to_owned(), "2".to_owned());
        let words = ["w2 waits for w1", "shop/web", "w1, w3, w2", "--max-unavailable 1"];
        warns(ask_with(check, &inventory, &params), &words);
    }
}
