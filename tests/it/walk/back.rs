//! The way back, from wherever a process left a run, and from wherever one left the way back itself.

use std::time::Duration;

use kup_core::event::{Event, Outcome};
use kup_tests::walk::camera::{Camera, Shot};
use kup_tests::walk::life::{End, Will};
use kup_tests::walk::site::{Route, Site};

use super::{
    APPENDS, ROLLED_BACK, Walk, and_back, at, count, forward, forward_route, lives, place_of,
};

/// Whether an attempt has begun that changes more than what kup keeps for itself, on a node or here.
pub(super) fn has_changed(shot: &Shot) -> bool {
    let is_its_own = |step: &str| step.contains("prefetch.") || step.contains("etcd-snapshot.");
    shot.entries.iter().any(
        |entry| matches!(&entry.event, Event::AttemptStarted(it) if !is_its_own(it.step.as_str())),
    )
}

/// Rolls back from where a process left a run or its rollback.
async fn goes_back(walk: &Walk, shot: &Shot, every: usize) -> Vec<Shot> {
    let site = walk.site.revive(shot);
    let camera = Camera::new(&site, every);
    let place = format!("{:?} entry {}", shot.moment, shot.entries.len());
    let end = match site.outcome() {
        Some(Outcome::RolledBack) => ROLLED_BACK,
        Some(_) | None => lives(&site, camera.clone(), Will::Back).await,
    };
    let nothing_done = matches!(&end, End::NoWayBack(why) if why.contains("changed nothing"));
    assert!(
        end == ROLLED_BACK || nothing_done && !has_changed(shot),
        "{place}: {end:?} {:#?} {:?}",
        site.last_entries(),
        site.judge().found()
    );
    if end == ROLLED_BACK {
        walk.judge(&site, &place);
    }
    let word = if nothing_done { "nothing to roll back" } else { "rolled back" };
    count("kup killed, then rolled back", place_of(shot), word);
    camera.develop()
}

#[tokio::test]
async fn a_run_goes_back_from_wherever_it_was_left() {
    let walk = forward(&and_back(), 4).await;
    for shot in &walk.shots {
        goes_back(&walk, shot, 0).await;
    }
}

#[tokio::test]
async fn the_way_back_of_a_finished_run_survives_a_death_at_every_append() {
    let walk = forward(&and_back(), 1).await;
    let finished = walk.shots.last().unwrap();
    let shots = goes_back(&walk, finished, 1).await;
    for n in at(&shots, &APPENDS) {
        goes_back(&walk, &shots[n], 0).await;
    }
}

#[tokio::test]
async fn the_way_back_of_a_half_done_run_survives_deaths() {
    let walk = forward(&and_back(), 67).await;
    assert!(walk.shots.len() >= 4, "{} points", walk.shots.len());
    for left in &walk.shots {
        for shot in goes_back(&walk, left, 9).await {
            goes_back(&walk, &shot, 0).await;
        }
    }
}

/// Takes the API servers' manifests away, as somebody does who wants them stopped.
fn stop_api_servers(site: &Site) {
    for node in site.nodes().into_iter().filter(|node| node.starts_with("cp")) {
        site.judge().struck(&node);
        let manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
        site.world.foreign_file(&node, manifest, None).unwrap();
    }
    site.forward(Duration::from_secs(120));
}

#[tokio::test]
async fn a_finished_run_goes_back_without_any_api_server_and_survives_deaths() {
    for spec in ["sim:1x1@v1.29.4", "sim:3x1@v1.29.4"] {
        let walk = forward(&Route::new(spec, "v1.30.1"), 0).await;
        let site = walk.site.clone();
        stop_api_servers(&site);
        let camera = Camera::new(&site, 5);
        assert_eq!(
            lives(&site, camera.clone(), Will::Back).await,
            ROLLED_BACK,
            "{:#?}",
            site.last_entries()
        );
        walk.judge(&site, spec);
        for shot in camera.develop() {
            goes_back(&walk, &shot, 0).await;
        }
    }
}

#[tokio::test]
async fn a_run_by_phases_goes_back_from_wherever_it_was_left() {
    let walk = forward(&forward_route(), 7).await;
    assert!(walk.shots.len() > 50, "{} points", walk.shots.len());
    for shot in &walk.shots {
        goes_back(&walk, shot, 0).await;
    }
}
