//! Whole drains against a small simulated cluster.

mod world;

use std::sync::atomic::Ordering;

pub(super) use self::world::{Hands, pod};
use self::world::{World, owner};
use super::DrainError;
use crate::cluster::Pod;

#[tokio::test]
async fn evicts_what_may_go_and_leaves_the_rest() {
    let daemon = Pod { controller: owner("DaemonSet"), ..pod("daemon") };
    let mirror = Pod { mirror: true, controller: None, ..pod("static") };
    let world = World::new(vec![pod("a"), pod("b"), daemon, mirror]);
    let report = world.drain(60).await.expect("drained");
    assert_eq!(names(&report.evicted), ["a", "b"]);
    assert_eq!(report.left.len(), 2);
    assert_eq!(world.evictions(), ["uid-a", "uid-b"]);
}

#[tokio::test]
async fn evicts_nothing_when_one_pod_is_refused_and_names_all_that_are() {
    let data = Pod { empty_dirs: vec!["cache".to_owned()], ..pod("data") };
    let bare = Pod { controller: None, ..pod("bare") };
    let world = World::new(vec![pod("a"), bare, data]);
    let error = world.drain(60).await.expect_err("refused").to_string();
    assert!(
        error.contains(
            "default/data has emptyDir volumes: cache (allowed by --delete-emptydir-data)"
        ),
        "{error}"
    );
    assert!(error.contains("default/bare has no controller"), "{error}");
    assert!(world.evictions().is_empty());
}

#[tokio::test]
async fn waits_for_a_budget_and_says_which() {
    let mut world = World::new(vec![pod("a"), pod("b")]);
    world.budget = Some(("b", 12));
    world.drain(60).await.expect("drained");
    assert_eq!(world.evictions(), ["uid-a", "uid-b", "uid-b", "uid-b", "uid-b"]);
    let said = world.said();
    let blocked = "default/b: cannot be evicted yet: budget web needs 2";
    assert_eq!(said.iter().filter(|line| *line == blocked).count(), 1, "{said:?}");
    assert!(said.contains(&"default/b: is gone".to_owned()), "{said:?}");
}

#[tokio::test]
async fn a_time_that_is_over_names_who_is_still_there_and_why() {
    let mut world = World::new(vec![pod("a"), pod("b"), pod("c")]);
    world.budget = Some(("b", 999));
    world.slow = Some(("c", 999));
    let error = world.drain(30).await.expect_err("too slow");
    let said = error.to_string();
    assert!(matches!(error, DrainError::Timeout { .. }), "{error:?}");
    assert!(said.contains("default/b: cannot be evicted yet: budget web needs 2"), "{said}");
    assert!(said.contains("default/c: is being deleted"), "{said}");
    assert!(!said.contains("default/a"), "{said}");
}

#[tokio::test]
async fn many_blocked_pods_hold_nobody_else_up() {
    let mut pods: Vec<Pod> = (0..60).map(|number| pod(&format!("blocked-{number:02}"))).collect();
    pods.push(pod("z"));
    let mut world = World::new(pods);
    world.budget = Some(("blocked", 999));
    let error = world.drain(10).await.expect_err("blocked").to_string();
    assert!(error.contains("and 40 more"), "{error}");
    assert!(!error.contains("default/z"), "{error}");
}

#[tokio::test]
async fn a_pod_that_will_not_be_evicted_does_not_keep_the_others() {
    let mut world = World::new(vec![pod("a"), pod("b")]);
    world.refuse = Some("a");
    let error = world.drain(60).await.expect_err("refused by the server");
    assert!(matches!(error, DrainError::Failed { .. }), "{error:?}");
    assert!(error.to_string().contains("default/a: cannot be evicted: two budgets"), "{error}");
    assert_eq!(names(&world.pods()), ["a"]);
}

#[tokio::test]
async fn a_pod_created_again_elsewhere_under_its_name_is_left_alone() {
    let mut world = World::new(vec![Pod { controller: owner("StatefulSet"), ..pod("db-0") }]);
    world.recreate_on = Some("w2");
    world.drain(60).await.expect("drained");
    assert_eq!(world.evictions(), ["uid-db-0"]);
    assert_eq!(world.pods()[0].node, "w2");
}

#[tokio::test]
async fn a_pod_that_turns_up_meanwhile_is_evicted_too() {
    let mut world = World::new(vec![pod("a")]);
    world.arrives = Some(pod("late"));
    let report = world.drain(60).await.expect("drained");
    assert_eq!(names(&report.evicted), ["a", "late"]);
}

#[tokio::test]
async fn pods_that_come_back_to_the_node_for_ever_end_with_the_time() {
    let mut world = World::new(vec![pod("a")]);
    world.recreate_on = Some("w1");
    let error = world.drain(20).await.expect_err("never done");
    assert!(matches!(error, DrainError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn an_api_that_is_away_for_a_while_is_waited_for() {
    for (from, to) in [(0, 9), (1, 9), (2, 9), (3, 9)] {
        let mut world = World::new(vec![pod("a"), pod("b")]);
        world.slow = Some(("b", 3));
        world.away = from..to;
        let report = world.drain(60).await;
        assert_eq!(names(&report.expect("drained").evicted), ["a", "b"], "away from {from}");
        let said = world.said();
        assert!(said.iter().any(|line| line.contains("does not answer")), "{from}: {said:?}");
    }
}

#[tokio::test]
async fn an_api_that_stays_away_ends_with_the_time() {
    let mut world = World::new(vec![pod("a")]);
    world.away = 0..999;
    let error = world.drain(30).await.expect_err("away");
    assert!(matches!(error, DrainError::Unlisted { .. }), "{error:?}");
    world.away = 1..999;
    world.clock.0.store(0, Ordering::SeqCst);
    world.slow = Some(("a", 2));
    let error = world.drain(30).await.expect_err("away");
    assert!(error.to_string().contains("the API server does not answer"), "{error}");
}

#[tokio::test]
async fn a_pod_that_is_being_deleted_is_waited_for_and_not_evicted() {
    let mut world = World::new(vec![Pod { terminating: true, controller: None, ..pod("a") }]);
    world.slow = Some(("a", 5));
    world.drain(60).await.expect("drained");
    assert!(world.evictions().is_empty());
}

fn names(pods: &[Pod]) -> Vec<&str> {
    pods.iter().map(|pod| pod.name.as_str()).collect()
}
