//! An engine around one scripted activity: what it answers is listed, what it was asked is written down.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::catalog::Catalog;
use kup_core::clock::{Clock, Timestamp};
use kup_core::decide::Mode;
use kup_core::engine::{Engine, EngineError, Parts, Rest};
use kup_core::event::{Entry, Event, Found, Settlement};
use kup_core::id::{BlobId, Epoch, Seq};
use kup_core::journal::{AppendError, BlobError, BlobReader, BlobWriter, Blobs, Journal, NewEntry};
use kup_core::progress::Silent;
use kup_core::state::RunState;
use tokio::sync::watch;

use crate::story::{entry, plan, run, started};

type Shared<T> = Arc<Mutex<T>>;

/// A clock that stands still until somebody sleeps.
#[derive(Default)]
pub(crate) struct ManualClock(Mutex<i64>);

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(*self.0.lock().unwrap())
    }

    fn since_boot(&self) -> u64 {
        0
    }

    async fn sleep(&self, time: Duration) {
        *self.0.lock().unwrap() += i64::try_from(time.as_nanos()).unwrap();
    }
}

struct NoBlobs;

#[async_trait]
impl Blobs for NoBlobs {
    async fn put(&self, _: &[u8]) -> Result<BlobId, BlobError> {
        panic!("nothing is kept here")
    }

    async fn put_secret(&self, _: &[u8]) -> Result<BlobId, BlobError> {
        panic!("nothing is kept here")
    }

    async fn begin_secret(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        panic!("nothing is kept here")
    }

    fn takes_secrets(&self) -> bool {
        true
    }

    async fn get(&self, id: &BlobId) -> Result<Vec<u8>, BlobError> {
        Err(BlobError::Missing(id.clone()))
    }

    async fn begin(&self) -> Result<Box<dyn BlobWriter>, BlobError> {
        panic!("nothing is kept here")
    }

    async fn open(&self, id: &BlobId) -> Result<Box<dyn BlobReader>, BlobError> {
        Err(BlobError::Missing(id.clone()))
    }
}

/// A journal in memory.
struct Paper {
    entries: Shared<Vec<Entry>>,
    epoch: Epoch,
    room: usize,
}

#[async_trait]
impl Journal for Paper {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    async fn append(&mut self, new: Vec<NewEntry>) -> Result<Vec<Entry>, AppendError> {
        let mut entries = self.entries.lock().unwrap();
        let from = entries.len();
        if from + new.len() > self.room {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(AppendError::Storage { place: "paper".to_owned(), source });
        }
        for NewEntry { time, since_boot, event } in new {
            let seq = Seq(entries.len() as u64 + 1);
            entries.push(Entry { seq, epoch: self.epoch, time, since_boot, event });
        }
        Ok(entries[from..].to_vec())
    }
}

/// Answers from lists of words; what the lists do not have goes well.
#[derive(Default)]
struct Scripted {
    answers: Mutex<BTreeMap<&'static str, VecDeque<&'static str>>>,
    asked: Shared<Vec<String>>,
}

impl Scripted {
    fn answer(
        &self,
        cx: &StepContext,
        method: &'static str,
    ) -> Result<&'static str, ActivityError> {
        self.asked.lock().unwrap().push(format!("{method} {} {}", cx.step.id, cx.attempt));
        let word = self.answers.lock().unwrap().get_mut(method).and_then(VecDeque::pop_front);
        match word.unwrap_or("") {
            "transient" => Err(ActivityError::transient("it failed")),
            "permanent" => Err(ActivityError::permanent("it failed for good")),
            "unclear" => Err(ActivityError::unclear("nobody knows")),
            "breaks" => panic!("as scripted"),
            other => Ok(other),
        }
    }
}

#[async_trait]
impl Activity for Scripted {
    fn name(&self) -> &'static str {
        "test"
    }
    fn version(&self) -> u32 {
        1
    }
    fn params(&self) -> &'static [&'static str] {
        &[]
    }
    fn effect(&self) -> EffectClass {
        EffectClass::AtMostOnce
    }
    fn undo_class(&self) -> UndoClass {
        UndoClass::Reversible
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        let what = "seen".to_owned();
        Ok(match self.answer(cx, "observe")? {
            "after" => Found::After { what },
            "foreign" => Found::Foreign { what },
            _ => Found::Before { what },
        })
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        self.answer(cx, "prepare").map(|_| Prepared::default())
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        Ok(match self.answer(cx, "settle")? {
            "running" => Settlement::Running,
            "ended" => Settlement::Ended,
            "lost" => Settlement::Lost { what: "gone".to_owned() },
            _ => Settlement::NotStarted,
        })
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        if self.answer(cx, "execute")? == "waits" {
            cx.clock.sleep(cx.deadline.since(cx.clock.now())).await;
        }
        Ok(Output::default())
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        self.answer(cx, "verify").map(|_| Proof::default())
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        self.answer(cx, "undo").map(|_| Output::default())
    }
}

/// An engine with everything around it.
pub(crate) struct Rig {
    activity: Arc<Scripted>,
    entries: Shared<Vec<Entry>>,
    clock: Arc<ManualClock>,
    stop: watch::Sender<bool>,
    room: usize,
}

impl Rig {
    /// Begins a run. `answers` are lines such as `observe: transient after`.
    pub(crate) fn new(text: &str, answers: &'static str) -> Self {
        let lists = answers.split(',').filter_map(|line| line.split_once(':'));
        let lists =
            lists.map(|(method, words)| (method.trim(), words.split_whitespace().collect()));
        let activity = Scripted { answers: Mutex::new(lists.collect()), ..Scripted::default() };
        let entries = Arc::new(Mutex::new(vec![entry(1, 1, started(plan(text), None))]));
        let (stop, _) = watch::channel(false);
        let (activity, clock) = (Arc::new(activity), Arc::default());
        Self { activity, entries, clock, stop, room: usize::MAX }
    }

    /// Gives the journal room for so many entries.
    pub(crate) fn with_room(self, room: usize) -> Self {
        Self { room, ..self }
    }

    /// Returns the engine of the next process.
    pub(crate) fn engine(&self) -> Engine {
        let entries = self.entries.lock().unwrap().clone();
        let state = RunState::replay(&entries).unwrap();
        let epoch = Epoch(state.epoch.0 + 1);
        let mut catalog = Catalog::new();
        catalog.add(Arc::clone(&self.activity) as Arc<dyn Activity>);
        let (blobs, clock) = (Arc::new(NoBlobs), Arc::clone(&self.clock) as Arc<dyn Clock>);
        let parts = Parts { catalog, blobs, clock, progress: Arc::new(Silent) };
        let journal = Paper { entries: Arc::clone(&self.entries), epoch, room: self.room };
        Engine::new(run(), state, Box::new(journal), (parts, self.stop.subscribe())).unwrap()
    }

    pub(crate) async fn drive(&self) -> Result<Rest, EngineError> {
        self.engine().drive(Mode::Go).await
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Adds an entry of a dead process.
    pub(crate) fn journal(&self, event: Event) {
        let mut entries = self.entries.lock().unwrap();
        let (seq, epoch) = (entries.len() as u64 + 1, entries[entries.len() - 1].epoch.0);
        entries.push(entry(seq, epoch, event));
    }

    /// Returns what the activity was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.activity.asked.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.entries.lock().unwrap().iter().map(|entry| entry.event.clone()).collect()
    }

    pub(crate) fn seconds(&self) -> i64 {
        self.clock.now().0 / 1_000_000_000
    }
}
