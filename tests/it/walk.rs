//! The walkers: a real plan in the simulated cluster, and a process that dies at every moment there is. The undisturbed run is photographed
//! at each of them; each photograph is what a killed process leaves, and another process goes on from there. What must hold meanwhile is
//! watched by the judge (`kup_tests::walk::invariant`).

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kup_core::engine::Rest;
use kup_core::event::{Event, Outcome, PauseReason};
use kup_tests::results::Results;
use kup_tests::walk::camera::{Camera, Shot};
use kup_tests::walk::life::{End, Life, Will};
use kup_tests::walk::process::{Director, Moment};
use kup_tests::walk::site::{Route, Site};

mod back;
mod back_fail;
mod backup;
mod downgrade;
mod etcd;
mod fail;
mod gates;
mod lost;
mod others;
mod repeat;
mod restore;
mod snapshot;

const SUCCEEDED: End = End::Rest(Rest::Finished(Outcome::Succeeded));
const ROLLED_BACK: End = End::Rest(Rest::Finished(Outcome::RolledBack));

fn forward_route() -> Route {
    Route::new("sim:1x1@v1.35.6", "v1.36.2")
}

/// One minor, the same etcd, no ConfigMap that is new.
fn and_back() -> Route {
    Route::new("sim:1x1@v1.29.4", "v1.30.1")
}

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
                Self::AtOnce | Self::Later => continue,
                Self::UnitsKilled => site.world.kill_attempts(&node).unwrap(),
                Self::PowerCut => {
                    site.world.kill_machine(&node).unwrap();
                    site.world.boot_machine(&node).unwrap();
                }
            }
            site.judge().struck(&node);
        }
        if !matches!(self, Self::AtOnce) {
            site.forward(Duration::from_secs(120));
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::AtOnce => "kup killed, resumed at once",
            Self::Later => "kup killed, resumed when the nodes were done",
            Self::UnitsKilled => "kup and the commands under way killed",
            Self::PowerCut => "kup killed and the power of all machines cut",
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

async fn lives(site: &Site, director: Arc<dyn Director>, will: Will) -> End {
    match site.live(Life::new(director, will)).await {
        Ok(end) => end,
        Err(_) => panic!("nobody puts it to sleep"),
    }
}

async fn forward(route: &Route, every: usize) -> Walk {
    let site = Site::new(route).await;
    let before = site.picture();
    let camera = Camera::new(&site, every);
    assert_eq!(lives(&site, camera.clone(), Will::Go).await, SUCCEEDED);
    let shots = camera.develop();
    let after = site.picture();
    assert_ne!(after, before);
    site.judged((&before, &after)).unwrap();
    Walk { site, before, after, shots }
}

impl Walk {
    fn judge(&self, site: &Site, place: &str) {
        if let Err(found) = site.judged((&self.before, &self.after)) {
            panic!("{place}: {found} {:#?}", site.last_entries());
        }
    }
}

fn at(shots: &[Shot], moments: &[Moment]) -> Vec<usize> {
    (0..shots.len()).filter(|n| moments.contains(&shots[*n].moment)).collect()
}

/// Goes on from where a process died, and returns what processes leave that die in turn.
async fn recovers(walk: &Walk, (shot, fate): (&Shot, Fate), every: usize) -> Vec<Shot> {
    let site = walk.site.revive(shot);
    fate.befall(&site);
    let camera = Camera::new(&site, every);
    let place = format!("{:?} entry {}, {fate:?}", shot.moment, shot.entries.len());
    let end = match site.outcome() {
        Some(outcome) => End::Rest(Rest::Finished(outcome)),
        None => lives(&site, camera.clone(), Will::Go).await,
    };
    assert_eq!(end, SUCCEEDED, "{place}: {:#?} {:?}", site.last_entries(), site.judge().found());
    walk.judge(&site, &place);
    count(fate.words(), place_of(shot), "succeeded");
    camera.develop()
}

/// Says where a process died.
fn place_of(shot: &Shot) -> &'static str {
    match shot.moment {
        Moment::BeforeAppend => "before an entry is written",
        Moment::AfterAppend => "after an entry was written",
        Moment::Waiting => "while a node or the API works",
        Moment::BeforeCall(_) | Moment::AfterCall(_) => "at a call",
    }
}

