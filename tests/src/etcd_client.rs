//! Makes the client of etcd's API, `steps/src/etcd/rpc.rs`, of `rpc.proto` beside it, without protoc. It is checked in, so that nobody needs
//! any of this to build kup.

use std::path::{Path, PathBuf};

const HEAD: &str =
    "// Made of rpc.proto by `cargo run -p kup-tests --bin etcd-client`. Do not edit.\n";

/// Returns where the client lies.
#[must_use]
pub fn place() -> PathBuf {
    folder().join("rpc.rs")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../steps/src/etcd")
}

/// Makes it.
///
/// # Errors
/// When the description cannot be understood, or there is no room.
pub fn generate() -> Result<String, Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["rpc.proto"], [folder()])?;
    let room = tempfile::tempdir()?;
    let made = tonic_prost_build::configure().build_server(false).build_transport(false);
    made.out_dir(room.path()).compile_fds(descriptors)?;
    let text = std::fs::read_to_string(room.path().join("etcdserverpb.rs"))?;
    Ok(format!("{HEAD}{text}"))
}
