//! An activity that fails once, in a method and in a way that a test chose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kup_core::activity::{
    Activity, ActivityError, EffectClass, Output, Prepared, Proof, StepContext, UndoClass,
};
use kup_core::catalog::Catalog;
use kup_core::event::{Doing, ErrorClass, Found, Settlement};
use kup_core::id::StepId;
use kup_core::plan::StepSpec;

use super::life::Dresser;

/// What a failing activity says, also when all is done.
pub(super) const LIE: &str = "fails, as a test wants";

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing is done, and the error has this class.
    Before(ErrorClass),
    /// All is done, and the error has this class.
    After(ErrorClass),
    /// Nothing is done, and it is said to be done.
    Instead,
}

/// One failure: of which step, while doing what, in which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step.
    pub step: StepId,
    /// Of what.
    pub doing: Doing,
    /// How.
    pub way: Way,
}

impl Failure {
    /// Returns a dresser that lets `step` fail once, and whether it has.
    #[must_use]
    pub fn dresser(&self, step: &StepSpec) -> (Dresser, Arc<AtomicBool>) {
        let happened = Arc::new(AtomicBool::new(false));
        let (failure, step, flag) = (self.clone(), step.clone(), Arc::clone(&happened));
        let dress = move |catalog: &mut Catalog| {
            let inner = catalog.activity(&step).unwrap();
            let (failure, happened) = (failure.clone(), Arc::clone(&flag));
            catalog.add(Arc::new(Failing { inner, failure, happened }));
        };
        (Arc::new(dress), happened)
    }
}

struct Failing {
    inner: Arc<dyn Activity>,
    failure: Failure,
    happened: Arc<AtomicBool>,
}

impl Failing {
    /// Fails here if this is the place and it has not happened yet.
    async fn here<T>(
        &self,
        cx: &StepContext,
        doing: Doing,
        done: impl Future<Output = Result<T, ActivityError>>,
    ) -> Result<T, ActivityError> {
        let is_here = self.failure.doing == doing && self.failure.step == cx.step.id;
        if !is_here || self.happened.swap(true, Ordering::SeqCst) {
            return done.await;
        }
        let class = match self.failure.way {
            Way::Before(class) => class,
            Way::After(class) => {
                done.await?;
                class
            }
            // Only an effect can be said to be there.
            Way::Instead => return done.await,
        };
        Err(ActivityError::new(class, format!("{doing:?} {LIE}")))
    }

    /// Has the effect, fails, or only says that it has it.
    async fn acts(
        &self,
        cx: &StepContext,
        done: impl Future<Output = Result<Output, ActivityError>>,
    ) -> Result<Output, ActivityError> {
        let is_here = self.failure.way == Way::Instead && self.failure.step == cx.step.id;
        if is_here && !self.happened.swap(true, Ordering::SeqCst) {
            return Ok(Output { summary: LIE.to_owned(), blob: None });
        }
        self.here(cx, Doing::Execute, done).await
    }
}

#[async_trait]
impl Activity for Failing {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn version(&self) -> u32 {
        self.inner.version()
    }
    fn params(&self) -> &'static [&'static str] {
        self.inner.params()
    }
    fn effect(&self) -> EffectClass {
        self.inner.effect()
    }
    fn undo_class(&self) -> UndoClass {
        self.inner.undo_class()
    }

    async fn observe(&self, cx: &StepContext) -> Result<Found, ActivityError> {
        self.here(cx, Doing::Observe, self.inner.observe(cx)).await
    }

    async fn prepare(&self, cx: &StepContext) -> Result<Prepared, ActivityError> {
        self.here(cx, Doing::Prepare, self.inner.prepare(cx)).await
    }

    async fn settle(&self, cx: &StepContext) -> Result<Settlement, ActivityError> {
        self.here(cx, Doing::Settle, self.inner.settle(cx)).await
    }

    async fn execute(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        self.acts(cx, self.inner.execute(cx)).await
    }

    async fn verify(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        self.here(cx, Doing::Verify, self.inner.verify(cx)).await
    }

    async fn verify_undo(&self, cx: &StepContext) -> Result<Proof, ActivityError> {
        self.here(cx, Doing::Verify, self.inner.verify_undo(cx)).await
    }

    async fn undo(&self, cx: &StepContext) -> Result<Output, ActivityError> {
        self.acts(cx, self.inner.undo(cx)).await
    }
}
