//! The forecast agrees with what the drain does: rules one by one, then hundreds of small clusters made by chance.

mod chance;
mod town;

use self::town::{App, Owner, Town};
use super::{Clash, Draining, Fate, Forecast, Hold, NodeForecast};
use crate::cluster::ClusterSurvey;
use crate::drain::{DrainError, DrainOptions, DrainReport};

const ALL: DrainOptions =
    DrainOptions { delete_emptydir_data: true, force: true, grace_period: None };
const NOTHING: DrainOptions =
    DrainOptions { delete_emptydir_data: false, force: false, grace_period: None };

fn forecast(town: &Town, order: &[&str], side_by_side: usize) -> Forecast {
    let survey = town.look();
    let named = |name: &&str| town.nodes.iter().find(|node| node.name == **name).unwrap();
    let draining = Draining {
        survey: &survey,
        nodes: town.nodes.iter().collect(),
        order: order.iter().map(named).collect(),
        side_by_side,
        options: town.options,
    };
    draining.forecast().unwrap()
}

fn hold(town: &Town, node: &str) -> Hold {
    let forecast = forecast(town, &[node], 1);
    let waits = &forecast.nodes[0].waits;
    assert_eq!(waits.len(), 1, "{waits:?}");
    waits[0].hold.clone()
}

#[test]
fn a_budget_that_needs_all_its_pods_never_lets_one_go() {
    for (spec, says) in [
        ("min 3", "minAvailable 3"),
        ("min 100%", "minAvailable 100%, rounded up"),
        ("min 67%", "minAvailable 67%, rounded up"),
        ("max 0", "maxUnavailable 0"),
    ] {
        let town = Town::new(3, ALL).with(App::of("db", 3)).with_budget("db", spec);
        let Hold::Never(why) = hold(&town, "w1") else { panic!("{spec} holds for a while") };
        assert!(why.contains("3 of 3 pods") && why.contains(says), "{why}");
    }
    for spec in ["min 2", "min 66%", "max 1", "max 1%"] {
        let town = Town::new(3, ALL).with(App::of("db", 3)).with_budget("db", spec);
        assert_eq!(hold(&town, "w1"), Hold::AtOnce, "{spec}");
    }
}

#[test]
fn pods_that_share_a_node_go_in_turn() {
    let town = Town::new(1, ALL).with(App::of("web", 3)).with_budget("web", "max 1");
    let town = town.with_node("w2");
    assert_eq!(hold(&town, "w1"), Hold::InTurn { allowed: 1 });
}

#[test]
fn pods_whose_volumes_are_there_may_be_too_many_for_the_budget() {
    let volumes = |app: App| App { is_bound: true, ..app };
    let town = Town::new(1, ALL).with(volumes(App::of("db", 3))).with_budget("db", "max 1");
    let town = town.with_node("w2");
    let Hold::Never(why) = hold(&town, "w1") else { panic!("they can go") };
    assert!(why.contains("spare 1") && why.contains('3'), "{why}");
    let town = Town::new(3, ALL).with(volumes(App::of("db", 3))).with_budget("db", "max 1");
    assert_eq!(hold(&town, "w1"), Hold::AtOnce);
    let seen = forecast(&town, &["w1"], 1);
    assert_eq!(seen.nodes[0].leaving[0].fate, Fate::Bound { claim: "data-db-0".to_owned() });
    let away: Vec<_> = seen.nodes[0].away().collect();
    assert_eq!(away, [("shop/db-0", "its volume (data-db-0) is on w1".to_owned())]);
}

#[test]
fn with_no_other_node_to_go_to_pods_stay_away() {
    let town = Town::new(1, ALL).with(App::of("web", 2)).with_budget("web", "max 1");
    assert!(matches!(hold(&town, "w1"), Hold::Doubtful(_)));
    let seen = forecast(&town, &["w1"], 1);
    assert_eq!(seen.nodes[0].leaving[0].fate, Fate::Stranded);
}

