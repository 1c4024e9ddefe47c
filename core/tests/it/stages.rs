//! Which stages are under way at once.

use std::collections::BTreeSet;

use kup_core::clock::Timestamp;
use kup_core::decide::{Action, Decision, Mode, decide};
use kup_core::id::StepId;

use crate::story::{Story, check, run};

const CONTROL_PLANES: &str = "control-plane: a b / c d / e";

#[test]
fn control_planes_are_never_two_at_once() {
    check((CONTROL_PLANES, ""), "observe a");
    check((CONTROL_PLANES, "a after, a completed"), "observe b");
    check((CONTROL_PLANES, "a after, a completed, b after, b completed"), "observe c");
}

#[test]
fn a_stage_is_under_way_while_its_first_look_is_in_flight() {
    Story::of(CONTROL_PLANES).busy("a").decides("wait");
    Story::of("w*2: a / b / c").busy("a").decides("observe b");
    Story::of("w*2: a / b / c").busy("a b").decides("wait");
}

#[test]
fn a_stage_between_two_of_its_steps_keeps_its_place() {
    check(("w*1: a b / c", "a after, a completed"), "observe b");
    let waiting = "a after, a completed, b looks again at 9";
    Story::of("w*1: a b / c").then(waiting).at(1).decides("wait until 9");
}

#[test]
fn stages_go_side_by_side_up_to_the_limit() {
    check(("w*2: a / b / c", ""), "observe a + observe b");
    check(("w*2: a / b / c", "a before, b before"), "prepare a + prepare b");
    check(("w*2: a / b / c", "a after, a completed"), "observe b + observe c");
    check(("w*9: a / b / c", ""), "observe a + observe b + observe c");
}

#[test]
fn a_wave_begins_when_the_one_before_is_done() {
    check(("one*2: a / b; two: c", "a after, a completed"), "observe b");
    check(("one*2: a / b; two: c", "a after, a completed, b skipped"), "observe c");
}

#[test]
fn a_begun_stage_is_finished_when_another_is_blocked_and_no_new_one_begins() {
    let blocked = "a foreign, a blocked, b before";
    check(("w*2: a / b / c", blocked), "prepare b");
    let done = format!("{blocked}, b prepared, b starts 1, b ok, b completed");
    check(("w*2: a / b / c", &done), "pause: blocked a");
    Story::of("w*2: a / b / c").then("a foreign, a blocked").busy("b").decides("wait");
    check(("w*3: a / b", "a foreign, a blocked"), "pause: blocked a");
}

/// Draws numbers; the seed is in every message.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

/// What may come of an action, in the words of `story`.
fn outcome(chance: &mut Chance, step: &StepId, action: &Action) -> String {
    let words: &[&str] = match action {
        Action::Observe => &["before", "between", "before", "after", "looks again at 0", "foreign"],
        Action::Prepare => &["prepared", "looks again at 0"],
        Action::Start(_) | Action::Attach => &["ok", "ok", "fails", "fails for good", "lost"],
        Action::Settle => &["not-started", "running", "ended", "lost", "untraceable"],
        Action::Verify => &["completed", "completed", "looks again at 0"],
        Action::Retry(..) => &["again at 0"],
        Action::Block(_) => &["blocked"],
    };
    format!("{step} {}", words[chance.below(words.len())])
}

/// Lives a whole run in which everything that may happen does, and looks at every moment how many stages are under way.
fn live(plan: &str, seed: u64) -> usize {
    let mut chance = Chance(seed);
    let mut story = Story::of(plan);
    let mut under_way: Vec<(StepId, Action)> = Vec::new();
    for moment in 0..600 {
        let busy: BTreeSet<StepId> = under_way.iter().map(|(step, _)| step.clone()).collect();
        let n_open = open_stages(&story, &busy);
        let limit = story.state.plan.waves.iter().map(|wave| wave.max_parallel).max().unwrap();
        assert!(n_open <= limit as usize, "seed {seed}, moment {moment}: {n_open} are open");
        match decide(&run(), &story.state, &busy, Mode::Go, Timestamp(moment)) {
            Decision::Act(actions) => {
                for (step, action) in actions {
                    assert!(!busy.contains(&step), "seed {seed}: two things at once for {step}");
                    if let Action::Start(attempt) = action {
                        story = story.then(&format!("{step} starts {attempt}"));
                    }
                    under_way.push((step, action));
                }
            }
            Decision::Wait(_) if chance.below(12) == 0 => {
                // The process dies, and with it everything that was in flight.
                under_way.clear();
                story = story.then("resumed");
            }
            Decision::Wait(_) => {
                let (step, action) = under_way.swap_remove(chance.below(under_way.len()));
                story = story.then(&outcome(&mut chance, &step, &action));
            }
            Decision::Pause(_) => {
                let state = story.state.clone();
                let blocked = state.steps.iter().filter(|(_, record)| {
                    matches!(record.state, kup_core::state::StepState::Blocked(_))
                });
                story = story.then("resumed");
                for (step, _) in blocked {
                    let word = ["retry!", "accept!"][chance.below(2)];
                    story = story.then(&format!("{step} {word}"));
                }
            }
            Decision::Finish(_) => {
                story.then("succeeded");
                return usize::try_from(moment).unwrap();
            }
            other @ (Decision::Ask(_) | Decision::Rest) => panic!("seed {seed}: {other:?}"),
        }
    }
    panic!("seed {seed}: it never ends");
}

fn open_stages(story: &Story, busy: &BTreeSet<StepId>) -> usize {
    let is_open = |stage: &&kup_core::plan::Stage| {
        let records = || stage.steps.iter().filter_map(|step| story.state.step(&step.id));
        let begun = records().any(|record| record.is_begun());
        let busy = stage.steps.iter().any(|step| busy.contains(&step.id));
        (begun || busy) && !records().all(|record| record.is_settled())
    };
    story.state.plan.stages().filter(is_open).count()
}

#[test]
fn whatever_happens_no_more_stages_are_under_way_than_allowed() {
    for seed in 0..300 {
        live("one: a b / c d / e f; two: g / h i", seed);
        live("one*2: a b / c d / e f / g h; two*2: i j / k / l m", seed);
    }
}
