//! Measures what an append costs, beside a bare write and `fdatasync` of the same size on the same disk, and
//! how long a long journal takes to read. `cargo run --release -p kup-store --example journal_bench [DIR]`

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kup_core::clock::Timestamp;
use kup_core::event::{Event, StepCompleted};
use kup_core::id::RunId;
use kup_core::journal::{Journal, NewEntry};
use kup_store::{FileJournal, Store};

/// Appends measured, after a tenth as many that are not.
const APPENDS: usize = 2_000;

/// Entries in a group: a step commits about that many at a time.
const GROUP: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(parent)?;
    let store = Store::open(dir.path())?;
    let run: RunId = "20260101-bench00".parse()?;
    let (mut journal, _) = store.create(&run, vec![entry()?])?;
    let path = store.journal_path(&run);
    let size = group_size(&mut journal, &path).await?;
    let mut raw = OpenOptions::new().append(true).create_new(true).open(dir.path().join("raw"))?;

    // In turn, so that both see the same disk.
    let (mut appends, mut writes) = (Vec::new(), Vec::new());
    for _ in 0..APPENDS + APPENDS / 10 {
        appends.push(append(&mut journal).await?);
        writes.push(write(&mut raw, &vec![7; size])?);
    }
    let (append, write) = (Percentiles::of(&appends), Percentiles::of(&writes));
    println!("group of {GROUP} entries, {size} bytes, {APPENDS} times");
    println!("append              p50 {:>9.1?}  p99 {:>9.1?}", append.p50, append.p99);
    println!("write + fdatasync   p50 {:>9.1?}  p99 {:>9.1?}", write.p50, write.p99);
    let ratio = append.p50.as_secs_f64() / write.p50.as_secs_f64();
    println!("ratio of p50        {ratio:.2}");
    drop(journal);

    let began = Instant::now();
    let entries = store.read(&run)?.entries.len();
    println!("read {entries} entries  {:?}", began.elapsed());
    let began = Instant::now();
    store.resume(&run).map(drop)?;
    println!("resume the same     {:?}", began.elapsed());
    Ok(())
}

struct Percentiles {
    p50: Duration,
    p99: Duration,
}

impl Percentiles {
    fn of(times: &[Duration]) -> Self {
        let mut times: Vec<Duration> = times.iter().copied().skip(APPENDS / 10).collect();
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied();
        Self { p50: at(50).unwrap_or_default(), p99: at(99).unwrap_or_default() }
    }
}

async fn group_size(journal: &mut FileJournal, path: &Path) -> Result<usize, Box<dyn Error>> {
    let before = std::fs::metadata(path)?.len();
    append(journal).await?;
    Ok(usize::try_from(std::fs::metadata(path)?.len() - before)?)
}

async fn append(journal: &mut FileJournal) -> Result<Duration, Box<dyn Error>> {
    let group = (0..GROUP).map(|_| entry()).collect::<Result<_, _>>()?;
    let began = Instant::now();
    journal.append(group).await?;
    Ok(began.elapsed())
}

fn write(raw: &mut File, bytes: &[u8]) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    raw.write_all(bytes)?;
    raw.sync_data()?;
    Ok(began.elapsed())
}

fn entry() -> Result<NewEntry, Box<dyn Error>> {
    let step = "kubelet-restart.node-1.example.com".parse()?;
    let evidence = "kubelet v1.34.1 answers, the node is Ready for 10 s".into();
    let event = Event::StepCompleted(StepCompleted { step, evidence, left: Vec::new() });
    Ok(NewEntry { time: Timestamp(1_795_415_000_000_000_000), since_boot: 1, event })
}
