//! Exit codes, and errors as operators read them: what, why, what to type, and what the world looks like now.

use std::error::Error;
use std::io::{self, ErrorKind};

use kup_core::engine::EngineError;
use kup_core::event::{ErrorClass, ErrorRecord};
use kup_core::journal::AppendError;
use kup_steps::cluster::ClusterError;
use kup_steps::cluster::kube_api::ConnectError;
use kup_steps::host::HostError;
use kup_steps::inventory::InventoryError;
use kup_steps::planner::PlanProblem;
use kup_steps::rollback::RollbackProblem;

use crate::output::tell;

mod exit;
mod store;

pub(crate) use exit::Exit;

/// An error on its way to the operator.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    state: Option<String>,
}

const ASK_API: &str = "is it the right kubeconfig? try `kubectl get --raw /readyz` with it";
const UNCHANGED: &str = "nothing was changed";

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hint: None, state: None }
    }

    /// An error before anything was changed.
    pub(crate) fn unchanged(exit: Exit, message: impl Into<String>) -> Self {
        Self::new(exit, message).state(UNCHANGED)
    }

    pub(crate) fn because(mut self, cause: &dyn Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    pub(crate) fn record(mut self, error: &ErrorRecord) -> Self {
        self.causes.push(error.message.clone());
        self.causes.extend(error.causes.iter().cloned());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do about a disk, where what the system said leaves no doubt.
    fn hint_on_disk(self, place: &str, source: &io::Error, then: &str) -> Self {
        let kind = source.kind();
        if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            self.hint(format!("make room on the disk of {place}, then {then}"))
        } else if kind == ErrorKind::ReadOnlyFilesystem {
            self.hint(format!("make the disk of {place} writable again, then {then}"))
        } else {
            self
        }
    }

    /// The same with another exit code.
    pub(crate) fn exiting(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub(crate) fn state(mut self, state: impl Into<String>) -> Self {
        self.state = Some(state.into());
        self
    }

    pub(crate) fn cause(mut self, cause: String) -> Self {
        self.causes.push(cause);
        self
    }

    /// Returns message and causes, for where an error is one finding among others.
    pub(crate) fn in_one_line(&self) -> String {
        let parts: Vec<&str> =
            std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect();
        parts.join(": ")
    }

    /// Prints the error; the only place that does.
    pub(crate) fn print(&self) {
        tell!("Error: {}", self.message);
        if !self.causes.is_empty() {
            tell!("Caused by:");
        }
        for (n, cause) in self.causes.iter().enumerate() {
            tell!("  {}: {cause}", n + 1);
        }
        if let Some(hint) = &self.hint {
            tell!("Hint: {hint}");
        }
        if let Some(state) = &self.state {
            tell!("State: {state}");
        }
    }

    fn of(exit: Exit, error: &dyn Error) -> Self {
        let mut made = Self::unchanged(exit, error.to_string());
        if let Some(source) = error.source() {
            made = made.because(source);
        }
        made
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        Self::of(Exit::Usage, &error)
            .hint("name the kubeconfig with --kubeconfig and its context with --context")
    }
}

impl From<ClusterError> for CliError {
    fn from(error: ClusterError) -> Self {
        let made = Self::of(Exit::Api, &error);
        match &error {
            ClusterError::Unavailable { .. } => {
                made.hint(ASK_API)
            }
            ClusterError::Denied { .. } => {
                made.hint("kup needs the rights of cluster-admin; /etc/kubernetes/admin.conf of a control plane has them")
            }
            ClusterError::Failed { .. } => made,
        }
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        let made = Self::of(Exit::Ssh, &error);
        match error {
            HostError::Denied { remedy, .. } => made.hint(remedy),
            HostError::Unreachable { address, .. } => made.hint(format!(
                "try `ssh {address}`; see --ssh-user, --ssh-identity, --ssh-option and --ssh-address"
            )),
            HostError::Lacks { .. } => made.hint("kup needs systemd and the usual programs of a Debian system on every node"),
            HostError::Owned { .. } => made.hint("finish that run where it was started, or name it with --take-over"),
            HostError::Script { .. } | HostError::Unreadable { .. } => made,
        }
    }
}

impl From<InventoryError> for CliError {
    fn from(error: InventoryError) -> Self {
        match error {
            InventoryError::Cluster(error) => error.into(),
            InventoryError::Machines(mut failed) => {
                let others: Vec<String> = failed
                    .iter()
                    .skip(1)
                    .map(|(node, error)| format!("also {node}: {error}"))
                    .collect();
                let first = failed.swap_remove(0).1;
                let mut made = Self::from(first);
                made.causes.extend(others);
                made
            }
            InventoryError::OtherMachine { .. } => Self::of(Exit::Ssh, &error)
                .hint("see --ssh-address, your ~/.ssh/config and DNS: the name or address leads to another machine"),
            InventoryError::Config(ref why) => {
                let is_away = why.class == ErrorClass::Transient;
                let exit = if is_away { Exit::Api } else { Exit::Usage };
                let made = Self::unchanged(exit, error.to_string()).record(&why.to_record());
                if is_away { made.hint(ASK_API) } else { made }
            }
            InventoryError::Version { .. } => Self::of(Exit::Usage, &error),
        }
    }
}

impl From<PlanProblem> for CliError {
    fn from(error: PlanProblem) -> Self {
        let made = Self::of(Exit::Usage, &error);
        match error {
            PlanProblem::NotOffered { node, .. } => made.hint(format!(
                "on {node}, `apt-cache madison kubeadm` lists what the repository of its present minor offers; name a version that is published"
            )),
            PlanProblem::NoRepository(_) => made.hint("see https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/"),
            PlanProblem::Equal(_)
            | PlanProblem::Older { .. }
            | PlanProblem::NoStackedEtcd
            | PlanProblem::OtherMajor { .. }
            | PlanProblem::Unfinished { .. }
            | PlanProblem::NoRelease { .. }
            | PlanProblem::NewerKubeadm { .. }
            | PlanProblem::EtcdTag { .. }
            | PlanProblem::NoPhases { .. }
            | PlanProblem::WorkersMustStop { .. }
            | PlanProblem::TooFarBehind { .. }
            | PlanProblem::Kubelet { .. }
            | PlanProblem::NoControlPlane
            | PlanProblem::NotFirst(_)
            | PlanProblem::Name(_, _) => made,
        }
    }
}

impl From<RollbackProblem> for CliError {
    fn from(error: RollbackProblem) -> Self {
        let made = Self::of(Exit::Usage, &error);
        match error.hint() {
            Some(hint) => made.hint(hint),
            None => made,
        }
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::Append(_) | EngineError::Illegal(_) => Exit::Unexpected,
            EngineError::Bind(_) | EngineError::NewerJournal(_) => Exit::Usage,
        };
        let mut made = Self::new(exit, error.to_string());
        if let Some(source) = error.source() {
            made = made.because(source);
        }
        if let EngineError::Append(AppendError::Storage { place, source }) = &error {
            made = made.hint_on_disk(place, source, "`kup resume`");
        }
        made.state("the journal is whole up to its last entry; what runs on the nodes ends by itself; `kup resume` goes on from there")
    }
}

#[cfg(test)]
mod tests {
    use kup_store::StoreError;

    use super::*;

    fn full() -> io::Error {
        ErrorKind::StorageFull.into()
    }

    #[test]
    fn a_full_disk_is_named_with_what_to_do() {
        let place = "/state/runs/x/journal".to_owned();
        let path = place.clone().into();
        let engine = EngineError::Append(AppendError::Storage { place, source: full() });
        let store = StoreError::Storage { doing: "write", path, source: full() };
        let hint = |error: CliError| error.hint.unwrap_or_default();
        let room = "make room on the disk of /state/runs/x/journal, then";
        assert_eq!(hint(engine.into()), format!("{room} `kup resume`"));
        assert_eq!(hint(store.into()), format!("{room} try again"));
    }
}
