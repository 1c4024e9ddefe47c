//! The suites.

mod sim_rig;
mod sim_upgrade;
mod sim_world;
