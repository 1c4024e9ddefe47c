//! `kup rollback RUN`: undo what a run did, after showing it.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::decide::Mode;
use kup_core::engine::Rest;
use kup_core::event::{Event, PauseReason, RollbackLimited, RollbackStarted, RunPaused};
use kup_core::id::RunId;
use kup_core::state::{Phase, RunState};
use kup_steps::etcd::Etcd;
use kup_steps::host::Host;
use kup_steps::planner::takes_backups;
use kup_steps::rollback::{
    Asked, EtcdBack, Extent, Present, Way, not_committed, rollback, worth_a_look,
};

use super::resume::{reconnect, resumed, take_over};
use crate::args::{Format, Global, Rollback};
use crate::connect::Connected;
use crate::error::{CliError, Exit};
use crate::estimate::Durations;
use crate::estimate::way_back::Times;
use crate::output::{self, tell};
use crate::render::rollback::{Shown, way_table};
use crate::wiring::{Driver, Session, conclude};
use asking::ask;
use checks::{must_be_newest, must_be_sound};

mod asking;
mod checks;

pub(super) async fn run(global: &Global, args: &Rollback) -> Result<Exit, CliError> {
    let session = Session::open_with(global, &args.identity)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, _) = session.read(&run)?;
    if seen.phase == Phase::Rollback && seen.is_finished() {
        tell!("Run {run} was rolled back already. Nothing was changed.");
        return Ok(Exit::Done);
    }
    if takes_backups(&seen.started.plan) {
        tell!("Run {run} took backups and changed nothing: there is nothing to roll back.");
        return Ok(Exit::Done);
    }
    not_committed(&seen)?;
    must_be_newest(&session, &run, &seen)?;
    let asked = Asked { extent: extent(args, &run, &seen)?, etcd: etcd_back(args, &run, &seen)? };
    if args.dry_run {
        let way = match seen.phase {
            Phase::Forward => {
                let connected = reconnect(&session, &run, &seen).await?;
                let hosts = machines(&connected, &seen);
                let mut present = look(&connected, &seen, &hosts).await?;
                let way = rollback(&seen, &present, &asked)?;
                let way = with_loss(
                    (way, &asked),
                    &seen,
                    &mut present,
                    (connected.etcd().as_ref(), &hosts),
                )
                .await?;
                must_be_sound((&session, &run), (&way, &seen), &hosts).await?;
                (way, present)
            }
            Phase::Rollback => return Err(under_way(&run)),
        };
        return show(global, &session, (&way, &seen)).map(|()| Exit::Done);
    }
    let (mut driver, _cluster_lock) = take_over(&session, &run, None).await?;
    match seen.phase {
        Phase::Rollback => driver.engine.record(goes_on(args, &session)).await?,
        Phase::Forward => turn_back((global, args, &asked), (&session, &run), &mut driver).await?,
    }
    let rest = driver.drive(Mode::Go).await?;
    let exit = match rest {
        Rest::Paused(PauseReason::Reached { wave }) => reached(&run, &wave),
        Rest::Finished(_) | Rest::Paused(_) | Rest::Settled => conclude(&driver, &run, rest)?,
    };
    Ok(if exit == Exit::RolledBack { Exit::Done } else { exit })
}

fn extent(args: &Rollback, run: &RunId, state: &RunState) -> Result<Extent, CliError> {
    let given = args.node.is_some() || args.to.is_some();
    if given && state.phase == Phase::Rollback {
        return Err(under_way(run));
    }
    let names_machine = |node: &String| state.started.machines.iter().any(|it| it.name == *node);
    match (&args.node, &args.to) {
        (Some(node), _) if !names_machine(node) => {
            Err(CliError::unchanged(Exit::Usage, format!("the run has no node `{node}`"))
                .hint(format!("`kup show {run}` names them")))
        }
        (Some(node), _) => Ok(Extent::Node(node.clone())),
        (None, Some(step)) => step.parse().map(Extent::To).map_err(|e| {
            CliError::unchanged(Exit::Usage, format!("`{step}` is not the name of a step"))
                .because(&e)
        }),
        (None, None) => Ok(Extent::All),
    }
}

fn etcd_back(args: &Rollback, run: &RunId, state: &RunState) -> Result<EtcdBack, CliError> {
    let asked = match (args.restore_etcd, args.experimental_etcd_downgrade) {
        (true, _) => EtcdBack::Restored,
        (false, true) => EtcdBack::Downgraded,
        (false, false) => EtcdBack::Stays,
    };
    match state.phase {
        // The plan of a rollback that is under way says it already.
        Phase::Rollback if asked != EtcdBack::Stays => Err(under_way(run)),
        Phase::Rollback | Phase::Forward => Ok(asked),
    }
}

/// Finds out what a way that loses data will lose, and plans it again with what etcd says: one that does not answer gives no second snapshot.
async fn with_loss(
    (way, asked): (Way, &Asked),
    state: &RunState,
    present: &mut Present,
    (etcd, hosts): (&dyn Etcd, &BTreeMap<String, Arc<dyn Host>>),
) -> Result<Way, CliError> {
    let Some(loss) = &way.loss else { return Ok(way) };
    let members = loss.members.iter().filter_map(|member| hosts.get(member));
    present.ask_etcd(loss.revision, etcd, members).await;
    Ok(rollback(state, present, asked)?)
}

