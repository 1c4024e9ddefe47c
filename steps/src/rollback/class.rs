//! What a way back costs.

use kup_core::id::StepId;
use kup_core::state::RunState;

/// What the way back costs, as DESIGN's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing live was changed.
    R0,
    /// Files, objects and packages of this run go back; no write to the cluster is undone.
    R1,
    /// As R1, after etcd was taken down a minor while it runs.
    R2,
    /// The snapshot of etcd is restored first: all that was written since is lost.
    R3,
}

impl Class {
    /// Returns what an operator should know before saying yes.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::R0 => "nothing live was changed yet; packages, holds and repositories go back",
            Self::R1 => {
                "files, ConfigMaps, CoreDNS, kube-proxy, packages, holds and repositories of this run go back. No write to the cluster is undone: \
                 objects made since stay. Kubernetes does not support going back a minor; objects that only the newer version knows may be unreadable"
            }
            Self::R2 => {
                "EXPERIMENTAL: tried in kup's simulated cluster only. etcd is taken down a minor while it runs, by its own downgrade, after a fresh \
                 snapshot; then files, ConfigMaps, CoreDNS, kube-proxy, packages, holds and repositories of this run go back. No write to the cluster is lost: objects \
                 made since stay. Kubernetes does not support going back a minor; objects that only the newer version knows may be unreadable"
            }
            Self::R3 => {
                "the snapshot of etcd is restored on every member, and files, packages, holds and repositories of this run go back. EVERYTHING WRITTEN TO THE \
                 CLUSTER SINCE THE SNAPSHOT IS LOST, and what was deleted since is there again; what lives outside of etcd (volumes, load balancers, what \
                 applications keep) does not go back. No API server answers meanwhile; running containers go on. The old data of etcd stay aside on each member"
            }
        }
    }
}

/// Returns the class of a way back that leaves etcd as it is.
pub(super) fn class(state: &RunState) -> Class {
    let not_live = [
        "etcd-snapshot",
        "etcdutl.",
        "prefetch.",
        "repository.",
        "kubeadm-package.",
        "kubeadm-preflight.",
        "upgrade-plan.",
    ];
    let live = |id: &StepId| !not_live.iter().any(|start| id.as_str().contains(start));
    let touched = state.steps.iter().any(|(id, record)| live(id) && record.had_effects());
    if touched { Class::R1 } else { Class::R0 }
}
