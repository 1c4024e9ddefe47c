//! A run that only takes backups changes nothing, wherever it dies.

use kup_tests::walk::camera::Camera;
use kup_tests::walk::life::Will;
use kup_tests::walk::site::{Route, Site};

use super::{Fate, SUCCEEDED, count, lives, place_of};

#[tokio::test]
async fn a_run_that_takes_backups_survives_a_death_at_every_moment_and_changes_nothing() {
    let site = Site::new(&Route::new("sim:1x1@v1.35.6", "v1.35.6")).await;
    let before = site.picture();
    let camera = Camera::new(&site, 1);
    assert_eq!(lives(&site, camera.clone(), Will::Go).await, SUCCEEDED);
    assert_eq!(site.picture(), before);
    let shots = camera.develop();
    assert!(shots.len() > 20, "{} moments", shots.len());
    for (shot, fate) in shots.iter().zip([Fate::AtOnce, Fate::PowerCut].into_iter().cycle()) {
        let site = site.revive(shot);
        fate.befall(&site);
        if site.outcome().is_none() {
            let end = lives(&site, Camera::new(&site, 0), Will::Go).await;
            assert_eq!(end, SUCCEEDED, "{:?}: {:#?}", shot.moment, site.last_entries());
        }
        site.judged((&before, &before)).unwrap();
        count(fate.words(), place_of(shot), "succeeded");
    }
}
