//! Orders to a node's package manager. Pure: they become [`Script`]s, one for each package manager and deed, that take and print the same.
//!
//! Versions are what [`crate::facts::Offers`] has read from the repository (`1.20.2-1.1`), never built.

use kup_core::activity::{ActivityError, StepContext};

use crate::facts::PackageManager;
use crate::planner::Call;
use crate::script::Script;
use crate::version::Version;

mod deeds;

use deeds::Deeds;

/// A package in an exact version: its name, and the version as the repository spells it.
pub type Pinned<'a> = (&'a str, &'a str);

/// What installs Kubernetes on a node, and where plain programs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installer {
    manager: PackageManager,
    from: Option<String>,
}

/// What is brought to a node before anything moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefetch {
    /// The minor of the repository (`v1.20`); empty where its address has none.
    pub minor: String,
    /// The version whose images are wanted (`v1.20.2`).
    pub version: String,
    /// `control-plane` or `worker`.
    pub role: String,
    /// What will be installed: name and version each.
    pub wanted: Vec<(String, String)>,
    /// What is installed and may have to come back.
    pub old: Vec<(String, String)>,
    /// Flags of `kubeadm config images list`, `+IMAGE` for one more, `-NAME` for one that is left out.
    pub images: Vec<String>,
}

impl Installer {
    /// Returns the installer of a node; `from` is the folder or address of plain programs.
    #[must_use]
    pub fn new(manager: PackageManager, from: Option<String>) -> Self {
        Self { manager, from }
    }

    /// Returns the installer that a step names in its parameters `manager` and `from`. Plans from before there was more than apt name none.
    ///
    /// # Errors
    /// When this kup does not know it.
    pub fn of(cx: &StepContext) -> Result<Self, ActivityError> {
        let param = |name: &str| cx.step.params.get(name).filter(|value| !value.is_empty());
        let manager = match param("manager") {
            None => PackageManager::Apt,
            Some(word) => PackageManager::named(word).ok_or_else(|| {
                let step = &cx.step.id;
                ActivityError::permanent(format!(
                    "step `{step}` wants `{word}`, which kup does not know"
                ))
            })?,
        };
        Ok(Self::new(manager, param("from").cloned()))
    }

    fn script(
        &self,
        text: impl Fn(&Deeds) -> deeds::Text,
        args: impl IntoIterator<Item = String>,
    ) -> Script {
        let from = match self.manager {
            PackageManager::Binaries => self.from.as_ref().map(|from| format!("from:{from}")),
            PackageManager::Apt
            | PackageManager::Dnf
            | PackageManager::Zypper
            | PackageManager::None => None,
        };
        Script::new(text(Deeds::of(self.manager)), from.into_iter().chain(args))
    }

    /// Returns the question for versions, holds and repositories.
    #[must_use]
    pub fn packages(&self) -> Script {
        self.script(|deeds| deeds.packages, [])
    }

    /// Returns the question which package versions the repositories of minors such as `v1.20` offer.
    #[must_use]
    pub fn offers(&self, minors: &[String]) -> Script {
        self.script(|deeds| deeds.offers, minors.iter().cloned())
    }

    /// Returns the order to switch the node's repository to a minor such as `v1.20`.
    #[must_use]
    pub fn switch_repository(&self, minor: &str) -> Script {
        self.script(|deeds| deeds.repository, [minor.to_owned()])
    }

