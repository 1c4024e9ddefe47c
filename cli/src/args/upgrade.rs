//! What can be typed after `kup plan` and `kup start`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::{GuardArgs, ReachArgs};

/// What an upgrade shall be like.
#[derive(Debug, Clone, Args)]
pub(crate) struct Upgrade {
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
    /// Gates that may block without stopping the run; kept in its history with your name. `kup explain CODE` says which may be ignored
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// What must be done by hand before, such as "upgrade Calico to 3.32"; the start is blocked until it is said to be done. May be given more than once
    #[arg(long, value_name = "WORDS")]
    pub(crate) manual: Vec<String>,
    /// What is done of it; a beginning of its words is enough
    #[arg(long, value_name = "WORDS", requires = "manual")]
    pub(crate) manual_done: Vec<String>,
    /// Where the backups of applications are, so that plan and history name them
    #[arg(long, value_name = "WORDS")]
    pub(crate) app_backups: Option<String>,
    /// Take no snapshot of etcd before each hop: then nothing leads back once etcd itself has changed
    #[arg(long)]
    pub(crate) no_etcd_snapshot: bool,
    /// The etcdutl of etcd's present minor, on this machine: it is laid ready on every control plane, for `kup rollback --restore-etcd`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_etcd_snapshot", "backups_stay_on_nodes"])]
    pub(crate) etcdutl: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) guard: GuardArgs,
    #[command(flatten)]
    pub(crate) kubeadm: KubeadmArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
}

/// What kubeadm is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "kubeadm")]
pub(crate) struct KubeadmArgs {
    /// Preflight errors that kubeadm shall ignore
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) ignore_preflight_errors: Vec<String>,
    /// Whether kubeadm renews the certificates that it manages
    #[arg(long, value_name = "true|false", default_value_t = true, action = ArgAction::Set)]
    pub(crate) certificate_renewal: bool,
    /// A folder with patches, the same on every control plane
    #[arg(long, value_name = "DIR")]
    pub(crate) patches: Option<String>,
    /// An UpgradeConfiguration (kubeadm.k8s.io/v1beta4), on this machine
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Let kubeadm write the same version again, and go on against those of its own rules that it lets be forced
    #[arg(long)]
    pub(crate) force: bool,
    /// An addon that kubeadm leaves as it is
    #[arg(long, value_enum, value_name = "ADDON", value_delimiter = ',')]
    pub(crate) skip_addon: Vec<SkipAddon>,
    /// The etcd that members are patched to where the next minor asks for a patch
    #[arg(long, value_name = "TAG")]
    pub(crate) etcd_image_tag: Option<String>,
}

/// An addon that kubeadm can be told to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SkipAddon {
    /// CoreDNS
    Coredns,
    /// kube-proxy
    KubeProxy,
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

/// `kup plan`
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The version wanted: v1.36.2, 1.36 for the newest patch that is offered, or latest; minors in between are gone through
    #[arg(value_name = "VERSION")]
    pub(crate) version: String,
    #[command(flatten)]
    pub(crate) upgrade: Upgrade,
    /// Save the plan and the facts that it rests on, for `kup start --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// End with 0 when there is nothing to do, with 2 when there is, and with 1 for whatever goes wrong; a gate that blocks counts as that
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Show every file and object that kubeadm will change in the first hop, as diffs; what is not known is said. The release's kubeadm is asked for a dry run on the control planes, from a throw-away folder
    #[arg(long)]
    pub(crate) diff: bool,
}

/// `kup start`
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The version wanted, as for `kup plan`
    #[arg(value_name = "VERSION", required_unless_present = "plan")]
    pub(crate) version: Option<String>,
    /// Do exactly what this file says, which `kup plan --out FILE` has saved; refused when the cluster has changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_THE_PLAN)]
    pub(crate) plan: Option<PathBuf>,
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

/// What stands in a saved plan cannot be said again beside it. The kubeconfig and the backups' recipients are not among them: the environment may
/// name them.
const OF_THE_PLAN: [&str; 29] = [
    "version",
    "context",
    "cluster",
    "sim_dir",
    "ssh_user",
    "ssh_identity",
    "ssh_option",
    "local_node",
    "ssh_address",
    "first",
    "max_unavailable",
    "workers_skip_hops",
    "ignore_preflight_errors",
    "certificate_renewal",
    "patches",
    "config",
    "force",
    "skip_addon",
    "etcd_image_tag",
    "ignore",
    "manual",
    "manual_done",
    "app_backups",
    "no_etcd_snapshot",
    "backups_stay_on_nodes",
    "delete_emptydir_data",
    "drain_force",
    "drain_grace_period",
    "drain_timeout",
];

/// Where to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// When all control planes and their kubelets are done
    ControlPlane,
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
}
