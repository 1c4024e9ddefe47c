//! What is recorded of a run that is over: nothing is left to do, so that no code of its plan and no world is needed for it.

use super::EngineError;
use crate::clock::Clock;
use crate::event::{Entry, Event};
use crate::id::Seq;
use crate::journal::{Journal, NewEntry};
use crate::state::RunState;

/// Records one fact of a run that is over, and returns what is known of it then.
///
/// # Errors
/// See [`EngineError`]; of an entry that does not fit nothing is written.
pub async fn record_after(
    state: &RunState,
    journal: &mut dyn Journal,
    clock: &dyn Clock,
    event: Event,
) -> Result<RunState, EngineError> {
    if let Some((seq, _)) = state.opaque.first() {
        return Err(EngineError::NewerJournal(*seq));
    }
    let (time, since_boot) = (clock.now(), clock.since_boot());
    let (seq, epoch) = (Seq(state.head.0 + 1), journal.epoch());
    let mut next = state.clone();
    next.apply(&Entry { seq, epoch, time, since_boot, event: event.clone() })
        .map_err(EngineError::Illegal)?;
    let entry = NewEntry { time, since_boot, event };
    journal.append(vec![entry]).await.map_err(EngineError::Append)?;
    Ok(next)
}
