//! What a node says about its kubelet.

use super::reply::Lines;
use crate::host::{Host, HostError};
use crate::script::{self, Script};

/// How a running kubelet relates to the program on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KubeletProcess {
    /// It runs that program.
    Current,
    /// It runs one that has been replaced since.
    Replaced,
    /// There is none.
    None,
}

/// The kubelet's program, process and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeletState {
    /// What the program on the disk calls itself, e.g. `v1.20.2`.
    pub program: Option<String>,
    /// What systemd says of the unit.
    pub active: String,
    /// The process, where there is one.
    pub pid: Option<u32>,
    /// Which program it runs.
    pub process: KubeletProcess,
    /// Changes with every start of the unit.
    pub invocation: String,
    /// Whether the unit's files changed since systemd has read them.
    pub needs_reload: bool,
    /// Whether it began after program, units and configuration were last changed.
    pub is_fresh: bool,
    /// The SHA-256 of `/var/lib/kubelet/config.yaml`.
    pub config: Option<String>,
    /// The SHA-256 of `/var/lib/kubelet/kubeadm-flags.env`.
    pub flags: Option<String>,
    /// The last line of its log.
    pub last_log: String,
}

impl KubeletState {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host) -> Result<Self, HostError> {
        let lines = Lines::ask(host, &Script::new::<String>(script::KUBELET, [])).await?;
        let process = [
            ("current", KubeletProcess::Current),
            ("replaced", KubeletProcess::Replaced),
            ("none", KubeletProcess::None),
        ];
        let pid: u32 = lines.number(lines.get("pid")?)?;
        Ok(Self {
            program: lines.option("program")?,
            active: lines.text("active")?,
            pid: (pid != 0).then_some(pid),
            process: lines.one_of("process", &process)?,
            invocation: lines.text("invocation")?,
            needs_reload: lines.yes("needs_reload")?,
            is_fresh: lines.yes("fresh")?,
            config: lines.option("config")?,
            flags: lines.option("flags")?,
            last_log: lines.text("last_log")?,
        })
    }
}
