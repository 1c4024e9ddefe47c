//! What an operator has to say to kubeadm, and how each of its calls is told. Pure.
//!
//! Every phase takes only some of the flags, and with `--config` kubeadm takes none of those that its file could say: then the file that a
//! call gets is the operator's with kup's own settings in it ([`UpgradeConfig`]), which is the only place where kup writes one.

use std::collections::BTreeSet;

use super::upgrade_config::UpgradeConfig;
use crate::version::Version;

/// What an operator says to kubeadm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KubeadmOptions {
    /// `--certificate-renewal=false`: certificates stay as they are.
    pub keep_certificates: bool,
    /// `--patches`: a folder that every control plane has.
    pub patches: Option<String>,
    /// `--config`: what stands in the file.
    pub config: Option<UpgradeConfig>,
    /// `--ignore-preflight-errors`
    pub ignore_preflight_errors: Vec<String>,
    /// `--force`: the same version again, and whatever of its own rules kubeadm lets be forced.
    pub force: bool,
    /// `--skip-addon`
    pub skip_addons: BTreeSet<Addon>,
    /// `--etcd-image-tag`: what etcd is patched to where the next minor asks for a patch.
    pub etcd_image_tag: Option<String>,
}

/// An addon that kubeadm cares for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addon {
    /// CoreDNS
    CoreDns,
    /// kube-proxy
    KubeProxy,
}

impl Addon {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CoreDns, Self::KubeProxy];

    /// Returns kubeadm's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CoreDns => "coredns",
            Self::KubeProxy => "kube-proxy",
        }
    }
}

/// Which of kubeadm's commands: the first control plane's, or that of all other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Apply,
    Node,
}

/// What of it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The command as it is.
    Whole,
    /// The whole command after all phases, which must leave the static pods as they are.
    Closing,
    Preflight,
    /// The static pods without etcd.
    ControlPlane,
    /// etcd alone: the other static pods are equal by then.
    Etcd,
    UploadConfig,
    KubeletConfig,
    BootstrapToken,
    Addons,
    PostUpgrade,
}

/// A call of kubeadm: its arguments, and what its configuration file says, if it gets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) args: Vec<String>,
    pub(crate) config: String,
}

impl KubeadmOptions {
    /// Returns a call. The version is always the full one: kubeadm resolves labels in its preflight only.
    pub(crate) fn call(&self, verb: Verb, part: Part, version: Version) -> Call {
        let mut args = vec!["upgrade".to_owned(), verb.name().to_owned()];
        args.extend(self.phase(part).into_iter().map(str::to_owned));
        if verb == Verb::Apply {
            args.push(version.to_string());
        }
        if part.has_preflight() {
            args.extend(self.plan_flags());
        }
        if part.has_addons() && !self.skip_addons.is_empty() {
            let phases = self.skip_addons.iter().map(|addon| format!("addon/{}", addon.name()));
            args.push(format!("--skip-phases={}", phases.collect::<Vec<_>>().join(",")));
        }
        let Some(config) = &self.config else {
            args.extend(self.flags(verb, part));
            return Call { args, config: String::new() };
        };
        let (etcd, certificates) = (part.etcd_upgrade(), self.certificate_renewal(part));
        let mut config = config.clone().with_etcd_upgrade(etcd).with_renewal(certificates);
        config = config.with_version(version);
        if let Some(folder) = &self.patches {
            config = config.with_patches(folder);
        }
        if self.force {
            config = config.with_force();
        }
        Call { args, config: config.text() }
    }

    /// Returns the flags for a whole command, as kubeadm had them before its phases.
    pub(crate) fn whole_flags(&self, verb: Verb) -> Vec<String> {
        let mut flags = self.plan_flags();
        // The scripts of whole commands say yes themselves.
        flags.extend(self.flags(verb, Part::Whole).into_iter().filter(|flag| flag != "-y"));
        flags
    }

    /// Returns the flags for `kubeadm upgrade plan`, which are those of every preflight.
    pub(crate) fn plan_flags(&self) -> Vec<String> {
        let names = self.ignore_preflight_errors.join(",");
        let is_given = !names.is_empty();
        is_given.then(|| format!("--ignore-preflight-errors={names}")).into_iter().collect()
    }

    /// Returns the addons that are wanted.
    pub(crate) fn addons(&self) -> Vec<Addon> {
        Addon::ALL.into_iter().filter(|addon| !self.skip_addons.contains(addon)).collect()
    }

    fn phase(&self, part: Part) -> Vec<&'static str> {
        let addons = self.addons();
        match part {
            Part::Whole | Part::Closing => Vec::new(),
            Part::Preflight => vec!["phase", "preflight"],
            Part::ControlPlane | Part::Etcd => vec!["phase", "control-plane"],
            Part::UploadConfig => vec!["phase", "upload-config", "all"],
            Part::KubeletConfig => vec!["phase", "kubelet-config"],
            Part::BootstrapToken => vec!["phase", "bootstrap-token"],
            Part::Addons => match addons.as_slice() {
                [addon] => vec!["phase", "addon", addon.name()],
                _ => vec!["phase", "addon", "all"],
            },
            Part::PostUpgrade => vec!["phase", "post-upgrade"],
        }
    }

    fn certificate_renewal(&self, part: Part) -> Option<bool> {
        match part {
            Part::Closing => Some(false),
            Part::Whole | Part::ControlPlane | Part::Etcd => {
                self.keep_certificates.then_some(false)
            }
            Part::Preflight
            | Part::UploadConfig
            | Part::KubeletConfig
            | Part::BootstrapToken
            | Part::Addons
            | Part::PostUpgrade => None,
        }
    }

    fn flags(&self, verb: Verb, part: Part) -> Vec<String> {
        let mut flags = Vec::new();
        if verb == Verb::Apply && part.has_preflight() {
            flags.push("-y".to_owned());
            flags.extend(self.force.then(|| "--force".to_owned()));
        }
        let etcd = part.etcd_upgrade().map(|on| format!("--etcd-upgrade={on}"));
        let renewal = self.certificate_renewal(part);
        flags.extend(etcd);
        flags.extend(renewal.map(|on| format!("--certificate-renewal={on}")));
        let patches = self.patches.as_ref().filter(|_| self.takes_patches(part));
        flags.extend(patches.map(|folder| format!("--patches={folder}")));
        flags
    }

    /// kube-proxy's own phase takes no patches in 1.32.
    fn takes_patches(&self, part: Part) -> bool {
        match part {
            Part::Whole | Part::Closing | Part::ControlPlane | Part::Etcd | Part::KubeletConfig => {
                true
            }
            Part::Addons => !self.skip_addons.contains(&Addon::CoreDns),
            Part::Preflight | Part::UploadConfig | Part::BootstrapToken | Part::PostUpgrade => {
                false
            }
        }
    }
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Node => "node",
        }
    }
}

impl Part {
    fn has_preflight(self) -> bool {
        matches!(self, Self::Whole | Self::Closing | Self::Preflight)
    }

    /// Whether it would bring the addons along.
    fn has_addons(self) -> bool {
        self == Self::Closing
    }

    fn etcd_upgrade(self) -> Option<bool> {
        match self {
            Self::ControlPlane | Self::Closing => Some(false),
            Self::Etcd => Some(true),
            Self::Whole
            | Self::Preflight
            | Self::UploadConfig
            | Self::KubeletConfig
            | Self::BootstrapToken
            | Self::Addons
            | Self::PostUpgrade => None,
        }
    }
}

#[cfg(test)]
mod tests;
