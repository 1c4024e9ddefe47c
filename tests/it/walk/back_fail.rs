//! Everything fails once on the way back: every call of every step of it, in every way, a script on a node before it has done anything, commands
//! that are killed half-way, and a step that says that it has done what it has not. The world is as before the run then, or the way back rests
//! at that step; and on its operator's word it comes to its end.
//!
//! How the way back is asked for is the caller's: [`Back`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kup_core::engine::Rest;
use kup_core::event::{Doing, ErrorClass, PauseReason};
use kup_core::id::StepId;
use kup_core::plan::StepSpec;
use kup_core::state::StepState;
use kup_steps::rollback::{Asked, EtcdBack};
use kup_tests::walk::camera::{Camera, Shot};
use kup_tests::walk::failing::{Failure, Way};
use kup_tests::walk::life::{Dresser, End, Life, Will};
use kup_tests::walk::process::{Director, Undisturbed};
use kup_tests::walk::site::{Route, Site};

use super::back::has_changed;
use super::fail::HalfWay;
use super::{ROLLED_BACK, Walk, and_back, count, forward, forward_route, lives};

const CLASSES: [ErrorClass; 3] =
    [ErrorClass::Transient, ErrorClass::Permanent, ErrorClass::Unclear];

/// The ways in which a step of a way back can fail.
fn failures() -> Vec<(Doing, Way)> {
    let doings = [Doing::Observe, Doing::Prepare, Doing::Execute, Doing::Verify];
    let before = |doing: Doing| CLASSES.into_iter().map(move |class| (doing, Way::Before(class)));
    let after = CLASSES.into_iter().map(|class| (Doing::Execute, Way::After(class)));
    let mut all: Vec<(Doing, Way)> = doings.into_iter().flat_map(before).chain(after).collect();
    all.push((Doing::Execute, Way::Instead));
    all
}

/// An undisturbed way back from where a run was left, and what processes leave that die on it.
pub(super) struct Back<'a> {
    walk: &'a Walk,
    asked: Asked,
    shots: Vec<Shot>,
    steps: Vec<StepSpec>,
    /// The node and the script of each step that has run one.
    scripts: BTreeMap<StepId, (String, String)>,
}

impl<'a> Back<'a> {
    /// Goes back from there, undisturbed.
    pub(super) async fn from(walk: &'a Walk, left: &Shot, asked: &Asked) -> Self {
        let site = walk.site.revive(left);
        let camera = Camera::new(&site, 1);
        let end = lives(&site, camera.clone(), Will::BackAs(asked.clone())).await;
        assert_eq!(end, ROLLED_BACK, "{:#?} {:?}", site.last_entries(), site.judge().found());
        let survey = site.survey();
        walk.judge(&site, "undisturbed");
        let mut scripts = BTreeMap::new();
        let plan = site.state().plan;
        for (_, step) in plan.steps() {
            for (node, seen) in &survey.nodes {
                let own =
                    seen.attempts.iter().find(|(name, _)| name.contains(&format!("/{}.", step.id)));
                if let Some((_, attempt)) = own {
                    scripts.insert(step.id.clone(), (node.clone(), attempt.script.clone()));
                }
            }
        }
        let steps = plan.steps().map(|(_, step)| step.clone()).collect();
        Self { walk, asked: asked.clone(), shots: camera.develop(), steps, scripts }
    }

    /// Comes to where nothing of a step was done yet.
    fn just_before(&self, step: &StepId) -> Site {
        let is_of_step = |shot: &&Shot| shot.entries.iter().any(|it| it.event.step() == Some(step));
        let shot = self.shots.iter().take_while(|shot| !is_of_step(shot)).last().unwrap();
        let site = self.walk.site.revive(shot);
        site.judge().silenced();
        site
    }

    async fn lives(&self, site: &Site, dresser: Dresser, director: Arc<dyn Director>) -> End {
        let will = Will::BackAs(self.asked.clone());
        let life = Life { dresser: Some(dresser), ..Life::new(director, will) };
        match site.live(life).await {
            Ok(end) => end,
            Err(_) => panic!("nobody puts it to sleep"),
        }
    }

