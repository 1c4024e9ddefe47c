//! The suites.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite says by panicking what is wrong"
)]

mod cli;
mod cli_backup;
mod cli_backup_create;
mod cli_commit;
mod cli_guard;
mod cli_import;
mod cli_on_nodes;
mod cli_plan;
mod cli_program;
mod cli_prune;
mod cli_restore;
mod cluster_contract;
mod disk;
mod doctor;
mod etcd_client;
mod etcd_contract;
mod forecast;
mod frame_kills;
mod fuzz;
mod gates_page;
mod host_contract;
mod inventory;
mod kill;
mod matrix;
mod mutants;
mod node_diff;
mod node_scripts;
mod node_surveys;
mod reader;
mod rollback;
mod rollback_addons;
mod rollback_older;
mod rollback_parts;
mod rollback_refused;
mod rollback_restore;
mod seeds;
mod sim_crash;
mod sim_half_done;
mod sim_prefetch;
mod sim_rig;
mod sim_troubles;
mod sim_upgrade;
mod sim_world;
mod tidy;
mod transcripts;
mod walk;
