//! What can be typed after `kup backup`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{GuardArgs, IdentityArgs, ReachArgs};

/// `kup backup`
#[derive(Debug, Subcommand)]
pub(crate) enum Backup {
    /// List what was kept, for one run or for all
    List(OfRun),
    /// Show one backup: what it is of, where it lies, and the names of what is in it; never its contents
    Show {
        /// The backup; a unique beginning of its name is enough
        backup: String,
        #[command(flatten)]
        identity: IdentityArgs,
    },
    /// Read the bytes of backups again and compare them with what was kept
    Verify(Verify),
    /// Write what is in a backup into a new folder of this machine; nothing is put onto a node
    Restore(Restore),
    /// Take backups of the cluster and all its nodes now, as a run that changes nothing
    Create(Box<Create>),
    /// Remove backups that nothing needs any more, after showing them: never those of a run that is not over, nor of the run that a rollback
    /// could begin from
    Prune(Prune),
}

/// `kup backup create`
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
}

/// `kup backup restore`
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup; a unique beginning of its name is enough
    pub(crate) backup: String,
    /// The folder, which must not be there yet [default: kup-backup-BACKUP]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// Only this file, or what is below this folder; may be given more than once
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Vec<PathBuf>,
    /// Refuse unless it is of this cluster: its endpoint, or the UID of its kube-system
    #[arg(long, value_name = "ENDPOINT|UID")]
    pub(crate) of_cluster: Option<String>,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// `kup backup prune`
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// How long the backups of runs that went back or were abandoned are kept, such as 12h, 30d or 8w
    #[arg(long, value_name = "AGE", env = "KUP_RETENTION", default_value = "90d", value_parser = age)]
    pub(crate) older_than: Duration,
    /// Commit runs first that have succeeded and ended longer ago than this; they can be rolled back no more [default: none]
    #[arg(long, value_name = "AGE", env = "KUP_COMMIT_AFTER", value_parser = age)]
    pub(crate) commit_older_than: Option<Duration>,
    /// Remove the copies on nodes too
    #[arg(long)]
    pub(crate) nodes: bool,
    /// Then show what `kubeadm upgrade` has left in /etc/kubernetes/tmp on the nodes, and ask whether that goes too
    #[arg(long)]
    pub(crate) kubeadm_tmp: bool,
    /// Show what would go, and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// `kup backup verify`
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) of: OfRun,
    /// Ask the nodes for their copies too, as the newest run of each cluster reaches them
    #[arg(long)]
    pub(crate) nodes: bool,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// The run whose backups are meant.
#[derive(Debug, Args)]
pub(crate) struct OfRun {
    /// The run; a unique beginning of its name is enough, @last is the last one [default: all]
    pub(crate) run: Option<String>,
}

/// Reads `12h`, `30d` or `8w`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not an age; write 12h, 30d or 8w");
    let number = text.trim_end_matches(['h', 'd', 'w']);
    let count: u64 = number.parse().map_err(|_| wrong())?;
    let hours = match text.strip_prefix(number) {
        Some("h") => 1,
        Some("d") => 24,
        Some("w") => 168,
        Some(_) | None => return Err(wrong()),
    };
    let seconds = count.checked_mul(hours * 3600);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(age("90d"), Ok(Duration::from_secs(7_776_000)));
        assert_eq!(age("0h"), Ok(Duration::ZERO));
        for wrong in ["", "d", "90", "1m", "-1d", "1d12", "1dd", "99999999999999999999h"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
