//! The folder that holds a simulated world: one file for the agenda, one for the API's objects, one for each machine.
//!
//! Every access holds a file lock, so several processes may look at one world. A change of several files is written to
//! `redo.json` first, and whoever comes next finishes it: a kill at any point leaves the old world or the new one, never a mixture.
//! Nothing is fsynced: a kill of the process loses nothing that was written, and a simulation may be lost with the power.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::SimError;
use super::agenda::Agenda;
use super::api::Api;
use super::machine::Machine;

const AGENDA: &str = "agenda.json";
const API: &str = "api.json";
const REDO: &str = "redo.json";

/// A document, whether it was touched, and its bytes when it was read.
#[derive(Debug)]
pub(super) struct Loaded<T> {
    value: T,
    touched: bool,
    bytes: Vec<u8>,
}

impl<T> Loaded<T> {
    /// Returns a document that is in no file yet.
    pub(super) fn new(value: T) -> Self {
        Self { value, touched: true, bytes: Vec::new() }
    }
}

impl<T> Deref for Loaded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Loaded<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.touched = true;
        &mut self.value
    }
}

/// The files of a change, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Redo(BTreeMap<String, String>);

/// The open folder with what was read last, so that an unchanged file is not decoded again.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    lock: File,
    agenda: Option<Loaded<Agenda>>,
    api: Option<Loaded<Api>>,
    machines: HashMap<String, Loaded<Machine>>,
}

impl Folder {
    /// Opens or creates the folder and its lock; says nothing about what is in it.
    pub(super) fn open(dir: &Path) -> Result<Self, SimError> {
        let machines = dir.join("machines");
        fs::create_dir_all(&machines).map_err(|e| SimError::io("create", &machines, e))?;
        let path = dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|e| SimError::io("open", &path, e))?;
        Ok(Self { dir: dir.to_owned(), lock, agenda: None, api: None, machines: HashMap::new() })
    }

    /// Returns the folder's path.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns whether a world was born here.
    pub(super) fn is_inhabited(&self) -> bool {
        self.dir.join(AGENDA).exists()
    }

    /// Waits for the lock and finishes what a killed process began to write.
    pub(super) fn lock(&self) -> Result<(), SimError> {
        self.lock.lock().map_err(|e| SimError::io("lock", &self.dir, e))?;
        let path = self.dir.join(REDO);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(SimError::io("read", &path, e)),
        };
        let redo: Redo = decode(&path, &bytes)?;
        self.finish(&redo)
    }

    /// Lets the next one in.
    pub(super) fn unlock(&self) {
        // Closing the file would release it as well; an error here cannot be acted upon.
        self.lock.unlock().ok();
    }

    pub(super) fn take_agenda(&mut self) -> Result<Loaded<Agenda>, SimError> {
        load(&self.dir.join(AGENDA), self.agenda.take())
    }

    pub(super) fn take_api(&mut self) -> Result<Loaded<Api>, SimError> {
        load(&self.dir.join(API), self.api.take())
    }

    pub(super) fn take_machine(&mut self, name: &str) -> Result<Loaded<Machine>, SimError> {
        load(&self.dir.join(machine_file(name)), self.machines.remove(name))
    }

    /// Writes what was touched, all of it or nothing, and keeps everything for the next access.
    pub(super) fn commit(
        &mut self,
        mut agenda: Loaded<Agenda>,
        mut api: Loaded<Api>,
        mut machines: BTreeMap<String, Loaded<Machine>>,
    ) -> Result<(), SimError> {
        let mut redo = Redo::default();
        settle(AGENDA.to_owned(), &mut agenda, &mut redo)?;
        settle(API.to_owned(), &mut api, &mut redo)?;
        for (name, machine) in &mut machines {
            settle(machine_file(name), machine, &mut redo)?;
        }
        if redo.0.len() > 1 {
            self.replace(REDO, &encode(&redo)?)?;
            self.finish(&redo)?;
        } else {
            self.put_all(&redo)?;
        }
        self.agenda = Some(agenda);
        self.api = Some(api);
        self.machines.extend(machines);
        Ok(())
    }

    /// Writes a machine of a world that is not born yet.
    pub(super) fn write_unborn(&self, machine: &Machine) -> Result<(), SimError> {
        self.replace(&machine_file(&machine.name), &encode(machine)?)
    }

    fn finish(&self, redo: &Redo) -> Result<(), SimError> {
        self.put_all(redo)?;
        let path = self.dir.join(REDO);
        fs::remove_file(&path).map_err(|e| SimError::io("remove", &path, e))
    }

    fn put_all(&self, redo: &Redo) -> Result<(), SimError> {
        redo.0.iter().try_for_each(|(name, text)| self.replace(name, text.as_bytes()))
    }

    /// Replaces a file in one rename. The lock makes a fixed name for the new file safe, and a killed process leaves at most one.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), SimError> {
        let new = self.dir.join("new");
        let path = self.dir.join(name);
        fs::write(&new, bytes).map_err(|e| SimError::io("write", &new, e))?;
        fs::rename(&new, &path).map_err(|e| SimError::io("replace", &path, e))
    }
}

