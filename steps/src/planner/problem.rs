//! Why there is no plan.

use kup_core::id::InvalidId;
use thiserror::Error;

use crate::version::{InvalidVersion, Version};

/// Says why there is no plan. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanProblem {
    /// It is there already.
    #[error("the cluster is at {0} already")]
    Equal(Version),
    /// An upgrade to something else was begun, by hand or by a run that was given up.
    #[error(
        "an upgrade to {unfinished} was interrupted ({seen}): go there first, then to {target}"
    )]
    Unfinished {
        /// Where that upgrade went.
        unfinished: Version,
        /// What is wanted.
        target: Version,
        /// What shows it.
        seen: String,
    },
    /// There is no etcd that kup could restore.
    #[error(
        "an etcdutl restores an etcd that runs beside the API servers, and this cluster's runs elsewhere: kup takes a snapshot of it and restores nothing there"
    )]
    NoStackedEtcd,
    /// It would be a step back.
    #[error(
        "{target} is older than the cluster's {current}: kup upgrades; to undo an upgrade use `kup rollback`"
    )]
    Older {
        /// What the cluster has.
        current: Version,
        /// What is wanted.
        target: Version,
    },
    /// It is of another major version.
    #[error("{target} is of another major version than the cluster's {current}")]
    OtherMajor {
        /// What the cluster has.
        current: Version,
        /// What is wanted.
        target: Version,
    },
    /// A repository has no release of a minor that the way leads through.
    #[error("the repositories offer no release of {minor}{why}")]
    NoRelease {
        /// The minor.
        minor: String,
        /// Why, where it is known.
        why: String,
    },
    /// etcd must be patched, and the kubeadm that is there would do more than that.
    #[error(
        "etcd must be patched before the next minor, and kubeadm of {node} is at {kubeadm} already: install that of {before} there again"
    )]
    NewerKubeadm {
        /// The node.
        node: String,
        /// The kubeadm that it has.
        kubeadm: Version,
        /// The cluster's version.
        before: Version,
    },
    /// The etcd that an operator names is too old for the minor that follows.
    #[error(
        "etcd {tag} is too old: the next minor asks for {least}; name another --etcd-image-tag"
    )]
    EtcdTag {
        /// The image tag named.
        tag: String,
        /// The least version.
        least: String,
    },
    /// An older kubeadm cannot be told this.
    #[error("{option} needs the phases of kubeadm 1.32 or newer, and {target} is on the way")]
    NoPhases {
        /// The option.
        option: String,
        /// A release on the way that is too old.
        target: Version,
    },
    /// Workers cannot leave out a minor in which `kubeadm upgrade node` migrates them.
    #[error("workers cannot skip v1.{minor}: in it {why}; leave --workers-skip-hops away")]
    WorkersMustStop {
        /// The minor.
        minor: u32,
        /// What is migrated.
        why: String,
    },
    /// Workers would fall too far behind the control plane.
    #[error(
        "the kubelet of {node} at {kubelet} would be too old beside {target}; leave --workers-skip-hops away"
    )]
    TooFarBehind {
        /// The node.
        node: String,
        /// Its version.
        kubelet: Version,
        /// The control plane's version by then.
        target: Version,
    },
    /// A kubelet's version is unreadable.
    #[error("the kubelet of {node} is at a version that kup does not understand: {source}")]
    Kubelet {
        /// The node.
        node: String,
        /// What is wrong with it.
        source: InvalidVersion,
    },
    /// The repository of a node does not have the version.
    #[error("the repository of {node} ({repository}) does not offer {package} {version}")]
    NotOffered {
        /// The node.
        node: String,
        /// The file that names the repository.
        repository: String,
        /// The package.
        package: String,
        /// The version, without `v`.
        version: String,
    },
    /// A node names no Kubernetes repository.
    #[error("no repository of Kubernetes packages is configured on {0}")]
    NoRepository(String),
    /// There is nothing to begin with.
    #[error("no control plane holds /etc/kubernetes/admin.conf: is this a kubeadm cluster?")]
    NoControlPlane,
    /// `--first` names something else.
    #[error("`{0}` is not a control plane of this cluster that holds /etc/kubernetes/admin.conf")]
    NotFirst(String),
    /// A node cannot be part of a step's name.
    #[error("node `{0}` cannot be named in a step")]
    Name(String, #[source] InvalidId),
}
