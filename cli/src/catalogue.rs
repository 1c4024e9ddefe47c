//! The catalogue of backups: what the journals say was kept, run by run. It is worked out from the entries each time; nothing else remembers it.

use kup_core::clock::Timestamp;
use kup_core::event::{Entry, Event, StepPrepared};
use kup_core::id::{BlobId, RunId, StepId};
use kup_core::journal::{BlobError, Blobs};
use kup_core::state::RunState;
use kup_steps::activity::PRE_IMAGE;
use serde::Serialize;

use crate::error::{CliError, Exit};
use crate::wiring::Session;

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
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) taken: Timestamp,
    /// The release that the run came from, and the one that it goes to.
    pub(crate) from: String,
    pub(crate) to: String,
    /// The copy on the node, which a rollback uses where the node is.
    pub(crate) on_node: Option<String>,
}

/// What became of the bytes of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Proof {
    /// They were read again, and are those that were kept.
    Good,
    /// They are other ones.
    Damaged,
    /// They are not there.
    Missing,
    /// They cannot be read, with the reason.
    Unreadable(String),
}

/// A backup and what became of its bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Proven {
    #[serde(flatten)]
    pub(crate) kept: Kept,
    pub(crate) proof: Proof,
}

impl Kept {
    /// Returns as much of its id as people need.
    pub(crate) fn short(&self) -> &str {
        self.id.as_str().get(..SHORT).unwrap_or_default()
    }
}

/// Returns all backups of a run, or of all runs, the oldest first.
pub(crate) fn kept(session: &Session, run: Option<&str>) -> Result<Vec<Kept>, CliError> {
    let runs = match run {
        Some(given) => vec![session.store.resolve(given)?],
        None => session.store.runs()?,
    };
    let mut all = Vec::new();
    for run in runs {
        let (state, entries) = session.read(&run)?;
        all.extend(of_run(&run, &state, &entries));
    }
    Ok(all)
}

fn of_run(run: &RunId, state: &RunState, entries: &[Entry]) -> Vec<Kept> {
    let mut all = Vec::new();
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
    let target = state.plan.find(&prepared.step).map(|(stage, _)| stage.target.clone());
    let on_node = prepared.notes.iter().find(|(name, _)| name == PRE_IMAGE);
    let on_node = on_node.map(|(_, path)| path.clone());
    prepared.backups.iter().map(move |backup| Kept {
        id: backup.blob.clone(),
        run: run.clone(),
        step: prepared.step.clone(),
        target: target.clone().unwrap_or_default(),
        what: backup.what.clone(),
        size: backup.size,
        taken: entry.time,
        from: state.plan.from.clone(),
        to: state.plan.to.clone(),
        on_node: on_node.clone(),
    })
}

/// Returns the backups that a beginning of an id names, which are copies of the same bytes.
pub(crate) fn named(session: &Session, given: &str) -> Result<Vec<Kept>, CliError> {
    let all = kept(session, None)?;
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

/// Reads the bytes of a backup again, and compares them with its name.
pub(crate) async fn prove(session: &Session, kept: &Kept) -> (Proof, Vec<u8>) {
    match session.store.blobs(&kept.run).get(&kept.id).await {
        Ok(bytes) => (Proof::Good, bytes),
        Err(BlobError::Damaged(_)) => (Proof::Damaged, Vec::new()),
        Err(BlobError::Missing(_)) => (Proof::Missing, Vec::new()),
        Err(BlobError::Storage { place, source }) => {
            (Proof::Unreadable(format!("{place}: {source}")), Vec::new())
        }
    }
}
