//! A command line of kubeadm, and the file that `--config` names. Each phase takes the flags that kubeadm lets it inherit, and no others.

use serde::{Deserialize, Serialize};
use serde_yaml_ng::Value;

use super::phases::Phase;

/// What may be said beside `--config`.
const BESIDE_A_FILE: [&str; 2] = ["ignore-preflight-errors", "skip-phases"];
const COMMON: [&str; 1] = ["config"];

/// A command line: what follows `kubeadm`, and what the configuration file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sim) struct Line {
    pub(in crate::sim) words: Vec<String>,
    pub(in crate::sim) config: String,
}

/// Which of the two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Apply,
    Node,
}

impl Line {
    pub(super) fn verb(&self) -> Result<Verb, String> {
        match self.words.get(1).map(String::as_str) {
            Some("apply") => Ok(Verb::Apply),
            Some("node") => Ok(Verb::Node),
            Some(_) | None => Err("error: unknown command".to_owned()),
        }
    }

    /// Returns the version that `apply` is given.
    pub(super) fn version(&self) -> Option<&str> {
        let is_version = |word: &&String| word.strip_prefix('v').is_some_and(|it| it.contains('.'));
        self.words.iter().find(is_version).map(String::as_str)
    }

    /// Returns the words after `phase`, without version and flags; empty for the whole command.
    pub(super) fn phase(&self) -> Vec<&str> {
        let after = self.words.iter().skip_while(|word| *word != "phase").skip(1);
        let plain = |word: &&str| !word.starts_with('-') && Some(*word) != self.version();
        after.map(String::as_str).filter(plain).collect()
    }

    /// Returns what a flag says: the command line's, else the file's.
    pub(super) fn says(&self, flag: &str) -> Option<String> {
        let value = |word: &String| word.strip_prefix(&format!("--{flag}="))?.to_owned().into();
        self.words.iter().find_map(value).or_else(|| self.file_says(flag))
    }

    /// Whether a flag without a value is given.
    pub(super) fn has(&self, flags: &[&str]) -> bool {
        self.words.iter().any(|word| flags.contains(&word.as_str()))
    }

    pub(super) fn skips(&self, phase: &str) -> bool {
        let skipped = self.says("skip-phases").unwrap_or_default();
        skipped.split(',').any(|skipped| skipped == phase)
    }

    /// Returns the checks whose errors are only shown.
    pub(super) fn ignored(&self) -> Vec<String> {
        let names = self.says("ignore-preflight-errors").unwrap_or_default();
        names.split(',').map(str::to_owned).collect()
    }

    /// Says which flag kubeadm does not know here.
    pub(super) fn check(&self, phase: Option<Phase>, verb: Verb) -> Result<(), String> {
        let flags = self.words.iter().filter_map(|word| word.strip_prefix('-'));
        let name = |flag: &str| flag.trim_start_matches('-').split('=').next().map(str::to_owned);
        let flags: Vec<String> = flags.filter_map(name).collect();
        let known = known_flags(phase, verb);
        if let Some(unknown) = flags.iter().find(|flag| !known.contains(&flag.as_str())) {
            return Err(format!("unknown flag: --{unknown}"));
        }
        let mixed: Vec<&String> =
            flags.iter().filter(|flag| !BESIDE_A_FILE.contains(&flag.as_str())).collect();
        match self.config.is_empty() || mixed.is_empty() {
            true => Ok(()),
            false => Err(format!("error: can not mix '--config' with arguments {mixed:?}")),
        }
    }

    fn file_says(&self, flag: &str) -> Option<String> {
        let file: Value = serde_yaml_ng::from_str(&self.config).ok()?;
        let section = match self.verb().ok()? {
            Verb::Apply => "apply",
            Verb::Node => "node",
        };
        let field = match flag {
            "etcd-upgrade" => "etcdUpgrade",
            "certificate-renewal" => "certificateRenewal",
            _ => return None,
        };
        file.get(section)?.get(field)?.as_bool().map(|on| on.to_string())
    }
}

/// Returns the flags that a phase inherits (kubeadm `cmd/phases/upgrade`), or that the whole command has.
fn known_flags(phase: Option<Phase>, verb: Verb) -> Vec<&'static str> {
    let own: &[&str] = match (phase, verb) {
        (None, Verb::Apply) => &[
            "y",
            "yes",
            "f",
            "force",
            "ignore-preflight-errors",
            "skip-phases",
            "etcd-upgrade",
            "certificate-renewal",
            "patches",
        ],
        (None, Verb::Node) => &[
            "ignore-preflight-errors",
            "skip-phases",
            "etcd-upgrade",
            "certificate-renewal",
            "patches",
        ],
        (Some(Phase::Preflight), Verb::Apply) => {
            &["y", "yes", "f", "force", "ignore-preflight-errors"]
        }
        (Some(Phase::Preflight), Verb::Node) => &["ignore-preflight-errors"],
        (Some(Phase::ControlPlane), _) => &["etcd-upgrade", "certificate-renewal", "patches"],
        (Some(Phase::KubeletConfig | Phase::Addon { .. }), _) => &["patches"],
        (
            Some(
                Phase::UploadConfig
                | Phase::Kubeconfig
                | Phase::BootstrapToken
                | Phase::PostUpgrade,
            ),
            _,
        ) => &[],
    };
    COMMON.iter().chain(own).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str, config: &str) -> Line {
        let words = words.split(' ').map(str::to_owned).collect();
        Line { words, config: config.to_owned() }
    }

    #[test]
    fn a_line_is_taken_apart() {
        let line = line("upgrade apply phase addon all v1.36.2 --patches=/p", "");
        assert_eq!(line.phase(), ["addon", "all"]);
        assert_eq!(line.version(), Some("v1.36.2"));
        assert_eq!(line.says("patches").as_deref(), Some("/p"));
    }

    #[test]
    fn a_phase_takes_only_its_own_flags() {
        let line = line("upgrade node phase kubelet-config --etcd-upgrade=false", "");
        let told = line.check(Some(Phase::KubeletConfig), Verb::Node).unwrap_err();
        assert_eq!(told, "unknown flag: --etcd-upgrade");
        line.check(Some(Phase::ControlPlane), Verb::Node).unwrap();
    }

    #[test]
    fn a_file_and_what_it_could_say_do_not_mix() {
        let file = "apply:\n  etcdUpgrade: false\n";
        let mixed = line("upgrade apply phase control-plane v1.36.2 --etcd-upgrade=false", file);
        let told = mixed.check(Some(Phase::ControlPlane), Verb::Apply).unwrap_err();
        assert!(told.contains("can not mix"), "{told}");
        let plain = line("upgrade apply phase control-plane v1.36.2", file);
        plain.check(Some(Phase::ControlPlane), Verb::Apply).unwrap();
        assert_eq!(plain.says("etcd-upgrade").as_deref(), Some("false"));
    }
}
