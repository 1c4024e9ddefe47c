//! Flags as the way in which secret backups are kept, and as what opens them.

use std::path::Path;

use kup_core::guard::Guard;
use kup_store::{FileBlobs, Identities, Recipients};

use crate::args::{GuardArgs, IdentityArgs};
use crate::error::{CliError, Exit};

/// Keys that are longer are shown by their ends.
const SHOWN: usize = 70;
/// The longest file with identities, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Returns how secret backups are to be kept.
pub(crate) fn guard(args: &GuardArgs) -> Result<Guard, CliError> {
    let recipients = args.backup_recipient.iter().map(|text| text.trim().to_owned());
    let recipients: Vec<String> = recipients.filter(|text| !text.is_empty()).collect();
    if args.backups_stay_on_nodes {
        return Ok(Guard::OnNodes);
    }
    if recipients.is_empty() {
        return Ok(Guard::Plain);
    }
    Recipients::parse(&recipients).map_err(|e| {
        CliError::unchanged(Exit::Usage, "--backup-recipient cannot be used").because(&e).hint(
            "`age-keygen -o key.txt` makes a key and prints its recipient, age1...; a public key such as ~/.ssh/id_ed25519.pub is one too",
        )
    })?;
    Ok(Guard::Encrypted { recipients })
}

/// Reads what opens encrypted backups.
pub(crate) fn identities(args: &IdentityArgs) -> Result<Identities, CliError> {
    let Some(path) = &args.backup_identity else { return Ok(Identities::default()) };
    let wrong = || {
        let message = format!("--backup-identity: cannot use {}", path.display());
        CliError::unchanged(Exit::Usage, message)
    };
    let text = read(path).map_err(|e| wrong().because(&e))?;
    Identities::parse(&text).map_err(|e| wrong().because(&e))
}

fn read(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_BYTES {
        return Err(std::io::Error::other("it is too large for a key"));
    }
    std::fs::read_to_string(path)
}

/// Lets blobs keep secrets as the run wants it.
pub(crate) fn guarded(blobs: FileBlobs, guard: &Guard) -> Result<FileBlobs, CliError> {
    blobs.guarded(guard).map_err(|e| {
        let message = "the run's backups are to be encrypted, and this kup cannot do so";
        CliError::unchanged(Exit::Usage, message).because(&e).hint("use the kup that began the run")
    })
}

/// Returns as much of a recipient as tells it from others: keys of RSA fill a screen.
fn short(recipient: &str) -> String {
    match recipient.split(' ').collect::<Vec<_>>().as_slice() {
        [kind, key, who @ ..] if key.len() > SHOWN => {
            let end: String = key.chars().skip(key.chars().count().saturating_sub(12)).collect();
            [&[*kind, &format!("...{end}")], who].concat().join(" ")
        }
        _ => recipient.to_owned(),
    }
}

/// Says in a sentence how secret backups are kept; nothing where nothing was chosen.
pub(crate) fn sentence(guard: &Guard) -> Option<String> {
    match guard {
        Guard::Plain => None,
        Guard::Encrypted { recipients } => {
            let to: Vec<String> = recipients.iter().map(|text| short(text)).collect();
            Some(format!(
                "Nodes' files and snapshots of etcd are encrypted before they reach this machine's disk, to {}; `--backup-identity` opens them",
                to.join(" and ")
            ))
        }
        Guard::OnNodes => Some(
            "No secret leaves its node: files are copied there only, and no snapshot of etcd is taken, so that nothing leads back once etcd itself has changed (no R3)"
                .to_owned(),
        ),
    }
}
