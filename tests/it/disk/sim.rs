//! A disk for the store that counts every call and has one fault at a chosen one. What it keeps is said by `platter`, what is
//! left of it when the power goes by `fate`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use kup_store::{Disk, DiskFile};

use super::fault::{EIO, ENOSPC, Fault, Op, Twist};
use super::file::SimFile;
use super::platter::{Change, NameChange, Node, Platter};

/// A simulated disk, as the processes of one boot of the machine share it.
#[derive(Debug, Clone)]
pub(super) struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// The disk, its process and what is to go wrong.
#[derive(Debug)]
pub(super) struct State {
    pub(super) platter: Platter,
    pub(super) locked: BTreeSet<usize>,
    /// What was called, in order, each with what it was for.
    pub(super) calls: Vec<(Op, &'static str)>,
    phase: &'static str,
    fault: Option<(usize, Fault)>,
    is_dead: bool,
    is_full: bool,
    /// Calls of this kind do nothing and say that they did.
    ignored: Option<Op>,
}

impl SimDisk {
    /// Returns a disk in a machine that runs, with no process on it.
    pub(super) fn new(platter: Platter) -> Self {
        let state = State {
            platter,
            locked: BTreeSet::new(),
            calls: Vec::new(),
            phase: "",
            fault: None,
            is_dead: false,
            is_full: false,
            ignored: None,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The call with this number, counted from 1, has a fault.
    pub(super) fn with_fault(self, call: usize, fault: Fault) -> Self {
        self.lock().fault = Some((call, fault));
        self
    }

    /// Calls of this kind do nothing and say that they did: a disk that lies, or a store that does not sync.
    pub(super) fn ignoring(self, op: Option<Op>) -> Self {
        self.lock().ignored = op;
        self
    }

    /// There is no space left, from the beginning.
    pub(super) fn full(self) -> Self {
        self.lock().is_full = true;
        self
    }

    /// Says what the next calls are for.
    pub(super) fn phase(&self, phase: &'static str) {
        self.lock().phase = phase;
    }

    /// Returns what the disk holds, for a new process or after a loss of power.
    pub(super) fn platter(&self) -> Platter {
        self.lock().platter.clone()
    }

    /// Returns all calls so far.
    pub(super) fn calls(&self) -> Vec<(Op, &'static str)> {
        self.lock().calls.clone()
    }

    /// Appends to a file what another process wrote that was killed in the middle of it.
    pub(super) fn tear(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.lock();
        let file = state.platter.bytes(path).unwrap();
        let change = Change::Write { at: file.seen.len(), bytes: bytes.to_vec() };
        file.change(change);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts a call and lets it fail when its time has come.
    pub(super) fn call(&self, op: Op) -> io::Result<(MutexGuard<'_, State>, Twist)> {
        let mut state = self.lock();
        if state.is_dead {
            return Err(io::Error::other("this process is dead"));
        }
        let phase = state.phase;
        state.calls.push((op, phase));
        let twist = match state.fault {
            Some((call, fault)) if call == state.calls.len() => state.fail(fault)?,
            Some(_) | None if state.ignored == Some(op) => Twist::Nothing,
            Some(_) | None => Twist::None,
        };
        Ok((state, twist))
    }

    fn open(&self, path: &Path, op: Op) -> io::Result<usize> {
        let (state, _) = self.call(op)?;
        match state.platter.seen.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl State {
    fn fail(&mut self, fault: Fault) -> io::Result<Twist> {
        match fault {
            Fault::Death => {
                self.is_dead = true;
                Err(io::Error::other("this process has died"))
            }
            Fault::DeathInWrite => {
                self.is_dead = true;
                Ok(Twist::HalfAndDead)
            }
            Fault::Error(code) => Err(io::Error::from_raw_os_error(code)),
            Fault::ErrorAndLoss => Ok(Twist::Lose),
            Fault::Full => {
                self.is_full = true;
                Err(io::Error::from_raw_os_error(ENOSPC))
            }
            Fault::ShortWrite => Ok(Twist::Half),
            Fault::Interrupted => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    fn must_have_folder(&self, path: &Path) -> io::Result<()> {
        match path.parent().and_then(|folder| self.platter.seen.get(folder)) {
            Some(Node::Folder) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn must_be_new(&self, path: &Path) -> io::Result<()> {
        self.must_have_folder(path)?;
        match self.platter.seen.contains_key(path) {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => self.must_have_space(),
        }
    }

    pub(super) fn must_have_space(&self) -> io::Result<()> {
        if self.is_full { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }
}

impl Disk for SimDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(Op::CreateFolder)?;
        state.must_be_new(path)?;
        state.platter.change(NameChange::Add(path.to_owned(), Node::Folder));
        Ok(())
    }

    fn create_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let (mut state, _) = self.call(Op::CreateFile)?;
        state.must_be_new(path)?;
        let file = state.platter.add_file(path, false);
        Ok(Box::new(SimFile::appending(self, file)))
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SimFile::appending(self, self.open(path, Op::Open)?)))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SimFile::from_start(self, self.open(path, Op::Open)?)))
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let is_there = self.lock().platter.seen.contains_key(path);
        let (mut state, _) = self.call(if is_there { Op::Open } else { Op::CreateFile })?;
        state.must_have_folder(path)?;
        let file = match state.platter.seen.get(path) {
            Some(Node::File(file)) => *file,
            Some(Node::Folder) => return Err(io::ErrorKind::IsADirectory.into()),
            None => {
                state.must_have_space()?;
                state.platter.add_file(path, true)
            }
        };
        Ok(Box::new(SimFile::from_start(self, file)))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let (state, _) = self.call(Op::Look)?;
        Ok(state.platter.seen.contains_key(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let (state, _) = self.call(Op::Look)?;
        if !state.platter.seen.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = state.platter.seen.keys().filter(|name| name.parent() == Some(path));
        Ok(inside.filter_map(|name| name.file_name()).map(OsString::from).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(Op::Rename)?;
        let Some(node) = state.platter.seen.get(from).copied() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        state.must_have_space()?;
        state.platter.change(NameChange::Move(from.to_owned(), to.to_owned(), node));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let (mut state, _) = self.call(Op::Remove)?;
        if !state.platter.seen.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.platter.change(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let (mut state, twist) = self.call(Op::SyncFolder)?;
        match twist {
            Twist::Nothing => Ok(()),
            // Names are in the journal of the file system, which writes them again.
            Twist::Lose => Err(io::Error::from_raw_os_error(EIO)),
            Twist::None | Twist::Half | Twist::HalfAndDead => {
                state.platter.sync_folder(path);
                Ok(())
            }
        }
    }
}

/// A lock that another process has.
pub(super) const HELD: TryLockError = TryLockError::WouldBlock;
