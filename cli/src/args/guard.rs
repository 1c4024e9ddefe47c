//! How the secret ones among backups are kept, and what opens those that are encrypted.

use std::path::PathBuf;

use clap::Args;

/// How the secret ones among the backups are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Backups")]
pub(crate) struct GuardArgs {
    /// Encrypt nodes' files and snapshots of etcd with age before they reach a disk of this machine: age1..., or a public key of SSH (ssh-ed25519
    /// ..., ssh-rsa ...). May be given more than once; whoever holds the key of one of them can read all
    #[arg(long, value_name = "RECIPIENT", env = "KUP_BACKUP_RECIPIENT", value_delimiter = ',')]
    pub(crate) backup_recipient: Vec<String>,
    /// Let no secret leave its node: files are copied on each node only, and no snapshot of etcd is taken. A node whose copies are lost cannot go back
    #[arg(long)]
    pub(crate) backups_stay_on_nodes: bool,
}

/// What opens encrypted backups.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IdentityArgs {
    /// What opens encrypted backups: a file of age's with identities, or a private key of SSH without a passphrase
    #[arg(long, value_name = "FILE", env = "KUP_BACKUP_IDENTITY")]
    pub(crate) backup_identity: Option<PathBuf>,
}
