//! A state directory with one run in it, of which each test gets a copy, and the things that can be done to it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use crate::cli_program::{Home, Ran};

const START: &str = "start v1.36.2 --cluster sim:1x1@v1.35.6 -y --until control-plane";

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Nothing was ever done.
    Nothing,
    /// It rests before its worker.
    Paused,
    /// It succeeded.
    Finished,
}

/// A home of its own.
pub(crate) struct Bench {
    pub(crate) home: Home,
    pub(crate) run: String,
}

/// Where a frame of a journal begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) begin: usize,
    pub(crate) end: usize,
}

impl Bench {
    pub(crate) fn new(on: On) -> Self {
        static PAUSED: OnceLock<Bench> = OnceLock::new();
        static FINISHED: OnceLock<Bench> = OnceLock::new();
        match on {
            On::Nothing => Self { home: Home::new(), run: String::new() },
            On::Paused => PAUSED.get_or_init(paused).copy(),
            On::Finished => FINISHED.get_or_init(|| finished(&PAUSED)).copy(),
        }
    }

    fn copy(&self) -> Self {
        let home = Home::new();
        copy_folder(&self.home.path("state"), &home.path("state"));
        Self { home, run: self.run.clone() }
    }

    pub(crate) fn kup(&self, words: &str) -> Ran {
        self.home.run(&words.replace("RUN", &self.run))
    }

    /// Returns a path in the state directory.
    pub(crate) fn path(&self, place: &str) -> PathBuf {
        self.home.path("state").join(place.replace("RUN", &self.run))
    }

    pub(crate) fn write(&self, place: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(place), text).unwrap();
        self.mode(place, 0o600);
    }

    pub(crate) fn mode(&self, place: &str, mode: u32) {
        fs::set_permissions(self.path(place), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn journal(&self) -> Vec<u8> {
        fs::read(self.path("runs/RUN/journal")).unwrap()
    }

    /// Gives the journal other bytes.
    pub(crate) fn rewrite(&self, change: impl FnOnce(&mut Vec<u8>, &[Frame])) {
        let mut bytes = self.journal();
        let frames = frames(&bytes);
        change(&mut bytes, &frames);
        self.write("runs/RUN/journal", bytes);
    }

    /// Returns the path of the blob that is first by name.
    pub(crate) fn blob(&self) -> PathBuf {
        let blobs = fs::read_dir(self.path("runs/RUN/blobs")).unwrap();
        blobs.map(|it| it.unwrap().path()).min().unwrap()
    }

    /// Changes what a simulated machine remembers.
    pub(crate) fn machine(&self, node: &str, change: impl FnOnce(&mut Value)) {
        let place = format!("runs/RUN/sim/machines/{node}.json");
        let mut machine: Value =
            serde_json::from_slice(&fs::read(self.path(&place)).unwrap()).unwrap();
        change(&mut machine);
        fs::write(self.path(&place), machine.to_string()).unwrap();
    }

    /// Changes the first attempt that a machine remembers, by name.
    pub(crate) fn attempt(&self, node: &str, change: impl FnOnce(&mut Value)) {
        self.machine(node, |machine| {
            let attempts = machine["attempts"].as_object_mut().unwrap();
            change(attempts.values_mut().next().unwrap());
        });
    }

    /// Returns the places in the journal that the intents on a machine name.
    pub(crate) fn intents(&self, node: &str) -> Vec<usize> {
        let mut intents = Vec::new();
        self.machine(node, |machine| {
            let attempts = machine["attempts"].as_object().unwrap().values();
            intents.extend(
                attempts.map(|it| usize::try_from(it["intent"].as_u64().unwrap()).unwrap()),
            );
        });
        intents
    }

    pub(crate) fn owner(&self, node: &str, run: &str, epoch: u64) {
        let owner = serde_json::json!({
            "cluster": "c", "run": run, "epoch": epoch, "operator": "anna@desk"
        });
        self.machine(node, |machine| machine["owner"] = owner);
    }

    /// Returns every file that kup keeps with its bytes, but for the notes in locks; the simulation lives on by the clock.
    pub(crate) fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        list(&self.home.path("state"), &mut files);
        files.sort();
        files
    }

    /// Returns a text without what is different every day.
    pub(crate) fn plain(&self, text: &str) -> String {
        let mut text = text.replace(&self.home.path("state").display().to_string(), "STATE");
        for (given, shown) in self.names() {
            text = text.replace(&given, shown);
        }
        text.lines().map(plain_line).collect()
    }

    /// Returns the names that are others every day or on every machine, and what is shown instead.
    fn names(&self) -> Vec<(String, &'static str)> {
        let Ok(lock) = fs::read_to_string(self.path("runs/RUN/lock")) else { return Vec::new() };
        let (_, who) = lock.split_once(" of ").unwrap();
        let (_, machine) = who.split_once('@').unwrap();
        let cluster = fs::read_dir(self.path("clusters")).unwrap().next().unwrap().unwrap();
        let cluster = cluster.path().file_stem().unwrap().to_str().unwrap().to_owned();
        vec![
            (self.run.clone(), "RUN"),
            (who.to_owned(), "WHO"),
            (format!("@{machine}"), "@MACHINE"),
            (cluster, "UID"),
        ]
    }
}

/// Hides numbers that stand alone, but for those of the last line, and hashes.
fn plain_line(line: &str) -> String {
    if line.contains(" problem") && !line.starts_with("problem") {
        return format!("{line}\n");
    }
    let hidden = |word: &str| {
        let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let behind = word.strip_prefix(bare).unwrap();
        match bare {
            _ if bare.len() == 64 => format!("BLOB{behind}"),
            _ if bare.len() == 32 => format!("ID{behind}"),
            _ if !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit()) => {
                format!("#{behind}")
            }
            _ => word.to_owned(),
        }
    };
    line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(hidden).collect::<String>()
        + "\n"
}

fn paused() -> Bench {
    let home = Home::new();
    assert_eq!(home.run(START).code, Some(3));
    let run = home.runs().remove(0);
    home.must("history");
    Bench { home, run }
}

fn finished(from: &OnceLock<Bench>) -> Bench {
    let bench = from.get_or_init(paused).copy();
    bench.home.must(&format!("resume {}", bench.run));
    bench.home.must("history");
    bench
}

/// Returns the frames of a journal that is whole.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut begin = 0;
    while begin < bytes.len() {
        let length = u32::from_le_bytes(bytes[begin + 90..begin + 94].try_into().unwrap());
        let end = begin + 98 + length as usize + 4;
        frames.push(Frame { begin, end });
        begin = end;
    }
    frames
}

fn list(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let Ok(found) = fs::read_dir(folder) else { return };
    for file in found.map(Result::unwrap) {
        match file.file_type().unwrap().is_dir() {
            true if file.file_name() == "sim" => {}
            true => list(&file.path(), files),
            false if file.file_name().to_string_lossy().ends_with("lock") => {}
            false => files.push((file.path(), fs::read(file.path()).unwrap_or_default())),
        }
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(file.file_name());
        match file.file_type().unwrap().is_dir() {
            true => copy_folder(&file.path(), &target),
            false => drop(fs::copy(file.path(), target).unwrap()),
        }
    }
}
