//! `kup show [RUN]`: where a run stands, step by step, and what to type.

use crate::args::{Global, Named};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::show::{Picture, table};
use crate::wiring::Session;

pub(super) fn run(global: &Global, args: &Named) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let run = session.store.resolve(args.run.as_deref().unwrap_or("@last"))?;
    let (state, _) = session.read(&run)?;
    let picture = Picture::of(&run, &state);
    output::print(global.output, &picture, || table(&picture))?;
    Ok(Exit::Done)
}
