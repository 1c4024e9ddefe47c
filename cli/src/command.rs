//! The commands: one file each.

mod abandon;
mod again;
mod backup;
mod commit;
mod doctor;
mod explain;
mod export;
mod gates;
mod history;
mod import;
mod inventory;
mod logs;
mod options;
mod plan;
mod resume;
mod rollback;
mod show;
mod start;
mod upgrade;

use std::io::{BufRead, IsTerminal};

use crate::args::{Cli, Command};
use crate::error::{CliError, Exit};
use crate::output;

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> Result<Exit, CliError> {
    let global = &cli.global;
    match cli.command {
        Command::Plan(args) => plan::run(global, &args).await,
        Command::Inventory(args) => inventory::run(global, &args).await,
        Command::Start(args) => start::run(global, &args).await,
        Command::Resume(args) => resume::run(global, &args).await,
        Command::Abandon(args) => abandon::run(global, &args).await,
        Command::Commit(args) => commit::run(global, &args).await,
        Command::Rollback(args) => rollback::run(global, &args).await,
        Command::History(args) => history::run(global, &args),
        Command::Show(args) => show::run(global, &args),
        Command::Logs(args) => logs::run(global, &args).await,
        Command::Backup(args) => backup::run(global, &args).await,
        Command::Export(args) => export::run(global, &args),
        Command::Import(args) => import::run(global, &args),
        Command::Doctor(args) => doctor::run(global, &args).await,
        Command::Explain(args) => explain::run(global, &args),
        Command::Version => version(global.output),
    }
}

fn version(format: crate::args::Format) -> Result<Exit, CliError> {
    let version = serde_json::json!({ "version": VERSION });
    output::print(format, &version, || format!("kup {VERSION}\n"))?;
    Ok(Exit::Done)
}

/// The version of this kup.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Asks for a yes. Without a terminal, or with `-o json`, nobody can answer.
/// Asks for a word that is not typed by mistake. `unasked` says what to do where nobody can be asked.
fn confirm_by_typing(question: &str, (word, unasked): (&str, &str)) -> Result<(), CliError> {
    let refused = |exit: Exit, message: &str| CliError::unchanged(exit, message);
    if !std::io::stdin().is_terminal() {
        return Err(refused(Exit::Usage, "there is no terminal to ask you at").hint(unasked));
    }
    output::say(format_args!("{question}"));
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(_) if answer.trim() == word => Ok(()),
        Ok(_) | Err(_) => Err(refused(Exit::Stopped, "stopped: that is not the endpoint")),
    }
}

fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    let refused = |message: &str| CliError::unchanged(Exit::Usage, message);
    if !std::io::stdin().is_terminal() {
        return Err(refused("there is no terminal to ask you at")
            .hint("say --yes to go on without being asked"));
    }
    output::say(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read.map(|_| answer.trim().to_lowercase()) {
        Ok(answer) if answer == "y" || answer == "yes" => Ok(()),
        Ok(_) | Err(_) => Err(CliError::unchanged(Exit::Stopped, "stopped, as you said")),
    }
}
