//! Which pods a drain evicts: kubectl's filters, in kubectl's order, with DaemonSets ignored.
//!
//! One difference: a pod that is being deleted already is never refused, because a refusal would not keep it. A drain that
//! goes on after an interruption meets its own evictions there.

use super::DrainOptions;
use crate::cluster::Pod;

/// The flag that allows emptyDir volumes to be lost.
pub const ALLOW_EMPTY_DIRS: &str = "--delete-emptydir-data";
/// The flag that allows pods to be evicted that nothing will create again.
pub const ALLOW_BARE_PODS: &str = "--drain-force";

/// What a drain does with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It goes.
    Evict,
    /// It stays, for this reason, and the node counts as drained.
    Leave(String),
    /// It forbids the drain.
    Refuse {
        /// Why, e.g. `has emptyDir volumes: cache`.
        why: String,
        /// The flag that would allow it.
        flag: &'static str,
    },
}

/// Returns what a drain does with a pod. `daemon_set_exists` is asked only of pods that belong to a DaemonSet.
#[must_use]
pub fn classify(pod: &Pod, daemon_set_exists: bool, options: &DrainOptions) -> Disposition {
    let is_finished = matches!(pod.phase.as_str(), "Succeeded" | "Failed");
    let daemon_set = pod.controller.as_ref().filter(|(kind, _)| kind == "DaemonSet");
    if let Some((_, name)) = daemon_set
        && daemon_set_exists
        && !is_finished
    {
        return Disposition::Leave(format!("belongs to DaemonSet {name}"));
    }
    if let Some((_, name)) = daemon_set
        && !is_finished
        && !pod.terminating
        && !options.force
    {
        return refuse(format!("belongs to DaemonSet {name}, which is gone"), ALLOW_BARE_PODS);
    }
    if pod.mirror {
        return Disposition::Leave("is a static pod of the node".to_owned());
    }
    if is_finished || pod.terminating {
        return Disposition::Evict;
    }
    if !pod.empty_dirs.is_empty() && !options.delete_emptydir_data {
        let volumes = pod.empty_dirs.join(", ");
        return refuse(format!("has emptyDir volumes: {volumes}"), ALLOW_EMPTY_DIRS);
    }
    if pod.controller.is_none() && !options.force {
        return refuse("has no controller that would create it again".to_owned(), ALLOW_BARE_PODS);
    }
    Disposition::Evict
}

fn refuse(why: String, flag: &'static str) -> Disposition {
    Disposition::Refuse { why, flag }
}

#[cfg(test)]
mod tests {
    use super::super::tests::pod;
    use super::{ALLOW_BARE_PODS, ALLOW_EMPTY_DIRS, Disposition, DrainOptions, classify};
    use crate::cluster::Pod;

    const NOTHING: DrainOptions =
        DrainOptions { delete_emptydir_data: false, force: false, grace_period: None };
    const FORCE: DrainOptions = DrainOptions { force: true, ..NOTHING };
    const DATA: DrainOptions = DrainOptions { delete_emptydir_data: true, ..NOTHING };

    /// What is expected, in a word: `evict`, `leave`, or the flag.
    fn check(given: &Pod, daemon_set_exists: bool, options: &DrainOptions, expected: &str) {
        let found = match classify(given, daemon_set_exists, options) {
            Disposition::Evict => "evict",
            Disposition::Leave(_) => "leave",
            Disposition::Refuse { flag, .. } => flag,
        };
        assert_eq!(found, expected, "{given:?} {options:?}");
    }

    fn owned(kind: &str) -> Pod {
        Pod { controller: Some((kind.to_owned(), "it".to_owned())), ..pod("a") }
    }

    fn bare() -> Pod {
        Pod { controller: None, ..pod("a") }
    }

    fn finished(pod: Pod) -> Pod {
        Pod { phase: "Succeeded".to_owned(), ..pod }
    }

    fn with_data(pod: Pod) -> Pod {
        Pod { empty_dirs: vec!["cache".to_owned()], ..pod }
    }

    fn mirror(pod: Pod) -> Pod {
        Pod { mirror: true, ..pod }
    }

    #[test]
    fn pods_of_a_daemon_set_stay_while_it_exists() {
        check(&owned("DaemonSet"), true, &NOTHING, "leave");
        check(&owned("DaemonSet"), true, &FORCE, "leave");
        check(&with_data(owned("DaemonSet")), true, &NOTHING, "leave");
        check(&owned("DaemonSet"), false, &NOTHING, ALLOW_BARE_PODS);
        check(&owned("DaemonSet"), false, &FORCE, "evict");
        check(&with_data(owned("DaemonSet")), false, &FORCE, ALLOW_EMPTY_DIRS);
        check(&finished(owned("DaemonSet")), true, &NOTHING, "evict");
    }

    #[test]
    fn mirror_pods_stay_whatever_else_they_are() {
        check(&mirror(bare()), false, &NOTHING, "leave");
        check(&mirror(bare()), false, &FORCE, "leave");
        check(&mirror(with_data(owned("Node"))), false, &DATA, "leave");
        check(&mirror(finished(bare())), false, &FORCE, "leave");
    }

    #[test]
    fn data_in_empty_dirs_is_lost_only_when_allowed() {
        check(&with_data(owned("ReplicaSet")), false, &NOTHING, ALLOW_EMPTY_DIRS);
        check(&with_data(owned("ReplicaSet")), false, &FORCE, ALLOW_EMPTY_DIRS);
        check(&with_data(owned("ReplicaSet")), false, &DATA, "evict");
        check(&finished(with_data(owned("Job"))), false, &NOTHING, "evict");
    }

    #[test]
    fn pods_that_nothing_creates_again_go_only_when_allowed() {
        check(&bare(), false, &NOTHING, ALLOW_BARE_PODS);
        check(&bare(), false, &DATA, ALLOW_BARE_PODS);
        check(&bare(), false, &FORCE, "evict");
        check(&with_data(bare()), false, &DATA, ALLOW_BARE_PODS);
        check(&with_data(bare()), false, &FORCE, ALLOW_EMPTY_DIRS);
        check(&finished(bare()), false, &NOTHING, "evict");
        check(&owned("AnythingAtAll"), false, &NOTHING, "evict");
    }

    #[test]
    fn pods_that_are_going_anyway_are_not_refused() {
        check(&Pod { terminating: true, ..with_data(bare()) }, false, &NOTHING, "evict");
        check(&Pod { terminating: true, ..owned("DaemonSet") }, true, &NOTHING, "leave");
        check(&Pod { terminating: true, ..mirror(bare()) }, false, &NOTHING, "leave");
    }
}
