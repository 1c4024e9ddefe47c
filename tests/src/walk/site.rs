//! A simulated cluster with a real plan, the real activities and the real engine: processes of kup live there one after the other, and each
//! goes on from what the last one left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kup_core::clock::Timestamp;
use kup_core::event::{Entry, Event, Outcome, RunStarted};
use kup_core::journal::{Blobs, NewEntry};
use kup_core::plan::Plan;
use kup_core::state::{RunState, Status};
use kup_steps::host::Order;
use kup_steps::inventory::Inventory;
use kup_steps::planner::PlanProblem;
use kup_steps::sim::{SimSpec, SimWorld, Survey};
use tempfile::TempDir;

use super::invariant::{Ended, Judge};
use super::planned::{ignored, inventory, started};
use super::process::{Director, Process};
use super::shelf::{Paper, Shelf};
use super::time::Time;

/// What a walk walks through.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The cluster at its birth.
    pub cluster: SimSpec,
    /// The version wanted.
    pub target: &'static str,
    /// Workers drained at once.
    pub max_unavailable: u32,
    /// How long a drain may wait.
    pub drain: Duration,
    /// Where the journal lies.
    pub paper: Paper,
    /// The etcdutl that is laid ready: what it says of itself.
    pub etcdutl: Option<&'static str>,
}

impl Route {
    /// Returns the route from a cluster such as `sim:1x1@v1.35.6` to a version.
    #[must_use]
    pub fn new(spec: &str, target: &'static str) -> Self {
        let mut cluster = SimSpec::parse(spec, None).unwrap();
        cluster.seed = Some(1);
        let drain = Duration::from_secs(600);
        Self { cluster, target, max_unavailable: 2, drain, paper: Paper::Memory, etcdutl: None }
    }

    /// Returns the same with an etcdutl of this version laid ready, such as `etcdutl version: 3.5.30`.
    #[must_use]
    pub fn with_etcdutl(self, said: &'static str) -> Self {
        Self { etcdutl: Some(said), ..self }
    }
}

/// A cluster, its journal and its time. Clones share them.
#[derive(Clone)]
pub struct Site {
    dir: Arc<TempDir>,
    /// The cluster as somebody sees it who stands beside it.
    pub world: SimWorld,
    pub(super) time: Arc<Time>,
    clock_error: Arc<AtomicI64>,
    pub(super) shelf: Shelf,
    pub(super) inventory: Arc<Inventory>,
    judge: Arc<Judge>,
}

impl Site {
    /// Returns a new cluster for which a run has been planned and begun, and nothing has been done.
    pub async fn new(route: &Route) -> Self {
        let dir = Arc::new(room());
        let time = Time::new(Timestamp(1_800_000_000_000_000_000));
        let world = SimWorld::create(&dir.path().join("sim"), &route.cluster, time.clone());
        let world = world.and_then(SimWorld::alone).unwrap();
        let inventory = Arc::new(inventory(&world, route.target, time.clone()).await);
        let shelf = Shelf::new(route.paper, dir.path());
        let etcdutl = match route.etcdutl {
            Some(said) => Some(shelf.blobs().put(said.as_bytes()).await.unwrap()),
            None => None,
        };
        let started = started(&inventory, (route, etcdutl)).unwrap();
        let mut events = ignored(&inventory, &started, route).await;
        events.insert(0, Event::RunStarted(Box::new(started)));
        let entry = |event| NewEntry { time: time.now(), since_boot: 0, event };
        shelf.create(events.into_iter().map(entry).collect());
        Self::over(dir, world, (time, Arc::default()), (shelf, inventory))
    }

    fn over(
        dir: Arc<TempDir>,
        world: SimWorld,
        (time, clock_error): (Arc<Time>, Arc<AtomicI64>),
        (shelf, inventory): (Shelf, Arc<Inventory>),
    ) -> Self {
        let so_far = (shelf.entries(), &world.survey().unwrap());
        let judge = Judge::new(&dir.path().join("sim"), shelf.blobs(), so_far);
        Self { dir, world, time, clock_error, shelf, inventory, judge }
    }

    /// Comes back to what a dead process left. `sim` is the folder of the cluster then.
    #[must_use]
    pub fn revived(&self, (sim, entries): (&Path, &[Entry]), now: Timestamp) -> Self {
        let dir = Arc::new(room());
        copy(sim, &dir.path().join("sim"));
        let time = Time::new(now);
        let world = SimWorld::open(&dir.path().join("sim"), time.clone());
        let world = world.and_then(SimWorld::alone).unwrap();
        let rest = (self.shelf.rewritten(entries), Arc::clone(&self.inventory));
        Self::over(dir, world, (time, Arc::default()), rest)
    }

    /// Returns a copy of the cluster as it is now, for which a new run has been planned by somebody who knows nothing of the old one.
    ///
    /// # Errors
    /// When there is nothing to plan.
    pub async fn planned_anew(&self, route: &Route) -> Result<Self, PlanProblem> {
        let seen = inventory(&self.world, route.target, self.time.clone()).await;
        let site = self.anew(started(&seen, (route, None))?);
        Ok(Self { inventory: Arc::new(seen), ..site })
    }

