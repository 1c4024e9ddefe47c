//! The walkers: a real plan in the simulated cluster, and a process that dies at every moment there is. The undisturbed run is photographed
//! at each of them (`walk/camera`); each photograph is what a killed process leaves, and another process goes on from there.

use std::time::Duration;

use kup_core::engine::Rest;
use kup_core::event::{Event, Outcome, PauseReason};

mod camera;
mod site;

use camera::{Moment, Shot};
use site::Site;

const SUCCEEDED: Rest = Rest::Finished(Outcome::Succeeded);
const ROLLED_BACK: Rest = Rest::Finished(Outcome::RolledBack);

const FORWARD: (&str, &str) = ("sim:1x1@v1.35.6", "v1.36.2");
/// One minor, the same etcd, no ConfigMap that is new.
const AND_BACK: (&str, &str) = ("sim:1x1@v1.29.4", "v1.30.1");

/// What becomes of the nodes while nobody watches.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The next process is there at once.
    AtOnce,
    /// Everything under way has ended by then.
    Later,
    /// The units under way are killed.
    UnitsKilled,
    /// All machines lose their power and come back.
    PowerCut,
}

impl Fate {
    fn befall(self, site: &Site) {
        for node in site.nodes() {
            match self {
                Self::AtOnce | Self::Later => {}
                Self::UnitsKilled => site.world.kill_attempts(&node).unwrap(),
                Self::PowerCut => {
                    site.world.kill_machine(&node).unwrap();
                    site.world.boot_machine(&node).unwrap();
                }
            }
        }
        if !matches!(self, Self::AtOnce) {
            site.camera.forward(Duration::from_secs(120));
        }
    }
}

/// An undisturbed run: the picture at its end, and what processes leave that die on the way.
struct Walk {
    site: Site,
    before: String,
    after: String,
    shots: Vec<Shot>,
}

async fn forward((spec, target): (&str, &str), every: usize) -> Walk {
    let site = Site::new(spec, (target, every)).await;
    let before = picture(&site);
    assert_eq!(site.drive().await, SUCCEEDED);
    let shots = site.camera.develop();
    let after = picture(&site);
    assert_ne!(after, before);
    Walk { site, before, after, shots }
}

/// Lets things settle that end by themselves, and returns the picture.
fn picture(site: &Site) -> String {
    site.camera.forward(Duration::from_secs(120));
    site.world.picture().unwrap()
}

/// apt's lists are fetched when they are wanted; a way back does not bring them back.
fn without_lists(picture: &str) -> String {
    let line = |line: &str| line.split(", lists ").next().unwrap_or_default().to_owned() + "\n";
    picture.lines().map(line).collect()
}

fn at(shots: &[Shot], moments: &[Moment]) -> Vec<usize> {
    (0..shots.len()).filter(|n| moments.contains(&shots[*n].moment)).collect()
}

/// Goes on from where a process died, and returns what processes leave that die in turn.
async fn recovers(walk: &Walk, (shot, fate): (&Shot, Fate), every: usize) -> Vec<Shot> {
    let site = walk.site.revive(shot, every);
    fate.befall(&site);
    let place = || format!("{:?} entry {}, {fate:?}", shot.moment, shot.entries.len());
    assert_eq!(site.drive().await, SUCCEEDED, "{}: {:#?}", place(), site.last_entries());
    let shots = site.camera.develop();
    assert_eq!(picture(&site), walk.after, "{}", place());
    site.check_attempts();
    shots
}

const APPENDS: [Moment; 2] = [Moment::BeforeAppend, Moment::AfterAppend];

#[tokio::test]
async fn a_run_survives_a_death_before_and_after_every_append() {
    let walk = forward(FORWARD, 1).await;
    let points = at(&walk.shots, &APPENDS);
    assert!(points.len() > 150, "{} points", points.len());
    for n in points {
        let fate = if n % 2 == 0 { Fate::AtOnce } else { Fate::Later };
        recovers(&walk, (&walk.shots[n], fate), 0).await;
    }
}

#[tokio::test]
async fn a_run_survives_a_death_while_a_node_works() {
    let walk = forward(FORWARD, 1).await;
    let points = at(&walk.shots, &[Moment::Waiting]);
    assert!(points.len() > 80, "{} points", points.len());
    for (n, fate) in points.into_iter().step_by(2).zip([Fate::AtOnce, Fate::Later].repeat(99)) {
        recovers(&walk, (&walk.shots[n], fate), 0).await;
    }
}

#[tokio::test]
async fn a_run_survives_a_death_of_the_commands_under_way() {
    let walk = forward(FORWARD, 1).await;
    for n in at(&walk.shots, &[Moment::Waiting]) {
        recovers(&walk, (&walk.shots[n], Fate::UnitsKilled), 0).await;
    }
}

