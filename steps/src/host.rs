//! The port to a machine: ask it, hand it an attempt, ask for an attempt's outcome. Adapters: this machine
//! (`local`), SSH (`ssh`), and the simulated node of [`crate::sim`].
//!
//! Attempts live on the node, in `/var/lib/kup` (0700): `owner` (cluster, run, epoch, operator), `lock`, and
//! `attempts/<run>/<step>.<n>.{intent,out,exit}`. A mutating script runs as a transient systemd unit; its first act,
//! under the lock, is to compare its epoch with `owner` and to create `.intent` with `O_EXCL`, synced; its last is a synced
//! `.exit`. So it survives a killed kup and a cut connection, and its outcome can be asked for afterwards.

use std::fmt;

use async_trait::async_trait;
use kup_core::activity::AttemptName;
use kup_core::id::{Epoch, RunId, Seq};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::script::Script;

pub mod local;
mod pipes;
mod protocol;
pub mod shell;
pub mod ssh;

/// Where a node keeps what kup gives it; `node/keep.sh` and `node/forget.sh` know it too.
pub(crate) const BACKUPS: &str = "/var/lib/kup/backups";

/// Returns the place at which [`Host::keep`] keeps something of a run.
#[must_use]
pub(crate) fn kept_at(run: &RunId, name: &str) -> String {
    format!("{BACKUPS}/{run}/{name}")
}

/// What a script that only asks has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its exit status.
    pub status: i32,
    /// What it printed; at most 64 MiB.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: String,
}

/// What a node keeps of its own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFiles {
    /// The absolute path of the tar.
    pub path: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
}

/// Who may change a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The UID of the cluster's kube-system namespace.
    pub cluster: String,
    /// The run.
    pub run: RunId,
    /// The epoch of the process.
    pub epoch: Epoch,
    /// `user@machine`.
    pub operator: String,
}

/// Returns the run in an owner's record.
#[must_use]
pub fn run_of_owner(record: &str) -> Option<&str> {
    protocol::run_of(record)
}

/// A mutating script on its way to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The attempt it belongs to; names its unit and its files.
    pub name: AttemptName,
    /// Compared with the node's owner before anything else.
    pub epoch: Epoch,
    /// The place of its intent in the journal.
    pub intent: Seq,
    /// What to run.
    pub script: Script,
}

/// What a node says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptStatus {
    /// There is no trace of it.
    NotStarted,
    /// Its unit runs.
    Running {
        /// The last line of its output so far; may be empty.
        last_line: String,
    },
    /// It has ended and left its exit status.
    Ended {
        /// The exit status of the script.
        status: i32,
    },
    /// It began, and neither its unit nor an exit status is there.
    Lost {
        /// What is there, e.g. that the node has booted since.
        what: String,
    },
    /// Its start came after a newer process took the node: nothing was done.
    Refused {
        /// The owner's record on the node.
        owner: String,
    },
}

