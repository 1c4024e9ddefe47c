//! What can be typed. kubectl's, helm's and kubeadm's words where they have one.

mod doctor;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use doctor::Doctor;

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
    Plan(Upgrade),
    /// Show the cluster and its machines as they are; changes nothing
    Inventory(ReachArgs),
    /// Upgrade the cluster
    Start(Start),
    /// Go on with an interrupted or paused run
    Resume(Resume),
    /// Give a run up for good; the cluster stays as it is
    Abandon(Abandon),
    /// Undo what a run did
    Rollback(Rollback),
    /// List the runs, or show the event history of one
    History(Named),
    /// Show where a run stands, step by step, and what to type
    Show(Named),
    /// Print the output of a step's command
    Logs(Logs),
    /// Check journals, backups, locks and the index, and with --nodes what was left on nodes; changes only what it is told to;
    /// -v shows also what is as always
    Doctor(Doctor),
    /// Print the version
    Version,
}

/// How cluster and nodes are reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reaching the cluster")]
pub(crate) struct ReachArgs {
    /// The kubeconfig [default: ~/.kube/config]
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// A simulated cluster instead of a real one: `sim`, `sim:5x20`, `sim:3x3@v1.35.6`
    #[arg(long, value_name = "SIM", conflicts_with_all = ["kubeconfig", "context"])]
    pub(crate) cluster: Option<String>,
    /// The user to log in as; root, or one with sudo that asks for no password
    #[arg(long, value_name = "USER")]
    pub(crate) ssh_user: Option<String>,
    /// The private key to log in with
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_identity: Option<PathBuf>,
    /// An option as for `ssh -o`, such as ProxyJump=bastion; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) ssh_option: Vec<String>,
    /// The node that kup itself runs on, as root: it is reached without SSH
    #[arg(long, value_name = "NODE", conflicts_with = "cluster")]
    pub(crate) local_node: Option<String>,
    /// Whether nodes are reached by their address or by their name
    #[arg(long, value_enum, default_value_t = SshAddress::Ip)]
    pub(crate) ssh_address: SshAddress,
}

/// By what nodes are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SshAddress {
    /// By the Node object's InternalIP
    Ip,
    /// By the node's name, as DNS or ~/.ssh/config know it
    Name,
}

/// What an upgrade shall be like.
#[derive(Debug, Clone, Args)]
pub(crate) struct Upgrade {
    /// The version wanted: v1.36.2, 1.36 for the newest patch that is offered, or latest; minors in between are gone through
    #[arg(value_name = "VERSION")]
    pub(crate) version: String,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// The control plane to begin with [default: the first that holds /etc/kubernetes/admin.conf]
    #[arg(long, value_name = "NODE")]
    pub(crate) first: Option<String>,
    /// Workers that may be away at once: a number or a percentage
    #[arg(long, value_name = "N|P%", default_value = "1")]
    pub(crate) max_unavailable: String,
    /// Take workers to the last minor only, where Kubernetes' skew rules and kubeadm's migrations allow it
    #[arg(long)]
    pub(crate) workers_skip_hops: bool,
    /// Preflight errors that kubeadm shall ignore, passed to it
    #[arg(long, value_name = "NAMES")]
    pub(crate) ignore_preflight_errors: Option<String>,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
}

/// How to drain.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Draining")]
pub(crate) struct DrainArgs {
    /// Evict pods with emptyDir volumes too; their data is lost
    #[arg(long)]
    pub(crate) delete_emptydir_data: bool,
    /// Evict pods without a controller too; nothing makes them again
    #[arg(long)]
    pub(crate) drain_force: bool,
    /// Seconds that pods get to end [default: each pod's own]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) drain_grace_period: Option<u32>,
    /// How long a node may take to drain before you are asked
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) drain_timeout: Duration,
}

/// `kup start`
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show the plan and what blocks, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Pause when this is done; `kup resume` goes on
    #[arg(long, value_enum, value_name = "WAVE")]
    pub(crate) until: Option<Until>,
    /// Take the nodes over from this run of another machine, which must not be running any more
    #[arg(long, value_name = "RUN")]
    pub(crate) take_over: Option<String>,
}

/// Where to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// When all control planes and their kubelets are done
    ControlPlane,
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
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
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

/// Reads `90s`, `15m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time; write 90s, 15m or 2h");
    let number = text.trim_end_matches(['s', 'm', 'h']);
    let count: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match text.strip_prefix(number) {
        Some("s" | "") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some(_) | None => return Err(wrong()),
    };
    count.checked_mul(seconds).filter(|s| *s > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        for wrong in ["", "m", "0s", "1d", "-1s", "1m30", "1mm", "99999999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
