//! What can be typed about the way to the cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How cluster and nodes are reached.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reaching the cluster")]
pub(crate) struct ReachArgs {
    /// The kubeconfig [default: ~/.kube/config]
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// A simulated cluster instead of a real one: `sim`, `sim:5x20`, `sim:3x3@v1.35.6`
    #[arg(long, value_name = "SIM", conflicts_with_all = ["kubeconfig", "context"])]
    pub(crate) cluster: Option<String>,
    /// The folder in which the simulated cluster lives, also after the run; made there when it is not there [default: the run's own]
    #[arg(long, value_name = "DIR", requires = "cluster")]
    pub(crate) sim_dir: Option<PathBuf>,
    /// The user to log in as; root, or one with sudo that asks for no password
    #[arg(long, value_name = "USER")]
    pub(crate) ssh_user: Option<String>,
    /// The private key to log in with
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_identity: Option<PathBuf>,
    /// An option as for `ssh -o`, such as ProxyJump=bastion; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) ssh_option: Vec<String>,
    /// The node that kup itself runs on, as root: it is reached without SSH
    #[arg(long, value_name = "NODE", conflicts_with = "cluster")]
    pub(crate) local_node: Option<String>,
    /// Whether nodes are reached by their address or by their name
    #[arg(long, value_enum, default_value_t = SshAddress::Ip)]
    pub(crate) ssh_address: SshAddress,
    /// Where nodes without packages get kubeadm, kubelet and kubectl: a folder on the node, or an address as https://dl.k8s.io/release
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) programs_from: Option<String>,
}

/// By what nodes are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SshAddress {
    /// By the Node object's InternalIP
    Ip,
    /// By the node's name, as DNS or ~/.ssh/config know it
    Name,
}