    /// Judges where a way back rests at which a step has failed; where it asks it is told to try again, and comes to its end.
    async fn ends(&self, site: &Site, (end, step): (End, &StepId), place: &str) -> &'static str {
        if end == ROLLED_BACK {
            self.walk.judge(site, place);
            return "rolled back by itself";
        }
        let End::Rest(Rest::Paused(PauseReason::Blocked { steps })) = &end else {
            panic!("{place}: {end:?} {:?}", site.judge().found());
        };
        assert_eq!(steps, std::slice::from_ref(step), "{place}: another step is blamed");
        let state = site.state();
        let StepState::Blocked(error) = &state.step(step).unwrap().state else {
            panic!("{place}: {state:?}")
        };
        assert!(!error.message.is_empty(), "{place}: it rests without a reason");
        self.walk.judge(site, place);
        let end = lives(site, Arc::new(Undisturbed), Will::Retry(steps.clone())).await;
        assert_eq!(
            end,
            ROLLED_BACK,
            "{place}: {:#?} {:?}",
            site.last_entries(),
            site.judge().found()
        );
        self.walk.judge(site, place);
        "asked, tried again, rolled back"
    }

    /// Lets every step fail in every way, or in one of so many; returns how often one did.
    pub(super) async fn everything_fails(&self, every: usize) -> usize {
        let mut happened = 0;
        for (n, step) in self.steps.iter().enumerate() {
            let ways = failures().into_iter().enumerate();
            // What only says that it is done is always tried: nothing but a proof tells.
            let chosen = |m: usize, way| way == Way::Instead || (n + m).is_multiple_of(every);
            for (_, (doing, way)) in ways.filter(|(m, (_, way))| chosen(*m, *way)) {
                happened += usize::from(self.fails(step, (doing, way)).await);
            }
        }
        happened
    }

    async fn fails(&self, step: &StepSpec, (doing, way): (Doing, Way)) -> bool {
        let failure = Failure { step: step.id.clone(), doing, way };
        let site = self.just_before(&step.id);
        let (dresser, happened) = failure.dresser(step);
        let place = format!("{failure:?}");
        let end = self.lives(&site, dresser, Arc::new(Undisturbed)).await;
        if !happened.load(Ordering::SeqCst) {
            // Nothing is prepared for an undo, and what is found done is not done again.
            assert!([Doing::Prepare, Doing::Execute].contains(&doing), "{place} did not happen");
            assert_eq!(end, ROLLED_BACK, "{place}");
            return false;
        }
        let how = self.ends(&site, (end, &step.id), &place).await;
        let fault = match way {
            Way::Before(class) => {
                format!("{doing:?} fails before its effect on the way back: {class:?}")
            }
            Way::After(class) => {
                format!("{doing:?} fails after its effect on the way back: {class:?}")
            }
            Way::Instead => {
                "a step of the way back says that it has done what it has not".to_owned()
            }
        };
        count(&fault, "every step", how);
        true
    }

    /// Lets every script that the way back runs on a node fail before it has done anything; returns the steps.
    pub(super) async fn every_script_fails(&self) -> BTreeSet<StepId> {
        for (step, (node, script)) in &self.scripts {
            let site = self.just_before(step);
            site.world.fail_next(node, script, 1).unwrap();
            let end = self.lives(&site, Arc::new(|_| {}), Arc::new(Undisturbed)).await;
            let how = self.ends(&site, (end, step), &format!("{script} of {step} fails")).await;
            count("a script fails on the way back", "every step with one", how);
        }
        self.scripts.keys().cloned().collect()
    }

    /// Lets the command of every step be killed at every moment at which somebody waits for it, or at one of so many.
    pub(super) async fn commands_end_half_way(&self, every: usize) -> usize {
        let mut killed = 0;
        for step in self.scripts.keys() {
            for moments in (1..60).step_by(every) {
                let site = self.just_before(step);
                let left = AtomicUsize::new(moments);
                let director = Arc::new(HalfWay { site: site.clone(), step: step.clone(), left });
                let end = self.lives(&site, Arc::new(|_| {}), director.clone()).await;
                if director.left.load(Ordering::SeqCst) > 0 {
                    break;
                }
                let place = format!("{step} killed after {moments} looks");
                let how = self.ends(&site, (end, step), &place).await;
                count(
                    "a command of the way back is killed half-way",
                    "every moment of every step",
                    how,
                );
                killed += 1;
            }
        }
        killed
    }
}

