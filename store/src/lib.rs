//! Where kup remembers: one framed, append-only journal file per run, blobs beside it, locks, and an index
//! that can be thrown away. It knows the engine's events; it knows no steps, no Kubernetes and no flags.
//!
//! Reading order: [`Store`] (the folder of all runs), [`FileJournal`] (the commit point), `walk` (what
//! is torn and what is damaged), `frame` and `codec` (the bytes, see `docs/JOURNAL_FORMAT.md`), [`FileBlobs`],
//! [`Index`], [`Disk`] (the seam to the file system), [`checkup`] (what is wrong with a state directory), [`Repair`]. [`MemoryStore`] and [`MemoryBlobs`] forget everything at the end; [`conformance`] is what
//! every journal must pass.

mod blobs;
pub mod checkup;
mod codec;
pub mod conformance;
mod damage;
mod disk;
mod durable;
mod error;
mod file_journal;
mod frame;
mod hash;
mod import;
mod index;
mod journal_file;
mod lock;
mod memory;
mod named;
mod repair;
mod resolve;
mod seal;
mod store;
mod summary;
mod walk;

pub use blobs::FileBlobs;
pub use blobs::sealed::is_file_name;
pub use damage::Irreparable;
pub use disk::{Disk, DiskFile};
pub use error::StoreError;
pub use file_journal::FileJournal;
pub use frame::{MAX_JOURNAL, MAX_PAYLOAD};
pub use import::{Foreign, ImportError, Imported};
pub use index::Index;
pub use lock::ClusterLock;
pub use memory::{MemoryBlobs, MemoryJournal, MemoryStore};
pub use named::backup_blobs;
pub use repair::Repair;
pub use seal::{Identities, Recipients, UnusableKey};
pub use store::Store;
pub use summary::{RunStatus, RunSummary};
pub use walk::History;
