//! Talks to a running program: its input written, its output and complaints read, all at once and within limits.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most that a script may print.
const STDOUT_LIMIT: u64 = 64 * 1024 * 1024;
/// How much of the end of its complaints is kept.
const STDERR_KEPT: usize = 64 * 1024;

/// Says why what a program printed is not there.
#[derive(Debug, Error)]
pub(super) enum PipeError {
    #[error("it printed more than 64 MiB")]
    TooMuch,
    #[error("cannot start it")]
    Start(#[source] io::Error),
    #[error("cannot read what it prints")]
    Read(#[source] io::Error),
    #[error("cannot write what it reads")]
    Write(#[source] io::Error),
}

/// The three ends on our side.
pub(super) struct Pipes<I, O, E> {
    /// Where it reads.
    pub(super) stdin: Option<I>,
    /// What it prints.
    pub(super) stdout: O,
    /// What it complains of.
    pub(super) stderr: E,
}

impl<I, O, E> Pipes<I, O, E>
where
    I: AsyncWrite + Unpin,
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    /// Writes, reads until both ends are closed, and returns what came.
    pub(super) async fn exchange(self, input: &[u8]) -> Result<(Vec<u8>, String), PipeError> {
        let Self { stdin, stdout, stderr } = self;
        let ((), printed, complained) =
            tokio::try_join!(write_all(stdin, input), read_bounded(stdout), read_end(stderr))?;
        Ok((printed, complained))
    }
}

async fn write_all<I: AsyncWrite + Unpin>(stdin: Option<I>, input: &[u8]) -> Result<(), PipeError> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    let written = async {
        stdin.write_all(input).await?;
        stdin.shutdown().await
    };
    match written.await {
        // It may end without reading everything; its exit status tells.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(PipeError::Write(error)),
        Err(_) | Ok(()) => Ok(()),
    }
}

async fn read_bounded<O: AsyncRead + Unpin>(stdout: O) -> Result<Vec<u8>, PipeError> {
    let mut bytes = Vec::new();
    let mut bounded = stdout.take(STDOUT_LIMIT + 1);
    let n_bytes = bounded.read_to_end(&mut bytes).await.map_err(PipeError::Read)?;
    let is_whole = u64::try_from(n_bytes).is_ok_and(|n| n <= STDOUT_LIMIT);
    if is_whole { Ok(bytes) } else { Err(PipeError::TooMuch) }
}

/// Reads everything, so that nobody blocks, and keeps the end.
async fn read_end<E: AsyncRead + Unpin>(mut stderr: E) -> Result<String, PipeError> {
    let mut kept = Vec::new();
    loop {
        let n_bytes = stderr.read_buf(&mut kept).await.map_err(PipeError::Read)?;
        if n_bytes == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        if kept.len() > 2 * STDERR_KEPT {
            let surplus = kept.len() - STDERR_KEPT;
            drop(kept.drain(..surplus));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_printed_is_bounded() {
        assert_eq!(read_bounded(&b"abc"[..]).await.unwrap(), b"abc");
        assert!(matches!(read_bounded(tokio::io::repeat(1)).await, Err(PipeError::TooMuch)));
    }

    #[tokio::test]
    async fn the_end_of_the_complaints_is_kept() {
        let mut long = vec![b'x'; 500_000];
        long.extend_from_slice(b"the end");
        let kept = read_end(&long[..]).await.unwrap();
        assert!(kept.ends_with("the end") && kept.len() <= 2 * STDERR_KEPT);
    }
}
