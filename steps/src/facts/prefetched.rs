//! What was brought to a node before anything moves. Reads `node/deed/prefetched.sh`.

use std::collections::BTreeMap;

use super::reply::{self, Lines};
use crate::host::{Host, HostError};
use crate::package::{Installer, Prefetch};

/// Which of the packages and images that are wanted are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefetched {
    /// The version whose package is there whole, by package; `None` where it is not.
    pub packages: BTreeMap<String, Option<String>>,
    /// Whether each image is there; `None` while the new kubeadm has not been asked which it wants.
    pub images: Option<BTreeMap<String, bool>>,
}

impl Prefetched {
    /// Asks a node.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn read(
        host: &dyn Host,
        installer: &Installer,
        what: &Prefetch,
    ) -> Result<Self, HostError> {
        let lines = Lines::ask(host, &installer.prefetched(what)).await?;
        let packages = lines.with_prefix("have:");
        let packages = packages.map(|(name, version)| (name, reply::not_empty(version))).collect();
        let is_known = lines.one_of("images", &[("known", true), ("unknown", false)])?;
        let image = |(image, _)| {
            let is_there = lines.yes(&format!("image:{image}"))?;
            Ok((image, is_there))
        };
        let images = lines.with_prefix("image:").map(image).collect::<Result<_, HostError>>()?;
        Ok(Self { packages, images: is_known.then_some(images) })
    }

    /// Returns what is missing, by name; empty when everything is there.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let packages = self.packages.iter().filter(|(_, version)| version.is_none());
        let packages = packages.map(|(name, _)| format!("the package of {name}"));
        let images = match &self.images {
            None => vec!["the images".to_owned()],
            Some(images) => {
                let missing = images.iter().filter(|(_, is_there)| !**is_there);
                missing.map(|(image, _)| image.clone()).collect()
            }
        };
        packages.chain(images).collect()
    }

    /// Whether nothing was brought yet.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.images.is_none() && self.packages.values().all(Option::is_none)
    }
}
