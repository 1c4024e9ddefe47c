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
    /// Asks: versions, state and holds of the packages, and the repository. Prints `key=value` lines.
    PACKAGES = "packages";
    /// Asks: which package versions the repositories of minors offer. Args: minors (`v1.20`)...
    OFFERS = "offers";
    /// Asks: what gates want to know of a machine. Prints `key=value` lines.
    SURVEY = "survey";
    /// Asks: etcd's members, their health and alarms, through a control plane. Prints `key=value` lines.
    ETCD = "etcd";
    /// Asks: static pod manifests, their images and hashes, key pairs. Prints `key=value` lines.
    CONTROL_PLANE = "control-plane";
    /// Asks: the kubelet's program, process and files. Prints `key=value` lines.
    KUBELET = "kubelet";
    /// Asks: owner, units, attempts and backups that kup has left, of all runs. Prints `key=value` lines.
    LEFTOVERS = "leftovers";
    /// Asks: what `kubeadm upgrade plan` says of a version. Args: version, further flags.
    UPGRADE_PLAN = "upgrade-plan";
    /// Asks: the bytes of files and folders as a tar. Args: absolute paths; missing ones are left out.
    READ_FILES = "read-files";
    /// Changes: puts missing manifests back from kubeadm's own copies. Args: components...
    PUT_BACK = "put-back";
    /// Changes: the node's Kubernetes repository to a minor, and the package lists. Args: minor (`v1.20`).
    REPOSITORY = "repository";
    /// Changes: installs packages in exact versions and keeps their holds. Args: `name=version`...
    INSTALL = "install";
    /// Changes: puts a missing manifest or a broken key pair back, then `kubeadm upgrade apply`. Args: pre-image, version, further flags.
    KUBEADM_APPLY = "kubeadm-apply";
    /// Changes: the same with `kubeadm upgrade node`. Args: pre-image, `control-plane` or `worker`, further flags.
    KUBEADM_NODE = "kubeadm-node";
    /// Changes: the same with any call of kubeadm, such as one of its phases. Args: pre-image or `-`, `control-plane`, `etcd` or `worker`, what
    /// kubeadm's configuration file says (may be empty), kubeadm's arguments...
    KUBEADM_PHASE = "kubeadm-phase";
    /// Changes: reloads systemd's units and restarts the kubelet.
    KUBELET_RESTART = "kubelet-restart";
    /// Changes: puts files of a pre-image back, each in one rename. Args: pre-image, absolute paths...
    RESTORE_FILES = "restore-files";
    /// Changes: installs packages in exact older versions and sets holds. Args: `hold:a,b` and `name=version`...
    DOWNGRADE = "downgrade";
}