fn under_way(run: &RunId) -> CliError {
    CliError::unchanged(Exit::Usage, format!("run {run} is being rolled back already")).hint(
        format!("`kup rollback {run}` goes on with it; `kup show {run}` says where it stands"),
    )
}

/// A rollback that rests, or was to rest, goes all the way now.
fn goes_on(args: &Rollback, session: &Session) -> Vec<Event> {
    let limited = RollbackLimited { until: None, operator: session.operator.clone() };
    vec![resumed(session, args.reason.clone()), Event::RollbackLimited(limited)]
}

fn reached(run: &RunId, wave: &str) -> Exit {
    let what = wave.strip_prefix("rollback-").unwrap_or(wave);
    tell!(
        "Run {run} is back as far as you asked ({what}) and rests. `kup rollback {run}` takes the rest back; \
         `kup abandon {run}` leaves the cluster as it is now, and `kup start` goes forward from there"
    );
    Exit::Done
}

/// Learns what is still under way, plans the way back, asks, and records it.
async fn turn_back(
    (global, args, asked): (&Global, &Rollback, &Asked),
    (session, run): (&Session, &RunId),
    driver: &mut Driver,
) -> Result<(), CliError> {
    let unfinished = !driver.engine.state().is_finished();
    if unfinished {
        driver.engine.record(vec![resumed(session, "to roll back".to_owned())]).await?;
        if let Rest::Paused(reason) = driver.drive(Mode::Settle).await? {
            return Err(CliError::new(
                Exit::Stopped,
                format!("stopped before the rollback: {reason:?}"),
            ));
        }
    }
    match agree((global, args, asked), (session, run), driver).await {
        Ok(way) => {
            let (operator, reason) = (session.operator.clone(), args.reason.clone());
            let limited = RollbackLimited { until: way.until, operator: operator.clone() };
            let started = RollbackStarted { operator, reason, plan: way.plan };
            let mut events = vec![Event::RollbackStarted(Box::new(started))];
            if limited.until.is_some() {
                events.push(Event::RollbackLimited(limited));
            }
            driver.engine.record(events).await?;
            Ok(())
        }
        Err(error) => {
            if unfinished {
                let paused = RunPaused { reason: PauseReason::Interrupted };
                driver.engine.record(vec![Event::RunPaused(paused)]).await?;
            } else {
                // To look at a node was to own it, and this run is over.
                driver.world.release_known().await;
            }
            Err(error)
        }
    }
}

async fn agree(
    (global, args, asked): (&Global, &Rollback, &Asked),
    (session, run): (&Session, &RunId),
    driver: &Driver,
) -> Result<Way, CliError> {
    let state = driver.engine.state();
    let present = Present::of_world(state, &driver.world).await;
    let present = present.map_err(|e| {
        CliError::unchanged(Exit::Ssh, "cannot look at what would go back").record(&e.to_record())
    })?;
    let mut present = present;
    let way = rollback(state, &present, asked)?;
    let ways = (driver.world.etcd_port(), driver.world.machines());
    let way = with_loss((way, asked), state, &mut present, ways).await?;
    let mut way = (way, present);
    must_be_sound((session, run), (&way.0, state), driver.world.machines()).await?;
    let shown = Global { state_dir: None, output: Format::Table, verbose: global.verbose };
    show(&shown, session, (&way, state))?;
    let changed = !way.1.changed.is_empty();
    if changed && args.yes && !args.overwrite_changes {
        return Err(CliError::unchanged(
            Exit::Stopped,
            "somebody has changed what would go back, and nobody has agreed to write over it",
        )
        .hint("look at what is listed above; `--overwrite-changes` writes over it"));
    }
    ask(&way.0, args, driver).await?;
    if changed {
        way.0.overwrite();
    }
    Ok(way.0)
}

fn machines(connected: &Connected, state: &RunState) -> BTreeMap<String, Arc<dyn Host>> {
    let machines = state.started.machines.iter().map(|m| (m.name.clone(), m.address.clone()));
    connected.hosts_at(machines).into_iter().map(|(node, (_, host))| (node, host)).collect()
}

/// Looks without owning anything, for a dry run.
async fn look(
    connected: &Connected,
    state: &RunState,
    hosts: &BTreeMap<String, Arc<dyn Host>>,
) -> Result<Present, CliError> {
    let mut present = Present::of_api(state, connected.cluster.as_ref()).await?;
    let wanted = worth_a_look(state, present.silent.is_some());
    let hosts = wanted.iter().filter_map(|node| hosts.get(node));
    present.look(state, hosts.map(Arc::clone).collect()).await?;
    Ok(present)
}

fn show(
    global: &Global,
    session: &Session,
    (way, state): (&(Way, Present), &RunState),
) -> Result<(), CliError> {
    let cluster = (state.started.cluster.uid.as_str(), state.started.reach.kind.as_str());
    let times = Times::of(&way.0, state, &Durations::learn(session, cluster));
    let shown = Shown::of(&way.0, &way.1, times);
    let endpoint = &state.started.cluster.endpoint;
    output::print(global.output, &shown, || way_table(&shown, endpoint))
}
