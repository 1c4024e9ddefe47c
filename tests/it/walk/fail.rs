//! Everything fails once: every call of every step, transiently, for good, unclearly, before its effect, after it, and half-way. Then the
//! operator tries again and the run succeeds, or goes back and the world is as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kup_core::engine::Rest;
use kup_core::event::{Doing, ErrorClass, Event, PauseReason};
use kup_core::id::StepId;
use kup_core::plan::StepSpec;
use kup_tests::walk::camera::Shot;
use kup_tests::walk::failing::{Failure, Way};
use kup_tests::walk::life::{Dresser, End, Life, Will};
use kup_tests::walk::process::{Cue, Director, Moment, Process, Undisturbed};
use kup_tests::walk::site::{Route, Site};

use super::{ROLLED_BACK, SUCCEEDED, Walk, and_back, count, forward, forward_route, lives};

const DOINGS: [Doing; 4] = [Doing::Observe, Doing::Prepare, Doing::Execute, Doing::Verify];
const CLASSES: [ErrorClass; 3] =
    [ErrorClass::Transient, ErrorClass::Permanent, ErrorClass::Unclear];

fn ways(doing: Doing) -> Vec<Way> {
    let before = CLASSES.into_iter().map(Way::Before);
    let after = CLASSES.into_iter().map(Way::After).filter(|_| doing == Doing::Execute);
    before.chain(after).collect()
}

/// Returns the last picture in which nothing of the step was done yet.
fn just_before<'a>(walk: &'a Walk, step: &StepId) -> &'a Shot {
    let is_of_step = |shot: &&Shot| shot.entries.iter().any(|it| it.event.step() == Some(step));
    walk.shots.iter().take_while(|shot| !is_of_step(shot)).last().unwrap()
}

async fn lives_with(site: &Site, dresser: Dresser, director: Arc<dyn Director>) -> End {
    let life = Life { dresser: Some(dresser), ..Life::new(director, Will::Go) };
    match site.live(life).await {
        Ok(end) => end,
        Err(_) => panic!("nobody puts it to sleep"),
    }
}

/// What the operator says when kup asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Again,
    Back,
}

/// Ends a run that has succeeded or asks, on the operator's word; returns how.
async fn ends(walk: &Walk, site: &Site, (end, word): (End, Word), place: &str) -> &'static str {
    if end == SUCCEEDED {
        walk.judge(site, place);
        return "succeeded by itself";
    }
    let End::Rest(Rest::Paused(PauseReason::Blocked { steps })) = &end else {
        panic!("{place}: {end:?} {:?}", site.judge().found());
    };
    walk.judge(site, place);
    let (will, wanted, how) = match word {
        Word::Again => (Will::Retry(steps.clone()), SUCCEEDED, "asked, tried again, succeeded"),
        Word::Back => (Will::Back, ROLLED_BACK, "asked, rolled back"),
    };
    let end = lives(site, Arc::new(Undisturbed), will).await;
    let nothing_done = matches!(&end, End::NoWayBack(why) if why.contains("changed nothing"));
    if nothing_done {
        return "asked, nothing to roll back";
    }
    assert_eq!(end, wanted, "{place}: {:#?} {:?}", site.last_entries(), site.judge().found());
    walk.judge(site, place);
    how
}

async fn fails(walk: &Walk, (step, failure): (&StepSpec, &Failure), word: Word) {
    let site = walk.site.revive(just_before(walk, &step.id));
    site.judge().silenced();
    let (dresser, happened) = failure.dresser(step);
    let place = format!("{failure:?}, {word:?}");
    let end = lives_with(&site, dresser, Arc::new(Undisturbed)).await;
    if !happened.load(Ordering::SeqCst) {
        // A step that is always found done is never prepared nor executed.
        assert!(["verify", "drain"].contains(&step.activity.as_str()), "{place} did not happen");
        return;
    }
    let how = ends(walk, &site, (end, word), &place).await;
    let fault = match failure.way {
        Way::Before(class) => format!("{:?} fails before its effect: {class:?}", failure.doing),
        Way::After(class) => format!("{:?} fails after its effect: {class:?}", failure.doing),
        Way::Instead => "a step says that it has done what it has not".to_owned(),
    };
    count(&fault, "every step", how);
}

