//! The durable engine of kup. It knows runs, plans, steps and journals; it knows no Kubernetes and does
//! no I/O of its own.
//!
//! Reading order: [`plan`] (what will be done), [`event`] (what is remembered), [`state`] (the fold over
//! events), [`decide`] (what to do next: pure), [`engine`] (the loop), [`activity`] and [`gate`] (the code of
//! steps and questions), [`journal`] (what storage must promise).

pub mod activity;
pub mod catalog;
pub mod clock;
pub mod decide;
pub mod engine;
pub mod event;
pub mod gate;
pub mod guard;
pub mod id;
pub mod journal;
mod perform;
pub mod plan;
pub mod progress;
pub mod state;
