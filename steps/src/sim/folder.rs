//! The folder that holds a simulated world: one file for the agenda, one for the API's objects, one for each machine.
//!
//! Every access holds a file lock, so several processes may look at one world. A change of several files is written to
//! `redo.json` first, and whoever comes next finishes it: a kill at any point leaves the old world or the new one, never a mixture.
//! The lock file counts the changes: whoever has read a file knows by that number whether it is still the same. Nothing is fsynced: a kill of the process loses nothing that was written, and a simulation may be lost with the power.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::SimError;
use super::agenda::Agenda;
use super::api::Api;
use super::machine::Machine;

mod document;

pub(super) use document::Loaded;
use document::{decode, encode, load, settle};

const AGENDA: &str = "agenda.json";
const API: &str = "api.json";
const REDO: &str = "redo.json";

/// The files of a change, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Redo(BTreeMap<String, String>);

/// The open folder with what was read last, so that an unchanged file is not decoded again.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    lock: File,
    /// What the lock file has counted when it was locked last.
    generation: u64,
    agenda: Option<Loaded<Agenda>>,
    api: Option<Loaded<Api>>,
    machines: HashMap<String, Loaded<Machine>>,
    /// Whether the lock is kept: then what was read last is what is true, and is written out only when somebody asks for it.
    is_alone: bool,
}

impl Folder {
    /// Opens or creates the folder and its lock; says nothing about what is in it.
    pub(super) fn open(dir: &Path) -> Result<Self, SimError> {
        let machines = dir.join("machines");
        fs::create_dir_all(&machines).map_err(|e| SimError::io("create", &machines, e))?;
        let path = dir.join("lock");
        let lock = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let lock = lock.map_err(|e| SimError::io("open", &path, e))?;
        let (dir, machines) = (dir.to_owned(), HashMap::new());
        Ok(Self { dir, lock, generation: 0, agenda: None, api: None, machines, is_alone: false })
    }

    /// Keeps everybody else out from now on.
    pub(super) fn keep_alone(&mut self) -> Result<(), SimError> {
        self.lock()?;
        self.is_alone = true;
        Ok(())
    }

    /// Writes out what was changed while nobody else could look.
    pub(super) fn write_out(&mut self) -> Result<(), SimError> {
        let mut redo = Redo::default();
        if let Some(agenda) = &mut self.agenda {
            settle(AGENDA.to_owned(), agenda, &mut redo.0)?;
        }
        if let Some(api) = &mut self.api {
            settle(API.to_owned(), api, &mut redo.0)?;
        }
        for (name, machine) in &mut self.machines {
            settle(machine_file(name), machine, &mut redo.0)?;
        }
        self.count()?;
        self.put_all(&redo)
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
    pub(super) fn lock(&mut self) -> Result<(), SimError> {
        if self.is_alone {
            return Ok(());
        }
        self.lock.lock().map_err(|e| SimError::io("lock", &self.dir, e))?;
        let mut counted = [0; 8];
        let n_read = self.lock.read_at(&mut counted, 0);
        let n_read = n_read.map_err(|e| SimError::io("read", &self.dir, e))?;
        self.generation = if n_read == counted.len() { u64::from_le_bytes(counted) } else { 0 };
        let path = self.dir.join(REDO);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(SimError::io("read", &path, e)),
        };
        let redo: Redo = decode(&path, &bytes)?;
        self.count()?;
        self.finish(&redo)
    }

    /// Lets the next one in.
    pub(super) fn unlock(&self) {
        if !self.is_alone {
            // Closing the file would release it as well; an error here cannot be acted upon.
            self.lock.unlock().ok();
        }
    }

    /// Counts a change that is about to be written: a kill in between only lets others read again.
    fn count(&mut self) -> Result<(), SimError> {
        self.generation = self.generation.wrapping_add(1);
        let counted = self.generation.to_le_bytes();
        self.lock.write_all_at(&counted, 0).map_err(|e| SimError::io("write", &self.dir, e))
    }

    /// Returns the generation of files that need not be read again; while alone, nobody else can have written any.
    fn known(&self) -> Option<u64> {
        Some(self.generation).filter(|_| !self.is_alone)
    }

    pub(super) fn take_agenda(&mut self) -> Result<Loaded<Agenda>, SimError> {
        load(&self.dir.join(AGENDA), self.agenda.take(), self.known())
    }

    pub(super) fn take_api(&mut self) -> Result<Loaded<Api>, SimError> {
        load(&self.dir.join(API), self.api.take(), self.known())
    }

    pub(super) fn take_machine(&mut self, name: &str) -> Result<Loaded<Machine>, SimError> {
        let cached = self.machines.remove(name);
        load(&self.dir.join(machine_file(name)), cached, self.known())
    }

    /// Writes what was touched, all of it or nothing, and keeps everything for the next access.
    pub(super) fn commit(
        &mut self,
        mut agenda: Loaded<Agenda>,
        mut api: Loaded<Api>,
        mut machines: BTreeMap<String, Loaded<Machine>>,
    ) -> Result<(), SimError> {
        if self.is_alone {
            self.put_back(agenda, api, machines);
            return Ok(());
        }
        let mut redo = Redo::default();
        settle(AGENDA.to_owned(), &mut agenda, &mut redo.0)?;
        settle(API.to_owned(), &mut api, &mut redo.0)?;
        for (name, machine) in &mut machines {
            settle(machine_file(name), machine, &mut redo.0)?;
        }
        if !redo.0.is_empty() {
            let before = self.generation;
            self.count()?;
            let untouched = self.machines.values_mut().filter(|it| it.generation == before);
            untouched.for_each(|it| it.generation = self.generation);
            agenda.generation = self.generation;
            api.generation = self.generation;
            machines.values_mut().for_each(|it| it.generation = self.generation);
        }
        if redo.0.len() > 1 {
            self.replace(REDO, &encode(&redo)?)?;
            self.finish(&redo)?;
        } else {
            self.put_all(&redo)?;
        }
        self.put_back(agenda, api, machines);
        Ok(())
    }

    /// Keeps what an access that failed had loaded: all of it while alone, else what it did not touch.
    pub(super) fn give_back(
        &mut self,
        agenda: Loaded<Agenda>,
        api: Loaded<Api>,
        machines: BTreeMap<String, Loaded<Machine>>,
    ) {
        if self.is_alone {
            return self.put_back(agenda, api, machines);
        }
        self.agenda = Some(agenda).filter(|it| !it.touched);
        self.api = Some(api).filter(|it| !it.touched);
        self.machines.extend(machines.into_iter().filter(|(_, it)| !it.touched));
    }

    fn put_back(
        &mut self,
        agenda: Loaded<Agenda>,
        api: Loaded<Api>,
        machines: BTreeMap<String, Loaded<Machine>>,
    ) {
        self.agenda = Some(agenda);
        self.api = Some(api);
        self.machines.extend(machines);
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

#[cfg(test)]
mod tests;