    /// Returns the order to install exactly these packages and to keep their holds.
    #[must_use]
    pub fn install(&self, packages: &[Pinned<'_>]) -> Script {
        self.script(|deeds| deeds.install, packages.iter().map(spelt))
    }

    /// Returns the order to go back to exactly these packages, and to hold those named in `holds` and no other of them.
    #[must_use]
    pub fn downgrade(&self, holds: &[&str], packages: &[Pinned<'_>]) -> Script {
        let holds = format!("hold:{}", holds.join(","));
        self.script(
            |deeds| deeds.downgrade,
            std::iter::once(holds).chain(packages.iter().map(spelt)),
        )
    }

    /// Returns the order to download packages and to pull images.
    #[must_use]
    pub fn prefetch(&self, what: &Prefetch) -> Script {
        self.script(|deeds| deeds.prefetch, what.words())
    }

    /// Returns the question which of them are there.
    #[must_use]
    pub fn prefetched(&self, what: &Prefetch) -> Script {
        self.script(|deeds| deeds.prefetched, what.words())
    }

    /// Returns the question what a call of the kubeadm of a release would change.
    #[must_use]
    pub(crate) fn difference(&self, kubeadm: Pinned<'_>, to: Version, call: &Call) -> Script {
        let args = [to.minor_name(), spelt(&kubeadm), call.config.clone()];
        self.script(|deeds| deeds.diff, args.into_iter().chain(call.args.iter().cloned()))
    }
}

impl Prefetch {
    fn words(&self) -> Vec<String> {
        let minor = if self.minor.is_empty() { "-" } else { &self.minor };
        let head = [minor, &self.version, &self.role].map(str::to_owned).into_iter();
        let old = self.old.iter().filter(|(_, version)| !version.is_empty());
        head.chain(old.map(|(name, version)| format!("old:{name}={version}")))
            .chain(self.images.iter().map(|word| format!("image:{word}")))
            .chain(self.wanted.iter().map(|(name, version)| format!("{name}={version}")))
            .collect()
    }
}

fn spelt((name, version): &Pinned<'_>) -> String {
    format!("{name}={version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [&str; 2] = ["kubeadm=1.20.2-1.1", "kubectl=1.20.2-1.1"];
    const PACKAGES: [Pinned<'static>; 2] = [("kubeadm", "1.20.2-1.1"), ("kubectl", "1.20.2-1.1")];

    #[test]
    fn packages_are_named_with_their_versions() {
        let apt = Installer::new(PackageManager::Apt, None);
        assert_eq!(apt.install(&PACKAGES).args, WANTED);
        assert_eq!(
            apt.downgrade(&["kubeadm", "kubelet"], &PACKAGES).args[0],
            "hold:kubeadm,kubelet"
        );
        assert_eq!(apt.downgrade(&[], &PACKAGES).args[1..], WANTED);
        assert_eq!(apt.downgrade(&[], &PACKAGES).args[0], "hold:");
    }

    #[test]
    fn every_package_manager_has_a_script_of_its_own_for_every_deed() {
        let managers = [
            ("", PackageManager::Apt),
            ("dnf-", PackageManager::Dnf),
            ("zypper-", PackageManager::Zypper),
            ("binaries-", PackageManager::Binaries),
        ];
        for (prefix, manager) in managers {
            let deeds = Deeds::of(manager);
            let all = [
                ("packages", deeds.packages),
                ("offers", deeds.offers),
                ("repository", deeds.repository),
                ("install", deeds.install),
                ("downgrade", deeds.downgrade),
                ("prefetch", deeds.prefetch),
                ("prefetched", deeds.prefetched),
                ("diff", deeds.diff),
            ];
            for (name, (script, text)) in all {
                assert_eq!(script, format!("{prefix}{name}"));
                assert!(text.contains(&format!("\n# {name}: ")), "{script} says what it does");
            }
        }
    }

    #[test]
    fn only_plain_programs_are_told_where_they_come_from() {
        let from = Some("https://dl.k8s.io/release".to_owned());
        let plain = Installer::new(PackageManager::Binaries, from.clone());
        assert_eq!(plain.install(&PACKAGES).args[0], "from:https://dl.k8s.io/release");
        assert_eq!(Installer::new(PackageManager::Dnf, from).install(&PACKAGES).args, WANTED);
    }

    #[test]
    fn what_is_brought_before_is_spelt_by_what_it_is_for() {
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let what = Prefetch {
            minor: String::new(),
            version: "v1.20.2".to_owned(),
            role: "worker".to_owned(),
            wanted: vec![pair("kubeadm", "1.20.2-1.1")],
            old: vec![pair("kubeadm", "1.19.16-00"), pair("kubectl", "")],
            images: vec!["--image-repository=mirror/k8s".to_owned(), "-etcd".to_owned()],
        };
        let args = Installer::new(PackageManager::Zypper, None).prefetch(&what).args;
        let wanted = [
            "-",
            "v1.20.2",
            "worker",
            "old:kubeadm=1.19.16-00",
            "image:--image-repository=mirror/k8s",
            "image:-etcd",
            "kubeadm=1.20.2-1.1",
        ];
        assert_eq!(args, wanted);
    }
}