    /// Returns a copy of the cluster as it is now, with a new journal that begins so.
    #[must_use]
    pub fn anew(&self, started: RunStarted) -> Self {
        let dir = Arc::new(room());
        self.copy_to(&dir.path().join("sim"));
        // Nobody remembers the attempts of a run that has the same name.
        let time = Time::new(self.now());
        let world = SimWorld::open(&dir.path().join("sim"), time.clone());
        let world = world.and_then(SimWorld::alone).unwrap();
        self.nodes().iter().for_each(|node| world.forget_attempts(node).unwrap());
        let shelf = Shelf::new(Paper::Memory, dir.path());
        let event = Event::RunStarted(Box::new(started));
        shelf.create(vec![NewEntry { time: time.now(), since_boot: 0, event }]);
        Self::over(dir, world, (time, Arc::default()), (shelf, Arc::clone(&self.inventory)))
    }

    /// Returns the same cluster with a copy of the journal, for somebody who takes the run over although its process is not dead.
    #[must_use]
    pub fn taken_over(&self) -> Self {
        self.judge.retire();
        let (dir, world) = (Arc::clone(&self.dir), self.world.clone());
        let rest = (self.shelf.rewritten(&self.entries()), Arc::clone(&self.inventory));
        Self::over(dir, world, (Arc::clone(&self.time), Arc::clone(&self.clock_error)), rest)
    }

    /// Copies the cluster as it is now.
    pub fn copy_to(&self, to: &Path) {
        self.world.write_out().unwrap();
        copy(&self.dir.path().join("sim"), to);
    }

    /// Returns who watches this run.
    #[must_use]
    pub fn judge(&self) -> &Arc<Judge> {
        &self.judge
    }

    /// Returns the true time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Lets time pass.
    pub fn forward(&self, time: Duration) {
        self.time.forward(time);
    }

    /// Sets the wall clock of the operator's machine forward, or back.
    pub fn set_clock(&self, seconds: i64) {
        self.clock_error.fetch_add(seconds * 1_000_000_000, Ordering::SeqCst);
    }

    /// Lets an order arrive that was sent long ago.
    pub fn deliver_late(&self, node: &str, order: &Order) {
        self.world.deliver_late(node, order).unwrap();
    }

    /// Returns the journal.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.shelf.entries()
    }

    /// Returns what was kept.
    #[must_use]
    pub fn blobs(&self) -> Arc<dyn Blobs> {
        self.shelf.blobs()
    }

    /// Returns what the journal says.
    #[must_use]
    pub fn state(&self) -> RunState {
        RunState::replay(&self.entries()).unwrap()
    }

    /// Returns the end of the journal, for people.
    #[must_use]
    pub fn last_entries(&self) -> Vec<Event> {
        let entries = self.entries();
        let from = entries.len().saturating_sub(12);
        entries[from..].iter().map(|entry| entry.event.clone()).collect()
    }

    /// Returns the names of the machines.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        self.inventory.nodes.iter().map(|node| node.node.name.clone()).collect()
    }

    /// Returns how the run ended, if it did: nobody resumes it then.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state().status {
            Status::Finished(outcome) => Some(outcome),
            Status::Running | Status::Paused(_) => None,
        }
    }

    /// Returns the plan of the way forward.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.state().started.plan
    }

    /// Lets things settle that end by themselves, and returns the picture.
    #[must_use]
    pub fn picture(&self) -> String {
        self.forward(Duration::from_secs(120));
        self.world.picture().unwrap()
    }

    /// Returns who works where.
    #[must_use]
    pub fn survey(&self) -> Survey {
        self.world.survey().unwrap()
    }

    /// Judges the place at which the run rests; says what is wrong.
    ///
    /// # Errors
    /// What was found wrong first, now or before.
    pub fn judged(&self, (before, after): (&str, &str)) -> Result<(), String> {
        self.judge.reread(&self.entries());
        // A reason must be true when it is given; an end must still be one when all has settled.
        let picture = match self.outcome() {
            Some(_) => self.picture(),
            None => self.world.picture().unwrap(),
        };
        self.judge.ends(&Ended { picture: &picture, before, after, survey: &self.survey() });
        self.judge.found().map_or(Ok(()), Err)
    }

    /// Lets another kup try to take the run over while one drives it, and returns what it is told.
    ///
    /// # Errors
    /// When it may.
    pub fn second_kup(&self) -> Result<String, String> {
        match self.shelf.resume() {
            Ok(_) => Err("two processes hold the run".to_owned()),
            Err(holder) => Ok(holder),
        }
    }

    /// Looks at the world between two lives.
    pub fn look(&self) {
        self.judge.look(&self.survey(), self.now());
    }

    pub(super) fn process(&self, director: Arc<dyn Director>) -> Arc<Process> {
        let times = (Arc::clone(&self.time), Arc::clone(&self.clock_error));
        Process::new(times, self.world.clone(), Arc::clone(&self.judge), director)
    }
}

/// Returns a new folder, in memory where there is a place for that: a walk makes thousands.
#[must_use]
pub fn room() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for found in std::fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let target = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            copy(&found.path(), &target);
        } else {
            std::fs::copy(found.path(), target).unwrap();
        }
    }
}
