//! Puts everything together: the only file that knows store, steps and core at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kup_core::catalog::Catalog;
use kup_core::clock::Clock;
use kup_core::decide::Mode;
use kup_core::engine::{Engine, Parts, Rest};
use kup_core::event::{Event, Outcome, PauseReason, RunStarted};
use kup_core::id::RunId;
use kup_core::journal::{Journal, NewEntry};
use kup_core::state::RunState;
use kup_steps::host::Owner;
use kup_steps::inventory::Asking;
use kup_steps::planner::takes_backups;
use kup_steps::world::{Expected, IsOver, Ports, World};
use kup_store::{FileBlobs, FileJournal, Identities, Index, Store};
use tokio::sync::watch;

use crate::args::{Global, IdentityArgs};
use crate::connect::{Connected, Hosts};
use crate::error::{CliError, Exit};
use crate::guarding;
use crate::live;
use crate::output::tell;
use crate::signals::Signals;
use crate::system::{SystemClock, default_state_dir, operator};

/// What every command works with.
pub(crate) struct Session {
    pub(crate) state_dir: PathBuf,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) operator: String,
    /// What opens encrypted backups; nothing unless a command was given it.
    identities: Identities,
}

impl Session {
    /// Opens the state directory, making it where it is not there.
    pub(crate) fn open(global: &Global) -> Result<Self, CliError> {
        let state_dir = state_dir(global)?;
        let store = Store::open(&state_dir)?;
        let (clock, identities) = (Arc::new(SystemClock), Identities::default());
        Ok(Self { state_dir, store, clock, operator: operator(), identities })
    }

    /// The same, with what opens encrypted backups.
    pub(crate) fn open_with(global: &Global, args: &IdentityArgs) -> Result<Self, CliError> {
        let identities = guarding::identities(args)?;
        Ok(Self { identities, ..Self::open(global)? })
    }

    /// Returns the blobs of a run, to be read.
    pub(crate) fn blobs(&self, run: &RunId) -> FileBlobs {
        self.store.blobs(run).opened_with(self.identities.clone())
    }

    /// Returns the folder of a run's simulated cluster.
    pub(crate) fn sim_dir(&self, run: &RunId) -> PathBuf {
        self.run_dir(run).join("sim")
    }

    /// Returns a run's folder.
    pub(crate) fn run_dir(&self, run: &RunId) -> PathBuf {
        self.state_dir.join("runs").join(run.as_str())
    }

    /// Opens the index over all runs.
    pub(crate) fn index(&self) -> Index {
        Index::open(&self.state_dir)
    }

    /// Returns what an inventory asks of machines.
    pub(crate) fn asking(&self, minors: Vec<String>, programs_from: Option<String>) -> Asking {
        Asking { minors, programs_from, clock: Arc::clone(&self.clock) }
    }

    /// Returns an event as an entry of now.
    pub(crate) fn entry(&self, event: Event) -> NewEntry {
        NewEntry { time: self.clock.now(), since_boot: self.clock.since_boot(), event }
    }

    /// Returns the question whether a run is over, as far as this machine knows. `taken_over` is one that the operator calls so.
    pub(crate) fn is_over(&self, taken_over: Option<String>) -> IsOver {
        let summaries = self.index().summaries(&self.store).unwrap_or_default();
        let over: Vec<String> = summaries
            .into_iter()
            .filter(|summary| summary.status.is_finished())
            .map(|summary| summary.run.to_string())
            .chain(taken_over)
            .collect();
        Arc::new(move |run: &str| over.iter().any(|known| known == run))
    }

    /// Reads a run without holding it.
    pub(crate) fn read(
        &self,
        run: &RunId,
    ) -> Result<(RunState, Vec<kup_core::event::Entry>), CliError> {
        let history = self.store.read(run)?;
        let state = self.fold(run, &history.entries)?;
        Ok((state, history.entries))
    }

    /// Folds entries; one that does not fit is damage.
    pub(crate) fn fold(
        &self,
        run: &RunId,
        entries: &[kup_core::event::Entry],
    ) -> Result<RunState, CliError> {
        RunState::replay(entries).map_err(|error| {
            CliError::unchanged(
                Exit::Damaged,
                format!("the journal of run {run} does not make sense"),
            )
            .because(&error)
            .hint(format!("`kup doctor {run}` says what can be done"))
        })
    }
}

/// Returns where the state directory is, whether it is there or not.
pub(crate) fn state_dir(global: &Global) -> Result<PathBuf, CliError> {
    match &global.state_dir {
        Some(path) => Ok(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        None => default_state_dir(),
    }
}

/// A run that this process holds and can drive.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) signals: Signals,
    pub(crate) world: Arc<World>,
    /// Whether stderr shows live lines.
    pub(crate) screen: Arc<live::Screen>,
}

/// What a driver is made of.
pub(crate) struct Making<'a> {
    pub(crate) session: &'a Session,
    pub(crate) connected: &'a Connected,
    pub(crate) hosts: Hosts,
    pub(crate) run: RunId,
    pub(crate) catalog: Catalog,
    pub(crate) is_over: IsOver,
}

