//! Which script does what with which package manager.

use crate::facts::PackageManager;
use crate::script;

/// The name and the text of a script.
pub(super) type Text = (&'static str, &'static str);

/// The scripts of one package manager.
pub(super) struct Deeds {
    pub(super) packages: Text,
    pub(super) offers: Text,
    pub(super) repository: Text,
    pub(super) install: Text,
    pub(super) downgrade: Text,
    pub(super) prefetch: Text,
    pub(super) prefetched: Text,
    pub(super) diff: Text,
}

impl Deeds {
    /// A node without a known one is never asked; apt's scripts would say that there is no apt.
    pub(super) fn of(manager: PackageManager) -> &'static Self {
        match manager {
            PackageManager::Apt | PackageManager::None => &APT,
            PackageManager::Dnf => &DNF,
            PackageManager::Zypper => &ZYPPER,
            PackageManager::Binaries => &BINARIES,
        }
    }
}

const APT: Deeds = Deeds {
    packages: script::PACKAGES,
    offers: script::OFFERS,
    repository: script::REPOSITORY,
    install: script::INSTALL,
    downgrade: script::DOWNGRADE,
    prefetch: script::PREFETCH,
    prefetched: script::PREFETCHED,
    diff: script::DIFF,
};

const DNF: Deeds = Deeds {
    packages: script::DNF_PACKAGES,
    offers: script::DNF_OFFERS,
    repository: script::DNF_REPOSITORY,
    install: script::DNF_INSTALL,
    downgrade: script::DNF_DOWNGRADE,
    prefetch: script::DNF_PREFETCH,
    prefetched: script::DNF_PREFETCHED,
    diff: script::DNF_DIFF,
};

const ZYPPER: Deeds = Deeds {
    packages: script::ZYPPER_PACKAGES,
    offers: script::ZYPPER_OFFERS,
    repository: script::ZYPPER_REPOSITORY,
    install: script::ZYPPER_INSTALL,
    downgrade: script::ZYPPER_DOWNGRADE,
    prefetch: script::ZYPPER_PREFETCH,
    prefetched: script::ZYPPER_PREFETCHED,
    diff: script::ZYPPER_DIFF,
};

const BINARIES: Deeds = Deeds {
    packages: script::BINARIES_PACKAGES,
    offers: script::BINARIES_OFFERS,
    repository: script::BINARIES_REPOSITORY,
    install: script::BINARIES_INSTALL,
    downgrade: script::BINARIES_DOWNGRADE,
    prefetch: script::BINARIES_PREFETCH,
    prefetched: script::BINARIES_PREFETCHED,
    diff: script::BINARIES_DIFF,
};
