//! The code of a step. An activity looks, takes what an undo needs, acts, proves, and can undo; when
//! to do which is the engine's business alone.

use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::watch;

use crate::clock::{Clock, Timestamp};
use crate::event::{Backup, ErrorClass, ErrorRecord, Found, Settlement, StepPrepared};
use crate::id::{BlobId, Epoch, RunId, Seq, StepId};
use crate::journal::Blobs;
use crate::plan::StepSpec;
use crate::progress::Progress;

/// What repeating an effect does. Declared by every activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectClass {
    /// Nothing is changed.
    ReadOnly,
    /// Twice is as good as once.
    Idempotent,
    /// Another attempt goes on from wherever the last one stopped.
    Convergent,
    /// It must not be started again before the first outcome is known or observed.
    AtMostOnce,
}

/// What undoing an effect means. Declared by every activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoClass {
    /// The recorded backups bring the old state back.
    Reversible,
    /// After it there is no simple way back.
    PointOfNoReturn,
    /// It leaves nothing that would have to go back.
    NothingToUndo,
}

/// All that an activity is told about the step it works for.
#[derive(Clone)]
pub struct StepContext {
    /// The run.
    pub run: RunId,
    /// The epoch of this process.
    pub epoch: Epoch,
    /// The step.
    pub step: StepSpec,
    /// The stage's target.
    pub target: String,
    /// The attempt under way, counted from 1; 0 before the first.
    pub attempt: u32,
    /// The place of the attempt's intent in the journal; 0 before the first.
    pub intent: Seq,
    /// When waiting for the attempt ends.
    pub deadline: Timestamp,
    /// What this step, or for an undo the step that it undoes, recorded before its first attempt.
    pub prepared: Option<StepPrepared>,
    /// For an undo: what the step that it undoes left behind.
    pub left: Vec<(String, String)>,
    /// Targets that an operator left out of the run.
    pub left_out: Vec<String>,
    /// Where large bytes go.
    pub blobs: Arc<dyn Blobs>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where words for the eye go.
    pub progress: Arc<dyn Progress>,
    /// Turns true when the run is to rest: what only waits may then end early.
    pub stop: watch::Receiver<bool>,
}

impl StepContext {
    /// Returns a parameter of the step.
    ///
    /// # Errors
    /// A permanent error naming the parameter; `Catalog::bind` finds these before the first effect.
    pub fn param(&self, name: &str) -> Result<&str, ActivityError> {
        self.step.params.get(name).map(String::as_str).ok_or_else(|| {
            ActivityError::permanent(format!("step `{}` has no parameter `{name}`", self.step.id))
        })
    }

    /// Returns a note that `prepare` left.
    #[must_use]
    pub fn note(&self, name: &str) -> Option<&str> {
        let notes = &self.prepared.as_ref()?.notes;
        notes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns when the run is to rest; never otherwise.
    pub async fn stopping(&self) {
        let mut stop = self.stop.clone();
        if stop.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Says something for the eye; not kept.
    pub fn say(&self, text: &str) {
        self.progress.note(&self.step.id, text);
    }
}

/// What `prepare` took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prepared {
    /// What the undo needs to know; small, without secrets.
    pub notes: Vec<(String, String)>,
    /// The copies taken, already in the blobs.
    pub backups: Vec<Backup>,
}

/// What an attempt that succeeded says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// In a sentence.
    pub summary: String,
    /// Its output, already in the blobs.
    pub blob: Option<BlobId>,
}

/// What `verify` has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// In a sentence.
    pub evidence: String,
    /// What the step left behind, e.g. hashes of files, by which an undo tells whether somebody came later.
    pub left: Vec<(String, String)>,
}

impl From<String> for Proof {
    fn from(evidence: String) -> Self {
        Self { evidence, left: Vec::new() }
    }
}

/// A failure inside an activity, with its class.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct ActivityError {
    /// What the engine may do about it.
    pub class: ErrorClass,
    /// What failed, naming its object.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// The output of the command that failed, already in the blobs.
    pub output: Option<BlobId>,
}

impl ActivityError {
    /// Returns an error of the given class.
    #[must_use]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), causes: Vec::new(), output: None }
    }

    /// Returns an error that another attempt may cure.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// Returns an error that another attempt will not cure.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, message)
    }

    /// Returns an error after which the effect may have happened.
    #[must_use]
    pub fn unclear(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Unclear, message)
    }

    /// Returns the same error for somebody who could not look: the effect may have happened.
    #[must_use]
    pub fn as_unclear(self) -> Self {
        Self { class: ErrorClass::Unclear, ..self }
    }

    /// Returns the same error for somebody who has waited long enough.
    #[must_use]
    pub fn as_permanent(self) -> Self {
        Self { class: ErrorClass::Permanent, ..self }
    }

    /// Adds a cause and everything behind it.
    #[must_use]
    pub fn because(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Returns the form that the journal keeps.
    #[must_use]
    pub fn to_record(&self) -> ErrorRecord {
        ErrorRecord {
            class: self.class,
            message: self.message.clone(),
            causes: self.causes.clone(),
        }
    }
}

/// The code of a kind of step. All its methods may be called again after a crash at any point.
#[async_trait]
pub trait Activity: Send + Sync {
    /// Returns its name in plans.
    fn name(&self) -> &'static str;

    /// Returns its version; a plan made for another one is refused.
    fn version(&self) -> u32;

    /// Returns the parameters that a step of this kind must have.
    fn params(&self) -> &'static [&'static str];

    /// Returns what repeating it does.
    fn effect(&self) -> EffectClass;

    /// Returns what undoing it means.
    fn undo_class(&self) -> UndoClass;

    /// Looks how far the world is. Changes nothing. An error is never "not done".
    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError>;

    /// Takes what an undo will need. Called once per step, before its first attempt; what it
    /// returns is on stable storage before anything is changed.
    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError>;

    /// Asks the place where the attempt ran what became of it, after a crash or a cut connection.
    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError>;

    /// Has the effect, or attaches to the same attempt where it already runs or has ended.
    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError>;

    /// Proves by looking at the world that the effect is there, waiting for it within limits of its own.
    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError>;

    /// Proves that the effect is gone. By default: the world is as before.
    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        match self.observe(cx).await? {
            Found::Before { what } => Ok(what.into()),
            Found::Between { what, .. } | Found::After { what } | Found::Foreign { what } => {
                let why = format!("step `{}` is not undone: {what}", cx.step.id);
                Err(ActivityError::transient(why))
            }
        }
    }

    /// Reverses the effect, also a half-done one, from what `prepare` recorded; a no-op where nothing was done.
    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError>;
}

/// Names the attempt of a step, for places where it leaves traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptName {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// Counted from 1.
    pub attempt: u32,
}
