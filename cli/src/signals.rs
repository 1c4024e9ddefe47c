//! Stopping. The first signal lets the effects under way end and rests the run; the second leaves at once: what runs on the nodes
//! ends by itself, and a resume learns its outcome.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::error::Exit;
use crate::output::tell;

/// Listens for SIGINT, SIGTERM and SIGHUP.
pub(crate) struct Signals {
    /// Turns true with the first signal.
    pub(crate) stop: watch::Receiver<bool>,
    /// Holds the exit code of the first signal, and tells of the second.
    pub(crate) seen: watch::Receiver<(u32, Option<Exit>)>,
}

/// Begins to listen. What was ignored when kup began stays ignored: `nohup` means that the run outlives its terminal.
///
/// # Errors
/// When the system does not let us.
pub(crate) fn listen() -> io::Result<Signals> {
    let (stop_sender, stop) = watch::channel(false);
    let (seen_sender, seen) = watch::channel((0, None));
    let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
    let heard = |kind: SignalKind| match is_in(ignored, kind) {
        true => Ok(None),
        false => signal(kind).map(Some),
    };
    let mut interrupt = heard(SignalKind::interrupt())?;
    let mut terminate = heard(SignalKind::terminate())?;
    let mut hangup = heard(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let exit = tokio::select! {
                () = next(interrupt.as_mut()) => Exit::Interrupt,
                () = next(terminate.as_mut()) => Exit::Terminate,
                () = next(hangup.as_mut()) => Exit::Hangup,
            };
            stop_sender.send_replace(true);
            seen_sender.send_modify(|(count, first)| {
                *count += 1;
                first.get_or_insert(exit);
                if *count == 1 {
                    tell!("Stopping: what is under way ends first, then the run rests. Once more leaves at once; the nodes finish by themselves.");
                }
            });
        }
    });
    Ok(Signals { stop, seen })
}

async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Returns the set of ignored signals from the kernel's account of a process.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(set: u64, kind: SignalKind) -> bool {
    set >> (kind.as_raw_value() - 1) & 1 == 1
}

impl Signals {
    /// Returns when a second signal came.
    pub(crate) async fn second(&self) -> Exit {
        let mut seen = self.seen.clone();
        let result = seen.wait_for(|(count, _)| *count > 1).await.map(|seen| seen.1);
        match result {
            Ok(exit) => exit.unwrap_or(Exit::Interrupt),
            // The listener lives as long as the process.
            Err(_) => std::future::pending().await,
        }
    }

    /// Returns when a first signal came.
    pub(crate) async fn any(&self) -> Exit {
        let mut seen = self.seen.clone();
        match seen.wait_for(|(_, first)| first.is_some()).await.map(|seen| seen.1) {
            Ok(exit) => exit.unwrap_or(Exit::Interrupt),
            Err(_) => std::future::pending().await,
        }
    }

    /// Returns the exit code of the first signal, if one came.
    pub(crate) fn first(&self) -> Option<Exit> {
        self.seen.borrow().1
    }
}
