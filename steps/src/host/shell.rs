//! A machine behind a POSIX shell: everything of [`Host`] but the way to the shell, which is a [`Shell`].

use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::AttemptName;
use kup_core::id::RunId;

use super::protocol::{self, Named};
use super::{Address, AttemptStatus, Host, HostError, KeptFiles, Order, Owner, Reply, Stream};
use crate::digest::sha256;
use crate::script::{KEEP_FILES, Script};

/// How long a script that only asks may take; `kubeadm upgrade plan` starts a job in the cluster.
const ASK_LIMIT: Duration = Duration::from_secs(600);
/// How long a word of the protocol may take; longer than any script waits for a lock.
const WORD_LIMIT: Duration = Duration::from_secs(90);
/// How long bytes may take to a node.
const KEEP_LIMIT: Duration = Duration::from_secs(600);

/// A text for `sh -c`, and all that goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// For messages.
    pub(super) script: &'static str,
    /// For `sh -c`.
    pub(super) text: &'a str,
    /// `$1` and on.
    pub(super) args: &'a [String],
    /// What it reads.
    pub(super) stdin: &'a [u8],
    /// How long to wait for its end.
    pub(super) limit: Duration,
}

/// The way to a shell that runs as root.
#[async_trait]
pub trait Shell: Send + Sync {
    /// Returns the node's name.
    fn node(&self) -> &str;

    /// Runs a text and returns its answer, whatever its exit status.
    async fn run(&self, call: Call<'_>) -> Result<Reply, HostError>;

    /// Opens a connection from the machine.
    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError>;
}

/// A machine behind a shell.
#[derive(Debug)]
pub struct ShellHost<S> {
    shell: S,
}

impl<S: Shell> ShellHost<S> {
    pub(super) fn over(shell: S) -> Self {
        Self { shell }
    }

    /// Runs a word of the protocol.
    async fn say(
        &self,
        word: Named,
        args: &[String],
        stdin: &[u8],
        limit: Duration,
    ) -> Result<Reply, HostError> {
        let (script, text) = word;
        self.shell.run(Call { script, text, args, stdin, limit }).await
    }

    /// Runs a word of the protocol that must succeed.
    async fn must(&self, word: Named, args: &[String]) -> Result<Reply, HostError> {
        let reply = self.say(word, args, &[], WORD_LIMIT).await?;
        if reply.status == 0 { Ok(reply) } else { Err(protocol::failed(self.node(), word, &reply)) }
    }

    fn owned(&self, owner: String) -> HostError {
        HostError::Owned { node: self.node().to_owned(), owner }
    }
}

#[async_trait]
impl<S: Shell> Host for ShellHost<S> {
    fn node(&self) -> &str {
        self.shell.node()
    }

    async fn ask(&self, script: &Script) -> Result<Reply, HostError> {
        let Script { name, text, args } = script;
        self.shell.run(Call { script: name, text, args, stdin: &[], limit: ASK_LIMIT }).await
    }

    async fn claim(
        &self,
        owner: &Owner,
        is_over: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<(), HostError> {
        let args = protocol::claim_args(owner, "");
        let reply = self.say(protocol::CLAIM, &args, &[], WORD_LIMIT).await?;
        if reply.status != protocol::OWNED {
            return settle_claim(self.node(), &reply);
        }
        let record = protocol::line(&reply);
        let Some(other) = protocol::run_of(&record) else { return Err(self.owned(record)) };
        if other == owner.run.as_str() || !is_over(other) {
            return Err(self.owned(record));
        }
        // The node replaces exactly this run's record: a third one that came in between is respected.
        let args = protocol::claim_args(owner, other);
        let reply = self.say(protocol::CLAIM, &args, &[], WORD_LIMIT).await?;
        if reply.status == protocol::OWNED {
            return Err(self.owned(protocol::line(&reply)));
        }
        settle_claim(self.node(), &reply)
    }

    async fn release(&self, owner: &Owner) -> Result<(), HostError> {
        let args = [owner.run.to_string(), owner.epoch.to_string()];
        self.must(protocol::RELEASE, &args).await?;
        Ok(())
    }

    async fn keep(&self, run: &RunId, name: &str, bytes: &[u8]) -> Result<String, HostError> {
        let args = vec![run.to_string(), name.to_owned(), sha256(bytes)];
        let reply = self.say(protocol::KEEP, &args, bytes, KEEP_LIMIT).await?;
        if reply.status == 0 {
            return Ok(protocol::line(&reply));
        }
        Err(protocol::failed(self.node(), protocol::KEEP, &reply))
    }

    async fn keep_files(
        &self,
        run: &RunId,
        name: &str,
        paths: &[String],
    ) -> Result<KeptFiles, HostError> {
        let args = [run.to_string(), name.to_owned()].into_iter().chain(paths.iter().cloned());
        let args: Vec<String> = args.collect();
        let reply = self.say(KEEP_FILES, &args, &[], KEEP_LIMIT).await?;
        if reply.status != 0 {
            return Err(protocol::failed(self.node(), KEEP_FILES, &reply));
        }
        KeptFiles::read(self.node(), &reply)
    }

    async fn tidy(&self, script: &Script) -> Result<Reply, HostError> {
        self.ask(script).await
    }

    async fn start(&self, order: &Order) -> Result<(), HostError> {
        self.must(protocol::START, &protocol::start_args(order)).await?;
        Ok(())
    }

    async fn status(&self, name: &AttemptName) -> Result<AttemptStatus, HostError> {
        let reply = self.must(protocol::STATUS, &protocol::name_args(name)).await?;
        protocol::attempt_status(self.node(), &reply)
    }

    async fn output(&self, name: &AttemptName) -> Result<Vec<u8>, HostError> {
        Ok(self.must(protocol::OUTPUT, &protocol::name_args(name)).await?.stdout)
    }

    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError> {
        self.shell.dial(address).await
    }
}

fn settle_claim(node: &str, reply: &Reply) -> Result<(), HostError> {
    if reply.status == 0 { Ok(()) } else { Err(protocol::failed(node, protocol::CLAIM, reply)) }
}
