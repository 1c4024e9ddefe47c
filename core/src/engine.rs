//! The loop: decide, append the intent, act, append the result. The only code that appends to a journal, and the only code that
//! calls an activity's effects. A resumed run enters the same loop as a first one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tracing::info;

use crate::activity::{ActivityError, EffectClass, StepContext};
use crate::catalog::{BindError, Catalog};
use crate::clock::{Clock, Timestamp};
use crate::decide::{Action, Decision, Mode, decide};
use crate::event::{
    AttemptStarted, Doing, Entry, Event, GateChecked, Outcome, PauseReason, RetryScheduled,
    RunFinished, RunPaused, StepBlocked, Verdict,
};
use crate::id::{RunId, Seq, StepId};
use crate::journal::{AppendError, Blobs, Journal, NewEntry};
use crate::perform::{Done, perform};
use crate::plan::StepSpec;
use crate::progress::Progress;
use crate::state::{IllegalEntry, OpenAttempt, RunState, StepRecord};

mod after;
mod result;

pub use after::record_after;

/// What the engine works with.
#[derive(Clone)]
pub struct Parts {
    /// The code of steps and gates.
    pub catalog: Catalog,
    /// Where large bytes go.
    pub blobs: Arc<dyn Blobs>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who watches.
    pub progress: Arc<dyn Progress>,
}

/// How driving a run came to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// The run is over.
    Finished(Outcome),
    /// The run waits for somebody, with the reason.
    Paused(PauseReason),
    /// In [`Mode::Settle`]: what can be known of open attempts is known.
    Settled,
}

/// Says why the engine gave up. The journal is intact up to its last entry, and the run can be resumed.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The journal does not accept entries any more.
    #[error("the journal cannot be written")]
    Append(#[source] AppendError),
    /// A bug: the engine wanted to write an entry that does not fit.
    #[error("an entry that does not fit was not written")]
    Illegal(#[source] IllegalEntry),
    /// This kup lacks code that the plan needs.
    #[error("this kup cannot do the plan")]
    Bind(#[source] BindError),
    /// The journal has events of a newer kup.
    #[error(
        "the journal has events that this kup does not know, the first at entry {0}; use the newer kup"
    )]
    NewerJournal(Seq),
}

/// Drives one run. Dropping it aborts nothing on the nodes: attempts live there.
pub struct Engine {
    run: RunId,
    state: RunState,
    journal: Box<dyn Journal>,
    parts: Parts,
    stop: watch::Receiver<bool>,
    tasks: JoinSet<Done>,
    under_way: BTreeMap<Id, (StepId, Doing)>,
}

impl Engine {
    /// Returns an engine for a run whose journal is held and folded, after checking that this kup can do its plan.
    ///
    /// # Errors
    /// [`EngineError::Bind`] and [`EngineError::NewerJournal`]; nothing was changed then.
    pub fn new(
        run: RunId,
        state: RunState,
        journal: Box<dyn Journal>,
        (parts, stop): (Parts, watch::Receiver<bool>),
    ) -> Result<Self, EngineError> {
        if let Some((seq, _)) = state.opaque.first() {
            return Err(EngineError::NewerJournal(*seq));
        }
        parts.catalog.bind(&state.plan).map_err(EngineError::Bind)?;
        let (tasks, under_way) = (JoinSet::new(), BTreeMap::new());
        Ok(Self { run, state, journal, parts, stop, tasks, under_way })
    }

    /// Returns what is known of the run.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// Records facts that come from outside the loop: a resume, an operator's decision, a rollback.
    ///
    /// # Errors
    /// See [`EngineError`]; of an entry that does not fit nothing is written.
    pub async fn record(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        if let Some(Event::RollbackStarted(rollback)) = events.first() {
            self.parts.catalog.bind(&rollback.plan).map_err(EngineError::Bind)?;
        }
        self.append(events).await
    }

    /// Drives the run until it rests.
    ///
    /// # Errors
    /// See [`EngineError`]. Effects under way go on where they run; a resume learns their outcome.
    pub async fn drive(&mut self, mode: Mode) -> Result<Rest, EngineError> {
        loop {
            let mode = if *self.stop.borrow() { Mode::Stop } else { mode };
            match decide(&self.run, &self.state, &self.busy(), mode, self.parts.clock.now()) {
                Decision::Ask(gate) => self.ask(&gate).await?,
                Decision::Act(actions) => {
                    for (step, action) in actions {
                        self.act(step, action).await?;
                    }
                }
                Decision::Wait(until) => self.wait(until).await?,
                Decision::Rest => return Ok(Rest::Settled),
                Decision::Pause(reason) => {
                    let event = Event::RunPaused(RunPaused { reason: reason.clone() });
                    self.append(vec![event]).await?;
                    info!(?reason, "run paused");
                    return Ok(Rest::Paused(reason));
                }
                Decision::Finish(outcome) => {
                    let finished = RunFinished { outcome, reason: String::new() };
                    self.append(vec![Event::RunFinished(finished)]).await?;
                    info!(?outcome, "run finished");
                    return Ok(Rest::Finished(outcome));
                }
            }
        }
    }

    fn busy(&self) -> BTreeSet<StepId> {
        self.under_way.values().map(|(step, _)| step.clone()).collect()
    }

    /// Checks the entries against a copy of the state, writes them, and only then believes them.
    async fn append(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        let clock = &self.parts.clock;
        let (time, since_boot) = (clock.now(), clock.since_boot());
        let mut next = self.state.clone();
        let epoch = self.journal.epoch();
        for event in &events {
            let seq = Seq(next.head.0 + 1);
            let entry = Entry { seq, epoch, time, since_boot, event: event.clone() };
            next.apply(&entry).map_err(EngineError::Illegal)?;
        }
        let entries =
            events.into_iter().map(|event| NewEntry { time, since_boot, event }).collect();
        let written = self.journal.append(entries).await.map_err(EngineError::Append)?;
        self.state = next;
        written.iter().for_each(|entry| self.parts.progress.entry(entry));
        Ok(())
    }

