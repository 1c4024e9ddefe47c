//! Where an upgrade goes: what an operator names, and the releases on the way there.

use std::fmt;
use std::str::FromStr;

use super::PlanProblem;
use crate::facts::Offers;
use crate::version::{InvalidVersion, Version};

/// How many minors `latest` looks ahead.
const LOOK_AHEAD: u32 = 8;

/// What an operator names as the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Exactly this release: `v1.36.2`.
    Release(Version),
    /// The newest patch that is offered of a minor: `1.36`.
    Minor {
        /// 1
        major: u32,
        /// 36
        minor: u32,
    },
    /// The newest release that is offered.
    Latest,
}

impl FromStr for Target {
    type Err = InvalidVersion;

    fn from_str(given: &str) -> Result<Self, InvalidVersion> {
        if given == "latest" {
            return Ok(Self::Latest);
        }
        let bare = given.strip_prefix('v').unwrap_or(given);
        match bare.split('.').count() {
            2 => {
                let named = format!("{given}.0").parse::<Version>();
                let wrong = |_| {
                    InvalidVersion::new(
                        given,
                        "name a release such as v1.36.2, a minor such as 1.36, or latest",
                    )
                };
                let version = named.map_err(wrong)?;
                Ok(Self::Minor { major: version.major, minor: version.minor })
            }
            _ => given.parse().map(Self::Release),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(version) => version.fmt(f),
            Self::Minor { major, minor } => write!(f, "v{major}.{minor}"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

impl Target {
    /// Refuses what is no step forward. An equal version passes: nodes may have been left out.
    ///
    /// # Errors
    /// [`PlanProblem::Older`], [`PlanProblem::OtherMajor`].
    pub fn check(self, current: Version) -> Result<(), PlanProblem> {
        let newest = match self {
            Self::Release(version) => version,
            Self::Minor { major, minor } => Version { major, minor, patch: u32::MAX },
            Self::Latest => return Ok(()),
        };
        if newest.major != current.major {
            Err(PlanProblem::OtherMajor { current, target: self.named(newest) })
        } else if newest < current {
            Err(PlanProblem::Older { current, target: self.named(newest) })
        } else {
            Ok(())
        }
    }

    fn named(self, newest: Version) -> Version {
        match self {
            Self::Release(_) | Self::Latest => newest,
            Self::Minor { .. } => Version { patch: 0, ..newest },
        }
    }

    /// Returns the minors, such as `v1.20`, whose repositories must be asked on the way from a version.
    #[must_use]
    pub fn minors(self, from: Version) -> Vec<String> {
        let last = match self {
            Self::Release(version) => version.minor,
            Self::Minor { minor, .. } => minor,
            Self::Latest => from.minor.saturating_add(LOOK_AHEAD),
        };
        (from.minor..=last).map(|minor| Version { minor, ..from }.minor_name()).collect()
    }

    /// Returns the releases that an upgrade goes through, one of each minor: the newest patch of each that lies between, then the target.
    /// A patch of the same minor is one hop. Empty when the target is where the cluster is.
    ///
    /// # Errors
    /// [`PlanProblem::NoRelease`] and those of [`Target::check`].
    pub fn hops(self, from: Version, offers: &Offers) -> Result<Vec<Version>, PlanProblem> {
        self.check(from)?;
        let target = self.resolve(from, offers)?;
        let between = (from.minor + 1)..target.minor;
        let between = between.map(|minor| newest(offers, Version { minor, ..from }));
        let mut hops = between.collect::<Result<Vec<_>, _>>()?;
        if target > from {
            hops.push(target);
        }
        Ok(hops)
    }

    /// Returns the same for nodes that are offered different things: the releases that all are offered. Where no release of a minor is
    /// offered to all, those that any is offered: the gate `packages-offered` then names the others.
    ///
    /// # Errors
    /// [`PlanProblem::NoRelease`] and those of [`Target::check`].
    pub fn hops_of<'a>(
        self,
        from: Version,
        nodes: impl Iterator<Item = &'a Offers> + Clone,
    ) -> Result<Vec<Version>, PlanProblem> {
        match self.hops(from, &Offers::of_all(nodes.clone())) {
            Err(problem @ PlanProblem::NoRelease { .. }) => {
                self.hops(from, &Offers::of_some(nodes)).map_err(|_| problem)
            }
            found => found,
        }
    }

    /// Returns the release that is meant.
    ///
    /// # Errors
    /// [`PlanProblem::NoRelease`].
    pub fn resolve(self, from: Version, offers: &Offers) -> Result<Version, PlanProblem> {
        match self {
            Self::Release(version) => Ok(version),
            Self::Minor { major, minor } => {
                Ok(newest(offers, Version { major, minor, patch: 0 })?.max(from))
            }
            Self::Latest => {
                let names = self.minors(from).into_iter();
                let there = names.map(|minor| offers.releases(&minor));
                let newest = there.take_while(|releases| !releases.is_empty()).last();
                let newest = newest.and_then(|releases| releases.first().copied());
                Ok(newest.unwrap_or(from).max(from))
            }
        }
    }
}

/// Returns the newest patch of a version's minor.
fn newest(offers: &Offers, version: Version) -> Result<Version, PlanProblem> {
    let minor = version.minor_name();
    offers.releases(&minor).first().copied().ok_or_else(|| {
        let unreadable = offers.minors.get(&minor).and_then(|it| it.unreadable.clone());
        let why = unreadable.map(|why| format!(": {why}")).unwrap_or_default();
        PlanProblem::NoRelease { minor, why }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::MinorOffers;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn offers(all: &[&str]) -> Offers {
        let mut offers = Offers::default();
        for text in all {
            let minor = offers.minors.entry(version(text).minor_name()).or_default();
            let MinorOffers { packages, .. } = minor;
            packages.entry("kubeadm".to_owned()).or_default().push(format!("{text}-1.1"));
        }
        offers
    }

    fn hops(target: &str, from: &str) -> Result<Vec<String>, String> {
        let offers =
            offers(&["1.19.16", "1.20.1", "1.20.2", "1.21.14", "1.21.3", "1.22.0", "1.24.1"]);
        let target: Target = target.parse().map_err(|e: InvalidVersion| e.to_string())?;
        let hops = target.hops(version(from), &offers).map_err(|e| e.to_string())?;
        Ok(hops.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_target_is_reached_minor_by_minor_each_at_its_newest_patch() {
        for (target, from, wanted) in [
            ("v1.20.2", "v1.19.16", vec!["v1.20.2"]),
            ("1.20", "v1.19.16", vec!["v1.20.2"]),
            ("v1.20", "v1.20.1", vec!["v1.20.2"]),
            ("v1.21.3", "v1.19.16", vec!["v1.20.2", "v1.21.3"]),
            ("v1.22.0", "v1.19.0", vec!["v1.20.2", "v1.21.14", "v1.22.0"]),
            // 1.23 is missing: latest ends before the gap.
            ("latest", "v1.20.1", vec!["v1.21.14", "v1.22.0"]),
            ("v1.20.2", "v1.20.2", vec![]),
            ("1.20", "v1.20.9", vec![]),
            ("latest", "v1.24.1", vec![]),
        ] {
            assert_eq!(hops(target, from).unwrap(), wanted, "{from} to {target}");
        }
    }

    #[test]
    fn a_minor_that_a_node_is_not_offered_is_on_the_way_if_others_are() {
        let (all, lagging) = (offers(&["1.20.1", "1.20.2", "1.21.0"]), offers(&["1.20.1"]));
        let hops = |target: &str, nodes: &[&Offers]| {
            let target: Target = target.parse().unwrap();
            let hops = target.hops_of(version("v1.19.16"), nodes.iter().copied());
            hops.map(|hops| hops.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(hops("1.20", &[&all, &lagging]).unwrap(), ["v1.20.1"]);
        assert_eq!(hops("1.21", &[&all, &lagging]).unwrap(), ["v1.20.1", "v1.21.0"]);
        assert_eq!(hops("v1.21.0", &[&lagging, &all]).unwrap(), ["v1.20.1", "v1.21.0"]);
        let none = hops("1.21", &[&lagging, &lagging]).unwrap_err();
        assert!(matches!(none, PlanProblem::NoRelease { .. }), "{none}");
    }

    #[test]
    fn what_cannot_be_reached_says_why() {
        for (target, from, why) in [
            ("v1.19.0", "v1.19.16", "older"),
            ("1.18", "v1.19.16", "older"),
            ("v2.0.0", "v1.19.16", "major"),
            ("v1.24.1", "v1.22.0", "no release of v1.23"),
            ("1.23", "v1.22.0", "no release of v1.23"),
            ("stable", "v1.22.0", "three numbers"),
            ("1", "v1.22.0", "three numbers"),
            ("", "v1.22.0", "three numbers"),
            ("1.x", "v1.22.0", "latest"),
        ] {
            let told = hops(target, from).unwrap_err();
            assert!(told.contains(why), "{from} to {target}: {told}");
        }
    }
}
