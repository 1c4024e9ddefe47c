//! The life of one process: it takes the run over, does what its operator wants, and rests, breaks off or is killed.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::ActivityError;
use kup_core::catalog::Catalog;
use kup_core::clock::Clock;
use kup_core::decide::Mode;
use kup_core::engine::{Engine, EngineError, Parts, Rest};
use kup_core::event::{
    Event, OperatorDecided, OperatorDecision, PauseReason, RollbackStarted, RunPaused, RunResumed,
    Verdict,
};
use kup_core::gate::Gate;
use kup_core::id::{Epoch, StepId};
use kup_core::progress::Silent;
use kup_core::state::{Phase, RunState};
use kup_steps::host::{Host, Owner};
use kup_steps::rollback::{Asked, Present, RollbackProblem, rollback};
use kup_steps::world::{Expected, Ports, World};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ports::{WatchedCluster, WatchedEtcd, WatchedHost, WatchedJournal};
use super::process::{Director, Process, WallClock, WorldClock};
use super::shelf::run;
use super::site::Site;

/// What the operator of a process wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Will {
    /// Go on.
    Go,
    /// Try these steps again, then go on.
    Retry(Vec<StepId>),
    /// Undo what the run did.
    Back,
    /// The same, in another way.
    BackAs(Asked),
}

/// How a life ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The run rests.
    Rest(Rest),
    /// There is no way back, for this reason; nothing was changed.
    NoWayBack(String),
    /// The process gave up.
    Broke(String),
    /// The process was killed.
    Died,
    /// Another process holds the run.
    Refused(String),
}

/// A process that sleeps, and what is left of its life.
pub struct Sleeping {
    process: Arc<Process>,
    rest: JoinHandle<End>,
}

impl Sleeping {
    /// Wakes the process and waits for the end of its life.
    pub async fn wake(self) -> End {
        self.process.wake();
        self.rest.await.unwrap()
    }
}

/// Somebody who changes the catalog before a process uses it.
pub type Dresser = Arc<dyn Fn(&mut Catalog) + Send + Sync>;

/// A process before it begins.
pub struct Life {
    /// What happens to it.
    pub director: Arc<dyn Director>,
    /// What its operator wants.
    pub will: Will,
    /// Who changes its activities and gates.
    pub dresser: Option<Dresser>,
    /// Turns true when its operator asks it to stop.
    pub stop: watch::Receiver<bool>,
}

impl Life {
    /// Returns a process that nothing happens to but what its director wants.
    #[must_use]
    pub fn new(director: Arc<dyn Director>, will: Will) -> Self {
        let (_, stop) = watch::channel(false);
        Self { director, will, dresser: None, stop }
    }
}

impl Site {
    /// Lets a process live to its end, or until it is put to sleep.
    pub async fn live(&self, life: Life) -> Result<End, Sleeping> {
        let process = self.process(Arc::clone(&life.director));
        let mut rest = tokio::spawn(self.clone().lives(life, Arc::clone(&process)));
        tokio::select! {
            biased;
            () = process.is_asleep() => {}
            end = &mut rest => return Ok(end.unwrap()),
        }
        Err(Sleeping { process, rest })
    }

    async fn lives(self, life: Life, process: Arc<Process>) -> End {
        let (will, dead) = (life.will.clone(), Arc::clone(&process));
        let (mut engine, world) = match self.engine(life, process) {
            Ok(begun) => begun,
            Err(holder) => return End::Refused(holder),
        };
        let end = tokio::select! {
            biased;
            () = dead.is_dead() => End::Died,
            end = self.act(&mut engine, &world, will) => end,
        };
        self.judge().compare(engine.state());
        end
    }

