//! What can be typed after `kup doctor`.

use clap::Args;

/// `kup doctor`
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The run; a unique beginning of its name is enough [default: all of them]
    pub(crate) run: Option<String>,
    /// Ask the nodes too, as the run's first event reaches them
    #[arg(long)]
    pub(crate) nodes: bool,
    /// Make the index anew from the journals
    #[arg(long, conflicts_with_all = ["repair", "clean"])]
    pub(crate) rebuild_index: bool,
    /// Set the damaged last entry of the run's journal aside, if all nodes say that nothing came of it
    #[arg(long, requires = "run", conflicts_with = "clean")]
    pub(crate) repair: bool,
    /// Take away what a run that is over left behind: owner's records on nodes, unfinished files; keeps journals and backups
    #[arg(long, requires = "run")]
    pub(crate) clean: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}
