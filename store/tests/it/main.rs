//! The store from outside: its files, their damage, its locks and its index.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests stop where something is not as expected"
)]

mod afterwords;
mod blobs;
mod conformance;
mod damage;
mod format;
mod gate_ignored;
mod guarded;
mod import;
mod index;
mod locks;
mod obstacles;
mod samples;
mod sealed;
mod size;
mod torn;
mod ways_back;
