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
    /// Whether the lock is kept: then what was read last is what is true, and is written out only when somebody asks for it.
    is_alone: bool,
}

impl Folder {
    /// Opens or creates the folder and its lock; says nothing about what is in it.
    pub(super) fn open(dir: &Path) -> Result<Self, SimError> {
        let machines = dir.join("machines");
        fs::create_dir_all(&machines).map_err(|e| SimError::io("create", &machines, e))?;
        let path = dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|e| SimError::io("open", &path, e))?;
        let (dir, machines) = (dir.to_owned(), HashMap::new());
        Ok(Self { dir, lock, agenda: None, api: None, machines, is_alone: false })
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
            settle(AGENDA.to_owned(), agenda, &mut redo)?;
        }
        if let Some(api) = &mut self.api {
            settle(API.to_owned(), api, &mut redo)?;
        }
        for (name, machine) in &mut self.machines {
            settle(machine_file(name), machine, &mut redo)?;
        }
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
    pub(super) fn lock(&self) -> Result<(), SimError> {
        if self.is_alone {
            return Ok(());
        }
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
        if !self.is_alone {
            // Closing the file would release it as well; an error here cannot be acted upon.
            self.lock.unlock().ok();
        }
    }

    pub(super) fn take_agenda(&mut self) -> Result<Loaded<Agenda>, SimError> {
        load(&self.dir.join(AGENDA), self.agenda.take(), self.is_alone)
    }

    pub(super) fn take_api(&mut self) -> Result<Loaded<Api>, SimError> {
        load(&self.dir.join(API), self.api.take(), self.is_alone)
    }

    pub(super) fn take_machine(&mut self, name: &str) -> Result<Loaded<Machine>, SimError> {
        let cached = self.machines.remove(name);
        load(&self.dir.join(machine_file(name)), cached, self.is_alone)
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

fn load<T: DeserializeOwned>(
    path: &Path,
    mut cached: Option<Loaded<T>>,
    is_alone: bool,
) -> Result<Loaded<T>, SimError> {
    if let Some(cached) = cached.take_if(|_| is_alone) {
        return Ok(cached);
    }
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
mod tests;
