//! An open file of a simulated disk.

use std::fs::TryLockError;
use std::io::{self, Read, Write};

use kup_store::DiskFile;

use super::fault::{EIO, Op, Twist};
use super::platter::Change;
use super::sim::{HELD, SimDisk};

/// An open file. Its lock goes when it is closed.
#[derive(Debug)]
pub(super) struct SimFile {
    disk: SimDisk,
    file: usize,
    cursor: usize,
    is_appending: bool,
    is_locked: bool,
}

impl SimFile {
    pub(super) fn appending(disk: &SimDisk, file: usize) -> Self {
        let mut opened = Self::from_start(disk, file);
        opened.is_appending = true;
        opened
    }

    pub(super) fn from_start(disk: &SimDisk, file: usize) -> Self {
        Self { disk: disk.clone(), file, cursor: 0, is_appending: false, is_locked: false }
    }

    fn sync(&mut self, op: Op) -> io::Result<()> {
        let (mut state, twist) = self.disk.call(op)?;
        let bytes = &mut state.platter.files[self.file];
        match twist {
            Twist::Nothing => Ok(()),
            Twist::Lose => {
                bytes.lose();
                Err(io::Error::from_raw_os_error(EIO))
            }
            Twist::None | Twist::Half | Twist::HalfAndDead => {
                bytes.sync();
                Ok(())
            }
        }
    }
}

impl Read for SimFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (state, _) = self.disk.call(Op::Read)?;
        let mut rest = state.platter.files[self.file].seen.get(self.cursor..).unwrap_or_default();
        let length = rest.read(into)?;
        self.cursor += length;
        Ok(length)
    }
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut state, twist) = self.disk.call(Op::Write)?;
        state.must_have_space()?;
        let file = &mut state.platter.files[self.file];
        let at = if self.is_appending { file.seen.len() } else { self.cursor };
        let part = match twist {
            Twist::Half | Twist::HalfAndDead => &bytes[..bytes.len().div_ceil(2)],
            Twist::None | Twist::Nothing | Twist::Lose => bytes,
        };
        file.change(Change::Write { at, bytes: part.to_vec() });
        self.cursor = at + part.len();
        match twist {
            Twist::HalfAndDead => Err(io::Error::other("this process has died")),
            Twist::None | Twist::Nothing | Twist::Lose | Twist::Half => Ok(part.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn length(&self) -> io::Result<u64> {
        let (state, _) = self.disk.call(Op::Look)?;
        Ok(state.platter.files[self.file].seen.len() as u64)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let (mut state, _) = self.disk.call(Op::Cut)?;
        let length = usize::try_from(length).unwrap();
        state.platter.files[self.file].change(Change::Cut { length });
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync(Op::SyncData)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync(Op::SyncAll)
    }

    fn forget_cached(&mut self) -> io::Result<()> {
        let (mut state, _) = self.disk.call(Op::Forget)?;
        state.platter.files[self.file].forget();
        Ok(())
    }

    fn try_lock(&mut self) -> Result<(), TryLockError> {
        let (mut state, _) = self.disk.call(Op::Lock).map_err(TryLockError::Error)?;
        if !state.locked.insert(self.file) {
            return Err(HELD);
        }
        self.is_locked = true;
        Ok(())
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.is_locked {
            self.disk.lock().locked.remove(&self.file);
        }
    }
}
