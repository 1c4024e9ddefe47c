//! What can be typed to move a run from one machine to another.

use std::path::PathBuf;

use clap::Args;

/// `kup export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The run
    pub(crate) run: String,
    /// The file, which must not be there yet
    #[arg(value_name = "FILE.tar")]
    pub(crate) to: PathBuf,
}

/// `kup import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The folder of the run, or a file that `kup export` has made
    #[arg(value_name = "FOLDER|FILE.tar")]
    pub(crate) from: PathBuf,
}
