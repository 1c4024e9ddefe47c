//! Activities and gates by name. A plan is bound to the code before its first effect: what is missing is found then.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::activity::{Activity, UndoClass};
use crate::gate::Gate;
use crate::plan::{GateSpec, Plan, StepSpec};

/// Says which code a plan needs and this kup does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BindError {
    /// There is no such activity.
    #[error(
        "step `{step}` needs the activity `{activity}` version {version}, which this kup does not have"
    )]
    UnknownActivity {
        /// The step.
        step: String,
        /// The activity's name.
        activity: String,
        /// The version that the plan was made for.
        version: u32,
    },
    /// The plan lacks something that the activity needs.
    #[error("step `{step}` lacks the parameter `{param}`")]
    MissingParam {
        /// The step.
        step: String,
        /// The parameter.
        param: &'static str,
    },
    /// What the step would undo declares that it cannot be undone.
    #[error("step `{step}` would undo the activity `{activity}`, which has no undo")]
    NoUndo {
        /// The step.
        step: String,
        /// The activity's name.
        activity: String,
    },
    /// There is no such gate.
    #[error("the plan needs the gate `{gate}` version {version}, which this kup does not have")]
    UnknownGate {
        /// The gate's name.
        gate: String,
        /// The version that the plan was made for.
        version: u32,
    },
}

/// All activities and gates of this kup.
#[derive(Clone, Default)]
pub struct Catalog {
    activities: BTreeMap<(&'static str, u32), Arc<dyn Activity>>,
    gates: BTreeMap<&'static str, Arc<dyn Gate>>,
}

impl Catalog {
    /// Returns an empty catalog.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an activity under its name and version.
    pub fn add(&mut self, activity: Arc<dyn Activity>) {
        self.activities.insert((activity.name(), activity.version()), activity);
    }

    /// Adds a gate under its name.
    pub fn add_gate(&mut self, gate: Arc<dyn Gate>) {
        self.gates.insert(gate.name(), gate);
    }

    /// Returns the activity of a step.
    ///
    /// # Errors
    /// When there is none of that name and version, or the step lacks a parameter.
    pub fn activity(&self, step: &StepSpec) -> Result<Arc<dyn Activity>, BindError> {
        let found = self
            .activities
            .iter()
            .find(|((name, version), _)| *name == step.activity && *version == step.version);
        let (_, activity) = found.ok_or_else(|| BindError::UnknownActivity {
            step: step.id.to_string(),
            activity: step.activity.clone(),
            version: step.version,
        })?;
        match activity.params().iter().find(|param| !step.params.contains_key(**param)) {
            Some(param) => Err(BindError::MissingParam { step: step.id.to_string(), param }),
            None => Ok(Arc::clone(activity)),
        }
    }

    /// Returns the gate of a plan's question.
    ///
    /// # Errors
    /// When there is none of that name and version.
    pub fn gate(&self, spec: &GateSpec) -> Result<Arc<dyn Gate>, BindError> {
        let found =
            self.gates.get(spec.gate.as_str()).filter(|gate| gate.version() == spec.version);
        let unknown = || BindError::UnknownGate { gate: spec.gate.clone(), version: spec.version };
        found.map(Arc::clone).ok_or_else(unknown)
    }

    /// Checks that this kup can do the whole plan. Gates are looked for when they are asked: a run whose gates have answered does
    /// not need them any more.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub fn bind(&self, plan: &Plan) -> Result<(), BindError> {
        for (_, step) in plan.steps() {
            let reversible = self.activity(step)?.undo_class() == UndoClass::Reversible;
            if step.undo_of.is_some() && !reversible {
                let (step, activity) = (step.id.to_string(), step.activity.clone());
                return Err(BindError::NoUndo { step, activity });
            }
        }
        Ok(())
    }
}
