//! `kup logs RUN --step STEP`: the whole output of a step's command, as it was kept.

use kup_core::id::StepId;
use kup_core::journal::Blobs;

use crate::args::{Global, Logs};
use crate::error::{CliError, Exit};
use crate::output::{self, tell};
use crate::wiring::Session;

pub(super) async fn run(global: &Global, args: &Logs) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(&args.run)?;
    let (state, _) = session.read(&run)?;
    let id: Result<StepId, _> = args.step.parse();
    let record = id.ok().and_then(|id| state.step(&id).cloned());
    let record = record.ok_or_else(|| {
        CliError::unchanged(Exit::Usage, format!("run {run} has no step `{}`", args.step))
            .hint(format!("`kup show {run}` lists its steps"))
    })?;
    let wanted =
        record.outputs.iter().filter(|(attempt, _)| args.attempt.is_none_or(|n| n == *attempt));
    let mut printed = false;
    for (attempt, blob) in wanted {
        let bytes = session.blobs(&run).get(blob).await;
        let bytes = bytes.map_err(|e| {
            CliError::unchanged(Exit::Damaged, "cannot read the output").because(&e)
        })?;
        tell!("--- {} attempt {attempt}", args.step);
        output::write_bytes(&bytes)?;
        printed = true;
    }
    if !printed {
        tell!(
            "Step {} has no output: it runs no command on a node, or none of its attempts has ended.",
            args.step
        );
    }
    Ok(Exit::Done)
}