#[test]
fn workers_that_are_away_together_take_no_pods_of_each_other() {
    let town = Town::new(2, ALL).with(App::of("web", 2));
    let fate =
        |side_by_side| forecast(&town, &["w1"], side_by_side).nodes[0].leaving[0].fate.clone();
    assert_eq!((fate(1), fate(2)), (Fate::Moves, Fate::Stranded));
}

#[test]
fn what_is_lost_with_one_node_is_missing_for_the_next() {
    let bare = App { owner: Owner::Nobody, ..App::of("old", 3) };
    let town = Town::new(3, ALL).with(bare).with_budget("old", "min 2");
    let seen = forecast(&town, &["w1", "w2"], 1);
    assert_eq!(seen.nodes[0].waits[0].hold, Hold::AtOnce);
    let Hold::Never(why) = &seen.nodes[1].waits[0].hold else { panic!("one can go") };
    assert!(why.contains("lost with the nodes before"), "{why}");
}

#[test]
fn what_is_not_ready_uses_a_budget_up() {
    let sick = || App { n_sick: 1, ..App::of("db", 3) };
    let town = Town::new(3, ALL).with(sick()).with_budget("db", "max 1");
    assert_eq!(hold(&town, "w2"), Hold::Exhausted { allowed: 0, healthy: 2, needed: 2 });
    assert!(forecast(&town, &["w1"], 1).nodes[0].waits.is_empty(), "the sick one may go");
}

#[test]
fn two_budgets_on_a_pod_are_named() {
    let town = Town::new(2, ALL).with(App::of("web", 2));
    let town = town.with_budget("web", "max 1").with_budget("web", "min 1");
    let seen = forecast(&town, &["w1"], 1);
    let budgets = vec!["shop/budget-0".to_owned(), "shop/budget-1".to_owned()];
    assert_eq!(seen.nodes[0].doubly_covered, [("shop/web-0".to_owned(), budgets)]);
    assert!(!seen.nodes[0].is_drainable());
}

#[test]
fn workers_that_wait_for_each_other_are_taken_apart() {
    // Two pods of each database may not be away at once, and cannot run elsewhere.
    let bound =
        |app: &str, on: [usize; 2]| App { is_bound: true, on: on.to_vec(), ..App::of(app, 2) };
    let town = Town::new(4, ALL).with(bound("a", [0, 1])).with(bound("b", [2, 3]));
    let town = town.with_budget("a", "max 1").with_budget("b", "max 1");
    let seen = forecast(&town, &["w1", "w2", "w3", "w4"], 2);
    let clash = |first: &str, second: &str, budget: &str| Clash {
        first: first.to_owned(),
        second: second.to_owned(),
        budget: budget.to_owned(),
    };
    let both = [clash("w1", "w2", "shop/budget-0"), clash("w3", "w4", "shop/budget-1")];
    assert_eq!(seen.clashes, both);
    assert_eq!(seen.better_order, ["w1", "w3", "w2", "w4"]);
    let better: Vec<&str> = seen.better_order.iter().map(String::as_str).collect();
    assert_eq!(forecast(&town, &better, 2).clashes, []);
    assert_eq!(forecast(&town, &["w1", "w2", "w3", "w4"], 1).clashes, []);
}

#[test]
fn workers_that_are_far_apart_may_share_a_budget() {
    let bound = App { is_bound: true, on: vec![0, 2], ..App::of("a", 2) };
    let town = Town::new(4, ALL).with(bound).with_budget("a", "max 1");
    let order = ["w1", "w2", "w3", "w4"];
    let seen = forecast(&town, &order, 2);
    assert_eq!((seen.better_order, seen.clashes), (order.map(str::to_owned).to_vec(), Vec::new()));
    assert_eq!(forecast(&town, &order, 3).clashes.len(), 1);
}

#[test]
fn workers_that_stand_still_come_last() {
    let one = |app: &str, node: usize| App { on: vec![node], ..App::of(app, 1) };
    let town = Town::new(3, ALL).with(one("stuck", 0)).with_budget("stuck", "max 0");
    let seen = forecast(&town, &["w1", "w2", "w3"], 1);
    assert_eq!(seen.better_order, ["w2", "w3", "w1"]);
}

