//! `kup start VERSION`: plan, ask the gates, ask the operator, then begin a run and drive it.

use std::path::{Path, PathBuf};

use kup_core::catalog::Catalog;
use kup_core::decide::Mode;
use kup_core::event::{Event, RunStarted};
use kup_core::id::RunId;
use kup_core::journal::Blobs;
use kup_core::plan::Plan;
use kup_steps::planner::{PlanProblem, UNTIL_CONTROL_PLANE};

use super::options::program;
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
    let etcdutl = args.upgrade.etcdutl.clone();
    let driving = Driving { until, take_over: args.take_over.clone(), etcdutl };
    drive(&session, run, planned, driving).await
}

/// How a run is driven.
#[derive(Debug, Default)]
pub(super) struct Driving {
    /// The last wave before it rests.
    pub(super) until: Option<String>,
    /// A run of another machine whose nodes it takes over.
    pub(super) take_over: Option<String>,
    /// The etcdutl that its plan lays ready.
    pub(super) etcdutl: Option<PathBuf>,
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

/// Keeps the program that a plan lays ready among the run's blobs, before the run's first event. It must be the one that the plan was made with.
async fn keep_etcdutl(
    session: &Session,
    run: &RunId,
    (plan, file): (&Plan, Option<&Path>),
) -> Result<(), CliError> {
    let mut named = plan.steps().filter(|(_, step)| step.activity == "etcdutl");
    let wanted = named.find_map(|(_, step)| step.params.get("blob"));
    let Some(wanted) = wanted else { return Ok(()) };
    let refused = |message: &str| {
        let hint = format!("give the file whose SHA-256 is {wanted} with --etcdutl");
        CliError::unchanged(Exit::Usage, message).hint(hint)
    };
    let file = file.ok_or_else(|| refused("the plan lays an etcdutl ready, and none was given"))?;
    let (id, bytes) = program(file)?;
    if id.as_str() != wanted {
        return Err(refused("this is not the etcdutl that the plan was made with"));
    }
    session.store.make_folder(run)?;
    let kept = session.store.blobs(run).put(&bytes).await;
    kept.map(|_| ()).map_err(|e| {
        discard(&session.run_dir(run));
        CliError::unchanged(Exit::Unexpected, "cannot keep the etcdutl").because(&e)
    })
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
    keep_etcdutl(session, &run, (&plan, driving.etcdutl.as_deref())).await?;
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
