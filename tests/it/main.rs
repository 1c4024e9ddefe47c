//! The suites.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite says by panicking what is wrong"
)]

mod cli;
mod cli_plan;
mod cli_program;
mod cluster_contract;
mod disk;
mod doctor;
mod frame_kills;
mod fuzz;
mod host_contract;
mod kill;
mod matrix;
mod mutants;
mod node_scripts;
mod reader;
mod rollback;
mod seeds;
mod sim_crash;
mod sim_half_done;
mod sim_rig;
mod sim_troubles;
mod sim_upgrade;
mod sim_world;
mod tidy;
mod walk;