    /// Boxed, because the compiler cannot see for all lifetimes that it may be sent.
    fn act<'a>(
        &'a self,
        engine: &'a mut Engine,
        world: &'a World,
        will: Will,
    ) -> Pin<Box<dyn Future<Output = End> + Send + 'a>> {
        Box::pin(async move {
            let end = match will {
                Will::Go => go(engine, Vec::new()).await,
                Will::Retry(steps) => go(engine, steps).await,
                Will::Back => turn_back(engine, world, &Asked::default()).await,
                Will::BackAs(asked) => turn_back(engine, world, &asked).await,
            };
            let end = end.unwrap_or_else(|error| End::Broke(chain(&error)));
            if matches!(end, End::Rest(Rest::Finished(_))) {
                world.release().await;
            }
            end
        })
    }

    fn engine(&self, life: Life, process: Arc<Process>) -> Result<(Engine, Arc<World>), String> {
        let (journal, entries) = self.shelf.resume()?;
        self.judge().reread(&entries);
        let state = RunState::replay(&entries).map_err(|error| error.to_string())?;
        let world = self.world_of(&state, journal.epoch(), &process);
        let parts = Parts {
            catalog: self.catalog(&world, life.dresser),
            blobs: self.shelf.blobs(),
            clock: Arc::new(WallClock(Arc::clone(&process))) as Arc<dyn Clock>,
            progress: Arc::new(Silent),
        };
        let journal = Box::new(WatchedJournal(journal, process));
        let engine = Engine::new(run(), state, journal, (parts, life.stop));
        Ok((engine.map_err(|error| chain(&error))?, world))
    }

    fn world_of(&self, state: &RunState, epoch: Epoch, process: &Arc<Process>) -> Arc<World> {
        let seen = self.world.seen_with(Arc::new(WorldClock(Arc::clone(process))));
        let owner = Owner {
            cluster: state.started.cluster.uid.clone(),
            run: run(),
            epoch,
            operator: "me@here".to_owned(),
        };
        let expected = Expected {
            cluster: state.started.cluster.clone(),
            machines: state.started.machines.clone(),
            owner,
            is_over: Arc::new(|_| false),
        };
        let host = |node: String| {
            let (inner, process) = (seen.host(&node), Arc::clone(process));
            (node, Arc::new(WatchedHost { inner, process }) as Arc<dyn Host>)
        };
        let hosts: BTreeMap<_, _> = self.nodes().into_iter().map(host).collect();
        let cluster = WatchedCluster { inner: seen.cluster(), process: Arc::clone(process) };
        let etcd = WatchedEtcd { inner: seen.etcd(), process: Arc::clone(process) };
        let (cluster, etcd) = (Arc::new(cluster), Arc::new(etcd));
        Arc::new(World::new(Ports { cluster, hosts, etcd }, expected))
    }

    fn catalog(&self, world: &Arc<World>, dresser: Option<Dresser>) -> Catalog {
        let mut catalog = Catalog::new();
        kup_steps::activity::add_all(&mut catalog, world);
        kup_steps::gate::add_all(&mut catalog, &self.inventory);
        catalog.add_gate(Arc::new(Open("journal-room")));
        catalog.add_gate(Arc::new(Open("no-unfinished-run")));
        if let Some(dress) = dresser {
            dress(&mut catalog);
        }
        catalog
    }
}

async fn go(engine: &mut Engine, retry: Vec<StepId>) -> Result<End, EngineError> {
    let decided = |step: StepId| {
        let decision = OperatorDecision::Retry;
        let (operator, reason) = ("me@here".to_owned(), String::new());
        Event::OperatorDecided(OperatorDecided { step, decision, operator, reason })
    };
    let events = std::iter::once(resumed()).chain(retry.into_iter().map(decided)).collect();
    engine.record(events).await?;
    engine.drive(Mode::Go).await.map(End::Rest)
}

/// Settles what is open, turns back unless that was done before, and goes on.
async fn turn_back(engine: &mut Engine, world: &World, asked: &Asked) -> Result<End, EngineError> {
    if !engine.state().is_finished() {
        engine.record(vec![resumed()]).await?;
    }
    if engine.state().phase == Phase::Forward {
        if !engine.state().is_finished() {
            let rest = engine.drive(Mode::Settle).await?;
            if rest != Rest::Settled {
                return Ok(End::Rest(rest));
            }
        }
        let plan = match way_back(engine.state(), world, asked).await {
            Ok(plan) => plan,
            Err(why) => {
                if !engine.state().is_finished() {
                    let reason = PauseReason::Interrupted;
                    engine.record(vec![Event::RunPaused(RunPaused { reason })]).await?;
                }
                return Ok(End::NoWayBack(why));
            }
        };
        let (operator, reason) = ("me@here".to_owned(), String::new());
        let turned = RollbackStarted { operator, reason, plan };
        engine.record(vec![Event::RollbackStarted(Box::new(turned))]).await?;
    }
    engine.drive(Mode::Go).await.map(End::Rest)
}

async fn way_back(
    state: &RunState,
    world: &World,
    asked: &Asked,
) -> Result<kup_core::plan::Plan, String> {
    let present = Present::of_world(state, world).await;
    let mut present = present.map_err(|error| error.to_record().to_string())?;
    // Nobody but the run changes anything in these walks.
    present.changed.clear();
    rollback(state, &present, asked)
        .map(|way| way.plan)
        .map_err(|problem: RollbackProblem| chain(&problem))
}

fn resumed() -> Event {
    let (kup_version, operator) = ("0".to_owned(), "me@here".to_owned());
    Event::RunResumed(RunResumed { kup_version, operator, reason: String::new() })
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
