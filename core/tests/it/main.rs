//! What the engine's core promises, told as histories: see `story` for their language.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite says by panicking what is wrong"
)]

mod attempts;
mod engine;
mod lives;
mod operator;
mod printed;
mod rig;
mod stages;
mod story;
mod undo;
