//! A node over OpenSSH: one multiplexed connection, opened when it is needed and again after it broke.
//!
//! The `ssh` program makes it, so the operator's `~/.ssh/config`, agent, jump hosts and known hosts count as always;
//! [`master`] starts it and [`diagnosis`] reads its complaints.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use openssh::{Session, Stdio};
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::pipes::{PipeError, Pipes};
use super::protocol::{self, Rights};
use super::shell::{Call, Shell, ShellHost};
use super::{Address, HostError, Reply, Stream};

mod diagnosis;
mod forward;
mod master;

use forward::Forwards;

/// A node behind SSH.
pub type SshHost = ShellHost<SshShell>;

/// How long a question to our own end of the connection may take.
const CHECK_LIMIT: Duration = Duration::from_secs(5);
/// How long the first words with a node may take.
const PROBE_LIMIT: Duration = Duration::from_secs(30);
/// How many scripts run on one connection at a time; OpenSSH's server takes 10 unless told otherwise.
const N_SESSIONS: usize = 6;
/// A login shell gets the whole command as one argument, and Linux takes no longer ones than 128 KiB.
const COMMAND_LIMIT: usize = 120 * 1024;

/// How a node is reached. What is left out is up to the operator's SSH configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSettings {
    /// The name or address, also an alias of the SSH configuration.
    pub address: String,
    /// `ssh -p`.
    pub port: Option<u16>,
    /// `ssh -l`.
    pub user: Option<String>,
    /// `ssh -i`; then only this key is offered.
    pub identity: Option<PathBuf>,
    /// `ssh -F`: a configuration instead of the user's and the system's.
    pub config: Option<PathBuf>,
    /// `ssh -o`, each as `Key=value`; they win over everything else, also over kup's own.
    pub options: Vec<String>,
}

impl SshSettings {
    /// Returns settings that leave everything to the SSH configuration.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        let (port, user, identity, config) = (None, None, None, None);
        Self { address: address.into(), port, user, identity, config, options: Vec::new() }
    }
}

impl SshHost {
    /// Returns a node behind SSH. Connects when it is first asked something.
    #[must_use]
    pub fn new(node: impl Into<String>, settings: SshSettings) -> Self {
        let slot = Mutex::new(None);
        let sessions = Semaphore::new(N_SESSIONS);
        Self::over(SshShell { node: node.into(), settings, slot, sessions })
    }
}

/// The shell of a login over SSH.
#[derive(Debug)]
pub struct SshShell {
    node: String,
    settings: SshSettings,
    slot: Mutex<Option<Arc<Connection>>>,
    sessions: Semaphore,
}

#[derive(Debug)]
struct Connection {
    session: Session,
    rights: Rights,
    forwards: Forwards,
}

/// Says why a script has not answered over a connection that was there.
#[derive(Debug, Error)]
enum ExchangeError {
    #[error("the connection broke")]
    Broken(#[source] openssh::Error),
    #[error(transparent)]
    Pipes(#[from] PipeError),
}

#[async_trait]
impl Shell for SshShell {
    fn node(&self) -> &str {
        &self.node
    }

    async fn run(&self, call: Call<'_>) -> Result<Reply, HostError> {
        let _permit = self.sessions.acquire().await.map_err(|e| self.unreachable(Box::new(e)))?;
        let connection = self.connection().await?;
        let argv = protocol::command(connection.rights, call.text, call.args);
        self.check_length(call.script, &argv)?;
        let answer = timeout(call.limit, exchange(&connection.session, &argv, call.stdin)).await;
        match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(ExchangeError::Pipes(PipeError::TooMuch))) => {
                Err(self.unreadable(call.script, PipeError::TooMuch.to_string()))
            }
            Ok(Err(error)) => {
                self.forget(&connection).await;
                Err(self.unreachable(Box::new(error)))
            }
            Err(late) => {
                self.forget(&connection).await;
                Err(self.unreachable(Box::new(late)))
            }
        }
    }

    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError> {
        let connection = self.connection().await?;
        let opening = connection.forwards.open(&connection.session, address);
        let error: Box<dyn std::error::Error + Send + Sync> =
            match timeout(CHECK_LIMIT, opening).await {
                Ok(Ok(stream)) => return Ok(Box::new(stream)),
                Ok(Err(error)) => Box::new(error),
                Err(late) => Box::new(late),
            };
        let (node, address) =
            (self.node.clone(), format!("{address}, through {}", self.settings.address));
        Err(HostError::Unreachable { node, address, source: error })
    }
}

