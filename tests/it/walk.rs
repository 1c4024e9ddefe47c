//! The walkers: a real plan in the simulated cluster, and a process that dies at every moment there is.

use kup_core::engine::Rest;
use kup_core::event::Outcome;

mod camera;
mod site;

use camera::{Moment, Shot};
use site::Site;

const SUCCEEDED: Rest = Rest::Finished(Outcome::Succeeded);
const ROLLED_BACK: Rest = Rest::Finished(Outcome::RolledBack);

#[tokio::test]
async fn measure() {
    let t = std::time::Instant::now();
    let site = Site::new("sim:1x1@v1.35.6", ("v1.36.2", 1)).await;
    let before = site.world.picture().unwrap();
    eprintln!("born {:?}", t.elapsed());
    assert_eq!(site.drive().await, SUCCEEDED);
    eprintln!("driven {:?}", t.elapsed());
    let shots = site.camera.develop();
    let count = |m| shots.iter().filter(|s| s.moment == m).count();
    eprintln!("{} {} {}", count(Moment::BeforeAppend), count(Moment::AfterAppend), count(Moment::Waiting));
    site.check_attempts();
    let shot: &Shot = &shots[shots.len() / 2];
    let t = std::time::Instant::now();
    let revived = site.revive(shot, 0);
    assert_eq!(revived.drive().await, SUCCEEDED);
    eprintln!("recovered {:?}", t.elapsed());
    let t = std::time::Instant::now();
    assert_eq!(site.roll_back().await, ROLLED_BACK);
    let shots = site.camera.develop();
    eprintln!("rolled back {:?} {}", t.elapsed(), shots.len());
    assert_eq!(site.world.picture().unwrap(), before);
}
