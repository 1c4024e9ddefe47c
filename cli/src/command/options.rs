//! Flags as the planner's options.

use std::path::Path;

use kup_core::id::BlobId;
use kup_steps::planner::{
    Addon, ByHand, Drain, KubeadmOptions, Options, UpgradeConfig, WorkerHops,
};
use kup_steps::version::Version;
use sha2::{Digest, Sha256};

use crate::args::{KubeadmArgs, SkipAddon, Upgrade};
use crate::error::{CliError, Exit};

/// Puts the planner's options together.
pub(super) fn options(
    args: &Upgrade,
    hops: Vec<Version>,
    n_workers: usize,
) -> Result<Options, CliError> {
    Ok(Options {
        hops,
        first: args.first.clone(),
        max_unavailable: max_unavailable(&args.max_unavailable, n_workers)?,
        workers: match args.workers_skip_hops {
            true => WorkerHops::Last,
            false => WorkerHops::Every,
        },
        programs_from: args.reach.programs_from.clone(),
        kubeadm: kubeadm(&args.kubeadm)?,
        drain: Drain {
            delete_emptydir_data: args.drain.delete_emptydir_data,
            force: args.drain.drain_force,
            grace_period: args.drain.drain_grace_period,
            timeout: args.drain.drain_timeout,
        },
        no_etcd_snapshot: args.no_etcd_snapshot,
        etcdutl: args.etcdutl.as_deref().map(program).transpose()?.map(|(id, _)| id),
        backups_stay_on_nodes: args.guard.backups_stay_on_nodes,
    })
}

/// Reads what is said to kubeadm.
pub(super) fn kubeadm(args: &KubeadmArgs) -> Result<KubeadmOptions, CliError> {
    if let Some(folder) = args.patches.as_deref().filter(|folder| !folder.starts_with('/')) {
        let message = format!("--patches: `{folder}` is not an absolute path");
        return Err(CliError::unchanged(Exit::Usage, message).hint(
            "name the folder as it is on the control planes, such as /etc/kubernetes/patches",
        ));
    }
    let addon = |addon: &SkipAddon| match addon {
        SkipAddon::Coredns => Addon::CoreDns,
        SkipAddon::KubeProxy => Addon::KubeProxy,
    };
    Ok(KubeadmOptions {
        keep_certificates: !args.certificate_renewal,
        patches: args.patches.clone(),
        config: args.config.as_deref().map(config).transpose()?,
        ignore_preflight_errors: args.ignore_preflight_errors.clone(),
        force: args.force,
        skip_addons: args.skip_addon.iter().map(addon).collect(),
        etcd_image_tag: args.etcd_image_tag.clone(),
    })
}

/// Reads the etcdutl that is to be laid ready, and returns its name among the blobs and its bytes.
pub(super) fn program(path: &Path) -> Result<(BlobId, Vec<u8>), CliError> {
    let wrong =
        || CliError::unchanged(Exit::Usage, format!("--etcdutl: cannot use {}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| wrong().because(&e))?;
    if bytes.is_empty() {
        return Err(wrong().cause("it is empty".to_owned()));
    }
    let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hash.parse().map_err(|e| wrong().because(&e))?, bytes))
}

fn config(path: &Path) -> Result<UpgradeConfig, CliError> {
    let wrong =
        || CliError::unchanged(Exit::Usage, format!("--config: cannot use {}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong().because(&e))?;
    UpgradeConfig::parse(&text).map_err(|e| wrong().because(&e))
}

/// Reads what people do beside kup.
pub(super) fn by_hand(args: &Upgrade) -> Result<ByHand, CliError> {
    let by_hand = ByHand {
        steps: args.manual.clone(),
        done: args.manual_done.clone(),
        backups: args.app_backups.clone(),
    };
    match by_hand.done_without_step() {
        None => Ok(by_hand),
        Some(done) => {
            let message = format!("--manual-done: no --manual begins with `{done}`");
            Err(CliError::unchanged(Exit::Usage, message))
        }
    }
}

/// Reads `2` or `30%`; a percentage is of the workers, rounded down, and at least one.
fn max_unavailable(text: &str, n_workers: usize) -> Result<u32, CliError> {
    let wrong = || {
        let message = format!("`{text}` is not a number of workers; write 1, 3 or 20%");
        CliError::unchanged(Exit::Usage, message)
    };
    let number: u32 = text.trim_end_matches('%').parse().map_err(|_| wrong())?;
    match text.strip_suffix('%') {
        None if number >= 1 => Ok(number),
        Some(percent) if !percent.ends_with('%') && (1..=100).contains(&number) => {
            let share = n_workers.saturating_mul(number as usize) / 100;
            Ok(u32::try_from(share).unwrap_or(u32::MAX).max(1))
        }
        None | Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_of_the_workers_and_never_zero() {
        assert_eq!(max_unavailable("30%", 10).unwrap(), 3);
        assert_eq!(max_unavailable("10%", 3).unwrap(), 1);
        assert_eq!(max_unavailable("2", 3).unwrap(), 2);
        for wrong in ["0", "0%", "101%", "x", "", "%", "2%%", "-1"] {
            assert!(max_unavailable(wrong, 3).is_err(), "{wrong}");
        }
    }
}
