//! Data on stdout, in the form that was asked for, and words for eyes on stderr.

use std::fmt::Arguments;
use std::io::{Write, stderr};

use serde::Serialize;

use crate::args::Format;
use crate::error::{CliError, Exit};

/// Prints one thing: `table` for people, else the thing itself.
pub(crate) fn print(
    format: Format,
    thing: &impl Serialize,
    table: impl FnOnce() -> String,
) -> Result<(), CliError> {
    let text = match format {
        Format::Table => table(),
        Format::Json => serde_json::to_string_pretty(thing).map_err(|e| unprintable(&e))? + "\n",
        Format::Yaml => serde_yaml_ng::to_string(thing).map_err(|e| unprintable(&e))?,
    };
    write(&text)
}

/// Prints a list: one JSON object a line.
pub(crate) fn print_lines<T: Serialize>(
    format: Format,
    things: &[T],
    table: impl FnOnce() -> String,
) -> Result<(), CliError> {
    if format != Format::Json {
        return print(format, &things, table);
    }
    let lines: Result<Vec<String>, _> = things.iter().map(serde_json::to_string).collect();
    let mut text = lines.map_err(|e| unprintable(&e))?.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    write(&text)
}

/// Writes to stdout; a reader that has left early is not an error.
pub(crate) fn write(text: &str) -> Result<(), CliError> {
    write_bytes(text.as_bytes())
}

pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), CliError> {
    use std::io::ErrorKind;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::new(Exit::Unexpected, "cannot write to stdout").because(&error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says a line to whoever looks on. That nobody does any more (a closed terminal, a `tee` that the same Ctrl-C has ended) is no reason to
/// break off what goes on; `eprintln!` would panic then.
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::output::say(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use tell;

/// Says something as it is, see [`tell`].
pub(crate) fn say(text: Arguments<'_>) {
    // In one piece: others may be writing to the same terminal.
    drop(stderr().lock().write_all(text.to_string().as_bytes()));
}

fn unprintable(error: &dyn std::error::Error) -> CliError {
    CliError::new(Exit::Unexpected, "cannot print this").because(error)
}