impl Driver {
    /// Wires a held journal to cluster and machines.
    pub(crate) fn new(
        making: Making<'_>,
        state: RunState,
        journal: FileJournal,
    ) -> Result<Self, CliError> {
        let Making { session, connected, hosts, run, mut catalog, is_over } = making;
        let started = &state.started;
        let owner = Owner {
            cluster: started.cluster.uid.clone(),
            run: run.clone(),
            epoch: journal.epoch(),
            operator: session.operator.clone(),
        };
        let expected = Expected {
            cluster: started.cluster.clone(),
            machines: started.machines.clone(),
            owner,
            is_over,
        };
        let hosts = hosts.into_iter().map(|(node, (_, host))| (node, host)).collect();
        let (cluster, etcd) = (Arc::clone(&connected.cluster), connected.etcd());
        let world = Arc::new(World::new(Ports { cluster, hosts, etcd }, expected));
        kup_steps::activity::add_all(&mut catalog, &world);
        let listening = crate::signals::listen();
        let signals = listening.map_err(|e| {
            CliError::new(Exit::Unexpected, "cannot listen for signals").because(&e)
        })?;
        let screen = Arc::new(live::Screen::new(&state));
        let parts = Parts {
            catalog,
            blobs: Arc::new(guarding::guarded(session.blobs(&run), &state.guard)?),
            clock: Arc::clone(&session.clock),
            progress: Arc::clone(&screen) as Arc<dyn kup_core::progress::Progress>,
        };
        let stop: watch::Receiver<bool> = signals.stop.clone();
        let engine = Engine::new(run, state, Box::new(journal), (parts, stop))?;
        Ok(Self { engine, signals, world, screen })
    }

    /// Drives until the run rests; a second signal leaves at once.
    pub(crate) async fn drive(&mut self, mode: Mode) -> Result<Rest, CliError> {
        let second = self.signals.second();
        let rest = tokio::select! {
            rest = self.engine.drive(mode) => Ok(rest?),
            exit = second => Err(CliError::new(exit, "left at once, as you asked")
                .state("what is under way on the nodes ends by itself")
                .hint("`kup resume` goes on and takes the outcomes over")),
        };
        self.screen.close();
        if matches!(rest, Ok(Rest::Finished(_))) {
            self.world.release().await;
        }
        rest
    }
}

/// Holds a run and folds its journal.
pub(crate) fn hold(session: &Session, run: &RunId) -> Result<(FileJournal, RunState), CliError> {
    let (journal, history) = session.store.resume(run)?;
    let state = session.fold(run, &history.entries)?;
    Ok((journal, state))
}

/// Says how a drive ended, as an exit code or an error with the next command.
pub(crate) fn conclude(driver: &Driver, run: &RunId, rest: Rest) -> Result<Exit, CliError> {
    let state = driver.engine.state();
    match rest {
        Rest::Finished(Outcome::Succeeded) if takes_backups(&state.started.plan) => {
            tell!("Run {run} has taken its backups: `kup backup list {run}`");
            Ok(Exit::Done)
        }
        Rest::Finished(Outcome::Succeeded) => {
            let out = state.left_out();
            match out.is_empty() {
                true => tell!("Run {run} succeeded: the cluster is at {}", state.plan.to),
                false => tell!(
                    "Run {run} ended: the cluster is at {0}, but for {1}, left out and perhaps still cordoned; `kup start {0}` goes on with them",
                    state.plan.to,
                    out.join(", ")
                ),
            }
            Ok(Exit::Done)
        }
        Rest::Finished(Outcome::RolledBack) => {
            tell!("Run {run} is rolled back: the cluster is at {}", state.plan.to);
            Ok(Exit::RolledBack)
        }
        Rest::Finished(Outcome::Abandoned) | Rest::Settled => Ok(Exit::Stopped),
        Rest::Paused(reason) => Err(paused(driver, run, &reason)),
    }
}

fn paused(driver: &Driver, run: &RunId, reason: &PauseReason) -> CliError {
    let state = driver.engine.state();
    let rolling_back = state.phase == kup_core::state::Phase::Rollback;
    let exit = match (reason, rolling_back) {
        (PauseReason::Interrupted, _) => driver.signals.first().unwrap_or(Exit::Stopped),
        (PauseReason::Reached { .. }, _) => Exit::Stopped,
        (PauseReason::Gate { .. }, _) => Exit::Gate,
        (PauseReason::Blocked { .. }, true) => Exit::RollbackStopped,
        (PauseReason::Blocked { .. }, false) => Exit::StepFailed,
    };
    let (message, records) = crate::render::show::why(state);
    let mut error = CliError::new(exit, format!("run {run} is paused: {message}"));
    for record in records {
        error = error.record(&record);
    }
    error
        .hint(crate::render::show::next_commands(run, state).join(" · "))
        .state(crate::render::show::world(state))
}

/// Begins a run: holds the cluster, then creates the journal with everything that was decided so far.
pub(crate) fn begin(
    session: &Session,
    run: &RunId,
    started: RunStarted,
    decided: Vec<Event>,
) -> Result<(FileJournal, RunState), CliError> {
    let first = std::iter::once(Event::RunStarted(Box::new(started))).chain(decided);
    let entries = first.map(|event| session.entry(event)).collect();
    let (journal, written) = session.store.create(run, entries)?;
    let state = session.fold(run, &written)?;
    Ok((journal, state))
}

/// Removes a folder that this process made and nobody needs.
pub(crate) fn discard(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir) {
        tracing::debug!(%error, dir = %dir.display(), "could not remove");
    }
}