    async fn ask(&mut self, name: &str) -> Result<(), EngineError> {
        let spec = self.state.plan.gates.iter().find(|spec| spec.gate == name);
        let Some(spec) = spec.cloned() else { return Ok(()) };
        let gate = self.parts.catalog.gate(&spec).map_err(EngineError::Bind)?;
        let verdict = gate.check(&spec.params).await.unwrap_or_else(|error| Verdict::Block {
            evidence: error.to_record().to_string(),
            remedy: "make it answer, then try again".to_owned(),
        });
        let gate = name.to_owned();
        self.append(vec![Event::GateChecked(GateChecked { gate, verdict })]).await
    }

    async fn act(&mut self, step: StepId, action: Action) -> Result<(), EngineError> {
        let doing = match action {
            Action::Observe => Doing::Observe,
            Action::Prepare => Doing::Prepare,
            Action::Settle => Doing::Settle,
            Action::Attach => Doing::Execute,
            Action::Verify => Doing::Verify,
            Action::Start(attempt) => {
                let timeout = self.spec(&step).map(|(_, spec)| spec.policy.timeout());
                let deadline = self.parts.clock.now().plus(timeout.unwrap_or_default());
                let started = AttemptStarted { step: step.clone(), attempt, deadline };
                self.append(vec![Event::AttemptStarted(started)]).await?;
                Doing::Execute
            }
            Action::Retry(at, error) => {
                let retry = RetryScheduled { step, doing: Doing::Execute, at, error };
                return self.append(vec![Event::RetryScheduled(retry)]).await;
            }
            Action::Block(error) => {
                let blocked = StepBlocked { step, error };
                return self.append(self.with_undo(Event::StepBlocked(blocked))).await;
            }
        };
        self.spawn(step, doing)
    }

    /// Finds a step in the plan in force, or for a settlement before a rollback in the first plan.
    fn spec(&self, id: &StepId) -> Option<(String, StepSpec)> {
        let found = self.state.plan.find(id).or_else(|| self.state.started.plan.find(id));
        found.map(|(stage, spec)| (stage.target.clone(), spec.clone()))
    }

    fn spawn(&mut self, id: StepId, doing: Doing) -> Result<(), EngineError> {
        let Some((target, step)) = self.spec(&id) else { return Ok(()) };
        let activity = self.parts.catalog.activity(&step).map_err(EngineError::Bind)?;
        let record = self.state.step(&id).cloned().unwrap_or_default();
        let cx = self.context(target, step, &record);
        // Looking and proving change nothing, so they need not be waited for when the run is to rest.
        let only_looks = matches!(doing, Doing::Observe | Doing::Settle | Doing::Verify)
            || activity.effect() == EffectClass::ReadOnly;
        let task = self.tasks.spawn(async move {
            // What is done counts, also when the word to stop comes at the same moment; and the order is always the same.
            tokio::select! {
                biased;
                done = perform(activity.as_ref(), &cx, doing) => done,
                () = cx.stopping(), if only_looks => Done::LeftOff,
            }
        });
        self.under_way.insert(task.id(), (id, doing));
        Ok(())
    }

    fn context(&self, target: String, step: StepSpec, record: &StepRecord) -> StepContext {
        let original = step.undo_of.as_ref().and_then(|id| self.state.step(id));
        let open = record.open.as_ref();
        // An attempt whose time ran out while no kup was there gets it once more. It never gets more: a clock may have been set back.
        let now = self.parts.clock.now();
        let in_time = |open: &&OpenAttempt| open.deadline > now || !open.inherited;
        let latest = now.plus(step.policy.timeout());
        let deadline = open.filter(in_time).map_or(latest, |open| open.deadline.min(latest));
        StepContext {
            run: self.run.clone(),
            epoch: self.journal.epoch(),
            target,
            attempt: record.attempts,
            intent: open.map_or(Seq(0), |open| open.intent),
            deadline,
            prepared: original.unwrap_or(record).prepared.clone(),
            left: original.map(|record| record.left.clone()).unwrap_or_default(),
            left_out: self.state.left_out(),
            blobs: Arc::clone(&self.parts.blobs),
            clock: Arc::clone(&self.parts.clock),
            progress: Arc::clone(&self.parts.progress),
            stop: self.stop.clone(),
            step,
        }
    }

    /// Waits for something under way, for a moment, or for the word to stop, whichever comes first.
    async fn wait(&mut self, until: Option<Timestamp>) -> Result<(), EngineError> {
        let clock = Arc::clone(&self.parts.clock);
        let pause = until.map(|at| at.since(clock.now()));
        let stopping = *self.stop.borrow();
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
            _ = self.stop.changed(), if !stopping && self.stop.has_changed().is_ok() => Ok(()),
            () = async { clock.sleep(pause.unwrap_or_default()).await }, if pause.is_some() => Ok(()),
        }
    }

    async fn ended(&mut self, ended: Result<(Id, Done), JoinError>) -> Result<(), EngineError> {
        let (id, done) = match ended {
            Ok((id, done)) => (id, done),
            Err(error) => {
                let why = format!("the code of the step broke off: {error}");
                (error.id(), Done::Failed(ActivityError::unclear(why)))
            }
        };
        let Some((step, doing)) = self.under_way.remove(&id) else { return Ok(()) };
        match self.event_of(step, doing, done) {
            Some(event) => self.append(self.with_undo(event)).await,
            None => Ok(()),
        }
    }
}
