//! One call of an activity for the engine. Undoing is the same activity seen from the other side: what was after is
//! now before, and executing is undoing.

use crate::activity::{Activity, ActivityError, Output, Prepared, Proof, StepContext};
use crate::event::{Doing, Found, Settlement};

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Done {
    Observed(Found),
    Prepared(Prepared),
    Settled(Settlement),
    Executed(Output),
    Verified(Proof),
    Failed(ActivityError),
    /// The run is to rest, and this only looked.
    LeftOff,
}

pub(crate) async fn perform(activity: &dyn Activity, cx: &StepContext, doing: Doing) -> Done {
    let undoing = cx.step.undo_of.is_some();
    let done = match doing {
        Doing::Observe if undoing => observe_undo(activity, cx).await.map(Done::Observed),
        Doing::Observe => activity.observe(cx).await.map(Done::Observed),
        Doing::Prepare => activity.prepare(cx).await.map(Done::Prepared),
        Doing::Settle => activity.settle(cx).await.map(Done::Settled),
        Doing::Execute if undoing => activity.undo(cx).await.map(Done::Executed),
        Doing::Execute => activity.execute(cx).await.map(Done::Executed),
        Doing::Verify if undoing => activity.verify_undo(cx).await.map(Done::Verified),
        Doing::Verify => activity.verify(cx).await.map(Done::Verified),
    };
    done.unwrap_or_else(Done::Failed)
}

/// A half-done effect is always worth undoing: the undo starts from whatever it finds.
async fn observe_undo(activity: &dyn Activity, cx: &StepContext) -> Result<Found, ActivityError> {
    Ok(match activity.observe(cx).await? {
        Found::Before { what } => Found::After { what },
        Found::After { what } => Found::Before { what },
        Found::Between { what, .. } => Found::Between { what, repairable: true },
        Found::Foreign { what } => Found::Foreign { what },
    })
}
