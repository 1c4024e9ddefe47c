//! The copies of backups that kup keeps on a node.

use std::collections::BTreeMap;

use crate::facts::reply::Lines;
use crate::host::{Host, HostError};
use crate::script::{self, Script};

/// The SHA-256 of copies, by their paths; those that are not there are left out, and one that cannot be read has no hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copies(pub BTreeMap<String, String>);

impl Copies {
    /// Asks a node for copies by their paths.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host, paths: &[String]) -> Result<Self, HostError> {
        let lines = Lines::ask(host, &Script::new(script::KEPT, paths.to_vec())).await?;
        let hashes = lines.with_prefix("sha256:").map(|(path, hash)| (path, hash.to_owned()));
        Ok(Self(hashes.collect()))
    }
}
