//! Histories in words. A plan is `one*2: a b / c; two: d`: waves with how many stages go side by side, stages, steps. A history is a list of
//! `STEP WORD`, separated by commas; `event` has the words. A decision is printed in the same manner.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kup_core::clock::Timestamp;
use kup_core::decide::{Decision, Mode, decide};
use kup_core::event::*;
use kup_core::id::{Epoch, RunId, Seq, StepId};
use kup_core::plan::{GateSpec, Plan, Policy, Stage, StepSpec, Wave};
use kup_core::state::RunState;

use crate::printed::print;

pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) fn run() -> RunId {
    "20261123-aaaaaaa".parse().unwrap()
}

pub(crate) fn id(text: &str) -> StepId {
    text.parse().unwrap()
}

/// A run at some point of its life.
pub(crate) struct Story {
    pub(crate) state: RunState,
    busy: BTreeSet<StepId>,
    mode: Mode,
    now: Timestamp,
}

impl Story {
    /// Begins a run with this plan, which has no gates.
    pub(crate) fn of(text: &str) -> Self {
        Self::with_gates(text, &[])
    }

    pub(crate) fn with_gates(text: &str, gates: &[&str]) -> Self {
        let gate = |gate: &&str| {
            let (gate, params) = ((*gate).to_owned(), BTreeMap::new());
            GateSpec { gate, version: 1, params }
        };
        let plan = Plan { gates: gates.iter().map(gate).collect(), ..plan(text) };
        let state = RunState::replay(&[entry(1, 1, started(plan, None))]).unwrap();
        Self { state, busy: BTreeSet::new(), mode: Mode::Go, now: Timestamp(0) }
    }

    pub(crate) fn until(mut self, wave: &str) -> Self {
        let event = started(self.state.plan.clone(), Some(wave.to_owned()));
        self.state = RunState::replay(&[entry(1, 1, event)]).unwrap();
        self
    }

    /// Adds entries, all of which must fit.
    pub(crate) fn then(mut self, history: &str) -> Self {
        for text in history.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let (epoch, event) = self.next(text);
            let entry = entry(self.state.head.0 + 1, epoch, event);
            self.state.apply(&entry).unwrap_or_else(|error| panic!("`{text}`: {error}"));
        }
        self
    }

    /// Says that the next entry does not fit, and why.
    #[track_caller]
    pub(crate) fn refuses(&self, text: &str, why: &str) {
        let (epoch, event) = self.next(text);
        let entry = entry(self.state.head.0 + 1, epoch, event);
        let error = self.state.clone().apply(&entry).expect_err(text);
        assert!(error.to_string().contains(why), "{error}");
    }

    pub(crate) fn busy(mut self, steps: &str) -> Self {
        self.busy = steps.split_whitespace().map(id).collect();
        self
    }

    pub(crate) fn at(mut self, seconds: i64) -> Self {
        self.now = Timestamp(seconds * SECOND);
        self
    }

    pub(crate) fn in_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    pub(crate) fn decision(&self) -> Decision {
        decide(&run(), &self.state, &self.busy, self.mode, self.now)
    }

    #[track_caller]
    pub(crate) fn decides(&self, expected: &str) {
        assert_eq!(print(&self.decision()), expected);
    }

    fn next(&self, text: &str) -> (u64, Event) {
        let higher = u64::from(text == "resumed" || text.starts_with("rollback"));
        (self.state.epoch.0 + higher, event(&self.state, text))
    }
}

/// `check(given, expected)`: a plan, what has happened, and what is decided then.
#[track_caller]
pub(crate) fn check((plan, history): (&str, &str), expected: &str) {
    Story::of(plan).then(history).decides(expected);
}

pub(crate) fn plan(text: &str) -> Plan {
    let waves = text.split(';').map(wave).collect();
    Plan { from: "old".to_owned(), to: "new".to_owned(), gates: Vec::new(), waves }
}

fn wave(text: &str) -> Wave {
    let (head, stages) = text.split_once(':').unwrap();
    let (name, max_parallel) = head.split_once('*').unwrap_or((head, "1"));
    Wave {
        name: name.trim().to_owned(),
        hop: 1,
        max_parallel: max_parallel.trim().parse().unwrap(),
        stages: stages.split('/').map(stage).collect(),
    }
}

fn stage(text: &str) -> Stage {
    let steps: Vec<StepSpec> = text.split_whitespace().map(step).collect();
    Stage { target: format!("target-of-{}", steps[0].id), skippable: true, steps }
}

fn step(text: &str) -> StepSpec {
    StepSpec {
        id: id(text),
        activity: "test".to_owned(),
        version: 1,
        title: text.to_owned(),
        params: Default::default(),
        policy: Policy::with_timeout(Duration::from_secs(60)),
        undo_of: text.strip_prefix("undo-").map(id),
    }
}

pub(crate) fn started(plan: Plan, until: Option<String>) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        kup_version: "0".to_owned(),
        operator: "me@here".to_owned(),
        cluster: ClusterIdentity {
            uid: String::new(),
            ca_sha256: String::new(),
            endpoint: String::new(),
        },
        machines: Vec::new(),
        reach: Reach::default(),
        until,
        plan,
    }))
}

pub(crate) fn entry(seq: u64, epoch: u64, event: Event) -> Entry {
    Entry { seq: Seq(seq), epoch: Epoch(epoch), time: Timestamp(0), since_boot: 0, event }
}