/// Where something listens, as seen from a machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// A name or an IP address; one of version 6 without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// An open connection. What arrives out of order or damaged is the transport's affair.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Says why a machine did not do what it was asked.
#[derive(Debug, Error)]
pub enum HostError {
    /// No answer: refused, timed out or cut. What was sent may have arrived.
    #[error("cannot reach {node} at {address}")]
    Unreachable {
        /// The node.
        node: String,
        /// Where.
        address: String,
        /// What SSH said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It answers but does not let us in, or is not the machine we know: asking again will not help.
    #[error("{node} at {address} does not accept this connection: {why}")]
    Denied {
        /// The node.
        node: String,
        /// Where.
        address: String,
        /// Host key, credentials, sudo.
        why: String,
        /// What to type.
        remedy: String,
    },
    /// It lacks something that kup needs: systemd, a program.
    #[error("{node} lacks {what}")]
    Lacks {
        /// The node.
        node: String,
        /// What.
        what: String,
    },
    /// Another run or a newer process owns the node. Nothing was changed.
    #[error("{node} belongs to another kup: {owner}")]
    Owned {
        /// The node.
        node: String,
        /// The owner's record.
        owner: String,
    },
    /// A script failed.
    #[error("`{script}` on {node} ended with status {status}: {stderr}")]
    Script {
        /// The node.
        node: String,
        /// The script's name.
        script: &'static str,
        /// Its exit status.
        status: i32,
        /// The end of what it complained of.
        stderr: String,
    },
    /// What a script printed is not what it should print.
    #[error("`{script}` on {node} printed something unexpected: {what}")]
    Unreadable {
        /// The node.
        node: String,
        /// The script's name.
        script: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// A machine.
#[async_trait]
pub trait Host: Send + Sync {
    /// Returns the node's name.
    fn node(&self) -> &str;

    /// Runs a script that changes nothing and returns its answer, whatever its exit status.
    ///
    /// # Errors
    /// Everything of [`HostError`] but `Owned` and `Script`.
    async fn ask(&self, script: &Script) -> Result<Reply, HostError>;

    /// Makes this process the node's owner, under the node's lock, so that starts of lower epochs are refused from now
    /// on. A record of another run is replaced only when `unfinished` says that that run is over (finished, abandoned,
    /// rolled back); a record of this run only by an equal or higher epoch.
    ///
    /// # Errors
    /// [`HostError::Owned`] when it belongs to another run or a higher epoch.
    async fn claim(
        &self,
        owner: &Owner,
        is_over: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<(), HostError>;

    /// Gives the node up when the run is over: takes the owner's record away where it is this run's.
    ///
    /// # Errors
    /// See [`HostError`]; the record stays then, and the next run's operator is told of it.
    async fn release(&self, owner: &Owner) -> Result<(), HostError>;

    /// Keeps bytes on the node under `/var/lib/kup/backups/<run>/<name>` (0600, synced), write-once: bytes that are
    /// already there under that name stay. Returns the absolute path.
    ///
    /// # Errors
    /// See [`HostError`]; nothing is left under the name then.
    async fn keep(&self, run: &RunId, name: &str, bytes: &[u8]) -> Result<String, HostError>;

    /// Keeps a tar of files and folders of the node itself, as [`Host::keep`] keeps bytes; none of them comes here. Missing ones are left out.
    ///
    /// # Errors
    /// See [`HostError`]; nothing is left under the name then.
    async fn keep_files(
        &self,
        run: &RunId,
        name: &str,
        paths: &[String],
    ) -> Result<KeptFiles, HostError>;

    /// Runs a script that takes away what nothing needs any more, and returns its answer, whatever its exit status. It belongs to no run:
    /// what it leaves half done is rubbish, and it can be run again.
    ///
    /// # Errors
    /// As of [`Host::ask`].
    async fn tidy(&self, script: &Script) -> Result<Reply, HostError>;

    /// Hands an attempt to the node and returns once the node has taken it or refused it. Sending the same attempt again
    /// never runs it twice.
    ///
    /// # Errors
    /// After `Unreachable` the attempt may or may not have been taken: ask for its status.
    async fn start(&self, order: &Order) -> Result<(), HostError>;

    /// Returns what the node says of an attempt; waits up to a few seconds while it runs, so that it can be called in a loop.
    ///
    /// # Errors
    /// See [`HostError`].
    async fn status(&self, name: &AttemptName) -> Result<AttemptStatus, HostError>;

    /// Returns the output of an attempt so far, the end of it when it is longer than 1 MiB.
    ///
    /// # Errors
    /// See [`HostError`].
    async fn output(&self, name: &AttemptName) -> Result<Vec<u8>, HostError>;

    /// Opens a TCP connection from the machine to an address that it can reach, and carries it here. Over SSH nobody may have been
    /// asked yet when it returns: that nothing listens there can also show as an end of the stream before its first byte.
    ///
    /// # Errors
    /// `Unreachable`.
    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError>;
}
