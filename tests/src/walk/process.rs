//! One process of kup in a walk. Whatever it does passes through here, so that it can be stopped at every moment there is: for ever, as a
//! kill does, or for a while, as a machine does that sleeps.

use std::future::pending;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_steps::host::Order;
use kup_steps::sim::SimWorld;
use tokio::sync::Notify;

use super::invariant::Judge;
use super::time::Time;

/// What a process is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The effect is there and its entry is not.
    BeforeAppend,
    /// The entry is there and what it announces is not.
    AfterAppend,
    /// A machine or the API is about to be asked or changed.
    BeforeCall(Call),
    /// It was, and the process does not know the answer yet.
    AfterCall(Call),
    /// Something is waited for.
    Waiting,
}

/// A call of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The machine; `None` for the API.
    pub node: Option<String>,
    /// What is asked for.
    pub what: &'static str,
}

/// What happens to a process at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cue {
    /// Nothing.
    GoOn,
    /// It is killed.
    Die,
    /// What it is at fails: the call is not delivered or its answer is lost, the journal's disk is full.
    Fail,
    /// The order that it is about to send stays on its way, and the connection breaks.
    Delay,
}

/// Decides what happens to processes, and does to the world whatever it likes.
pub trait Director: Send + Sync {
    /// Says what happens at this moment.
    fn at(&self, process: &Process, moment: &Moment) -> Cue;

    /// Takes an order that stays on its way.
    fn takes(&self, _node: &str, _order: &Order) {}
}

/// Lets everything go its way.
#[derive(Debug, Clone, Copy)]
pub struct Undisturbed;

impl Director for Undisturbed {
    fn at(&self, _: &Process, _: &Moment) -> Cue {
        Cue::GoOn
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lot {
    Alive,
    Asleep,
    Dead,
}

/// A process.
pub struct Process {
    lot: Mutex<Lot>,
    changed: Notify,
    time: Arc<Time>,
    /// How far the wall clock of the operator's machine is from the true time.
    clock_error: Arc<AtomicI64>,
    world: SimWorld,
    judge: Arc<Judge>,
    director: Arc<dyn Director>,
}

impl Process {
    pub(super) fn new(
        (time, clock_error): (Arc<Time>, Arc<AtomicI64>),
        world: SimWorld,
        judge: Arc<Judge>,
        director: Arc<dyn Director>,
    ) -> Arc<Self> {
        let (lot, changed) = (Mutex::new(Lot::Alive), Notify::new());
        Arc::new(Self { lot, changed, time, clock_error, world, judge, director })
    }

    /// Puts the process to sleep: nothing of it goes on.
    pub fn put_to_sleep(&self) {
        self.turn(Lot::Asleep);
    }

    /// Wakes the process, which knows nothing of what has happened meanwhile.
    pub fn wake(&self) {
        self.turn(Lot::Alive);
    }

    /// Returns when the process is dead.
    pub(super) async fn is_dead(&self) {
        self.becomes(Lot::Dead).await;
    }

    /// Returns when the process is asleep.
    pub(super) async fn is_asleep(&self) {
        self.becomes(Lot::Asleep).await;
    }

    async fn becomes(&self, lot: Lot) {
        loop {
            let changed = self.changed.notified();
            if self.lot() == lot {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn director(&self) -> &dyn Director {
        self.director.as_ref()
    }

    /// Returns who watches the run.
    #[must_use]
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Passes a moment: goes on, fails, or never returns.
    pub(super) async fn pass(&self, moment: Moment) -> Cue {
        self.lives().await;
        let cue = self.director.at(self, &moment);
        if cue == Cue::Die || self.judge.has_found() {
            self.turn(Lot::Dead);
        }
        self.lives().await;
        cue
    }

    /// Looks at the world with the judge's eyes.
    pub(super) fn look(&self) {
        match self.world.survey() {
            Ok(survey) => self.judge.look(&survey, self.time.now()),
            Err(error) => self.judge.object(format!("the world cannot be seen: {error}")),
        }
    }

    async fn lives(&self) {
        loop {
            let changed = self.changed.notified();
            match self.lot() {
                Lot::Alive => return,
                Lot::Asleep => changed.await,
                Lot::Dead => pending().await,
            }
        }
    }

    async fn sleep(&self, time: Duration) {
        self.pass(Moment::Waiting).await;
        let sleeper = self.time.fall_asleep(time);
        loop {
            tokio::task::yield_now().await;
            if self.lot() != Lot::Alive {
                drop(sleeper);
                return self.lives().await;
            }
            if sleeper.wakes() {
                drop(sleeper);
                return self.look();
            }
        }
    }

    fn lot(&self) -> Lot {
        *self.lot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, lot: Lot) {
        *self.lot.lock().unwrap_or_else(PoisonError::into_inner) = lot;
        self.changed.notify_waiters();
    }
}

/// The clock by which the world goes: the true time, and sleeping is a moment of the process.
pub(super) struct WorldClock(pub(super) Arc<Process>);

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.0.time.now()
    }

    fn since_boot(&self) -> u64 {
        u64::try_from(self.0.time.now().0).unwrap_or(0)
    }

    async fn sleep(&self, time: Duration) {
        self.0.sleep(time).await;
    }
}

/// The clock of the operator's machine, which somebody may set.
pub(super) struct WallClock(pub(super) Arc<Process>);

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let error = self.0.clock_error.load(Ordering::SeqCst);
        Timestamp(self.0.time.now().0.saturating_add(error))
    }

    fn since_boot(&self) -> u64 {
        u64::try_from(self.0.time.now().0).unwrap_or(0)
    }

    async fn sleep(&self, time: Duration) {
        self.0.sleep(time).await;
    }
}
