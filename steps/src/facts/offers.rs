//! What repositories offer. Reads `node/deed/offers.sh`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reply::{self, Lines};
use crate::host::{Host, HostError};
use crate::package::Installer;
use crate::version::Version;

/// What the repositories of some minors offer, as one node sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Offers {
    /// By minor (`v1.20`).
    pub minors: BTreeMap<String, MinorOffers>,
    /// The node's file that they were read through.
    pub repository: String,
}

/// What the repository of one minor offers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MinorOffers {
    /// Package versions by package, newest first.
    pub packages: BTreeMap<String, Vec<String>>,
    /// Why it could not be read; `None` when it was.
    pub unreadable: Option<String>,
}

impl Offers {
    /// Asks a node about minors such as `v1.20`.
    ///
    /// # Errors
    /// See [`HostError`]; a repository that cannot be read is no error here.
    pub async fn read(
        host: &dyn Host,
        installer: &Installer,
        minors: &[String],
    ) -> Result<Self, HostError> {
        Self::of(&Lines::ask(host, &installer.offers(minors)).await?)
    }

    /// Takes an answer apart.
    pub(crate) fn of(lines: &Lines) -> Result<Self, HostError> {
        let mut offers = Self { minors: BTreeMap::new(), repository: lines.text("repository")? };
        for (minor, why) in lines.with_prefix("unreadable:") {
            let unreadable = Some(why.to_owned());
            offers.minors.insert(minor, MinorOffers { unreadable, ..MinorOffers::default() });
        }
        for (key, versions) in lines.with_prefix("offer:") {
            let (minor, package) = key.split_once(':').unwrap_or((&key, ""));
            let versions = versions.split(',').filter_map(reply::not_empty).collect();
            let minor = offers.minors.entry(minor.to_owned()).or_default();
            minor.packages.insert(package.to_owned(), versions);
        }
        Ok(offers)
    }

    /// Returns what all these offer: the releases that every one has.
    #[must_use]
    pub fn of_all<'a>(mut all: impl Iterator<Item = &'a Self>) -> Self {
        let Some(first) = all.next() else { return Self::default() };
        let mut shared = first.clone();
        for other in all {
            for (minor, offers) in &mut shared.minors {
                let there = other.releases(minor);
                let has = |offer: &String| upstream(offer).is_some_and(|it| there.contains(&it));
                offers.packages.values_mut().for_each(|versions| versions.retain(has));
                let unreadable = other.minors.get(minor).and_then(|it| it.unreadable.clone());
                offers.unreadable = offers.unreadable.take().or(unreadable);
            }
        }
        shared
    }

    /// Returns what all these offer, and of a minor of which they share nothing, what any offers.
    #[must_use]
    pub fn of_some<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut offers = Self::of_all(all.clone());
        for (minor, any) in Self::of_any(all).minors {
            if offers.releases(&minor).is_empty() {
                offers.minors.insert(minor, any);
            }
        }
        offers
    }

    fn of_any<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut joined = Self::default();
        for (name, offers) in all.flat_map(|one| &one.minors) {
            let minor = joined.minors.entry(name.clone()).or_default();
            for (package, versions) in &offers.packages {
                minor.packages.entry(package.clone()).or_default().extend(versions.clone());
            }
        }
        joined
    }

    /// Returns the newest package version that is offered of a version; empty when there is none.
    #[must_use]
    pub fn version(&self, name: &str, version: Version) -> &str {
        let minor = self.minors.get(&version.minor_name());
        let offered = minor.and_then(|minor| minor.packages.get(name)).into_iter().flatten();
        let is_it = |offer: &&String| upstream(offer) == Some(version);
        offered.into_iter().find(is_it).map(String::as_str).unwrap_or_default()
    }

    /// Returns the versions of Kubernetes of which a minor's repository offers kubeadm, newest first.
    #[must_use]
    pub fn releases(&self, minor: &str) -> Vec<Version> {
        let minor = self.minors.get(minor);
        let offered = minor.and_then(|minor| minor.packages.get("kubeadm")).into_iter().flatten();
        let mut releases: Vec<Version> = offered.filter_map(|offer| upstream(offer)).collect();
        releases.sort_by(|a, b| b.cmp(a));
        releases.dedup();
        releases
    }
}

/// Returns the version in that of a package or in an image's tag: `1.20.2-1.1`, `1.20.2-00`, `1.30.5-150500.1.1`, `3.5.26-0`. An epoch is left away.
pub(crate) fn upstream(package_version: &str) -> Option<Version> {
    let bare = package_version.split_once(':').map_or(package_version, |(_, rest)| rest);
    bare.split(['-', '~', '+']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_in_a_package_version_is_found_whatever_its_suffix() {
        let wanted = "v1.30.5".parse().ok();
        for given in ["1.30.5-1.1", "1.30.5-00", "1.30.5-150500.1.1", "0:1.30.5-1.1", "1.30.5"] {
            assert_eq!(upstream(given), wanted, "{given}");
        }
        assert_eq!(upstream("nightly"), None);
    }

    #[test]
    fn the_tag_of_an_etcd_has_its_version() {
        assert_eq!(upstream("3.5.26-0"), Some(Version { major: 3, minor: 5, patch: 26 }));
        assert!(upstream("3.5.9-0") < upstream("3.5.26-0"));
        assert_eq!(upstream("latest"), None);
    }

    #[test]
    fn a_release_that_one_node_lacks_is_not_offered() {
        let with = |versions: &[&str]| {
            let versions = versions.iter().map(|it| (*it).to_owned()).collect();
            let packages = [("kubeadm".to_owned(), versions)].into();
            let minor = MinorOffers { packages, unreadable: None };
            Offers { minors: [("v1.20".to_owned(), minor)].into(), repository: String::new() }
        };
        let (deb, rpm) = (with(&["1.20.3-1.1", "1.20.2-1.1"]), with(&["1.20.2-150500.1.1"]));
        let shared = Offers::of_all([&deb, &rpm].into_iter());
        assert_eq!(shared.releases("v1.20"), ["v1.20.2".parse().unwrap()]);
        assert_eq!(Offers::of_some([&deb, &rpm].into_iter()), shared);
        let old = with(&["1.20.1-00"]);
        let some = Offers::of_some([&deb, &old].into_iter());
        let versions = ["v1.20.3", "v1.20.2", "v1.20.1"].map(|it| it.parse().unwrap());
        assert_eq!(some.releases("v1.20"), versions);
    }

    #[test]
    fn the_newest_package_of_a_version_is_found_and_releases_are_listed_once() {
        let versions = ["1.20.3-1.1", "1.20.2-2.1", "1.20.2-1.1"].map(str::to_owned).to_vec();
        let minor =
            MinorOffers { packages: [("kubeadm".to_owned(), versions)].into(), unreadable: None };
        let minors = [("v1.20".to_owned(), minor)].into();
        let offers = Offers { minors, repository: String::new() };
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert_eq!(offers.version("kubeadm", version("v1.20.2")), "1.20.2-2.1");
        assert_eq!(offers.version("kubeadm", version("v1.20.1")), "");
        assert_eq!(offers.releases("v1.20"), [version("v1.20.3"), version("v1.20.2")]);
    }
}
