//! Gates and exit codes, explained.

use kup_steps::gate::{About, Overruling};
use serde::Serialize;

use super::table;
use crate::error::Exit;

/// A gate as `kup explain` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    code: &'static str,
    name: &'static str,
    question: &'static str,
    why: &'static str,
    remedy: &'static str,
    may_be_ignored: bool,
}

impl From<About> for Explained {
    fn from(about: About) -> Self {
        let About { code, name, question, why, remedy, overruling } = about;
        let may_be_ignored = overruling == Overruling::Allowed;
        Self { code, name, question, why, remedy, may_be_ignored }
    }
}

/// An exit code as `kup explain exit-codes` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct ExitCode {
    code: u8,
    meaning: &'static str,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self { code: exit as u8, meaning: exit.meaning() }
    }
}

/// Returns all gates.
pub(crate) fn gates_table(gates: &[Explained]) -> String {
    let row = |gate: &Explained| {
        vec![gate.code.to_owned(), gate.name.to_owned(), gate.question.to_owned()]
    };
    table(&["CODE", "NAME", "QUESTION"], gates.iter().map(row).collect())
}

/// Returns one gate with everything that is known of it.
pub(crate) fn gate_text(gate: &Explained) -> String {
    let Explained { code, name, question, why, remedy, may_be_ignored } = gate;
    let overruling = match may_be_ignored {
        true => format!(
            "`kup start ... --ignore {code}` goes on although it blocks; the history keeps that, with your name"
        ),
        false => "may not be ignored: going on would certainly do damage".to_owned(),
    };
    format!(
        "{code} {name}\n  {question}\n\nWhy:     {why}\nRemedy:  {remedy}\nIgnore:  {overruling}\n"
    )
}

/// Returns all exit codes.
pub(crate) fn exit_table(codes: &[ExitCode]) -> String {
    let row = |it: &ExitCode| vec![it.code.to_string(), it.meaning.to_owned()];
    table(&["CODE", "MEANING"], codes.iter().map(row).collect())
}
