//! What can be found in a state directory.

use kup_core::id::Seq;

use crate::damage::Irreparable;
use crate::summary::RunStatus;

/// What can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Of a folder or a file: whose it is, and what it is doing here.
    Folder(AboutFolder),
    /// Of a journal, or what lies beside it.
    Journal(AboutJournal),
    /// Of a blob, or all of a run.
    Blob(AboutBlob),
    /// Of a lock.
    Lock(AboutLock),
    /// Of the index.
    Index(AboutIndex),
}

/// Of a folder or a file: whose it is, and what it is doing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AboutFolder {
    /// There is no state directory.
    NoStateDirectory,
    /// Everything below belongs to us and is for us only.
    Private,
    /// A symbolic link stands where kup makes a file or a folder.
    Symlink,
    /// Other users can write to it.
    OthersCanWrite {
        /// Its permission bits.
        mode: u32,
    },
    /// Other users can read it.
    OthersCanRead {
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    OtherOwner {
        /// The user's number.
        uid: u32,
    },
    /// It cannot be looked at.
    Inaccessible {
        /// What the system said.
        why: String,
    },
    /// kup makes nothing of this name.
    Unknown,
    /// A folder that a killed `kup plan` left behind.
    Scratch,
}

/// Of a journal, or what lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AboutJournal {
    /// A journal that is whole, and whose entries make sense.
    Whole {
        /// How many entries it has.
        entries: u64,
        /// Its length.
        bytes: u64,
        /// How far the run is.
        status: RunStatus,
    },
    /// A journal that ends inside an entry that was never acknowledged.
    Torn {
        /// Where that entry begins.
        offset: u64,
        /// How many bytes of it are there.
        bytes: u64,
        /// Whether a process is writing it right now, as far as its lock tells.
        is_live: bool,
    },
    /// A journal that is not what was written.
    Damaged {
        /// Where the damaged entry begins.
        offset: u64,
        /// Which entry it is.
        seq: u64,
        /// Which check failed.
        what: String,
        /// Why its end cannot be set aside; `None` where that can be.
        irreparable: Option<Irreparable>,
    },
    /// An entry that is whole and does not fit to those before it.
    Illegal {
        /// What the fold said.
        why: String,
    },
    /// Events that this kup does not know.
    Newer {
        /// The first of them.
        seq: Seq,
        /// Its type.
        type_id: u16,
        /// The version of that type.
        type_version: u16,
    },
    /// A run that was not born.
    Unborn,
    /// The end of a journal that was set aside.
    SetAside {
        /// Its length.
        bytes: u64,
    },
}

/// Of a blob, or all of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AboutBlob {
    /// All blobs that entries name are there, and are what their names say.
    AllThere {
        /// How many.
        count: u64,
        /// Their length together.
        bytes: u64,
    },
    /// An entry names a blob that is not there.
    Missing {
        /// The entry.
        seq: Seq,
    },
    /// The bytes of a blob have another SHA-256 than its name says.
    Damaged {
        /// The entry that names it.
        seq: Seq,
    },
    /// A blob has another length than its entry says.
    Length {
        /// The entry.
        seq: Seq,
        /// The length there.
        recorded: u64,
        /// Its length.
        found: u64,
    },
    /// No entry names this blob.
    Unnamed {
        /// Its length.
        bytes: u64,
    },
    /// Nothing needs this blob any more: its run was committed, or needs its backups no more.
    Freed {
        /// Its length.
        bytes: u64,
    },
    /// A file that a killed process left unfinished.
    Unfinished {
        /// Its length.
        bytes: u64,
    },
}

/// Of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AboutLock {
    /// A lock that a process holds.
    Held {
        /// Who.
        holder: String,
    },
    /// A lock that nobody holds.
    Free {
        /// Who had it last.
        last: String,
    },
}

/// Of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AboutIndex {
    /// An index that says what the journals say.
    Agrees {
        /// Of how many runs.
        runs: u64,
    },
    /// There is no index yet.
    Absent,
    /// Another process has the index, so that it was not read.
    InUse {
        /// Who.
        holder: String,
    },
    /// The index cannot be opened.
    Unusable,
    /// The index would give a wrong answer about a run.
    Wrong,
    /// An earlier index that could not be opened.
    MovedAside,
}

macro_rules! conditions {
    ($($kind:ident $about:ident)*) => {$(
        impl From<$about> for Condition {
            fn from(about: $about) -> Self {
                Self::$kind(about)
            }
        }
    )*};
}

conditions! { Folder AboutFolder Journal AboutJournal Blob AboutBlob Lock AboutLock Index AboutIndex }
