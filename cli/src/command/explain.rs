//! `kup explain [CODE|exit-codes]`: what a gate asks and why, what can be done about it, and what exit codes mean.

use kup_steps::gate;

use crate::args::{Explain, Global};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::explain::{ExitCode, Explained, exit_table, gate_text, gates_table};

pub(super) fn run(global: &Global, args: &Explain) -> Result<Exit, CliError> {
    match args.about.as_deref() {
        None => {
            let gates: Vec<Explained> = gate::about().map(Explained::from).collect();
            output::print(global.output, &gates, || gates_table(&gates))?;
        }
        Some("exit-codes") => {
            let codes: Vec<ExitCode> = Exit::ALL.map(ExitCode::from).into();
            output::print(global.output, &codes, || exit_table(&codes))?;
        }
        Some(given) => {
            let gate = Explained::from(find(given)?);
            output::print(global.output, &gate, || gate_text(&gate))?;
        }
    }
    Ok(Exit::Done)
}

/// Finds a gate by its code, in whatever case, or by its name.
pub(super) fn find(given: &str) -> Result<gate::About, CliError> {
    let is_it = |it: &gate::About| it.code.eq_ignore_ascii_case(given) || it.name == given;
    gate::about().find(is_it).ok_or_else(|| {
        CliError::unchanged(Exit::Usage, format!("there is no gate `{given}`"))
            .hint("`kup explain` lists all gates, `kup explain exit-codes` the exit codes")
    })
}
