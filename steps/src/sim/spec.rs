//! What a simulated cluster looks like when it is born, and how an operator says it: `sim`, `sim:5x20`, `sim:5x20@v1.34.3`.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::version::{InvalidVersion, Version};

/// The most control planes that a simulated cluster may have.
pub const MAX_CONTROL_PLANES: u32 = 9;
/// The most workers that a simulated cluster may have.
pub const MAX_WORKERS: u32 = 1000;
/// The patch that a cluster without a given version is born with.
const DEFAULT_PATCH: u32 = 6;

/// Describes a simulated cluster at its birth.
#[derive(Debug, Clone, PartialEq)]
pub struct SimSpec {
    /// How many control planes, each with its own etcd member.
    pub control_planes: u32,
    /// How many workers.
    pub workers: u32,
    /// The version of everything in it.
    pub version: Version,
    /// How fast things happen: 1.0 as usual, 0.1 ten times slower.
    pub speed: f64,
    /// Whether one pod has an emptyDir volume.
    pub empty_dir: bool,
    /// Whether one pod has no controller.
    pub bare_pod: bool,
    /// Whether a budget allows no disruption at all.
    pub tight_budget: bool,
    /// What its ids are made of; by default of folder and time, so that no two worlds share one.
    pub seed: Option<u64>,
}

/// Says why a text does not describe a simulated cluster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidSpec {
    /// It is not of the form `sim:CxW@vX.Y.Z`.
    #[error(
        "`{given}` does not describe a simulated cluster; write `sim`, `sim:3x3` or `sim:3x3@v1.35.6`"
    )]
    Form {
        /// The text.
        given: String,
    },
    /// It has too few or too many machines.
    #[error(
        "`{given}` asks for {what}; a simulated cluster has 1 to {MAX_CONTROL_PLANES} control planes and 0 to {MAX_WORKERS} workers"
    )]
    Size {
        /// The text.
        given: String,
        /// What is too few or too many.
        what: String,
    },
    /// Its version is not one.
    #[error("`{given}` does not describe a simulated cluster")]
    Version {
        /// The text.
        given: String,
        /// Why.
        #[source]
        source: InvalidVersion,
    },
    /// It names no version, and there is no target to derive one from.
    #[error("`{given}` names no version; write one, such as `sim:3x3@v1.35.6`")]
    NoVersion {
        /// The text.
        given: String,
    },
}

impl SimSpec {
    /// Returns a cluster of this size and version, at the usual speed.
    #[must_use]
    pub fn new(control_planes: u32, workers: u32, version: Version) -> Self {
        Self {
            control_planes,
            workers,
            version,
            speed: 1.0,
            empty_dir: false,
            bare_pod: false,
            tight_budget: false,
            seed: None,
        }
    }

    /// Reads `sim`, `sim:CxW` or `sim:CxW@vX.Y.Z`. Without a version the cluster is one minor below `target`.
    ///
    /// # Errors
    /// [`InvalidSpec`] says what is wrong with it.
    pub fn parse(given: &str, target: Option<&Version>) -> Result<Self, InvalidSpec> {
        let form = || InvalidSpec::Form { given: given.to_owned() };
        let rest = given.strip_prefix("sim").ok_or_else(form)?;
        if rest.is_empty() {
            return Ok(Self::new(3, 3, below(given, target)?));
        }
        let rest = rest.strip_prefix(':').ok_or_else(form)?;
        let (size, version) = match rest.split_once('@') {
            Some((size, version)) => (size, Some(version)),
            None => (rest, None),
        };
        let (control_planes, workers) = size.split_once('x').ok_or_else(form)?;
        let number = |text: &str| if is_plain(text) { text.parse().ok() } else { None };
        let control_planes: u32 = number(control_planes).ok_or_else(form)?;
        let workers: u32 = number(workers).ok_or_else(form)?;
        check_size(given, control_planes, workers)?;
        let version = match version {
            Some(text) => text
                .parse()
                .map_err(|source| InvalidSpec::Version { given: given.to_owned(), source })?,
            None => below(given, target)?,
        };
        Ok(Self::new(control_planes, workers, version))
    }
}

impl fmt::Display for SimSpec {
    /// The form that [`SimSpec::parse`] reads, with everything said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sim:{}x{}@{}", self.control_planes, self.workers, self.version)
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn check_size(
    given: &str,
    control_planes: u32,
    workers: u32,
) -> Result<(), InvalidSpec> {
    let wrong = |what| Err(InvalidSpec::Size { given: given.to_owned(), what });
    if !(1..=MAX_CONTROL_PLANES).contains(&control_planes) {
        return wrong(format!("{control_planes} control planes"));
    }
    if workers > MAX_WORKERS {
        return wrong(format!("{workers} workers"));
    }
    Ok(())
}

fn below(given: &str, target: Option<&Version>) -> Result<Version, InvalidSpec> {
    let no_version = || InvalidSpec::NoVersion { given: given.to_owned() };
    let target = target.ok_or_else(no_version)?;
    let minor = target.minor.checked_sub(1).ok_or_else(no_version)?;
    Ok(Version { major: target.major, minor, patch: DEFAULT_PATCH })
}

/// The part of the specification that a world remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) control_planes: u32,
    pub(super) workers: u32,
    pub(super) version: String,
    pub(super) speed: f64,
}

impl From<&SimSpec> for Remembered {
    fn from(spec: &SimSpec) -> Self {
        Self {
            control_planes: spec.control_planes,
            workers: spec.workers,
            version: spec.version.to_string(),
            speed: spec.speed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn plain_sim_is_three_by_three_one_minor_below_the_target() {
        let spec = SimSpec::parse("sim", Some(&version("v1.36.2"))).unwrap();
        assert_eq!(spec, SimSpec::new(3, 3, version("v1.35.6")));
    }

    #[test]
    fn size_and_version_can_be_given() {
        let spec = SimSpec::parse("sim:5x20@v1.34.3", None).unwrap();
        assert_eq!(spec, SimSpec::new(5, 20, version("v1.34.3")));
        let spec = SimSpec::parse("sim:1x0", Some(&version("v1.36.2"))).unwrap();
        assert_eq!(spec, SimSpec::new(1, 0, version("v1.35.6")));
    }

    #[test]
    fn what_is_no_cluster_is_refused_by_name() {
        let target = version("v1.36.2");
        for wrong in [
            "",
            "simple",
            "sim:",
            "sim:3",
            "sim:x",
            "sim:3x",
            "sim:-1x2",
            "sim:3x3@",
            "sim:3x3@1.2",
        ] {
            let error = SimSpec::parse(wrong, Some(&target)).unwrap_err();
            assert!(error.to_string().contains(wrong), "{error}");
        }
        for wrong in ["sim:0x3", "sim:10x3", "sim:3x1001"] {
            let error = SimSpec::parse(wrong, Some(&target)).unwrap_err();
            assert!(matches!(error, InvalidSpec::Size { .. }), "{error}");
        }
        assert!(matches!(SimSpec::parse("sim", None), Err(InvalidSpec::NoVersion { .. })));
    }
}
