//! How long steps take where nobody has measured it yet.

use std::time::Duration;

use kup_core::plan::StepSpec;

/// What such steps take on small machines of our own; of one that is not named here, a tenth of what it may take at most.
pub(super) fn guess(step: &StepSpec) -> Duration {
    let worker = step.params.get("role").is_some_and(|role| role == "worker");
    let seconds = match step.activity.as_str() {
        "repository" | "cordon" | "uncordon" | "backup-node" | "backup-objects" | "etcdutl"
        | "kubelet-stop" | "restore-swap" => 5,
        "packages" => 40,
        "prefetch" => 60,
        "etcd-snapshot" | "restore-stop" | "restore-prepare" | "etcd-downgrade"
        | "etcd-agreement" => 10,
        "restore-start" => 20,
        "addons" => 40,
        "upgrade-plan" => 20,
        "kubeadm-apply" => 240,
        "kubeadm-node" if worker => 20,
        "kubeadm-node" | "kubeadm-control-plane" => 150,
        "drain" => 60,
        "kubelet-restart" => 30,
        "verify" => 20,
        _ => step.policy.timeout_ms / 10_000,
    };
    Duration::from_secs(seconds.max(1))
}