#[test]
fn what_could_not_be_read_is_said() {
    let nobody = ClusterSurvey { pods: Err("forbidden".to_owned()), ..ClusterSurvey::empty() };
    let draining = Draining {
        survey: &nobody,
        nodes: Vec::new(),
        order: Vec::new(),
        side_by_side: 1,
        options: NOTHING,
    };
    assert_eq!(draining.forecast(), Err("the pods: forbidden".to_owned()));
}

/// The forecast of a node, and what draining it came to.
fn agree(seed: u64, seen: &NodeForecast, drained: &Result<DrainReport, DrainError>) {
    let context = || format!("seed {seed}: {seen:#?} came to {drained:?}");
    let named = |error: &DrainError, pod: &str| error.to_string().contains(pod);
    let stands_still =
        seen.waits.iter().find(|wait| matches!(wait.hold, Hold::Never(_) | Hold::Doubtful(_)));
    let may_wait = seen.waits.iter().any(|wait| matches!(wait.hold, Hold::Exhausted { .. }));
    match drained {
        Err(DrainError::Refused { refused, .. }) => {
            assert_eq!(refused.len(), seen.refused.len(), "{}", context());
        }
        Err(error @ (DrainError::Failed { .. } | DrainError::Timeout { .. })) => {
            assert!(seen.refused.is_empty(), "{}", context());
            assert!(may_wait || !seen.is_drainable(), "{}", context());
            let is_named = |pod: &String| named(error, pod);
            let doubly = seen.doubly_covered.iter().all(|(pod, _)| is_named(pod));
            assert!(doubly, "{}", context());
            assert!(
                stands_still.is_none_or(|wait| wait.pods.iter().any(is_named)),
                "{}",
                context()
            );
        }
        Err(DrainError::Unlisted { .. }) => panic!("{}", context()),
        Ok(report) => {
            let never = seen.waits.iter().any(|wait| matches!(wait.hold, Hold::Never(_)));
            assert!(!never && seen.doubly_covered.is_empty(), "{}", context());
            let gone: Vec<String> = report.evicted.iter().map(super::name_of).collect();
            let told = seen.leaving.iter().all(|leaving| gone.contains(&leaving.pod));
            assert!(told, "{}", context());
        }
    }
}

#[tokio::test]
async fn the_drain_of_any_node_comes_to_what_was_forecast() {
    let (mut n_drained, mut n_stuck) = (0, 0);
    for seed in 1..=1500 {
        let n_workers = chance::town(seed).nodes.len() - 1;
        for number in 1..=n_workers {
            let (town, node) = (chance::town(seed), format!("w{number}"));
            let seen = forecast(&town, &[&node], 1);
            let drained = town.drain(&node).await;
            agree(seed, &seen.nodes[0], &drained);
            if drained.is_ok() { n_drained += 1 } else { n_stuck += 1 }
        }
    }
    assert!(n_drained > 1000 && n_stuck > 1000, "{n_drained} drained, {n_stuck} stuck");
}

#[tokio::test]
async fn so_does_draining_one_after_the_other_until_one_stands_still() {
    let mut n_drained = 0;
    for seed in 1..=1500 {
        let town = chance::town(seed);
        let workers: Vec<String> = (1..town.nodes.len()).map(|n| format!("w{n}")).collect();
        let order: Vec<&str> = workers.iter().map(String::as_str).collect();
        for seen in forecast(&town, &order, 1).nodes {
            let waits = seen.waits.iter().any(|wait| matches!(wait.hold, Hold::Exhausted { .. }));
            if !seen.is_drainable() || waits {
                break;
            }
            let drained = town.drain(&seen.node).await;
            assert!(drained.is_ok(), "seed {seed}: {seen:#?} came to {drained:?}");
            n_drained += 1;
            town.back(&seen.node).await;
        }
    }
    assert!(n_drained > 1000, "{n_drained}");
}
