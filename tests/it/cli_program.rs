//! The real program in a world of its own: a home, a state directory, and nothing of the environment.
#![allow(
    clippy::disallowed_methods,
    reason = "the program under test is a real process, and real processes run by the wall clock"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};
use kup_steps::sim::SimWorld;
use serde_json::Value;

/// A home with a state directory.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the command of these words.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kup-under-test"));
        command.env_clear().env("HOME", self.dir.path()).env("KUP_STATE_DIR", self.path("state"));
        command.args(words.split_whitespace()).current_dir(self.dir.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &str) -> Ran {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output.status.code();
        Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command that must end with 0, and returns what it prints.
    #[track_caller]
    pub(crate) fn must(&self, words: &str) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, Some(0), "kup {words}: {}", ran.stderr);
        ran.stdout
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, words: &str) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Begins a run and kills it as soon as its journal has grown so many times.
    pub(crate) fn killed_run(&self, words: &str, n_entries: u32) -> String {
        let known = self.runs();
        let mut child = self.spawn(words);
        let began = Instant::now();
        let run = loop {
            let new = self.runs().into_iter().find(|run| !known.contains(run));
            if let Some(run) = new.filter(|run| self.journal(run).is_file()) {
                break run;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "no run began");
            pause(1);
        };
        self.grows(&run, n_entries, &mut child);
        kill(&mut child);
        run
    }

    /// Waits until the journal of a run has grown so many times, or the process has ended.
    pub(crate) fn grows(&self, run: &str, n_times: u32, child: &mut Child) {
        let length = || std::fs::metadata(self.journal(run)).map_or(0, |found| found.len());
        for _ in 0..n_times {
            let before = length();
            while length() == before && child.try_wait().unwrap().is_none() {
                pause(1);
            }
        }
    }

    /// Returns the names of all runs.
    pub(crate) fn runs(&self) -> Vec<String> {
        let Ok(found) = std::fs::read_dir(self.path("state/runs")) else { return Vec::new() };
        found.map(|run| run.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Returns how many whole frames a run's journal has; none while there is no journal.
    pub(crate) fn n_frames(&self, run: &str) -> usize {
        let bytes = std::fs::read(self.journal(run)).unwrap_or_default();
        let (mut at, mut n) = (0, 0);
        while let Some(length) = bytes.get(at + 90..at + 94) {
            let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
            at += 102 + length;
            n += usize::from(at <= bytes.len());
        }
        n
    }

    pub(crate) fn journal(&self, run: &str) -> PathBuf {
        self.path(&format!("state/runs/{run}/journal"))
    }

    /// Returns the history of a run, entry by entry.
    pub(crate) fn history(&self, run: &str) -> Vec<Value> {
        let text = self.must(&format!("history {run} -o json"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the picture of a run's simulated cluster, without apt's lists: nothing brings those back.
    pub(crate) fn picture(&self, run: &str) -> String {
        let world = SimWorld::open(&self.sim(run), Arc::new(WallClock)).unwrap();
        without_lists(&world.picture().unwrap())
    }

    fn sim(&self, run: &str) -> PathBuf {
        self.path(&format!("state/runs/{run}/sim"))
    }

    /// Returns the owners' records on the nodes of a run.
    pub(crate) fn owners(&self, run: &str) -> Vec<Value> {
        let machines = std::fs::read_dir(self.sim(run).join("machines")).unwrap();
        let read = |path: PathBuf| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let machines = machines.map(|machine| -> Value { read(machine.unwrap().path()) });
        machines.map(|machine| machine["owner"].clone()).filter(|it| !it.is_null()).collect()
    }

    /// Returns all attempts that the nodes of a run remember, by name.
    pub(crate) fn attempts(&self, run: &str) -> Vec<(String, Value)> {
        let machines = std::fs::read_dir(self.sim(run).join("machines")).unwrap();
        machines.flat_map(|machine| attempts(&machine.unwrap().path())).collect()
    }
}

fn attempts(machine: &Path) -> Vec<(String, Value)> {
    let machine: Value = serde_json::from_slice(&std::fs::read(machine).unwrap()).unwrap();
    machine["attempts"].as_object().unwrap().clone().into_iter().collect()
}

/// Returns a picture of a newly born cluster.
pub(crate) fn newborn(spec: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let spec = kup_steps::sim::SimSpec::parse(spec, None).unwrap();
    let world = SimWorld::create(dir.path(), &spec, Arc::new(WallClock)).unwrap();
    without_lists(&world.picture().unwrap())
}

pub(crate) fn without_lists(picture: &str) -> String {
    let line = |line: &str| line.split(", lists ").next().unwrap_or_default().to_owned() + "\n";
    picture.lines().map(line).collect()
}

pub(crate) fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(crate) fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}

/// Returns the clock by which simulated clusters of the program under test live.
pub(crate) fn wall_clock() -> Arc<dyn Clock> {
    Arc::new(WallClock)
}

/// The clock by which the program under test lives.
struct WallClock;

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp(chrono::Utc::now().timestamp_nanos_opt().unwrap())
    }

    fn since_boot(&self) -> u64 {
        0
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
