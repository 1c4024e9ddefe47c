//! How far a restore of etcd is on a control plane.

use std::collections::BTreeMap;

use super::STATIC_PODS;
use crate::facts::reply::Lines;
use crate::host::{Host, HostError};
use crate::script::{self, Script};

/// What a control plane says of a run's restore of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreState {
    /// The SHA-256 of the snapshot that new data were made of.
    pub prepared: Option<String>,
    /// The same, once they are in the place of the old data.
    pub swapped: Option<String>,
    /// The folder with the old data.
    pub aside: Option<String>,
    /// Each static pod: whether its manifest is there, and whether a container of it runs.
    pub pods: BTreeMap<String, (bool, bool)>,
}

impl RestoreState {
    /// Asks a control plane.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(host: &dyn Host, run: &str) -> Result<Self, HostError> {
        let lines = Lines::ask(host, &Script::new(script::RESTORE_STATE, [run])).await?;
        let mut pods = BTreeMap::new();
        for component in STATIC_PODS {
            let is_there = lines.yes(&format!("manifest:{component}"))?;
            let runs = lines.yes(&format!("running:{component}"))?;
            pods.insert(component.to_owned(), (is_there, runs));
        }
        let (prepared, swapped) = (lines.option("prepared")?, lines.option("swapped")?);
        Ok(Self { prepared, swapped, aside: lines.option("aside")?, pods })
    }

    /// Returns how many of these have a manifest, and how many run.
    #[must_use]
    pub fn count(&self, components: &[String]) -> (usize, usize) {
        let pods = || components.iter().filter_map(|component| self.pods.get(component));
        (pods().filter(|pod| pod.0).count(), pods().filter(|pod| pod.1).count())
    }
}
