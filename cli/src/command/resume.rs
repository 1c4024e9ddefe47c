//! `kup resume [RUN]`: take a run over and go on. How the cluster is reached, and what is to be done, stands in its journal.

use std::sync::Arc;

use kup_core::catalog::Catalog;
use kup_core::decide::Mode;
use kup_core::event::{Event, OperatorDecided, OperatorDecision, RunResumed, StepSkipped};
use kup_core::id::{RunId, StepId};
use kup_core::plan::Plan;
use kup_core::state::{RunState, StepState};
use kup_steps::inventory;
use kup_steps::planner::Target;
use kup_steps::version::Version;

use super::VERSION;
use crate::args::{Global, Resume};
use crate::connect::{Connected, connect};
use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::render::show;
use crate::wiring::{Driver, Making, Session, conclude, hold};

pub(super) async fn run(global: &Global, args: &Resume) -> Result<Exit, CliError> {
    let session = Session::open_with(global, &args.identity)?;
    let run = session.store.resolve(&args.run)?;
    let (seen, _) = session.read(&run)?;
    if seen.is_finished() {
        tell!("Run {run} is over: {}. There is nothing to resume.", show::status(&seen));
        return Ok(Exit::Done);
    }
    let decisions = decisions(&session, args, &run, &seen)?;
    let (mut driver, _cluster_lock) = take_over(&session, &run, args.take_over.clone()).await?;
    let mut events = vec![resumed(&session, args.reason.clone().unwrap_or_default())];
    events.extend(decisions);
    driver.engine.record(events).await?;
    tell!("Run {run} goes on.");
    let rest = driver.drive(Mode::Go).await?;
    conclude(&driver, &run, rest)
}

/// Holds a run and its cluster and wires it to the world. Records nothing yet. `from` is a run of another machine that the operator
/// calls over.
pub(super) async fn take_over(
    session: &Session,
    run: &RunId,
    from: Option<String>,
) -> Result<(Driver, kup_store::ClusterLock), CliError> {
    let (seen, _) = session.read(run)?;
    let lock = session.store.lock_cluster(&seen.started.cluster.uid, run)?;
    let is_over = session.is_over(from);
    let (journal, state) = hold(session, run)?;
    let connected = reconnect(session, run, &state).await?;
    let machines = state.started.machines.iter().map(|m| (m.name.clone(), m.address.clone()));
    let hosts = connected.hosts_at(machines);
    let catalog = catalog(session, &connected, &state).await?;
    let making =
        Making { session, connected: &connected, hosts, run: run.clone(), catalog, is_over };
    Ok((Driver::new(making, state, journal)?, lock))
}

/// Gates are asked again only when the process died before their answers were on stable storage.
async fn catalog(
    session: &Session,
    connected: &Connected,
    state: &RunState,
) -> Result<Catalog, CliError> {
    if state.gates_are_open() {
        return Ok(Catalog::new());
    }
    let nodes = connected.cluster.nodes().await?;
    let hosts = connected.hosts(&nodes);
    let asking = session.asking(minors(&state.plan)?, programs_from(&state.plan));
    let inventory = inventory::collect(connected.cluster.as_ref(), &nodes, &hosts, &asking).await?;
    super::gates::catalog(session, &Arc::new(inventory), None)
}

/// Returns where a plan gets plain programs, where it does.
pub(super) fn programs_from(plan: &Plan) -> Option<String> {
    plan.steps().find_map(|(_, step)| step.params.get("from").cloned())
}

/// Returns the minors that a plan leads through.
pub(super) fn minors(plan: &Plan) -> Result<Vec<String>, CliError> {
    let wrong = || CliError::unchanged(Exit::Damaged, "the plan names no version");
    let version = |text: &str| text.parse::<Version>().map_err(|e| wrong().because(&e));
    Ok(Target::Release(version(&plan.to)?).minors(version(&plan.from)?))
}

/// Reaches the cluster as the run's first event says.
pub(super) async fn reconnect(
    session: &Session,
    run: &RunId,
    state: &RunState,
) -> Result<Connected, CliError> {
    let sim_dir = session.sim_dir(run);
    connect(state.started.reach.clone(), &sim_dir, Arc::clone(&session.clock)).await
}

pub(super) fn resumed(session: &Session, reason: String) -> Event {
    let operator = session.operator.clone();
    Event::RunResumed(RunResumed { kup_version: VERSION.to_owned(), operator, reason })
}

/// Turns the flags into events; every blocked step needs a word.
fn decisions(
    session: &Session,
    args: &Resume,
    run: &RunId,
    state: &RunState,
) -> Result<Vec<Event>, CliError> {
    let reason = args.reason.clone().unwrap_or_default();
    let mut events = Vec::new();
    let mut decided = Vec::new();
    let words = [(&args.retry, OperatorDecision::Retry), (&args.accept, OperatorDecision::Accept)];
    for (given, decision) in words {
        for text in given {
            let step = blocked_step(state, text)?;
            decided.push(step.clone());
            let (operator, reason) = (session.operator.clone(), reason.clone());
            events.push(Event::OperatorDecided(OperatorDecided {
                step,
                decision,
                operator,
                reason,
            }));
        }
    }
    for node in &args.skip {
        let skipped = skipped_steps(state, node, &format!("{}: {reason}", session.operator))?;
        decided.extend(skipped.iter().filter_map(|event| event.step().cloned()));
        events.extend(skipped);
    }
    let undecided: Vec<StepId> =
        show::blocked_steps(state).into_iter().filter(|id| !decided.contains(id)).collect();
    if !undecided.is_empty() && events.is_empty() {
        let (message, records) = show::why(state);
        let mut error = CliError::unchanged(
            Exit::Stopped,
            format!("run {run} waits for your decision: {message}"),
        );
        for record in records {
            error = error.record(&record);
        }
        return Err(error.hint(show::next_commands(run, state).join(" · ")));
    }
    Ok(events)
}

fn blocked_step(state: &RunState, text: &str) -> Result<StepId, CliError> {
    let blocked = show::blocked_steps(state);
    blocked.iter().find(|id| id.as_str() == text).cloned().ok_or_else(|| {
        let names: Vec<&str> = blocked.iter().map(StepId::as_str).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        CliError::unchanged(
            Exit::Usage,
            format!("`{text}` is not a blocked step of this run; blocked: {known}"),
        )
    })
}

fn skipped_steps(state: &RunState, node: &str, reason: &str) -> Result<Vec<Event>, CliError> {
    let mut stages = state.plan.stages().filter(|stage| stage.target == node).peekable();
    if stages.peek().is_none() {
        return Err(CliError::unchanged(
            Exit::Usage,
            format!("the run does nothing on a node `{node}`"),
        ));
    }
    let mut events = Vec::new();
    for stage in stages {
        if !stage.skippable {
            let message = format!("{node} cannot be left out: only workers can");
            return Err(CliError::unchanged(Exit::Usage, message));
        }
        let open = stage.steps.iter().filter_map(|step| Some((step, state.step(&step.id)?)));
        for (step, record) in open.filter(|(_, record)| !record.is_settled()) {
            if record.open.is_some() && !matches!(record.state, StepState::Blocked(_)) {
                let message =
                    format!("step `{}` is under way, so its node cannot be left out now", step.id);
                return Err(CliError::unchanged(Exit::Usage, message)
                    .hint("`kup resume` without --skip learns its outcome"));
            }
            events.push(Event::StepSkipped(StepSkipped {
                step: step.id.clone(),
                reason: reason.to_owned(),
            }));
        }
    }
    Ok(events)
}
