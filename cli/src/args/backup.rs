//! What can be typed after `kup backup`.

use clap::{Args, Subcommand};

/// `kup backup`
#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// List what was kept, for one run or for all
    List(OfRun),
    /// Show one backup: what it is of, where it lies, and the names of what is in it; never its contents
    Show {
        /// The backup; a unique beginning of its name is enough
        backup: String,
    },
    /// Read the bytes of backups again and compare them with what was kept
    Verify(OfRun),
}

/// The run whose backups are meant.
#[derive(Debug, Args)]
pub(crate) struct OfRun {
    /// The run; a unique beginning of its name is enough, @last is the last one [default: all]
    pub(crate) run: Option<String>,
}
