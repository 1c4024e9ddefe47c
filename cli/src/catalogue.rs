//! The catalogue of backups: what the journals say was kept, run by run. It is worked out from the entries each time; nothing else remembers it.

use kup_core::clock::Timestamp;
use kup_core::event::{Backup, Entry, Event, StepPrepared};
use kup_core::guard::Guard;
use kup_core::id::{BlobId, RunId, StepId};
use kup_core::state::RunState;
use kup_steps::activity::PRE_IMAGE;
use serde::Serialize;

use crate::error::{CliError, Exit};
use crate::output::tell;
use crate::wiring::Session;

mod etcd;
mod proof;

pub(crate) use etcd::{Kind, OfEtcd};
pub(crate) use proof::{Proof, Proven, ask_nodes, prove, read};

/// So many characters of an id are shown.
const SHORT: usize = 12;

/// One backup.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Kept {
    /// Its SHA-256, which is also its name.
    pub(crate) id: BlobId,
    pub(crate) run: RunId,
    pub(crate) step: StepId,
    /// The node, or `cluster`.
    pub(crate) target: String,
    /// What it is a copy of.
    pub(crate) what: String,
    /// What kind of copy.
    pub(crate) kind: Kind,
    /// Of a snapshot of etcd: what is known of it.
    pub(crate) etcd: Option<OfEtcd>,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) taken: Timestamp,
    /// The release that the run came from, and the one that it goes to.
    pub(crate) from: String,
    pub(crate) to: String,
    /// In which form its bytes are here.
    pub(crate) form: Form,
    /// The copy on the node, which a rollback uses where the node is.
    pub(crate) on_node: Option<String>,
    /// Where the cluster's API server is reached.
    pub(crate) endpoint: String,
    /// The UID of the cluster.
    #[serde(skip)]
    pub(crate) cluster: String,
}

/// In which form the bytes of a backup are on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// As they are.
    Plain,
    /// Encrypted.
    Encrypted,
    /// Not at all: they are on their node only.
    OnNode,
}

impl Form {
    fn of(backup: &Backup, prepared: &StepPrepared, guard: &Guard) -> Self {
        if prepared.is_only_on_node(&backup.blob) {
            return Self::OnNode;
        }
        let is_secret = is_of_files(backup) || Kind::of(backup) == Kind::EtcdSnapshot;
        match guard {
            Guard::Encrypted { .. } if is_secret => Self::Encrypted,
            Guard::Plain | Guard::Encrypted { .. } | Guard::OnNodes => Self::Plain,
        }
    }
}

impl Kept {
    /// Returns as much of its id as people need.
    pub(crate) fn short(&self) -> &str {
        self.id.as_str().get(..SHORT).unwrap_or_default()
    }
}

/// Backups, and the runs of which nobody knows what they have kept.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// The oldest first.
    pub(crate) kept: Vec<Kept>,
    unreadable: Vec<(RunId, CliError)>,
}

impl Catalogue {
    /// Names the runs whose journals cannot be read, and returns how a command then ends that has done all else.
    pub(crate) fn finish(&self) -> Exit {
        for (run, why) in &self.unreadable {
            tell!("The backups of run {run} are not among these: {}", why.in_one_line());
            tell!("`kup doctor {run}` says what can be done");
        }
        if self.unreadable.is_empty() { Exit::Done } else { Exit::Damaged }
    }
}

/// Returns all backups of a run, or of all runs. One journal that cannot be read does not hide the backups of the others.
pub(crate) fn kept(session: &Session, run: Option<&str>) -> Result<Catalogue, CliError> {
    if let Some(given) = run {
        let run = session.store.resolve(given)?;
        let (state, entries) = session.read(&run)?;
        return Ok(Catalogue { kept: of_run(&run, &state, &entries), ..Catalogue::default() });
    }
    let mut all = Catalogue::default();
    for run in session.store.runs()? {
        match session.read(&run) {
            Ok((state, entries)) => all.kept.extend(of_run(&run, &state, &entries)),
            Err(error) => all.unreadable.push((run, error)),
        }
    }
    Ok(all)
}

fn of_run(run: &RunId, state: &RunState, entries: &[Entry]) -> Vec<Kept> {
    let mut all = Vec::new();
    // What was freed is no backup any more, whether its bytes are gone yet or not.
    let entries = if state.backups_are_free() { &[] } else { entries };
    for entry in entries {
        if let Event::StepPrepared(prepared) = &entry.event {
            all.extend(of_step(run, state, (entry, prepared)));
        }
    }
    all
}

fn of_step<'a>(
    run: &'a RunId,
    state: &'a RunState,
    (entry, prepared): (&'a Entry, &'a StepPrepared),
) -> impl Iterator<Item = Kept> + 'a {
    // What was kept belongs to the way forward, also when another plan is in force by now.
    let plan = &state.started.plan;
    let found = plan.find(&prepared.step).or_else(|| state.plan.find(&prepared.step));
    let target = found.map(|(stage, _)| stage.target.clone());
    let on_node = prepared.notes.iter().find(|(name, _)| name == PRE_IMAGE);
    let on_node = on_node.map(|(_, path)| path.clone());
    let cluster = &state.started.cluster;
    prepared.backups.iter().map(move |backup| Kept {
        id: backup.blob.clone(),
        run: run.clone(),
        step: prepared.step.clone(),
        target: target.clone().unwrap_or_default(),
        what: backup.what.clone(),
        kind: Kind::of(backup),
        etcd: OfEtcd::of(prepared, backup),
        size: backup.size,
        form: Form::of(backup, prepared, &state.guard),
        taken: entry.time,
        from: plan.from.clone(),
        to: plan.to.clone(),
        on_node: on_node.clone().filter(|_| is_of_files(backup)),
        cluster: cluster.uid.clone(),
        endpoint: cluster.endpoint.clone(),
    })
}

/// Whether it is of a node's files, which alone have a copy there; what else a step keeps comes from the API.
fn is_of_files(backup: &Backup) -> bool {
    backup.what.starts_with('/')
}

/// Returns the backups that a beginning of an id names, which are copies of the same bytes.
pub(crate) fn named(session: &Session, given: &str) -> Result<Vec<Kept>, CliError> {
    let catalogue = kept(session, None)?;
    catalogue.finish();
    let all = catalogue.kept;
    let begins = |it: &&Kept| !given.is_empty() && it.id.as_str().starts_with(given);
    let found: Vec<Kept> = all.iter().filter(begins).cloned().collect();
    let refused = |message| {
        CliError::unchanged(Exit::Usage, message).hint("`kup backup list` names all backups")
    };
    match found.first() {
        None => Err(refused(format!("there is no backup `{given}`"))),
        Some(first) if found.iter().any(|it| it.id != first.id) => {
            Err(refused(format!("`{given}` is the beginning of more than one backup's name")))
        }
        Some(_) => Ok(found),
    }
}
