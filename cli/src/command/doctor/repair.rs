//! `kup doctor RUN --repair`: sets a journal's damaged last entry aside. It was acknowledged, so something may have come of it: all nodes
//! are asked whether an intent of theirs names it or a later one, and one that does not answer is a no.

use kup_core::event::RunStarted;
use kup_core::id::{Epoch, RunId};
use kup_steps::leftover::{epoch_of, intents_from, unit_at_work};
use kup_store::Repair;

use super::nodes::{self, Answers};
use crate::args::{Doctor, Global};
use crate::command::confirm;
use crate::error::{CliError, Exit};
use crate::known;
use crate::output::tell;
use crate::wiring::Session;

pub(super) async fn run(global: &Global, args: &Doctor, run: &RunId) -> Result<String, CliError> {
    let session = Session::open(global)?;
    let repair = session.store.repair(run)?;
    let state = session.fold(run, repair.entries_left())?;
    let connected = known::connected(&session.state_dir, run, &state.started).await?;
    let answers = nodes::ask(&connected, &state.started).await;
    must_be_without_trace(run, &repair, (&answers, state.epoch))?;
    show(&repair, &state.started);
    confirm("Set it aside?", args.yes)?;
    let (seq, kept) = (repair.seq(), repair.set_aside()?);
    session.read(run)?;
    Ok(format!("entry {seq} of run {run} was set aside into {}", kept.display()))
}

/// Refuses unless every node says that nothing of its own comes from the damaged entry or a later one.
fn must_be_without_trace(
    run: &RunId,
    repair: &Repair,
    (answers, last_epoch): (&Answers, Epoch),
) -> Result<(), CliError> {
    let seq = repair.seq();
    let refused = |exit, why: String| {
        CliError::unchanged(exit, format!("entry {seq} of run {run} is not set aside: {why}"))
    };
    for (node, answer) in answers {
        let left = answer.as_ref().map_err(|why| {
            refused(Exit::Ssh, format!("{node} does not say whether anything came of it"))
                .cause(why.clone())
                .hint("make the node reachable, then try again")
        })?;
        if let Some(attempt) = intents_from(left, run.as_str(), seq).first() {
            let named =
                attempt.seq.map_or_else(|| "no entry".to_owned(), |it| format!("entry {it}"));
            let why = format!(
                "attempt {} on {node} names {named} as its intent, so something came of it",
                attempt.name
            );
            return Err(refused(Exit::Damaged, why).hint(format!(
                "a resume would not know of that attempt; look for another copy of the journal, or see with `kup history` and on {node} what was done"
            )));
        }
        if let Some(unit) = unit_at_work(left, run.as_str()) {
            let why = format!("unit {unit} is at work on {node}");
            return Err(refused(Exit::Locked, why).hint("let it end, then try again"));
        }
        // The damaged entry may be the first of one more process, and not of two.
        if let Some(epoch) = epoch_of(left, run.as_str()).filter(|it| it.0 > last_epoch.0 + 1) {
            let why = format!("process {epoch} has owned {node}, so more than one entry is lost");
            return Err(refused(Exit::Damaged, why).hint("look for another copy of the journal"));
        }
    }
    Ok(())
}

fn show(repair: &Repair, started: &RunStarted) {
    tell!(
        "Entry {} ({} bytes from byte {} on): {}",
        repair.seq(),
        repair.n_bytes(),
        repair.offset(),
        repair.what()
    );
    tell!(
        "None of the {} nodes has an intent that names it or a later one. Its bytes will be kept beside the journal; the run goes on from entry {}.",
        started.machines.len(),
        repair.entries_left().len()
    );
}
