//! Kubernetes versions and the skew rules. Pure.
//! Source of the rules: the version skew policy of Kubernetes and kubeadm's `phases/upgrade/policy.go`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A full Kubernetes version such as `v1.20.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// Always 1 so far.
    pub major: u32,
    /// The minor.
    pub minor: u32,
    /// The patch.
    pub patch: u32,
}

/// Says why a text is not a version that kup can work with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{given}` is not a Kubernetes version: {why}")]
pub struct InvalidVersion {
    given: String,
    why: &'static str,
}

impl InvalidVersion {
    pub(crate) fn new(given: &str, why: &'static str) -> Self {
        Self { given: given.to_owned(), why }
    }
}

impl Version {
    /// Returns the version without the leading `v`, as packages spell it.
    #[must_use]
    pub fn bare(&self) -> String {
        format!("{}.{}.{}", self.major, self.minor, self.patch)
    }

    /// Returns `v1.20` for `v1.20.2`, as repositories spell it.
    #[must_use]
    pub fn minor_name(&self) -> String {
        format!("v{}.{}", self.major, self.minor)
    }
}

/// Returns the tag of an image: `v1.36.2` of `registry.k8s.io/kube-apiserver:v1.36.2`.
#[must_use]
pub fn tag_of(image: &str) -> Option<&str> {
    image.rsplit_once(':').map(|(_, tag)| tag)
}

/// Returns major and minor of the version in an image's tag: `(3, 5)` for `registry.k8s.io/etcd:3.5.24-0`.
#[must_use]
pub fn image_minor(image: &str) -> Option<(u32, u32)> {
    let mut numbers = tag_of(image)?.trim_start_matches('v').split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

impl FromStr for Version {
    type Err = InvalidVersion;

    /// Takes `v1.20.2` or `1.20.2`; neither labels (`stable`), nor minors alone, nor pre-releases.
    fn from_str(given: &str) -> Result<Self, InvalidVersion> {
        let wrong = |why| InvalidVersion { given: given.to_owned(), why };
        let bare = given.strip_prefix('v').unwrap_or(given);
        if bare.contains(['-', '+']) {
            return Err(wrong(
                "pre-releases and builds are not supported; give a release such as v1.36.2",
            ));
        }
        let numbers: Vec<&str> = bare.split('.').collect();
        let [major, minor, patch] = numbers.as_slice() else {
            return Err(wrong("give all three numbers, such as v1.36.2"));
        };
        let number = |text: &str| {
            let plain =
                !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
            let leading_zero = text.len() > 1 && text.starts_with('0');
            if plain && !leading_zero { text.parse().ok() } else { None }
        };
        match (number(major), number(minor), number(patch)) {
            (Some(major), Some(minor), Some(patch)) => Ok(Self { major, minor, patch }),
            (_, _, _) => Err(wrong("each part must be a number, such as v1.36.2")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_its_minor() {
        assert_eq!(image_minor("registry.k8s.io/etcd:3.5.24-0"), Some((3, 5)));
        assert_eq!(image_minor("host:5000/etcd"), None);
    }

    #[test]
    fn versions_are_three_plain_numbers() {
        assert_eq!("v1.20.2".parse(), Ok(Version { major: 1, minor: 20, patch: 2 }));
        assert_eq!("1.20.2".parse::<Version>().unwrap().to_string(), "v1.20.2");
        for wrong in [
            "",
            "v",
            "1.20",
            "stable",
            "v1.20.2-rc.1",
            "1.20.x",
            "v1.20.2.1",
            "v1.-1.2",
            "v01.2.3",
            "1.20.99999999",
        ] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