/// A kubelet whose configuration was cut off does not start, and kubeadm refuses to go on without its API server: kup asks then.
#[tokio::test]
async fn after_a_power_cut_of_all_machines_a_run_succeeds_or_asks_and_goes_back() {
    let walk = forward(AND_BACK, 1).await;
    let (mut succeeded, mut asked) = (0, 0);
    for n in at(&walk.shots, &[Moment::Waiting]) {
        let site = walk.site.revive(&walk.shots[n], 0);
        Fate::PowerCut.befall(&site);
        match site.drive().await {
            SUCCEEDED => {
                succeeded += 1;
                assert_eq!(picture(&site), walk.after, "entry {}", walk.shots[n].entries.len());
            }
            Rest::Paused(PauseReason::Blocked { .. }) => {
                asked += 1;
                assert_eq!(site.roll_back().await, ROLLED_BACK, "{:#?}", site.last_entries());
                assert_eq!(without_lists(&picture(&site)), without_lists(&walk.before));
            }
            other @ (Rest::Finished(_) | Rest::Paused(_) | Rest::Settled) => panic!("{other:?}"),
        }
    }
    assert!(succeeded > asked * 9, "{succeeded} succeeded, {asked} asked");
}

/// Whether a command is under way on a worker.
fn works_on_worker(shot: &Shot) -> bool {
    matches!(&shot.entries.last().unwrap().event,
        Event::AttemptStarted(started) if started.step.as_str().ends_with(".w1"))
}

#[tokio::test]
async fn what_a_worker_has_done_is_adopted_although_the_api_server_is_away() {
    let walk = forward(FORWARD, 1).await;
    let points = at(&walk.shots, &[Moment::Waiting]);
    let points: Vec<_> = points.into_iter().filter(|n| works_on_worker(&walk.shots[*n])).collect();
    assert!(points.len() > 20, "{} points", points.len());
    for n in points {
        let site = walk.site.revive(&walk.shots[n], 0);
        Fate::Later.befall(&site);
        site.world.kill_machine("cp1").unwrap();
        site.world.boot_machine("cp1").unwrap();
        assert_eq!(site.drive().await, SUCCEEDED, "{:#?}", site.last_entries());
        assert_eq!(picture(&site), walk.after);
        site.check_attempts();
    }
}

#[tokio::test]
async fn a_recovery_survives_a_death_of_its_own() {
    let walk = forward(FORWARD, 7).await;
    for first in &walk.shots {
        for second in recovers(&walk, (first, Fate::AtOnce), 13).await {
            recovers(&walk, (&second, Fate::AtOnce), 0).await;
        }
    }
}

#[tokio::test]
async fn a_run_with_stages_side_by_side_survives_deaths() {
    let walk = forward(("sim:3x2@v1.35.6", "v1.36.2"), 37).await;
    for shot in &walk.shots {
        recovers(&walk, (shot, Fate::AtOnce), 0).await;
    }
}

/// Rolls back from where a process left a run or its rollback.
async fn goes_back(walk: &Walk, shot: &Shot, every: usize) -> Vec<Shot> {
    let site = walk.site.revive(shot, every);
    let place = || format!("{:?} entry {}", shot.moment, shot.entries.len());
    let rest = site.roll_back().await;
    let nothing_done = rest == Rest::Settled && shot.entries.len() < 20;
    assert!(
        rest == ROLLED_BACK || nothing_done,
        "{}: {rest:?} {:#?}",
        place(),
        site.last_entries()
    );
    let shots = site.camera.develop();
    assert_eq!(without_lists(&picture(&site)), without_lists(&walk.before), "{}", place());
    site.check_attempts();
    shots
}

#[tokio::test]
async fn a_run_goes_back_from_wherever_it_was_left() {
    let walk = forward(AND_BACK, 4).await;
    for shot in &walk.shots {
        goes_back(&walk, shot, 0).await;
    }
}

#[tokio::test]
async fn the_way_back_of_a_finished_run_survives_a_death_at_every_append() {
    let walk = forward(AND_BACK, 1).await;
    let finished = walk.shots.last().unwrap();
    let shots = goes_back(&walk, finished, 1).await;
    for n in at(&shots, &APPENDS) {
        goes_back(&walk, &shots[n], 0).await;
    }
}

#[tokio::test]
async fn the_way_back_of_a_half_done_run_survives_deaths() {
    let walk = forward(AND_BACK, 67).await;
    assert!(walk.shots.len() >= 4, "{} points", walk.shots.len());
    for left in &walk.shots {
        for shot in goes_back(&walk, left, 9).await {
            goes_back(&walk, &shot, 0).await;
        }
    }
}
