//! What can be typed. kubectl's, helm's and kubeadm's words where they have one.

mod backup;
mod doctor;
mod guard;
mod moving;
mod reach;
mod upgrade;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use backup::{Backup, Create, OfRun, Prune, Restore, Verify};
pub(crate) use doctor::Doctor;
pub(crate) use guard::{GuardArgs, IdentityArgs};
pub(crate) use moving::{Export, Import};
pub(crate) use reach::{ReachArgs, SshAddress};
pub(crate) use upgrade::{KubeadmArgs, Plan, SkipAddon, Start, Until, Upgrade};

/// Upgrades a cluster made by kubeadm, step by step, each step journaled: an interrupted run resumes where it was, and a run can be rolled
/// back.
///
/// Exit codes: 0 done; 1 unexpected; 2 wrong use or configuration; 3 stopped, an operator must decide (doctor: a problem was found); 4 a
/// gate blocks, nothing was changed; 5 a step failed, the run can be resumed; 6 the run ended rolled back; 7 a rollback stopped; 8 another kup
/// holds it; 9 a node cannot be reached; 10 the API server cannot be reached; 12 the journal is damaged (doctor: it, a blob, or what nodes know
/// of it); 129, 130, 143 stopped by a signal, the run can be resumed.
#[derive(Debug, Parser)]
#[command(name = "kup", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where journals and backups are kept [default: $XDG_STATE_HOME/kup, else ~/.local/state/kup]
    #[arg(long, global = true, env = "KUP_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// How data is printed
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Log to stderr; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs; histories have one object a line
    Json,
    /// For both
    Yaml,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what an upgrade would do, and what stands in its way; changes nothing
    Plan(Box<Plan>),
    /// Show the cluster and its machines as they are; changes nothing
    Inventory(ReachArgs),
    /// Upgrade the cluster
    Start(Box<Start>),
    /// Go on with an interrupted or paused run
    Resume(Resume),
    /// Give a run up for good; the cluster stays as it is
    Abandon(Abandon),
    /// Undo what a run did
    Rollback(Rollback),
    /// End the time in which a finished run can be rolled back, and free its backups
    Commit(Commit),
    /// List the runs, or show the event history of one
    History(Named),
    /// Show where a run stands, step by step, and what to type
    Show(Named),
    /// Print the output of a step's command
    Logs(Logs),
    /// List, show and verify the backups that runs have kept
    #[command(subcommand)]
    Backup(Backup),
    /// Write a run with its backups into one file, for another machine
    Export(Export),
    /// Bring in a run of another machine: its folder, or a file that `kup export` has made
    Import(Import),
    /// Check journals, backups, locks and the index, and with --nodes what was left on nodes; changes only what it is told to;
    /// -v shows also what is as always
    Doctor(Doctor),
    /// Say what a gate asks and why, what can be done about it, or what the exit codes mean
    Explain(Explain),
    /// Print the version
    Version,
}

/// `kup resume`
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The run; a unique beginning of its name is enough
    #[arg(default_value = "@last")]
    pub(crate) run: String,
    /// Try this blocked step again
    #[arg(long, value_name = "STEP", requires = "reason")]
    pub(crate) retry: Vec<String>,
    /// Take this blocked step as done
    #[arg(long, value_name = "STEP", requires = "reason")]
    pub(crate) accept: Vec<String>,
    /// Take the nodes over from this run of another machine, which must not be running any more
    #[arg(long, value_name = "RUN")]
    pub(crate) take_over: Option<String>,
    /// Leave this worker out of the run, as it is
    #[arg(long, value_name = "NODE", requires = "reason")]
    pub(crate) skip: Vec<String>,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// `kup explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A gate's code or name, or `exit-codes` [default: the list of all gates]
    #[arg(value_name = "CODE|exit-codes")]
    pub(crate) about: Option<String>,
}

/// `kup abandon`
#[derive(Debug, Args)]
pub(crate) struct Abandon {
    /// The run
    pub(crate) run: String,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// `kup rollback`
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The run
    pub(crate) run: String,
    /// Show what it would do, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Take only this node back, and rest there
    #[arg(long, value_name = "NODE", conflicts_with = "to")]
    pub(crate) node: Option<String>,
    /// Go back to where this step was done, and rest there
    #[arg(long, value_name = "STEP")]
    pub(crate) to: Option<String>,
    /// Restore the snapshot of etcd of before the run on every control plane: everything written to the cluster since is lost. Needs the etcdutl
    /// that `kup start --etcdutl` has laid ready
    #[arg(long, conflicts_with_all = ["node", "to"])]
    pub(crate) restore_etcd: bool,
    /// Agree to lose everything written since this moment, which the plan names, instead of typing the control-plane endpoint
    #[arg(long, value_name = "TIME", requires = "restore_etcd")]
    pub(crate) yes_lose_data_since: Option<String>,
    /// EXPERIMENTAL, tried in kup's simulated cluster only: where the run took etcd from 3.5 to 3.6 or from 3.6 to 3.7, take it down again while
    /// it runs, by its own downgrade, before anything else goes back; no write is lost
    #[arg(long, conflicts_with_all = ["node", "to", "restore_etcd"])]
    pub(crate) experimental_etcd_downgrade: bool,
    /// Write over what somebody else has changed since the run left it
    #[arg(long)]
    pub(crate) overwrite_changes: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// `kup commit`
#[derive(Debug, Args)]
pub(crate) struct Commit {
    /// The run
    pub(crate) run: String,
    /// Why; kept in the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// A run by its name.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The run; a unique beginning of its name is enough, @last is the last one
    pub(crate) run: Option<String>,
}

/// `kup logs`
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The run
    #[arg(default_value = "@last")]
    pub(crate) run: String,
    /// The step
    #[arg(long, value_name = "STEP")]
    pub(crate) step: String,
    /// The attempt [default: all of them]
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
