//! The command line of kup: words and wiring, no decisions. [`args`] is what can be typed, [`command`] has one file for
//! each command, [`wiring`] puts cluster, machines, journal and engine together, [`render`] turns facts into text, and [`error`]
//! has the exit codes and the only printer of errors.

#![warn(clippy::print_stderr, reason = "it panics when nobody reads; say it with `tell!`")]

mod args;
mod asked;
mod catalogue;
mod command;
mod connect;
mod error;
mod estimate;
mod freeing;
mod guarding;
mod known;
mod live;
mod output;
mod pruning;
mod render;
mod rescue;
mod saved;
mod signals;
mod system;
mod unpack;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::error::{CliError, Exit};

/// Runs one command and returns its exit code, after having printed what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.global.verbose);
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Unexpected, "cannot start").because(&error))
        .and_then(|runtime| {
            let result = runtime.block_on(command::run(cli));
            // What still runs only watches: attempts live on the nodes.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.print();
            error.exit.into()
        }
    }
}

/// The log is for developers; it goes to stderr and is silent unless asked for.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "off",
        1 => "kup=info,kup_core=info,kup_steps=info,kup_store=info",
        2 => "kup=debug,kup_core=debug,kup_steps=debug,kup_store=debug",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("KUP_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
