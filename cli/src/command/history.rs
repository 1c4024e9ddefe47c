//! `kup history [RUN]`: the list of runs, or the events of one.

use crate::args::{Global, Named};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::history::{events_table, runs_table};
use crate::wiring::Session;

pub(super) fn run(global: &Global, args: &Named) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let Some(given) = &args.run else {
        let runs = session.index().summaries(&session.store)?;
        output::print_lines(global.output, &runs, || runs_table(&runs))?;
        return Ok(Exit::Done);
    };
    let run = session.store.resolve(given)?;
    let (_, entries) = session.read(&run)?;
    output::print_lines(global.output, &entries, || events_table(&entries))?;
    Ok(Exit::Done)
}
