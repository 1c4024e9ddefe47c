//! This machine: kup runs on the node itself.

use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::pipes::{PipeError, Pipes};
use super::protocol::{self, Rights};
use super::shell::{Call, Shell, ShellHost};
use super::{Address, HostError, Reply, Stream};

/// This machine as a node.
pub type LocalHost = ShellHost<LocalShell>;

/// How long a connection may take to open.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// Where messages say that this machine is.
const ADDRESS: &str = "this machine";

impl LocalHost {
    /// Returns this machine under the name of its node.
    #[must_use]
    pub fn new(node: impl Into<String>) -> Self {
        Self::over(LocalShell { node: node.into(), rights: OnceCell::new() })
    }
}

/// `/bin/sh` on this machine.
#[derive(Debug)]
pub struct LocalShell {
    node: String,
    rights: OnceCell<Rights>,
}

#[async_trait]
impl Shell for LocalShell {
    fn node(&self) -> &str {
        &self.node
    }

    async fn run(&self, call: Call<'_>) -> Result<Reply, HostError> {
        let rights = *self.rights.get_or_try_init(|| self.find_rights(call)).await?;
        self.run_with(rights, call).await
    }

    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError> {
        let opening = TcpStream::connect((address.host.as_str(), address.port));
        let unreachable = |source| HostError::Unreachable {
            node: self.node.clone(),
            address: address.to_string(),
            source,
        };
        match timeout(DIAL_LIMIT, opening).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(unreachable(Box::new(error))),
            Err(late) => Err(unreachable(Box::new(late))),
        }
    }
}

impl LocalShell {
    async fn find_rights(&self, call: Call<'_>) -> Result<Rights, HostError> {
        let (script, text) = protocol::PROBE;
        let probe = Call { script, text, args: &[], stdin: &[], limit: call.limit };
        let reply = self.run_with(Rights::Root, probe).await?;
        protocol::rights(&self.node, ADDRESS, &reply)
    }

    async fn run_with(&self, rights: Rights, call: Call<'_>) -> Result<Reply, HostError> {
        let argv = protocol::command(rights, call.text, call.args);
        match timeout(call.limit, run_here(&argv, call.stdin)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(PipeError::TooMuch)) => {
                let what = PipeError::TooMuch.to_string();
                Err(HostError::Unreadable { node: self.node.clone(), script: call.script, what })
            }
            Ok(Err(error)) => Err(self.unreachable(Box::new(error))),
            Err(late) => Err(self.unreachable(Box::new(late))),
        }
    }

    fn unreachable(&self, source: Box<dyn std::error::Error + Send + Sync>) -> HostError {
        HostError::Unreachable { node: self.node.clone(), address: ADDRESS.to_owned(), source }
    }
}

/// Runs a command to its end. In a process group of its own, so that Ctrl-C ends kup and not the question.
async fn run_here(argv: &[&str], stdin: &[u8]) -> Result<Reply, PipeError> {
    let (program, args) = argv.split_first().unwrap_or((&"sh", &[]));
    #[expect(clippy::disallowed_methods, reason = "this is the adapter of the Host port")]
    let mut command = Command::new(program);
    command.args(args).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(PipeError::Start)?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(PipeError::Read(std::io::ErrorKind::NotConnected.into()));
    };
    let pipes = Pipes { stdin: child.stdin.take(), stdout, stderr };
    let (stdout, stderr) = pipes.exchange(stdin).await?;
    let ended = child.wait().await.map_err(PipeError::Read)?;
    // A signal becomes what a shell makes of it.
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended).unwrap_or(127);
    Ok(Reply { status: ended.code().unwrap_or(128 + signal), stdout, stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn arguments_and_input_arrive_unchanged() {
        let args = ["a b", "'", "\"$(reboot)`x`", "-n", "line\nline\n", "*", "", "\\!é"];
        let args: Vec<String> = args.map(str::to_owned).to_vec();
        let text = "for a; do printf '%s\\0' \"$a\"; done; cat; echo no >&2; exit 3";
        let argv = protocol::command(Rights::Root, text, &args);
        let reply = run_here(&argv, b"\x00\xff").await.unwrap();
        let mut expected = args.join("\0").into_bytes();
        expected.extend_from_slice(b"\0\x00\xff");
        assert_eq!(reply, Reply { status: 3, stdout: expected, stderr: "no\n".to_owned() });
    }

    #[tokio::test]
    async fn a_connection_is_one_from_this_machine() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shell = LocalShell { node: "w1".to_owned(), rights: OnceCell::new() };
        let address = Address { host: "127.0.0.1".to_owned(), port };
        let (dialled, taken) = tokio::join!(shell.dial(&address), listener.accept());
        let (mut dialled, (mut taken, _)) = (dialled.unwrap(), taken.unwrap());
        tokio::io::AsyncWriteExt::write_all(&mut taken, b"hello").await.unwrap();
        let mut heard = [0; 5];
        tokio::io::AsyncReadExt::read_exact(&mut dialled, &mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        drop(listener);
        let gone = shell.dial(&address).await.map(|_| ()).unwrap_err();
        assert!(gone.to_string().contains(&format!("127.0.0.1:{port}")), "{gone}");
    }
}