/// The steps of a run that are not those of every other run: kubeadm's phases, and what patches etcd.
fn of_kubeadm(step: &StepSpec) -> bool {
    let has_role = step.params.get("role").is_some_and(|role| role == "control-plane");
    has_role || step.activity == "etcd-image-tag"
}

#[tokio::test]
async fn whatever_fails_a_run_succeeds_by_itself_or_on_its_operators_word() {
    everything_fails(&and_back(), |_| true).await;
}

#[tokio::test]
async fn whatever_fails_of_kubeadms_phases_a_run_succeeds_by_itself_or_on_its_operators_word() {
    everything_fails(&forward_route(), of_kubeadm).await;
}

#[tokio::test]
async fn whatever_fails_while_etcd_is_patched_a_run_succeeds_by_itself_or_on_its_operators_word() {
    let route = Route::new("sim:1x0@v1.33.3", "v1.34.1");
    everything_fails(&route, |step| step.id.as_str().starts_with("etcd-")).await;
}

async fn everything_fails(route: &Route, which: fn(&StepSpec) -> bool) {
    let walk = forward(route, 1).await;
    let plan = walk.site.plan();
    for (n, (_, step)) in plan.steps().enumerate().filter(|(_, (_, step))| which(step)) {
        for doing in DOINGS {
            for (m, way) in ways(doing).into_iter().enumerate() {
                let failure = Failure { step: step.id.clone(), doing, way };
                let word = if (n + m).is_multiple_of(2) { Word::Again } else { Word::Back };
                fails(&walk, (step, &failure), word).await;
            }
        }
    }
}

/// Kills the commands on all nodes at a waiting moment of the process, once: what runs then is half done.
pub(super) struct HalfWay {
    pub(super) site: Site,
    pub(super) step: StepId,
    /// Moments of waiting until then.
    pub(super) left: AtomicUsize,
}

impl Director for HalfWay {
    fn at(&self, _: &Process, moment: &Moment) -> Cue {
        if *moment != Moment::Waiting || self.left.load(Ordering::SeqCst) == 0 {
            return Cue::GoOn;
        }
        let is_open = self.site.judge().entries().last().is_some_and(
            |it| matches!(&it.event, Event::AttemptStarted(started) if started.step == self.step),
        );
        if is_open && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            for node in self.site.nodes() {
                self.site.judge().struck(&node);
                self.site.world.kill_attempts(&node).unwrap();
            }
        }
        Cue::GoOn
    }
}

#[tokio::test]
async fn a_command_that_ends_half_way_is_done_again_or_undone() {
    commands_end_half_way(&and_back(), |_| true).await;
}

#[tokio::test]
async fn a_phase_of_kubeadm_that_ends_half_way_is_done_again_or_undone() {
    commands_end_half_way(&forward_route(), of_kubeadm).await;
}

async fn commands_end_half_way(route: &Route, which: fn(&StepSpec) -> bool) {
    let walk = forward(route, 1).await;
    let plan = walk.site.plan();
    let nothing: Dresser = Arc::new(|_| {});
    for (_, step) in plan.steps().filter(|(_, step)| which(step)) {
        for moments in 1..60 {
            let site = walk.site.revive(just_before(&walk, &step.id));
            let left = AtomicUsize::new(moments);
            let director = Arc::new(HalfWay { site: site.clone(), step: step.id.clone(), left });
            let end = lives_with(&site, Arc::clone(&nothing), director.clone()).await;
            if director.left.load(Ordering::SeqCst) > 0 {
                break;
            }
            let word = if moments % 2 == 0 { Word::Again } else { Word::Back };
            let place = format!("{} killed after {moments} looks", step.id);
            let how = ends(&walk, &site, (end, word), &place).await;
            count("a command is killed half-way, kup lives", "every moment of every step", how);
        }
    }
}
