//! Walks through whole runs in the simulated cluster, with the real plan, activities and engine, under a time that passes only when all
//! sleep. Processes of kup are killed, put to sleep and cut off on the way, and a judge watches every moment.
//!
//! Reading order: [`site`] (where a walk takes place), [`life`] (what a process does there), [`process`] (at which moments it can be
//! stopped, and by whom), [`invariant`] (what must hold), [`camera`] (moments to come back to).

pub mod camera;
pub mod failing;
pub mod invariant;
pub mod life;
mod planned;
mod ports;
pub mod process;
pub mod shelf;
pub mod site;
pub mod time;