impl SshShell {
    /// Returns the connection, or a new one where there is none that works.
    async fn connection(&self) -> Result<Arc<Connection>, HostError> {
        let mut slot = self.slot.lock().await;
        if let Some(connection) = slot.as_ref()
            && let Ok(Ok(())) = timeout(CHECK_LIMIT, connection.session.check()).await
        {
            return Ok(Arc::clone(connection));
        }
        *slot = None;
        let connection = Arc::new(self.connect().await?);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    async fn connect(&self) -> Result<Connection, HostError> {
        let session = master::connect(&self.node, &self.settings).await?;
        let (script, text) = protocol::PROBE;
        let argv = protocol::command(Rights::Root, text, &[]);
        let reply = match timeout(PROBE_LIMIT, exchange(&session, &argv, &[])).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(self.unreachable(Box::new(error))),
            Err(late) => return Err(self.unreachable(Box::new(late))),
        };
        let rights = protocol::rights(&self.node, &self.settings.address, &reply)?;
        tracing::debug!(node = self.node, script, ?rights, "connected");
        Ok(Connection { session, rights, forwards: Forwards::default() })
    }

    /// Drops a connection that broke, unless somebody has replaced it already.
    async fn forget(&self, broken: &Arc<Connection>) {
        let mut slot = self.slot.lock().await;
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, broken)) {
            *slot = None;
        }
    }

    fn check_length(&self, script: &'static str, argv: &[&str]) -> Result<(), HostError> {
        // Each quote becomes four characters on its way.
        let lengths = argv.iter().map(|arg| arg.len() + 3 * arg.matches(['\'', '!']).count() + 3);
        if lengths.sum::<usize>() <= COMMAND_LIMIT {
            return Ok(());
        }
        Err(self
            .unreadable(script, "nothing: its arguments are too long for one command".to_owned()))
    }

    fn unreachable(&self, source: Box<dyn std::error::Error + Send + Sync>) -> HostError {
        let (node, address) = (self.node.clone(), self.settings.address.clone());
        HostError::Unreachable { node, address, source }
    }

    fn unreadable(&self, script: &'static str, what: String) -> HostError {
        HostError::Unreadable { node: self.node.clone(), script, what }
    }
}

/// Runs a command to its end. Each argument is quoted for the login shell by `openssh`.
async fn exchange(session: &Session, argv: &[&str], stdin: &[u8]) -> Result<Reply, ExchangeError> {
    let (program, args) = argv.split_first().unwrap_or((&"sh", &[]));
    let mut command = session.command(*program);
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
    let mut child = command.spawn().await.map_err(ExchangeError::Broken)?;
    let (Some(stdout), Some(stderr)) = (child.stdout().take(), child.stderr().take()) else {
        return Err(ExchangeError::Broken(openssh::Error::Disconnected));
    };
    let pipes = Pipes { stdin: child.stdin().take(), stdout, stderr };
    let (stdout, stderr) = pipes.exchange(stdin).await?;
    let status = match child.wait().await {
        Ok(ended) => ended.code().unwrap_or(255),
        // The crate makes an error of this status.
        Err(openssh::Error::Remote(_)) => 127,
        Err(error) => return Err(ExchangeError::Broken(error)),
    };
    Ok(Reply { status, stdout, stderr })
}
