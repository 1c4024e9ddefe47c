//! The plan as data: everything a run will do, resolved before it begins and kept in its first
//! event. FILE FORMAT: these types are part of the journal (see `event.rs`); a shipped one is frozen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::StepId;

/// All that a run will do, in order. Nothing is left to choose while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The version the cluster has, for reading.
    pub from: String,
    /// The version wanted, for reading.
    pub to: String,
    /// Questions that must be answered before the first effect.
    pub gates: Vec<GateSpec>,
    /// Waves, one after the other.
    pub waves: Vec<Wave>,
}

/// A question to ask before the first effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    /// The gate's name in the catalog.
    pub gate: String,
    /// The version of that gate that the plan was made for.
    pub version: u32,
    /// What the gate needs to know.
    pub params: BTreeMap<String, String>,
}

/// Stages that may go side by side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// A name for people and for `--until`.
    pub name: String,
    /// Which hop of the upgrade it belongs to, counted from 1.
    pub hop: u32,
    /// How many stages may be under way at once; at least 1.
    pub max_parallel: u32,
    /// The stages, begun in this order.
    pub stages: Vec<Stage>,
}

/// The ordered steps of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The machine or thing it works on.
    pub target: String,
    /// Whether an operator may leave this target out when it is stuck.
    pub skippable: bool,
    /// The steps, one after the other.
    pub steps: Vec<StepSpec>,
}

/// One planned effect on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Its name, unique in the run.
    pub id: StepId,
    /// The name of the activity that does it.
    pub activity: String,
    /// The version of that activity that the plan was made for.
    pub version: u32,
    /// What it does, for people.
    pub title: String,
    /// What the activity needs to know.
    pub params: BTreeMap<String, String>,
    /// Limits of its attempts.
    pub policy: Policy,
    /// For a step of a rollback: the step whose effect it undoes.
    pub undo_of: Option<StepId>,
}

/// How often and how long a step may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Attempts before an operator is asked; at least 1.
    pub max_attempts: u32,
    /// How long one attempt is waited for, in milliseconds. At its end kup looks; it kills nothing.
    pub timeout_ms: u64,
    /// The pause after the first failed attempt, in milliseconds; it doubles with each further one.
    pub backoff_ms: u64,
}

impl Policy {
    /// Returns a policy with three attempts, two seconds apart at first.
    #[must_use]
    pub fn with_timeout(timeout: Duration) -> Self {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        Self { max_attempts: 3, timeout_ms, backoff_ms: 2_000 }
    }

    /// Returns how long one attempt is waited for.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Says why a plan cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPlan {
    /// Two steps share an id.
    #[error("two steps of the plan are called `{0}`")]
    DuplicateStep(StepId),
    /// A wave would never begin a stage.
    #[error("wave `{0}` allows no stage to run")]
    NoParallel(String),
    /// A step would never be tried.
    #[error("step `{0}` allows no attempt")]
    NoAttempts(StepId),
}

impl Plan {
    /// Checks what every plan must satisfy, whatever its steps do.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), InvalidPlan> {
        let mut seen = BTreeSet::new();
        for wave in &self.waves {
            if wave.max_parallel == 0 {
                return Err(InvalidPlan::NoParallel(wave.name.clone()));
            }
        }
        for (_, step) in self.steps() {
            if !seen.insert(&step.id) {
                return Err(InvalidPlan::DuplicateStep(step.id.clone()));
            }
            if step.policy.max_attempts == 0 {
                return Err(InvalidPlan::NoAttempts(step.id.clone()));
            }
        }
        Ok(())
    }

    /// Goes through all stages in order.
    pub fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.waves.iter().flat_map(|wave| &wave.stages)
    }

    /// Goes through all steps in order, each with its stage.
    pub fn steps(&self) -> impl Iterator<Item = (&Stage, &StepSpec)> {
        self.stages().flat_map(|stage| stage.steps.iter().map(move |step| (stage, step)))
    }

    /// Returns a step and its stage by the step's id.
    #[must_use]
    pub fn find(&self, id: &StepId) -> Option<(&Stage, &StepSpec)> {
        self.steps().find(|(_, step)| step.id == *id)
    }
}
