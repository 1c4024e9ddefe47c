//! Writes `steps/src/etcd/rpc.rs`, the client of etcd's API.

use kup_tests::etcd_client::{generate, place};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(place(), generate()?)?;
    Ok(())
}
