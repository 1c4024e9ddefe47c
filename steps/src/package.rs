//! Orders to a node's package manager. Pure: they become [`Script`]s, whose texts know apt.
//!
//! Versions are what [`crate::facts::Offers`] has read from the repository (`1.20.2-1.1`), never built.

use crate::script::{self, Script};

/// A package in an exact version: its name, and the version as the repository spells it.
pub type Pinned<'a> = (&'a str, &'a str);

/// Returns the question which package versions the repositories of minors such as `v1.20` offer.
#[must_use]
pub fn offers(minors: &[String]) -> Script {
    Script::new(script::OFFERS, minors.iter().map(String::as_str))
}

/// Returns the order to switch the node's repository to a minor such as `v1.20`.
#[must_use]
pub fn switch_repository(minor: &str) -> Script {
    Script::new(script::REPOSITORY, [minor])
}

/// Returns the order to install exactly these packages and to keep their holds.
#[must_use]
pub fn install(packages: &[Pinned<'_>]) -> Script {
    Script::new(script::INSTALL, packages.iter().map(spelt))
}

/// Returns the order to go back to exactly these packages, and to hold those named in `holds` and no other of them.
#[must_use]
pub fn downgrade(holds: &[&str], packages: &[Pinned<'_>]) -> Script {
    let holds = format!("hold:{}", holds.join(","));
    Script::new(script::DOWNGRADE, std::iter::once(holds).chain(packages.iter().map(spelt)))
}

fn spelt((name, version): &Pinned<'_>) -> String {
    format!("{name}={version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_with_their_versions() {
        let packages = [("kubeadm", "1.20.2-1.1"), ("kubectl", "1.20.2-1.1")];
        let wanted = ["kubeadm=1.20.2-1.1", "kubectl=1.20.2-1.1"];
        assert_eq!(install(&packages).args, wanted);
        assert_eq!(downgrade(&["kubeadm", "kubelet"], &packages).args[0], "hold:kubeadm,kubelet");
        assert_eq!(downgrade(&[], &packages).args[1..], wanted);
        assert_eq!(downgrade(&[], &packages).args[0], "hold:");
    }
}
