//! The operator's machine: its clock, its name, its user, chance.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_core::id::{InvalidId, RunId};
use rand::RngExt;

use crate::error::{CliError, Exit};

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else uses")]
    fn now(&self) -> Timestamp {
        Timestamp(chrono::Utc::now().timestamp_nanos_opt().unwrap_or(i64::MAX))
    }

    fn since_boot(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else uses")]
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Returns `user@machine`.
pub(crate) fn operator() -> String {
    let user = variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let uid = || format!("uid-{}", rustix::process::getuid().as_raw());
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{}@{machine}", user.unwrap_or_else(uid))
}

/// Returns the words behind the program's name, as they were typed.
pub(crate) fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Makes a name for a new run.
pub(crate) fn new_run_id(now: Timestamp) -> Result<RunId, InvalidId> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut chance = rand::rng();
    let letter =
        |_| char::from(*LETTERS.get(chance.random_range(0..LETTERS.len())).unwrap_or(&b'a'));
    let letters: String = (0..7).map(letter).collect();
    format!("{}-{letters}", now.to_utc().format("%Y%m%d")).parse()
}

/// Returns where journals are kept unless the operator says otherwise.
pub(crate) fn default_state_dir() -> Result<PathBuf, CliError> {
    let xdg = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
    xdg.or_else(home).map(|path| path.join("kup")).ok_or_else(|| {
        CliError::unchanged(Exit::Usage, "neither $XDG_STATE_HOME nor $HOME says where journals go")
            .hint("name a folder with --state-dir")
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line reads the environment here and nowhere else"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
