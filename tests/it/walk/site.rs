//! A simulated cluster with a real plan, the real activities and the real engine, which can be left and come back to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::ActivityError;
use kup_core::catalog::Catalog;
use kup_core::clock::{Clock, Timestamp};
use kup_core::decide::Mode;
use kup_core::engine::{Engine, Parts, Rest};
use kup_core::event::{
    AttemptStarted, Entry, Event, Outcome, Reach, RollbackStarted, RunResumed, RunStarted, Verdict,
};
use kup_core::gate::Gate;
use kup_core::id::RunId;
use kup_core::journal::{Journal, NewEntry};
use kup_core::progress::Silent;
use kup_core::state::{Phase, RunState, Status};
use kup_steps::cluster::Cluster;
use kup_steps::host::{Host, Owner};
use kup_steps::inventory::{Inventory, NodeInventory, collect};
use kup_steps::planner::{Drain, Options, plan};
use kup_steps::rollback::{Present, rollback, touched_control_planes};
use kup_steps::sim::{SimSpec, SimWorld};
use kup_steps::world::{Expected, World};
use kup_store::{MemoryBlobs, MemoryJournal, MemoryStore};
use tokio::sync::watch;

use super::camera::{Camera, Shot, Watched, copy, room};

pub(crate) fn run() -> RunId {
    "20261123-aaaaaaa".parse().unwrap()
}

/// A cluster, its journal and its clock.
pub(crate) struct Site {
    dir: tempfile::TempDir,
    pub(crate) world: SimWorld,
    pub(crate) camera: Arc<Camera>,
    pub(crate) store: MemoryStore,
    blobs: MemoryBlobs,
    inventory: Arc<Inventory>,
}

impl Site {
    /// Returns a new cluster for which a run has been planned and begun, and nothing has been done.
    pub(crate) async fn new(spec: &str, (target, every): (&str, usize)) -> Self {
        let dir = room();
        let store = MemoryStore::default();
        let began = Timestamp(1_800_000_000_000_000_000);
        let camera = Camera::new(dir.path(), &store, (began, every));
        let spec = SimSpec::parse(spec, None).unwrap();
        let world = SimWorld::create(dir.path(), &spec, camera.clone()).unwrap();
        let inventory = Arc::new(inventory(&world, target, began).await);
        let blobs = MemoryBlobs::default();
        let site = Self { dir, world, camera, store, blobs, inventory };
        let started = Event::RunStarted(Box::new(site.started(target)));
        drop(site.store.create(&run(), vec![new(site.camera.now(), started)]).unwrap());
        site
    }

    /// Comes back to what a dead process left.
    pub(crate) fn revive(&self, shot: &Shot, every: usize) -> Self {
        let dir = room();
        copy(shot.dir.path(), dir.path());
        let store = rewritten(&shot.entries);
        let camera = Camera::new(dir.path(), &store, (shot.now, every));
        let world = SimWorld::open(dir.path(), camera.clone()).unwrap();
        let (blobs, inventory) = (self.blobs.clone(), Arc::clone(&self.inventory));
        Self { dir, world, camera, store, blobs, inventory }
    }

