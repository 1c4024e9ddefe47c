//! A process to be killed: does one thing with a store on the real file system and says every entry that was acknowledged, in a line of its own.
//! `check` is the process after it: it compares what is there with those lines, goes on with every run, and asks the index. Driven by
//! `tests/crash/strace`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::path::Path;

use kup_core::clock::Timestamp;
use kup_core::event::Outcome;
use kup_core::event::{
    ClusterIdentity, Entry, Event, Reach, RunFinished, RunStarted, StepCompleted,
};
use kup_core::id::RunId;
use kup_core::journal::{Blobs, Journal, NewEntry};
use kup_core::plan::Plan;
use kup_store::{FileJournal, Index, Store};

type Outcomes = Result<(), Box<dyn Error>>;

const RUNS: [&str; 2] = ["20261123-k3f9x2a", "20261124-aaaaaaa"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcomes {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, state_dir] = arguments.as_slice() else {
        return Err("usage: journal-story begin|append|resume|index|check STATE_DIR".into());
    };
    let state_dir = Path::new(state_dir);
    match what.as_str() {
        "begin" => begin(state_dir).await,
        "append" => append_much(state_dir).await,
        "resume" => resume(state_dir),
        "index" => index(state_dir),
        "check" => check(state_dir).await,
        other => Err(format!("`{other}` is nothing it can do").into()),
    }
}

async fn begin(state_dir: &Path) -> Outcomes {
    let store = Store::open(state_dir)?;
    for run in runs()? {
        let (mut journal, first) = store.create(&run, vec![entry(started())])?;
        say(&run, &first);
        append(&run, &mut journal, vec![completed("one")?]).await?;
    }
    Ok(())
}

async fn append_much(state_dir: &Path) -> Outcomes {
    let store = Store::open(state_dir)?;
    let [run, _] = runs()?;
    let (mut journal, history) = store.resume(&run)?;
    say(&run, &history.entries);
    append(&run, &mut journal, vec![completed("two")?, completed("three")?]).await?;
    store.blobs(&run).put(&[7; 10_000]).await?;
    append(&run, &mut journal, vec![completed(&"four ".repeat(2_000))?]).await?;
    let reason = String::new();
    let finished = Event::RunFinished(RunFinished { outcome: Outcome::Succeeded, reason });
    append(&run, &mut journal, vec![entry(finished)]).await
}

fn resume(state_dir: &Path) -> Outcomes {
    let store = Store::open(state_dir)?;
    let [run, _] = runs()?;
    let (_journal, history) = store.resume(&run)?;
    say(&run, &history.entries);
    Ok(())
}

fn index(state_dir: &Path) -> Outcomes {
    let store = Store::open(state_dir)?;
    let index = Index::open(state_dir);
    index.summaries(&store)?;
    index.rebuild(&store)?;
    Ok(())
}

/// Reads what the killed process said from stdin and prints how its runs are.
async fn check(state_dir: &Path) -> Outcomes {
    let mut said = String::new();
    std::io::stdin().read_to_string(&mut said)?;
    let store = Store::open(state_dir)?;
    let mut torn = 0;
    for (run, entries) in acknowledged(&said)? {
        let history = store.read(&run)?;
        for (seq, digest) in entries {
            let found = history.entries.iter().find(|entry| entry.seq.0 == seq);
            if found.map(digest_of) != Some(digest) {
                return Err(
                    format!("entry {seq} of run {run} was acknowledged and is not there").into()
                );
            }
        }
    }
    for run in store.runs()? {
        let (mut journal, history) = store.resume(&run)?;
        torn += history.torn_bytes;
        journal.append(vec![completed("after")?]).await?;
        let after = store.read(&run)?.entries;
        same(
            "the history after a resume",
            &after.split_last().map(|(_, before)| before),
            &Some(&*history.entries),
        )?;
    }
    check_index(state_dir, &store)?;
    println!(
        "{}",
        if torn > 0 {
            "all acknowledged there; a torn end set aside"
        } else {
            "all acknowledged there"
        }
    );
    Ok(())
}

/// An index that another one keeps closed answers from the journals.
fn check_index(state_dir: &Path, store: &Store) -> Outcomes {
    let index = Index::open(state_dir);
    let closed = Index::open(state_dir);
    same(
        "whether the index is open, and a second one",
        &[index.is_open(), closed.is_open()],
        &[true, false],
    )?;
    let truth = closed.summaries(store)?;
    same("the index", &index.summaries(store)?, &truth)?;
    same("the index, asked again", &index.summaries(store)?, &truth)
}

fn same<T: PartialEq + Debug>(what: &str, is: &T, should: &T) -> Outcomes {
    if is == should {
        Ok(())
    } else {
        Err(format!("{what} is {is:?} and should be {should:?}").into())
    }
}

type Digests = Vec<(u64, u64)>;

/// Returns what lines `RUN SEQ DIGEST` say. The last one may be torn: then it was not said.
fn acknowledged(said: &str) -> Result<BTreeMap<RunId, Digests>, Box<dyn Error>> {
    let mut found = BTreeMap::<RunId, Digests>::new();
    for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        let [run, seq, digest] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("`{line}` says nothing").into());
        };
        found.entry(run.parse()?).or_default().push((seq.parse()?, digest.parse()?));
    }
    Ok(found)
}

async fn append(run: &RunId, journal: &mut FileJournal, new: Vec<NewEntry>) -> Outcomes {
    say(run, &journal.append(new).await?);
    Ok(())
}

fn say(run: &RunId, entries: &[Entry]) {
    for entry in entries {
        println!("{run} {} {}", entry.seq.0, digest_of(entry));
    }
}

fn digest_of(entry: &Entry) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{entry:?}").hash(&mut hasher);
    hasher.finish()
}

fn runs() -> Result<[RunId; 2], Box<dyn Error>> {
    let [one, two] = RUNS.map(str::parse);
    Ok([one?, two?])
}

fn entry(event: Event) -> NewEntry {
    NewEntry { time: Timestamp(1_795_415_000_000_000_000), since_boot: 1, event }
}

fn completed(evidence: &str) -> Result<NewEntry, Box<dyn Error>> {
    let (step, evidence, left) = ("kubelet-restart.cp-1".parse()?, evidence.into(), Vec::new());
    Ok(entry(Event::StepCompleted(StepCompleted { step, evidence, left })))
}

fn started() -> Event {
    let (from, to) = ("v1.35.6".into(), "v1.36.2".into());
    let cluster = ClusterIdentity {
        uid: "6f1cab09-0000-4000-8000-000000000001".into(),
        ca_sha256: "ab".repeat(32),
        endpoint: "https://10.0.0.1:6443".into(),
    };
    let reach = Reach {
        kind: "kubeconfig".into(),
        cluster: "/home/anna/.kube/config".into(),
        context: "prod".into(),
        ssh_user: "root".into(),
        ssh_identity: String::new(),
        ssh_options: Vec::new(),
        ssh_address: "ip".into(),
        local_node: String::new(),
    };
    Event::RunStarted(Box::new(RunStarted {
        kup_version: "0.1.0".into(),
        operator: "anna@workstation".into(),
        cluster,
        machines: Vec::new(),
        reach,
        until: None,
        plan: Plan { from, to, gates: Vec::new(), waves: Vec::new() },
    }))
}