fn machine_file(name: &str) -> String {
    format!("machines/{name}.json")
}

fn load<T: DeserializeOwned>(
    path: &Path,
    cached: Option<Loaded<T>>,
) -> Result<Loaded<T>, SimError> {
    let bytes = fs::read(path).map_err(|e| SimError::io("read", path, e))?;
    match cached {
        Some(cached) if cached.bytes == bytes => Ok(cached),
        Some(_) | None => Ok(Loaded { value: decode(path, &bytes)?, touched: false, bytes }),
    }
}

fn settle<T: Serialize>(
    name: String,
    document: &mut Loaded<T>,
    redo: &mut Redo,
) -> Result<(), SimError> {
    if !document.touched {
        return Ok(());
    }
    document.touched = false;
    let text = serde_json::to_string(&document.value).map_err(SimError::Unwritable)?;
    if text.as_bytes() != document.bytes {
        document.bytes = text.clone().into_bytes();
        redo.0.insert(name, text);
    }
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, SimError> {
    serde_json::to_vec(value).map_err(SimError::Unwritable)
}

fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, SimError> {
    serde_json::from_slice(bytes)
        .map_err(|source| SimError::Damaged { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::birth;
    use crate::sim::spec::SimSpec;

    fn newborn(dir: &Path) -> Folder {
        let spec = SimSpec::new(1, 1, "v1.35.6".parse().unwrap());
        let (agenda, api, machines) = birth::world(&spec, "seed".to_owned());
        let mut folder = Folder::open(dir).unwrap();
        machines.iter().for_each(|machine| folder.write_unborn(machine).unwrap());
        folder.commit(Loaded::new(agenda), Loaded::new(api), BTreeMap::new()).unwrap();
        folder
    }

    /// Changes two documents in one commit.
    fn change(folder: &mut Folder) {
        let (agenda, mut api) = (folder.take_agenda().unwrap(), folder.take_api().unwrap());
        let mut machine = folder.take_machine("w1").unwrap();
        api.version_counter = 7;
        machine.cut = true;
        folder.commit(agenda, api, [("w1".to_owned(), machine)].into()).unwrap();
    }

    #[test]
    fn a_change_of_several_files_is_finished_by_the_next_one_after_a_kill() {
        for n_written in 0..=2 {
            let dir = tempfile::tempdir().unwrap();
            let names = [API.to_owned(), machine_file("w1")];
            let read = || names.clone().map(|it| fs::read_to_string(dir.path().join(it)).unwrap());
            let mut folder = newborn(dir.path());
            let old = read();
            change(&mut folder);
            let new = read();
            assert!(old[0] != new[0] && old[1] != new[1]);

            // The state after a kill: the redo file is there, and so many files were replaced.
            let redo = Redo(names.clone().into_iter().zip(new.clone()).collect());
            fs::write(dir.path().join(REDO), serde_json::to_string(&redo).unwrap()).unwrap();
            for (name, text) in names.iter().zip(&old).skip(n_written) {
                fs::write(dir.path().join(name), text).unwrap();
            }
            folder.lock().unwrap();
            assert_eq!(read(), new, "after {n_written} files");
            assert!(!dir.path().join(REDO).exists());
            // What was read before the kill is not taken for what is there now.
            assert_eq!(folder.take_api().unwrap().version_counter, 7);
            assert!(folder.take_machine("w1").unwrap().cut);
        }
    }

    #[test]
    fn a_file_that_was_not_changed_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = newborn(dir.path());
        let written = || fs::metadata(dir.path().join(API)).unwrap().modified().unwrap();
        let before = written();
        let agenda = folder.take_agenda().unwrap();
        let mut api = folder.take_api().unwrap();
        api.version_counter = api.version_counter.saturating_add(0);
        folder.commit(agenda, api, BTreeMap::new()).unwrap();
        assert_eq!(written(), before);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = newborn(dir.path());
        fs::write(dir.path().join(API), "{").unwrap();
        let error = folder.take_api().unwrap_err();
        assert!(error.to_string().contains(API), "{error}");
    }
}