    fn started(&self, target: &str) -> RunStarted {
        let options = Options {
            target: target.parse().unwrap(),
            first: None,
            max_unavailable: 2,
            kubeadm_flags: Vec::new(),
            drain: Drain { timeout: Duration::from_secs(600), ..Drain::default() },
        };
        RunStarted {
            kup_version: "0".to_owned(),
            operator: "me@here".to_owned(),
            cluster: self.inventory.cluster.clone(),
            machines: self.inventory.nodes.iter().map(NodeInventory::identity).collect(),
            reach: Reach::default(),
            until: None,
            plan: plan(&self.inventory, &options).unwrap(),
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.store.read(&run()).unwrap().entries
    }

    /// Returns the end of the journal, for people.
    pub(crate) fn last_entries(&self) -> Vec<Event> {
        let entries = self.entries();
        let from = entries.len().saturating_sub(12);
        entries[from..].iter().map(|entry| entry.event.clone()).collect()
    }

    pub(crate) fn nodes(&self) -> Vec<String> {
        self.inventory.nodes.iter().map(|node| node.node.name.clone()).collect()
    }

    /// Returns the engine of the next process, which has recorded that it took over.
    pub(crate) async fn engine(&self) -> Engine {
        let (journal, history) = self.store.resume(&run()).unwrap();
        let state = RunState::replay(&history.entries).unwrap();
        let catalog = self.catalog(&state, &journal);
        let clock = Arc::clone(&self.camera) as Arc<dyn Clock>;
        let parts = Parts {
            catalog,
            blobs: Arc::new(self.blobs.clone()),
            clock,
            progress: Arc::new(Silent),
        };
        let journal = Box::new(Watched(journal, Arc::clone(&self.camera)));
        let is_finished = state.is_finished();
        let (_, stop) = watch::channel(false);
        let mut engine = Engine::new(run(), state, journal, (parts, stop)).unwrap();
        if !is_finished {
            engine.record(vec![resumed()]).await.unwrap();
        }
        engine
    }

    fn catalog(&self, state: &RunState, journal: &MemoryJournal) -> Catalog {
        let owner = Owner {
            cluster: state.started.cluster.uid.clone(),
            run: run(),
            epoch: Journal::epoch(journal),
            operator: "me@here".to_owned(),
        };
        let expected = Expected {
            cluster: state.started.cluster.clone(),
            machines: state.started.machines.clone(),
            owner,
            is_over: Arc::new(|_| false),
        };
        let hosts = self.nodes().into_iter().map(|node| (node.clone(), self.world.host(&node)));
        let world = Arc::new(World::new(self.world.cluster(), hosts.collect(), expected));
        let mut catalog = Catalog::new();
        kup_steps::activity::add_all(&mut catalog, &world);
        kup_steps::gate::add_all(&mut catalog, &self.inventory);
        catalog.add_gate(Arc::new(Open("journal-room")));
        catalog.add_gate(Arc::new(Open("no-unfinished-run")));
        catalog
    }

    /// Returns how the run ended, if it did: nobody resumes it then.
    fn ended(&self) -> Option<Outcome> {
        match RunState::replay(&self.entries()).unwrap().status {
            Status::Finished(outcome) => Some(outcome),
            Status::Running | Status::Paused(_) => None,
        }
    }

    /// Drives the run until it rests.
    pub(crate) async fn drive(&self) -> Rest {
        if let Some(outcome) = self.ended() {
            return Rest::Finished(outcome);
        }
        self.engine().await.drive(Mode::Go).await.unwrap()
    }

    /// Settles what is open, turns back unless that was done before, and drives until the run rests.
    pub(crate) async fn roll_back(&self) -> Rest {
        if let Some(Outcome::RolledBack) = self.ended() {
            return Rest::Finished(Outcome::RolledBack);
        }
        let mut engine = self.engine().await;
        if engine.state().phase == Phase::Forward {
            if !engine.state().is_finished() {
                assert_eq!(engine.drive(Mode::Settle).await.unwrap(), Rest::Settled);
            }
            let nodes = self.world.cluster().nodes().await.unwrap();
            let mut present = Present { nodes, ..Present::default() };
            for node in touched_control_planes(engine.state()) {
                let host = self.world.host(&node);
                present.look_at(node, host.as_ref()).await.unwrap();
            }
            let (plan, _) = match rollback(engine.state(), &present) {
                Ok(planned) => planned,
                Err(kup_steps::rollback::RollbackProblem::NothingDone) => return Rest::Settled,
                Err(problem) => panic!("{problem}"),
            };
            let (operator, reason) = ("me@here".to_owned(), String::new());
            let turned = RollbackStarted { operator, reason, plan };
            engine.record(vec![Event::RollbackStarted(Box::new(turned))]).await.unwrap();
        }
        engine.drive(Mode::Go).await.unwrap()
    }

    /// Compares the attempts on the nodes with the journal: each has an intent of its own, and what has succeeded did not run again.
    pub(crate) fn check_attempts(&self) {
        let entries = self.entries();
        let mut succeeded = BTreeSet::new();
        for (name, attempt) in self.nodes().iter().flat_map(|node| attempts(self.dir.path(), node))
        {
            let intent = usize::try_from(attempt["intent"].as_u64().unwrap()).unwrap();
            let Event::AttemptStarted(AttemptStarted { step, attempt: n, .. }) =
                &entries[intent - 1].event
            else {
                panic!("{name} names entry {intent}, which is no intent");
            };
            assert_eq!(name, format!("{}/{step}.{n}", run()));
            if attempt["state"]["Ended"].as_i64() == Some(0) {
                assert!(succeeded.insert(step.clone()), "{step} ran again after it had succeeded");
            }
        }
    }
}

/// Returns the attempts that a node remembers, by name.
fn attempts(dir: &std::path::Path, node: &str) -> Vec<(String, serde_json::Value)> {
    let text = std::fs::read_to_string(dir.join(format!("machines/{node}.json"))).unwrap();
    let machine: serde_json::Value = serde_json::from_str(&text).unwrap();
    let attempts = machine["attempts"].as_object().unwrap().clone();
    attempts.into_iter().collect()
}

async fn inventory(world: &SimWorld, target: &str, now: Timestamp) -> Inventory {
    let cluster = world.cluster();
    let nodes = cluster.nodes().await.unwrap();
    let host = |node: &str| (node.to_owned(), (node.to_owned(), world.host(node)));
    let hosts: BTreeMap<String, (String, Arc<dyn Host>)> =
        nodes.iter().map(|node| host(&node.name)).collect();
    let target = target.parse().unwrap();
    collect(cluster.as_ref() as &dyn Cluster, &nodes, &hosts, (target, now)).await.unwrap()
}

/// Writes a journal anew, one process after the other.
fn rewritten(entries: &[Entry]) -> MemoryStore {
    let store = MemoryStore::default();
    let copy =
        |entry: &Entry| NewEntry { time: entry.time, since_boot: 0, event: entry.event.clone() };
    for process in entries.chunk_by(|a, b| a.epoch == b.epoch) {
        let new: Vec<NewEntry> = process.iter().map(copy).collect();
        if process[0].seq.0 == 1 {
            drop(store.create(&run(), new).unwrap());
        } else {
            let (mut journal, _) = store.resume(&run()).unwrap();
            let append = Journal::append(&mut journal, new);
            at_once(append).unwrap();
        }
    }
    assert_eq!(store.read(&run()).unwrap().entries, entries, "processes that wrote nothing");
    store
}

/// Takes the result of something that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("a journal in memory has nothing to wait for"),
    }
}

fn new(time: Timestamp, event: Event) -> NewEntry {
    NewEntry { time, since_boot: 0, event }
}

fn resumed() -> Event {
    let (kup_version, operator) = ("0".to_owned(), "me@here".to_owned());
    Event::RunResumed(RunResumed { kup_version, operator, reason: String::new() })
}

/// A gate that only the command line could answer.
struct Open(&'static str);

#[async_trait]
impl Gate for Open {
    fn name(&self) -> &'static str {
        self.0
    }

    fn version(&self) -> u32 {
        1
    }

    async fn check(&self, _: &BTreeMap<String, String>) -> Result<Verdict, ActivityError> {
        Ok(Verdict::Pass { evidence: "not asked here".to_owned() })
    }
}