/// All walkers count together.
fn count(fault: &str, place: &str, end: &str) {
    static RESULTS: OnceLock<Mutex<Results>> = OnceLock::new();
    let begin = || {
        let title = "Walkers: every moment of a run, in the simulated cluster";
        Mutex::new(Results::new("walkers", title, "cargo test -p kup-tests --test it walk"))
    };
    let mut results = RESULTS.get_or_init(begin).lock().unwrap();
    results.count(fault, place, end);
    results.write().unwrap();
}

const APPENDS: [Moment; 2] = [Moment::BeforeAppend, Moment::AfterAppend];

#[tokio::test]
async fn a_run_survives_a_death_before_and_after_every_append() {
    let walk = forward(&forward_route(), 1).await;
    let points = at(&walk.shots, &APPENDS);
    assert!(points.len() > 150, "{} points", points.len());
    for n in points {
        let fate = if n % 2 == 0 { Fate::AtOnce } else { Fate::Later };
        recovers(&walk, (&walk.shots[n], fate), 0).await;
    }
}

#[tokio::test]
async fn a_run_survives_a_death_while_a_node_works() {
    let walk = forward(&forward_route(), 1).await;
    let points = at(&walk.shots, &[Moment::Waiting]);
    assert!(points.len() > 80, "{} points", points.len());
    for (n, fate) in points.into_iter().step_by(2).zip([Fate::AtOnce, Fate::Later].repeat(99)) {
        recovers(&walk, (&walk.shots[n], fate), 0).await;
    }
}

#[tokio::test]
async fn a_run_survives_a_death_of_the_commands_under_way() {
    let walk = forward(&forward_route(), 1).await;
    for n in at(&walk.shots, &[Moment::Waiting]) {
        recovers(&walk, (&walk.shots[n], Fate::UnitsKilled), 0).await;
    }
}

/// A kubelet whose configuration was cut off does not start, and kubeadm refuses to go on without its API server: kup asks then.
#[tokio::test]
async fn after_a_power_cut_of_all_machines_a_run_succeeds_or_asks_and_goes_back() {
    let walk = forward(&and_back(), 1).await;
    let (mut succeeded, mut asked) = (0, 0);
    for n in at(&walk.shots, &[Moment::Waiting]) {
        let shot = &walk.shots[n];
        let site = walk.site.revive(shot);
        Fate::PowerCut.befall(&site);
        let words = Fate::PowerCut.words();
        let end = lives(&site, Camera::new(&site, 0), Will::Go).await;
        if end == SUCCEEDED {
            succeeded += 1;
            walk.judge(&site, "after a power cut");
            count(words, place_of(shot), "succeeded");
            continue;
        }
        let is_asking = matches!(&end, End::Rest(Rest::Paused(PauseReason::Blocked { .. })));
        assert!(is_asking, "{end:?} {:?}", site.judge().found());
        asked += 1;
        walk.judge(&site, "asking after a power cut");
        let end = lives(&site, Camera::new(&site, 0), Will::Back).await;
        assert_eq!(end, ROLLED_BACK, "{:#?}", site.last_entries());
        walk.judge(&site, "back after a power cut");
        count(words, place_of(shot), "asked, then rolled back");
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
    let walk = forward(&forward_route(), 1).await;
    let points = at(&walk.shots, &[Moment::Waiting]);
    let points: Vec<_> = points.into_iter().filter(|n| works_on_worker(&walk.shots[*n])).collect();
    assert!(points.len() > 20, "{} points", points.len());
    for n in points {
        let site = walk.site.revive(&walk.shots[n]);
        Fate::Later.befall(&site);
        site.judge().struck("cp1");
        site.world.kill_machine("cp1").unwrap();
        site.world.boot_machine("cp1").unwrap();
        let end = lives(&site, Camera::new(&site, 0), Will::Go).await;
        assert_eq!(end, SUCCEEDED, "{:#?}", site.last_entries());
        walk.judge(&site, "without the API server");
        count("kup killed and the API server away", "while a worker works", "succeeded");
    }
}

#[tokio::test]
async fn a_recovery_survives_a_death_of_its_own() {
    let walk = forward(&forward_route(), 7).await;
    for first in &walk.shots {
        for second in recovers(&walk, (first, Fate::AtOnce), 13).await {
            recovers(&walk, (&second, Fate::AtOnce), 0).await;
        }
    }
}

#[tokio::test]
async fn a_run_with_stages_side_by_side_survives_deaths() {
    let walk = forward(&Route::new("sim:3x2@v1.35.6", "v1.36.2"), 37).await;
    for shot in &walk.shots {
        recovers(&walk, (shot, Fate::AtOnce), 0).await;
    }
}
