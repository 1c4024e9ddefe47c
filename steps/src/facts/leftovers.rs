//! What kup has left on a node.

use std::collections::BTreeMap;

use crate::facts::reply::Lines;
use crate::host::{Host, HostError};
use crate::script::{self, Script};

/// How far an attempt is, as its node tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Something of it is alive.
    Running,
    /// It has left its outcome.
    Ended,
    /// It has left none, and nothing of it is alive.
    Lost,
}

/// An attempt that has begun on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAttempt {
    /// The run, as the folder is called.
    pub run: String,
    /// The step and the number of the attempt: `install.w1.2`.
    pub name: String,
    /// The place in the journal that its intent names; `None` where that cannot be read.
    pub seq: Option<u64>,
    /// How far it is.
    pub trace: Trace,
}

/// What kup has left on a node, of all runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// The record of who may change it.
    pub owner: Option<String>,
    /// Units of attempts that are loaded, and their states.
    pub units: BTreeMap<String, String>,
    /// Attempts.
    pub attempts: Vec<LeftAttempt>,
    /// The size of the backups in KiB, by run.
    pub backups_kib: BTreeMap<String, u64>,
}

impl Leftovers {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host) -> Result<Self, HostError> {
        let lines = Lines::ask(host, &Script::new::<String>(script::LEFTOVERS, [])).await?;
        let traces = [("running", Trace::Running), ("ended", Trace::Ended), ("lost", Trace::Lost)];
        let attempt = |(path, seq): (String, &str)| {
            let trace = lines.one_of(&format!("attempt:{path}"), &traces)?;
            let (run, name) = path.split_once('/').unwrap_or((&path, ""));
            let (run, name) = (run.to_owned(), name.to_owned());
            Ok(LeftAttempt { run, name, seq: seq.parse().ok(), trace })
        };
        let backups = |(run, kib)| Ok((run, lines.number(kib)?));
        Ok(Self {
            owner: lines.option("owner")?,
            units: lines
                .with_prefix("unit:")
                .map(|(unit, state)| (unit, state.to_owned()))
                .collect(),
            attempts: lines
                .with_prefix("intent:")
                .map(attempt)
                .collect::<Result<_, HostError>>()?,
            backups_kib: lines
                .with_prefix("backups:")
                .map(backups)
                .collect::<Result<_, HostError>>()?,
        })
    }
}
