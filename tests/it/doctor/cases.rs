//! What is done before `kup doctor` is asked. What it says then stands in `golden.txt`, in the same order.

use std::fs;

use kup_steps::sim::SimWorld;
use serde_json::{Value, json};

use crate::cli_program::wall_clock;
use crate::doctor::bench::{Bench, On};

/// One harm, and the words of the command.
pub(crate) struct Case {
    pub(crate) what: &'static str,
    pub(crate) place: &'static str,
    pub(crate) on: On,
    pub(crate) harm: fn(&Bench),
    pub(crate) words: &'static str,
}

const LOCAL: &str = "doctor";
const NODES: &str = "doctor RUN --nodes";

type Told = (On, &'static str);

fn case((what, place): (&'static str, &'static str), harm: fn(&Bench), told: Told) -> Case {
    let (on, words) = told;
    Case { what, place, on, harm, words }
}

pub(crate) fn all() -> Vec<Case> {
    [folders(), journals(), blobs(), index(), nodes(), clusters()].into_iter().flatten().collect()
}

fn nothing(_: &Bench) {}

fn folders() -> Vec<Case> {
    vec![
        case(("nothing", "no state directory"), nothing, (On::Nothing, LOCAL)),
        case(("nothing", "state directory"), nothing, (On::Finished, LOCAL)),
        case(("nothing", "state directory, told more"), nothing, (On::Finished, "doctor -v")),
        case(
            ("others may write", "state directory"),
            |it| it.mode("", 0o777),
            (On::Finished, LOCAL),
        ),
        case(
            ("others may read", "a journal"),
            |it| it.mode("runs/RUN/journal", 0o644),
            (On::Finished, "doctor RUN"),
        ),
        case(("foreign names", "state directory"), foreign_names, (On::Finished, LOCAL)),
    ]
}

fn foreign_names(it: &Bench) {
    it.write("notes.txt", "");
    fs::create_dir(it.path("plan-x")).unwrap();
    fs::create_dir(it.path("runs/20200101-unb0rn1")).unwrap();
    it.mode("runs/20200101-unb0rn1", 0o700);
    it.write("runs/20200101-unb0rn1/journal.new", "half");
    it.write("runs/RUN/journal.new", "half");
    it.write("runs/RUN/journal.torn.77", "seven");
    fs::rename(it.path("runs/RUN/lock"), it.path("lock")).unwrap();
    std::os::unix::fs::symlink(it.path("lock"), it.path("runs/RUN/lock")).unwrap();
}

fn journals() -> Vec<Case> {
    vec![
        case(("torn", "a journal's end"), torn, (On::Paused, "doctor RUN")),
        case(
            ("one bit flipped", "a journal's first entry"),
            |it| flip(it, 0),
            (On::Paused, "doctor RUN"),
        ),
        case(
            ("one bit flipped", "a journal's fifth entry"),
            |it| flip(it, 4),
            (On::Paused, "doctor RUN"),
        ),
        case(("one bit flipped", "a journal's last entry"), flip_last, (On::Paused, "doctor RUN")),
        case(("zeros", "behind a journal"), zeros, (On::Paused, "doctor RUN")),
        case(("an entry doubled", "a journal's end"), doubled, (On::Paused, "doctor RUN")),
        case(
            ("a frame version of the future", "a journal's last entry"),
            future,
            (On::Paused, "doctor RUN"),
        ),
        case(
            ("emptied", "a journal"),
            |it| it.write("runs/RUN/journal", ""),
            (On::Paused, "doctor RUN"),
        ),
        case(("events of a newer kup", "a journal"), newer, (On::Nothing, LOCAL)),
    ]
}

fn torn(it: &Bench) {
    it.rewrite(|bytes, frames| bytes.truncate(frames.last().unwrap().end - 5));
}

fn flip(it: &Bench, frame: usize) {
    it.rewrite(|bytes, frames| bytes[frames[frame].begin + 100] ^= 1);
}

fn flip_last(it: &Bench) {
    it.rewrite(|bytes, frames| bytes[frames.last().unwrap().begin + 98] ^= 1);
}

fn future(it: &Bench) {
    it.rewrite(|bytes, frames| bytes[frames.last().unwrap().begin + 4] = 2);
}

fn zeros(it: &Bench) {
    it.rewrite(|bytes, _| bytes.extend([0; 500]));
}

fn doubled(it: &Bench) {
    it.rewrite(|bytes, frames| {
        let last = frames.last().unwrap();
        bytes.extend_from_within(last.begin..last.end);
    });
}

fn newer(it: &Bench) {
    const FIXTURE: &str = include_str!("../../../store/fixtures/journal-v1/newer.hex");
    let lines = FIXTURE.lines().filter(|line| !line.starts_with('#'));
    let digits: String = lines.collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let folder = it.path("runs/20261123-k3f9x2a");
    fs::create_dir_all(&folder).unwrap();
    ["", "runs", "runs/20261123-k3f9x2a"].iter().for_each(|place| it.mode(place, 0o700));
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    it.write("runs/20261123-k3f9x2a/journal", bytes);
}

fn blobs() -> Vec<Case> {
    vec![
        case(("one bit flipped", "a blob"), broken_blob, (On::Finished, "doctor RUN")),
        case(
            ("cut off", "a blob"),
            |it| fs::write(it.blob(), "").unwrap(),
            (On::Finished, "doctor RUN"),
        ),
        case(
            ("removed", "a blob"),
            |it| fs::remove_file(it.blob()).unwrap(),
            (On::Finished, "doctor RUN"),
        ),
        case(
            ("unnamed and unfinished files", "among blobs"),
            more_blobs,
            (On::Finished, "doctor RUN"),
        ),
    ]
}

fn broken_blob(it: &Bench) {
    let mut bytes = fs::read(it.blob()).unwrap();
    bytes[0] ^= 1;
    fs::write(it.blob(), bytes).unwrap();
}

fn more_blobs(it: &Bench) {
    it.write(&format!("runs/RUN/blobs/{}", "ab".repeat(32)), "nobody's");
    it.write("runs/RUN/blobs/.unfinished-a", "half of it");
}

fn index() -> Vec<Case> {
    vec![
        case(("unreadable", "the index"), nonsense, (On::Finished, LOCAL)),
        case(("moved aside before", "the index"), moved_aside, (On::Finished, LOCAL)),
    ]
}

pub(crate) fn nonsense(it: &Bench) {
    it.write("index/snap.0000000000000FFF", "nonsense");
}

fn moved_aside(it: &Bench) {
    fs::rename(it.path("index"), it.path("index.unusable")).unwrap();
}

fn nodes() -> Vec<Case> {
    vec![
        case(("nothing", "nodes"), nothing, (On::Finished, "doctor --nodes")),
        case(("paused", "nodes"), nothing, (On::Paused, NODES)),
        case(("an owner left", "a node"), |it| it.owner("w1", &it.run, 1), (On::Finished, NODES)),
        case(
            ("an unknown owner", "a node"),
            |it| it.owner("w1", "20200101-aaaaaaa", 1),
            (On::Finished, NODES),
        ),
        case(
            ("an owner of a lost process", "a node"),
            |it| it.owner("w1", &it.run, 9),
            (On::Paused, NODES),
        ),
        case(
            ("an intent behind the journal's end", "a node"),
            |it| intent(it, 9999),
            (On::Paused, NODES),
        ),
        case(
            ("an intent that is not in the journal", "a node"),
            |it| intent(it, 2),
            (On::Paused, NODES),
        ),
        case(("still running", "a node, its run over"), running, (On::Finished, NODES)),
        case(("still running", "a node, its run paused"), running, (On::Paused, NODES)),
        case(
            ("lost, and known to be over", "a node"),
            |it| state(it, &json!({"Lost": "?"})),
            (On::Paused, NODES),
        ),
    ]
}

fn intent(it: &Bench, seq: u64) {
    it.attempt("cp1", |attempt| attempt["intent"] = seq.into());
}

fn running(it: &Bench) {
    state(it, &json!({"Running": []}));
}

fn state(it: &Bench, state: &Value) {
    it.attempt("cp1", |attempt| attempt["state"] = state.clone());
}

fn clusters() -> Vec<Case> {
    vec![
        case(("cut off", "a node"), |it| world(it).cut("w1").unwrap(), (On::Finished, NODES)),
        case(
            ("another machine", "behind a node's name"),
            |it| it.machine("w1", |machine| machine["machine_id"] = json!("other")),
            (On::Finished, NODES),
        ),
        case(
            ("emptied", "a journal that was to tell where nodes are"),
            |it| it.write("runs/RUN/journal", ""),
            (On::Finished, NODES),
        ),
        case(
            ("removed", "the simulated cluster"),
            |it| fs::remove_dir_all(it.path("runs/RUN/sim")).unwrap(),
            (On::Finished, NODES),
        ),
        case(("cordoned", "a node, its run over"), cordoned, (On::Finished, NODES)),
    ]
}

pub(crate) fn world(it: &Bench) -> SimWorld {
    SimWorld::open(&it.path("runs/RUN/sim"), wall_clock()).unwrap()
}

fn cordoned(it: &Bench) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(world(it).cluster().cordon("w1", &it.run)).unwrap());
}