/// Returns places at which a run is half done, from its first change to its end.
fn half_done(walk: &Walk, n: usize) -> Vec<&Shot> {
    let shots: Vec<&Shot> = walk.shots.iter().filter(|shot| has_changed(shot)).collect();
    (1..=n).map(|part| shots[shots.len() * part / (n + 1)]).collect()
}

#[tokio::test]
async fn whatever_fails_on_the_way_back_of_a_finished_run_it_comes_to_its_end() {
    let walk = forward(&and_back(), 0).await;
    let back = Back::from(&walk, &Shot::of(&walk.site), &Asked::default()).await;
    let happened = back.everything_fails(1).await;
    assert!(happened > back.steps.len() * 6, "{happened} failures");
    assert!(back.every_script_fails().await.len() > 8, "{:?}", back.scripts);
    assert!(back.commands_end_half_way(1).await > 20);
}

#[tokio::test]
async fn whatever_fails_on_the_way_back_of_a_half_done_run_it_comes_to_its_end() {
    let walk = forward(&and_back(), 7).await;
    for left in half_done(&walk, 3) {
        let back = Back::from(&walk, left, &Asked::default()).await;
        back.everything_fails(2).await;
        back.every_script_fails().await;
        back.commands_end_half_way(3).await;
    }
}

#[tokio::test]
async fn whatever_fails_on_the_way_back_of_three_control_planes_it_comes_to_its_end() {
    let walk = forward(&Route::new("sim:3x1@v1.29.4", "v1.30.1"), 31).await;
    let finished = Shot::of(&walk.site);
    for left in half_done(&walk, 1).into_iter().chain([&finished]) {
        let back = Back::from(&walk, left, &Asked::default()).await;
        let happened = back.everything_fails(7).await;
        assert!(happened > back.steps.len(), "{happened} failures of {} steps", back.steps.len());
        back.every_script_fails().await;
        back.commands_end_half_way(7).await;
    }
}

#[tokio::test]
async fn whatever_fails_on_the_way_back_by_phases_it_comes_to_its_end() {
    let walk = forward(&forward_route(), 0).await;
    let back = Back::from(&walk, &Shot::of(&walk.site), &Asked::default()).await;
    back.everything_fails(3).await;
    back.every_script_fails().await;
}

#[tokio::test]
async fn whatever_fails_while_etcd_goes_down_a_minor_the_way_back_comes_to_its_end() {
    let walk = forward(&Route::new("sim:3x0@v1.33.3", "v1.34.1"), 0).await;
    let asked = Asked { etcd: EtcdBack::Downgraded, ..Asked::default() };
    let mut back = Back::from(&walk, &Shot::of(&walk.site), &asked).await;
    back.steps.retain(|step| step.activity.contains("etcd"));
    assert!(back.steps.len() > 6, "{:?}", back.steps);
    assert!(back.everything_fails(1).await > 60);
    back.every_script_fails().await;
}

#[tokio::test]
async fn whatever_fails_while_etcd_is_restored_the_way_back_comes_to_its_end() {
    let walk = forward(&super::restore::route("sim:1x1@v1.33.3"), 0).await;
    let asked = super::restore::asked();
    let mut back = Back::from(&walk, &Shot::of(&walk.site), &asked).await;
    let is_own = |step: &StepSpec| {
        step.activity.starts_with("restore-")
            || step.activity.starts_with("etcd-")
            || step.activity == "kubelet-stop"
    };
    back.steps.retain(is_own);
    assert!(back.steps.len() > 9, "{:?}", back.steps);
    assert!(back.everything_fails(1).await > 90);
    assert!(back.every_script_fails().await.len() > 8);
    assert!(back.commands_end_half_way(1).await > 9);
}
