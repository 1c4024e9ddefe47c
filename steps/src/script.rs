//! What kup runs on nodes: named, fixed programs for `/bin/sh` with arguments. Data from the cluster or
//! the operator is only ever an argument, never part of a program's text.

/// A program for a node and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its name: the simulated node acts on it, and errors and logs show it.
    pub name: &'static str,
    /// Its text, for `sh -c`.
    pub text: &'static str,
    /// Its arguments, `$1` and on.
    pub args: Vec<String>,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $konst:ident = $name:literal;)*) => {
        $($(#[$doc])* pub const $konst: (&str, &str) = ($name, include_str!(concat!("node/", $name, ".sh")));)*
    };
}

/// As `scripts`, for programs that are made of several files: first what several of them need, then the deed.
macro_rules! composed {
    ($($(#[$doc:meta])* $konst:ident = $name:literal of $($part:literal)+;)*) => {
        $($(#[$doc])* pub const $konst: (&str, &str) =
            ($name, concat!($(include_str!(concat!("node/", $part, ".sh"))),+));)*
    };
}

impl Script {
    /// Returns a script of this file with its arguments.
    #[must_use]
    pub fn new<S: Into<String>>(
        (name, text): (&'static str, &'static str),
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        Self { name, text, args: args.into_iter().map(Into::into).collect() }
    }
}

// Each constant is the name and the text of one program in `node/`; its head says what it prints.
scripts! {
    /// Asks: who is this machine, what does it run, how much room has it. Prints `key=value` lines.
    FACTS = "facts";
    /// Asks: what gates want to know of a machine. Prints `key=value` lines.
    SURVEY = "survey";
    /// Asks: etcd's members, their health and alarms, through a control plane. Prints `key=value` lines.
    ETCD = "etcd";
    /// Asks: how an API server reaches etcd. Prints `key=value` lines, A KEY AMONG THEM: never for a log, a journal or a backup.
    ETCD_CLIENT = "etcd-client";
    /// Asks: what the etcdutl that kup keeps on a node is. Args: its path. Prints `key=value` lines.
    ETCDUTL = "etcdutl";
    /// Asks: the kubelet's program, process and files. Prints `key=value` lines.
    KUBELET = "kubelet";
    /// Asks: owner, units, attempts and backups that kup has left, of all runs. Prints `key=value` lines.
    LEFTOVERS = "leftovers";
    /// Asks: the hashes of copies that kup keeps there. Args: their paths. Prints `key=value` lines.
    KEPT = "kept";
    /// Asks: what `kubeadm upgrade plan` says of a version. Args: version, further flags.
    UPGRADE_PLAN = "upgrade-plan";
    /// Tidies: removes the copies of runs that need them no more. Args: runs. Prints `key=value` lines.
    FORGET = "forget";
    /// Changes: reloads systemd's units and restarts the kubelet.
    KUBELET_RESTART = "kubelet-restart";
    /// Changes: stops the kubelet.
    KUBELET_STOP = "kubelet-stop";
    /// Changes: puts files of a pre-image back, each in one rename. Args: pre-image, absolute paths...
    RESTORE_FILES = "restore-files";
}

// What copies files of a node.
composed! {
    /// Asks: the bytes of files and folders as a tar. Args: absolute paths; missing ones are left out.
    READ_FILES = "read-files" of "as-tar" "read-files";
    /// Keeps: the same tar, on the node. Args: run, name, absolute paths... Prints `key=value` lines.
    KEEP_FILES = "keep-files" of "as-tar" "keep-files";
}

// What looks at control planes and calls kubeadm.
composed! {
    /// Asks: static pod manifests, their images and hashes, key pairs. Prints `key=value` lines.
    CONTROL_PLANE = "control-plane" of "kubeadm/running" "kubeadm/pairs" "control-plane";
    /// Asks: what kubeadm has left in /etc/kubernetes/tmp. Prints `key=value` lines.
    KUBEADM_TMP = "kubeadm-tmp" of "kubeadm/running" "kubeadm-tmp";
    /// Tidies: removes such folders. Args: their names. Prints `key=value` lines.
    KUBEADM_TMP_REMOVE = "kubeadm-tmp-remove" of "kubeadm/running" "kubeadm-tmp-remove";
    /// Changes: puts missing manifests back from kubeadm's own copies. Args: components...
    PUT_BACK = "put-back" of "kubeadm/running" "kubeadm/putting-back" "put-back";
    /// Changes: puts static pods back as a pre-image has them, one at a time, each waited for through the node's own runtime; then files. Args:
    /// pre-image, components..., `--`, absolute paths...
    SWAP_BACK = "swap-back" of "kubeadm/running" "kubeadm/pairs" "kubeadm/putting-back" "socket" "kubeadm/containers" "swap-back";
    /// Changes: puts a missing manifest or a broken key pair back, then `kubeadm upgrade apply`. Args: pre-image, version, further flags.
    KUBEADM_APPLY = "kubeadm-apply" of "kubeadm/running" "kubeadm/pairs" "kubeadm/putting-back" "kubeadm-apply";
    /// Changes: the same with `kubeadm upgrade node`. Args: pre-image, `control-plane` or `worker`, further flags.
    KUBEADM_NODE = "kubeadm-node" of "kubeadm/running" "kubeadm/pairs" "kubeadm/putting-back" "kubeadm-node";
    /// Changes: the same with any call of kubeadm, such as one of its phases. Args: pre-image or `-`, `control-plane`, `etcd` or `worker`, what
    /// kubeadm's configuration file says (may be empty), kubeadm's arguments...
    KUBEADM_PHASE = "kubeadm-phase" of "kubeadm/running" "kubeadm/pairs" "kubeadm/putting-back" "kubeadm-phase";
}

// What restores etcd from a snapshot.
composed! {
    /// Asks: how far it is on a control plane. Args: run. Prints `key=value` lines.
    RESTORE_STATE = "restore-state" of "kubeadm/running" "restore/place" "socket" "kubeadm/containers" "restore/state";
    /// Changes: makes new data beside the old. Args: see the head of its file.
    RESTORE_PREPARE = "restore-prepare" of "kubeadm/running" "restore/place" "restore/prepare";
    /// Changes: takes static pods away. Args: run, components...
    RESTORE_STOP = "restore-stop" of "kubeadm/running" "restore/place" "socket" "kubeadm/containers" "restore/stop";
    /// Changes: puts the new data into the place of the old. Args: run, SHA-256 of the snapshot.
    RESTORE_SWAP = "restore-swap" of "kubeadm/running" "restore/place" "socket" "kubeadm/containers" "restore/swap";
    /// Changes: gives static pods back. Args: run, pre-image or `-`, components...
    RESTORE_START = "restore-start" of "kubeadm/running" "restore/place" "kubeadm/pairs" "kubeadm/putting-back" "socket" "kubeadm/containers" "restore/start";
}

// The deeds on packages, of every package manager. What they take and print is the same with each; where a name has no manager in it, it is
// apt's, which was there first: journals name it.
composed! {
    /// Asks: versions, state and holds of the packages, and the repository. Prints `key=value` lines.
    PACKAGES = "packages" of "manager/apt" "deed/packages";
    /// Asks: which package versions the repositories of minors offer. Args: minors (`v1.20`)...
    OFFERS = "offers" of "manager/apt" "deed/offers";
    /// Asks: which packages and images are there already. Args as those of [`PREFETCH`].
    PREFETCHED = "prefetched" of "manager/apt" "deed/room" "socket" "deed/images" "deed/prefetched";
    /// Changes: the node's Kubernetes repository to a minor, and the package lists. Args: minor (`v1.20`).
    REPOSITORY = "repository" of "manager/apt" "deed/repository";
    /// Changes: installs packages in exact versions and keeps their holds. Args: `name=version`...
    INSTALL = "install" of "manager/apt" "deed/room" "deed/exact" "deed/install";
    /// Changes: installs packages in exact older versions and sets holds. Args: `hold:a,b` and `name=version`...
    DOWNGRADE = "downgrade" of "manager/apt" "deed/room" "deed/exact" "deed/downgrade";
    /// Changes: downloads packages and pulls images, and installs nothing. Args: see the head of its file.
    PREFETCH = "prefetch" of "manager/apt" "deed/room" "socket" "deed/images" "deed/prefetch";
    /// Asks: what the kubeadm of a release would change. Args: see the head of its file.
    DIFF = "diff" of "manager/apt" "deed/diff";
    /// [`PACKAGES`] with dnf.
    DNF_PACKAGES = "dnf-packages" of "manager/rpm" "manager/dnf" "deed/packages";
    /// [`OFFERS`] with dnf.
    DNF_OFFERS = "dnf-offers" of "manager/rpm" "manager/dnf" "deed/offers";
    /// [`PREFETCHED`] with dnf.
    DNF_PREFETCHED = "dnf-prefetched" of "manager/rpm" "manager/dnf" "deed/room" "socket" "deed/images" "deed/prefetched";
    /// [`REPOSITORY`] with dnf.
    DNF_REPOSITORY = "dnf-repository" of "manager/rpm" "manager/dnf" "deed/repository";
    /// [`INSTALL`] with dnf.
    DNF_INSTALL = "dnf-install" of "manager/rpm" "manager/dnf" "deed/room" "deed/exact" "deed/install";
    /// [`DOWNGRADE`] with dnf.
    DNF_DOWNGRADE = "dnf-downgrade" of "manager/rpm" "manager/dnf" "deed/room" "deed/exact" "deed/downgrade";
    /// [`PREFETCH`] with dnf.
    DNF_PREFETCH = "dnf-prefetch" of "manager/rpm" "manager/dnf" "deed/room" "socket" "deed/images" "deed/prefetch";
    /// [`DIFF`] with dnf.
    DNF_DIFF = "dnf-diff" of "manager/rpm" "manager/dnf" "deed/diff";
    /// [`PACKAGES`] with zypper.
    ZYPPER_PACKAGES = "zypper-packages" of "manager/rpm" "manager/zypper" "deed/packages";
    /// [`OFFERS`] with zypper.
    ZYPPER_OFFERS = "zypper-offers" of "manager/rpm" "manager/zypper" "deed/offers";
    /// [`PREFETCHED`] with zypper.
    ZYPPER_PREFETCHED = "zypper-prefetched" of "manager/rpm" "manager/zypper" "deed/room" "socket" "deed/images" "deed/prefetched";
    /// [`REPOSITORY`] with zypper.
    ZYPPER_REPOSITORY = "zypper-repository" of "manager/rpm" "manager/zypper" "deed/repository";
    /// [`INSTALL`] with zypper.
    ZYPPER_INSTALL = "zypper-install" of "manager/rpm" "manager/zypper" "deed/room" "deed/exact" "deed/install";
    /// [`DOWNGRADE`] with zypper.
    ZYPPER_DOWNGRADE = "zypper-downgrade" of "manager/rpm" "manager/zypper" "deed/room" "deed/exact" "deed/downgrade";
    /// [`PREFETCH`] with zypper.
    ZYPPER_PREFETCH = "zypper-prefetch" of "manager/rpm" "manager/zypper" "deed/room" "socket" "deed/images" "deed/prefetch";
    /// [`DIFF`] with zypper.
    ZYPPER_DIFF = "zypper-diff" of "manager/rpm" "manager/zypper" "deed/diff";
    /// [`PACKAGES`] with plain programs.
    BINARIES_PACKAGES = "binaries-packages" of "manager/binaries" "deed/packages";
    /// [`OFFERS`] with plain programs.
    BINARIES_OFFERS = "binaries-offers" of "manager/binaries" "deed/offers";
    /// [`PREFETCHED`] with plain programs.
    BINARIES_PREFETCHED = "binaries-prefetched" of "manager/binaries" "deed/room" "socket" "deed/images" "deed/prefetched";
    /// [`REPOSITORY`] with plain programs: there is none to switch.
    BINARIES_REPOSITORY = "binaries-repository" of "manager/binaries" "deed/repository";
    /// [`DIFF`] with plain programs.
    BINARIES_DIFF = "binaries-diff" of "manager/binaries" "deed/diff";
    /// [`INSTALL`] with plain programs.
    BINARIES_INSTALL = "binaries-install" of "manager/binaries" "deed/room" "deed/exact" "deed/install";
    /// [`DOWNGRADE`] with plain programs.
    BINARIES_DOWNGRADE = "binaries-downgrade" of "manager/binaries" "deed/room" "deed/exact" "deed/downgrade";
    /// [`PREFETCH`] with plain programs.
    BINARIES_PREFETCH = "binaries-prefetch" of "manager/binaries" "deed/room" "socket" "deed/images" "deed/prefetch";
}
