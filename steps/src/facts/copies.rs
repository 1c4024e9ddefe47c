//! The copies of backups that kup keeps on a node.

use std::collections::BTreeMap;

use crate::facts::reply::Lines;
use crate::host::{Host, HostError, KeptFiles, Reply};
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

impl KeptFiles {
    /// Reads what the script that keeps files has printed.
    pub(crate) fn read(node: &str, reply: &Reply) -> Result<Self, HostError> {
        let lines = Lines::read(node.to_owned(), script::KEEP_FILES.0, reply)?;
        Ok(Self {
            path: lines.get("path")?.to_owned(),
            sha256: lines.get("sha256")?.to_owned(),
            length: lines.number(lines.get("length")?)?,
        })
    }
}