fn event(state: &RunState, text: &str) -> Event {
    let words: Vec<&str> = text.split_whitespace().collect();
    let operator = || "me@here".to_owned();
    let finished = |outcome| Event::RunFinished(RunFinished { outcome, reason: String::new() });
    match words.as_slice() {
        ["resumed"] => Event::RunResumed(RunResumed {
            kup_version: "0".to_owned(),
            operator: operator(),
            reason: String::new(),
        }),
        ["reached", wave] => {
            let reason = PauseReason::Reached { wave: (*wave).to_owned() };
            Event::RunPaused(RunPaused { reason })
        }
        ["paused"] => Event::RunPaused(RunPaused { reason: PauseReason::Interrupted }),
        ["succeeded"] => finished(Outcome::Succeeded),
        ["committed"] => {
            let (operator, reason) = (operator(), String::new());
            Event::RunCommitted(RunCommitted { operator, reason })
        }
        ["freed"] => {
            let (operator, reason) = (operator(), String::new());
            Event::BackupsFreed(BackupsFreed { operator, reason })
        }
        ["rolled-back"] => finished(Outcome::RolledBack),
        ["abandoned"] => finished(Outcome::Abandoned),
        ["until", wave] => {
            let until = Some((*wave).to_owned());
            Event::RollbackLimited(RollbackLimited { until, operator: operator() })
        }
        ["rollback", steps @ ..] => Event::RollbackStarted(Box::new(RollbackStarted {
            operator: operator(),
            reason: String::new(),
            plan: plan(&format!("back: {}", steps.join(" "))),
        })),
        ["gate", name, word] => {
            Event::GateChecked(GateChecked { gate: (*name).to_owned(), verdict: verdict(word) })
        }
        ["ignore", name] => Event::GateIgnored(GateIgnored {
            gate: (*name).to_owned(),
            code: "K1".to_owned(),
            operator: operator(),
            evidence: "seen".to_owned(),
        }),
        [step, words @ ..] => of_step(state, id(step), words),
        [] => panic!("nothing is said"),
    }
}

fn verdict(word: &str) -> Verdict {
    let (evidence, remedy) = ("seen".to_owned(), "do it".to_owned());
    match word {
        "passes" => Verdict::Pass { evidence },
        "warns" => Verdict::Warn { evidence, remedy },
        "blocks" => Verdict::Block { evidence, remedy },
        _ => panic!("`{word}` is no verdict"),
    }
}

fn of_step(state: &RunState, step: StepId, words: &[&str]) -> Event {
    let attempt = state.step(&step).map_or(1, |record| record.attempts.max(1));
    let what = || "seen".to_owned();
    let found = |found| Event::StepObserved(StepObserved { step: step.clone(), found });
    let settled = |settlement| {
        Event::AttemptSettled(AttemptSettled { step: step.clone(), attempt, settlement })
    };
    let ended = |result| {
        let (step, output) = (step.clone(), None);
        Event::AttemptEnded(AttemptEnded { step, attempt, result, output, adopted: false })
    };
    let failed = |class| ended(AttemptResult::Failed { error: error(class) });
    let said = |decision| {
        let (step, operator, reason) = (step.clone(), "me@here".to_owned(), "why".to_owned());
        Event::OperatorDecided(OperatorDecided { step, decision, operator, reason })
    };
    let again = |doing, seconds: &str| {
        let at = Timestamp(seconds.parse::<i64>().unwrap() * SECOND);
        let error = error(ErrorClass::Transient);
        Event::RetryScheduled(RetryScheduled { step: step.clone(), doing, at, error })
    };
    match words {
        ["before"] => found(Found::Before { what: what() }),
        ["after"] => found(Found::After { what: what() }),
        ["foreign"] => found(Found::Foreign { what: what() }),
        ["between"] => found(Found::Between { what: what(), repairable: true }),
        ["broken"] => found(Found::Between { what: what(), repairable: false }),
        ["prepared"] => {
            let (notes, backups) = (Vec::new(), Vec::new());
            Event::StepPrepared(StepPrepared { step, notes, backups })
        }
        ["starts", number] => {
            let (attempt, deadline) = (number.parse().unwrap(), Timestamp(60 * SECOND));
            Event::AttemptStarted(AttemptStarted { step, attempt, deadline })
        }
        ["not-started"] => settled(Settlement::NotStarted),
        ["running"] => settled(Settlement::Running),
        ["ended"] => settled(Settlement::Ended),
        ["lost"] => settled(Settlement::Lost { what: what() }),
        ["untraceable"] => settled(Settlement::Untraceable),
        ["ok"] => ended(AttemptResult::Succeeded { summary: what() }),
        ["fails"] => failed(ErrorClass::Transient),
        ["fails", "for", "good"] => failed(ErrorClass::Permanent),
        ["again", "at", seconds] => again(Doing::Execute, seconds),
        ["looks", "again", "at", seconds] => again(Doing::Observe, seconds),
        ["completed"] => {
            let (evidence, left) = (what(), Vec::new());
            Event::StepCompleted(StepCompleted { step, evidence, left })
        }
        ["skipped"] => Event::StepSkipped(StepSkipped { step, reason: what() }),
        ["blocked"] => {
            let error = error(ErrorClass::Permanent);
            Event::StepBlocked(StepBlocked { step, error })
        }
        ["undo"] => {
            let spec = state.plan.find(&step).map(|(_, spec)| spec.clone()).unwrap();
            let id = state.undo_id(&step).unwrap();
            let undo = StepSpec { id, undo_of: Some(step.clone()), ..spec };
            Event::UndoPlanned(Box::new(UndoPlanned { step, undo }))
        }
        ["retry!"] => said(OperatorDecision::Retry),
        ["accept!"] => said(OperatorDecision::Accept),
        _ => panic!("{words:?} is not a word of this language"),
    }
}

fn error(class: ErrorClass) -> ErrorRecord {
    ErrorRecord { class, message: "it failed".to_owned(), causes: Vec::new() }
}
