//! What exit codes mean. The numbers are a promise to scripts.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Unexpected = 1,
    Usage = 2,
    Stopped = 3,
    Gate = 4,
    StepFailed = 5,
    RolledBack = 6,
    RollbackStopped = 7,
    Locked = 8,
    Ssh = 9,
    Api = 10,
    Damaged = 12,
    Hangup = 129,
    Interrupt = 130,
    Terminate = 143,
}

impl Exit {
    /// All of them.
    pub(crate) const ALL: [Self; 15] = [
        Self::Done,
        Self::Unexpected,
        Self::Usage,
        Self::Stopped,
        Self::Gate,
        Self::StepFailed,
        Self::RolledBack,
        Self::RollbackStopped,
        Self::Locked,
        Self::Ssh,
        Self::Api,
        Self::Damaged,
        Self::Hangup,
        Self::Interrupt,
        Self::Terminate,
    ];

    /// Says what it means.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or there was nothing to do",
            Self::Unexpected => {
                "unexpected; with `kup plan --detailed-exitcode`: whatever went wrong"
            }
            Self::Usage => {
                "wrong use or configuration; with `kup plan --detailed-exitcode`: there is something to do"
            }
            Self::Stopped => {
                "stopped, an operator must decide; of `kup doctor`: a problem was found"
            }
            Self::Gate => "a gate blocks, nothing was changed",
            Self::StepFailed => "a step failed, the run can be resumed",
            Self::RolledBack => "the run ended rolled back",
            Self::RollbackStopped => "a rollback stopped, the run can be resumed",
            Self::Locked => "another kup, or another run, holds the cluster",
            Self::Ssh => "a node cannot be reached",
            Self::Api => "the API server cannot be reached",
            Self::Damaged => {
                "the journal is damaged; of `kup doctor`: it, a blob, or what nodes know of it"
            }
            Self::Hangup => "stopped by SIGHUP, the run can be resumed",
            Self::Interrupt => "stopped by SIGINT (Ctrl-C), the run can be resumed",
            Self::Terminate => "stopped by SIGTERM, the run can be resumed",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
