//! What can go wrong at a call.

/// An error of the disk.
pub(super) const EIO: i32 = 5;

/// No space is left.
pub(super) const ENOSPC: i32 = 28;

/// Kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    CreateFolder,
    CreateFile,
    Open,
    Look,
    Read,
    Write,
    SyncData,
    SyncAll,
    SyncFolder,
    Cut,
    Rename,
    Remove,
    Forget,
    Lock,
}

/// One thing that goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process dies before the call. What it wrote before is in the cache, until the power goes, too.
    Death,
    /// It dies in the middle of a write.
    DeathInWrite,
    /// The call fails and changes nothing.
    Error(i32),
    /// A sync fails, and what it should have written is lost although it can still be read.
    ErrorAndLoss,
    /// The disk is full from here on.
    Full,
    /// A write takes half of its bytes and says so.
    ShortWrite,
    /// A signal comes in between.
    Interrupted,
}

/// What a call does otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    None,
    Nothing,
    Lose,
    Half,
    HalfAndDead,
}

impl Op {
    /// Tells whether a full disk may refuse it.
    fn needs_space(self) -> bool {
        match self {
            Self::CreateFolder | Self::CreateFile | Self::Write | Self::Rename => true,
            Self::Open | Self::Look | Self::Read | Self::SyncData | Self::SyncAll => false,
            Self::SyncFolder | Self::Cut | Self::Remove | Self::Forget | Self::Lock => false,
        }
    }

    /// Returns what can go wrong at such a call.
    pub(super) fn faults(self) -> Vec<Fault> {
        let mut faults = vec![Fault::Death, Fault::Error(EIO)];
        match self {
            Self::Write => faults.extend([Fault::DeathInWrite, Fault::ShortWrite]),
            // Where space is given out late, the sync is the call that finds none.
            Self::SyncData | Self::SyncAll => {
                faults.extend([Fault::ErrorAndLoss, Fault::Error(ENOSPC)]);
            }
            Self::CreateFolder | Self::CreateFile | Self::Open | Self::Look | Self::Read => {}
            Self::SyncFolder | Self::Cut | Self::Rename | Self::Remove => {}
            Self::Forget | Self::Lock => {}
        }
        if matches!(self, Self::Read | Self::Write) {
            faults.push(Fault::Interrupted);
        }
        if self.needs_space() {
            faults.extend([Fault::Error(ENOSPC), Fault::Full]);
        }
        faults
    }
}

impl Fault {
    /// Tells whether it is among those that a reopening is tried with: the others differ from these in what the process is told.
    pub(super) fn is_worth_a_second(self) -> bool {
        match self {
            Self::Death | Self::DeathInWrite | Self::ErrorAndLoss | Self::Full => true,
            Self::Error(code) => code == EIO,
            Self::ShortWrite | Self::Interrupted => false,
        }
    }

    /// Tells whether the process is gone.
    pub(super) fn is_death(self) -> bool {
        match self {
            Self::Death | Self::DeathInWrite => true,
            Self::Error(_) | Self::ErrorAndLoss | Self::Full => false,
            Self::ShortWrite | Self::Interrupted => false,
        }
    }

    /// Returns its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Death => "killed before the call",
            Self::DeathInWrite => "killed in the middle of the write",
            Self::Error(ENOSPC) => "ENOSPC once",
            Self::Error(_) => "EIO",
            Self::ErrorAndLoss => "EIO of a sync that loses what it should have written",
            Self::Full => "disk full from there on",
            Self::ShortWrite => "short write",
            Self::Interrupted => "EINTR",
        }
    }
}
