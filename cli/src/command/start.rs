//! `kup start VERSION`: plan, ask the gates, ask the operator, then begin a run and drive it.

use kup_core::catalog::Catalog;
use kup_core::decide::Mode;
use kup_core::event::{Event, RunStarted};
use kup_core::id::RunId;
use kup_steps::planner::{PlanProblem, UNTIL_CONTROL_PLANE};

use super::upgrade::{Outcome, Planned, Wish, prepare};
use super::{VERSION, again, confirm};
use crate::args::{Global, Start, Until};
use crate::asked::{self, blocked};
use crate::error::{CliError, Exit};
use crate::output::{say, tell};
use crate::render::plan::screen;
use crate::system::new_run_id;
use crate::wiring::{Driver, Making, Session, begin, conclude, discard};

pub(super) async fn run(global: &Global, args: &Start) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = new_run_id(session.clock.now());
    let run =
        run.map_err(|e| CliError::unchanged(Exit::Unexpected, "cannot name a run").because(&e))?;
    let agreed = agree(&session, args, &run).await;
    let planned = match agreed {
        Ok(Some(planned)) => planned,
        Ok(None) => {
            discard(&session.run_dir(&run));
            return Ok(Exit::Done);
        }
        Err(error) => {
            discard(&session.run_dir(&run));
            return Err(error);
        }
    };
    let until = args.until.map(|Until::ControlPlane| UNTIL_CONTROL_PLANE.to_owned());
    let driving = Driving { until, take_over: args.take_over.clone() };
    drive(&session, run, planned, driving).await
}

/// How a run is driven.
#[derive(Debug, Default)]
pub(super) struct Driving {
    /// The last wave before it rests.
    pub(super) until: Option<String>,
    /// A run of another machine whose nodes it takes over.
    pub(super) take_over: Option<String>,
}

/// Plans, shows, and asks; `None` when that was all that was wanted.
async fn agree(session: &Session, args: &Start, run: &RunId) -> Result<Option<Planned>, CliError> {
    let planned = wanted(session, args, run).await?;
    say(format_args!("{}", screen(&planned.picture(session))));
    if let Some(error) = blocked(&planned.gates) {
        return Err(error);
    }
    if args.dry_run {
        tell!("Dry run: nothing was changed.");
        return Ok(None);
    }
    confirm(&question(&planned), args.yes)?;
    Ok(Some(planned))
}

/// Returns the plan that is wanted.
async fn wanted(session: &Session, args: &Start, run: &RunId) -> Result<Planned, CliError> {
    let sim_dir = session.sim_dir(run);
    if let Some(path) = &args.plan {
        return again::planned(session, (path, args), &sim_dir).await;
    }
    let version = args.version.as_deref().unwrap_or_default();
    if args.upgrade.reach.cluster.is_some() {
        session.store.make_folder(run)?;
    }
    let wish = Wish { version, upgrade: &args.upgrade, take_over: args.take_over.clone() };
    match prepare(session, &wish, &sim_dir).await? {
        Outcome::Planned(planned) => Ok(*planned),
        Outcome::Equal(version) => Err(PlanProblem::Equal(version).into()),
    }
}

fn question(planned: &Planned) -> String {
    let endpoint = &planned.inventory.cluster.endpoint;
    let ignored: Vec<&str> =
        planned.gates.iter().filter(|it| it.ignored).map(|it| it.about.code).collect();
    let although = match ignored.is_empty() {
        true => String::new(),
        false => format!(", although {} would block", ignored.join(" and ")),
    };
    let (from, to) = (&planned.plan.from, &planned.plan.to);
    format!("Upgrade the cluster at {endpoint} from {from} to {to}{although}?")
}

/// Begins a run and drives it until it rests.
pub(super) async fn drive(
    session: &Session,
    run: RunId,
    planned: Planned,
    driving: Driving,
) -> Result<Exit, CliError> {
    let Planned { connected, hosts, inventory, plan, gates, guard } = planned;
    let _cluster_lock = session.store.lock_cluster(&inventory.cluster.uid, &run)?;
    // While the question stood, another terminal may have begun a run.
    if let Some(other) = session.index().unfinished(&session.store, &inventory.cluster.uid)?.first()
    {
        let message = format!("run {} of this cluster has begun in the meantime", other.run);
        return Err(
            CliError::unchanged(Exit::Locked, message).hint(format!("`kup show {}`", other.run))
        );
    }
    let started = RunStarted {
        kup_version: VERSION.to_owned(),
        operator: session.operator.clone(),
        cluster: inventory.cluster.clone(),
        machines: inventory
            .nodes
            .iter()
            .map(kup_steps::inventory::NodeInventory::identity)
            .collect(),
        reach: connected.reach.clone(),
        until: driving.until,
        plan,
    };
    let is_over = session.is_over(driving.take_over);
    let events = guard.event().map(Event::BackupsGuarded).into_iter();
    let events = events.chain(asked::events(&gates, &session.operator)).collect();
    let (journal, state) = begin(session, &run, started, events)?;
    tell!("Run {run} began. Ctrl-C rests it; `kup resume {run}` goes on.");
    let catalog = Catalog::new();
    let making =
        Making { session, connected: &connected, hosts, run: run.clone(), catalog, is_over };
    let mut driver = Driver::new(making, state, journal)?;
    let rest = driver.drive(Mode::Go).await?;
    conclude(&driver, &run, rest)
}
