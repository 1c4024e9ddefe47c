//! The way back with a restored snapshot of etcd (class R3): wherever a process dies on it, another one brings it to its end, and the world is as
//! before the run. Never do members of old and new data meet.

use std::sync::Arc;

use kup_core::event::Outcome;
use kup_steps::rollback::{Asked, EtcdBack};
use kup_tests::walk::camera::{Camera, Shot};
use kup_tests::walk::life::{End, Will};
use kup_tests::walk::process::Undisturbed;
use kup_tests::walk::site::Route;

use super::{Fate, ROLLED_BACK, Walk, count, forward, lives, place_of};

pub(super) fn asked() -> Asked {
    Asked { etcd: EtcdBack::Restored, ..Asked::default() }
}

/// Etcd is patched within 3.5, then goes to 3.6.
pub(super) fn route(cluster: &str) -> Route {
    Route::new(cluster, "v1.34.1").with_etcdutl("etcdutl version: 3.5.30")
}

/// Goes back from where a process left a run or its way back; without the restore where there is no snapshot yet.
async fn goes_back(walk: &Walk, (shot, fate): (&Shot, Fate), every: usize) -> Vec<Shot> {
    let site = walk.site.revive(shot);
    fate.befall(&site);
    let camera = Camera::new(&site, every);
    let place = format!("{:?} entry {}, {fate:?}", shot.moment, shot.entries.len());
    let mut end = match site.outcome() {
        Some(Outcome::RolledBack) => ROLLED_BACK,
        Some(_) | None => lives(&site, camera.clone(), Will::BackAs(asked())).await,
    };
    let is_early = |why: &str| why.contains("no snapshot of etcd") || why.contains("no etcdutl of");
    if matches!(&end, End::NoWayBack(why) if is_early(why)) {
        end = lives(&site, camera.clone(), Will::Back).await;
    }
    let nothing_done = matches!(&end, End::NoWayBack(why) if why.contains("changed nothing"));
    assert!(
        end == ROLLED_BACK || nothing_done,
        "{place}: {end:?} {:#?} {:?}",
        site.last_entries(),
        site.judge().found()
    );
    if end == ROLLED_BACK {
        walk.judge(&site, &place);
    }
    let word = if nothing_done { "nothing to roll back" } else { "rolled back" };
    count("kup killed, then etcd restored and rolled back", place_of(shot), word);
    camera.develop()
}

#[tokio::test]
async fn a_finished_run_goes_back_with_restored_data_and_survives_a_death_at_every_moment() {
    let walk = forward(&route("sim:1x1@v1.33.3"), 0).await;
    let finished = Shot::of(&walk.site);
    let shots = goes_back(&walk, (&finished, Fate::AtOnce), 1).await;
    assert!(shots.len() > 100, "{} points", shots.len());
    for (n, shot) in shots.iter().enumerate() {
        let fate = if n % 2 == 0 { Fate::AtOnce } else { Fate::UnitsKilled };
        goes_back(&walk, (shot, fate), 0).await;
    }
}

/// Whether the last word of the journal is about the data of etcd.
fn is_about_data(shot: &Shot) -> bool {
    let step = shot.entries.last().and_then(|it| it.event.step().cloned());
    step.is_some_and(|step| step.as_str().contains("restore-swap"))
}

#[tokio::test]
async fn three_control_planes_go_back_with_restored_data_and_survive_deaths() {
    let walk = forward(&route("sim:3x1@v1.33.3"), 0).await;
    let finished = Shot::of(&walk.site);
    let shots = goes_back(&walk, (&finished, Fate::AtOnce), 1).await;
    let all = shots.iter().enumerate();
    for (_, shot) in all.filter(|(n, shot)| n % 17 == 0 || is_about_data(shot)) {
        goes_back(&walk, (shot, Fate::AtOnce), 0).await;
        goes_back(&walk, (shot, Fate::UnitsKilled), 0).await;
    }
}

#[tokio::test]
async fn a_half_done_run_goes_back_with_restored_data_from_wherever_it_was_left() {
    let walk = forward(&route("sim:3x1@v1.33.3"), 23).await;
    for shot in &walk.shots {
        goes_back(&walk, (shot, Fate::AtOnce), 0).await;
    }
}

#[tokio::test]
async fn what_was_written_since_the_snapshot_is_gone() {
    let walk = forward(&route("sim:1x0@v1.33.3"), 0).await;
    let site = walk.site.clone();
    let data = [("when".to_owned(), "later".to_owned())].into();
    site.world.cluster().put_config_map("marker", &data, None).await.unwrap();
    assert!(site.world.picture().unwrap().contains("config map marker"));
    assert_eq!(lives(&site, Arc::new(Undisturbed), Will::BackAs(asked())).await, ROLLED_BACK);
    walk.judge(&site, "a marker");
}
