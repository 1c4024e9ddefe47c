//! What a simulated machine knows, in the lines that the asking programs of `node/` print.

use std::fmt::{Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::facts::{ControlPlaneState, MachineSurvey, NodeFacts, Offers, PackageState, PairState};

/// Collects `key=value` lines.
#[derive(Default)]
pub(super) struct Lines(pub(super) String);

impl Lines {
    pub(super) fn add(&mut self, key: &str, value: impl Display) {
        // Writing to a String does not fail.
        writeln!(self.0, "{key}={value}").ok();
    }

    fn all(&mut self, key: &str, values: &[String]) {
        values.iter().for_each(|value| self.add(key, value));
    }

    pub(super) fn encoded(&mut self, key: &str, text: &str) {
        self.add(key, BASE64.encode(text));
    }
}

pub(super) fn yes_no(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}

/// Returns what `facts` prints.
pub(super) fn facts(facts: &NodeFacts) -> String {
    let mut lines = Lines::default();
    lines.add("hostname", &facts.hostname);
    lines.add("machine_id", &facts.machine_id);
    lines.add("boot_id", &facts.boot_id);
    lines.add("host_key", facts.host_key.as_deref().unwrap_or_default());
    lines.add("uid", facts.uid);
    lines.add("systemd", &facts.systemd);
    lines.add("package_manager", facts.package_manager.name());
    lines.add("admin_conf", yes_no(facts.has_admin_conf));
    lines.add("manifests", facts.manifests.join(","));
    for (path, kib) in &facts.free_kib {
        lines.add(&format!("free_kib:{path}"), kib);
    }
    lines.add("etcd_kib", facts.etcd_kib);
    lines.add("owner", facts.owner.as_deref().unwrap_or_default());
    lines.add("other_upgrade", facts.other_upgrade.join(","));
    lines.add("now", facts.now);
    lines.0
}

/// Returns what `packages` prints.
pub(super) fn packages(state: &PackageState) -> String {
    let mut lines = Lines::default();
    for (name, package) in &state.packages {
        lines.add(&format!("version:{name}"), package.version.as_deref().unwrap_or_default());
        lines.add(&format!("state:{name}"), if package.is_broken { "broken" } else { "ok" });
        lines.add(&format!("hold:{name}"), yes_no(package.is_held));
    }
    lines.add("audit", state.audit.as_deref().unwrap_or_default());
    for repository in &state.repositories {
        lines.add("repository", &repository.file);
        let minor = repository.minor.as_deref().unwrap_or_default();
        lines.add(&format!("minor:{}", repository.file), minor);
    }
    lines.0
}

/// Returns what `offers` prints.
pub(super) fn offers(offers: &Offers) -> String {
    let mut lines = Lines::default();
    for (minor, offered) in &offers.minors {
        if let Some(why) = &offered.unreadable {
            lines.add(&format!("unreadable:{minor}"), why);
        }
        for (package, versions) in &offered.packages {
            lines.add(&format!("offer:{minor}:{package}"), versions.join(","));
        }
    }
    lines.add("repository", &offers.repository);
    lines.0
}

/// Returns what `control-plane` prints.
pub(super) fn control_plane(state: &ControlPlaneState) -> String {
    let mut lines = Lines::default();
    for (component, manifest) in &state.manifests {
        let hash = manifest.as_ref().map(|it| it.sha256.as_str()).unwrap_or_default();
        lines.add(&format!("manifest:{component}"), hash);
        let image = manifest.as_ref().and_then(|it| it.image.as_deref()).unwrap_or_default();
        lines.add(&format!("image:{component}"), image);
    }
    lines.add("stray", state.stray.join(","));
    for (path, pair) in &state.pairs {
        let word = match pair {
            PairState::Ok => "ok",
            PairState::Mismatch => "mismatch",
            PairState::Unknown => "unknown",
        };
        lines.add(&format!("pair:{path}"), word);
    }
    lines.add("kubeadm_running", yes_no(state.is_kubeadm_running));
    lines.0
}

/// Returns what `survey` prints.
pub(super) fn survey(survey: &MachineSurvey) -> String {
    let mut lines = Lines::default();
    lines.add("kernel", &survey.kernel);
    lines.add("os", &survey.os);
    lines.add("architecture", &survey.architecture);
    lines.add("cgroup_version", survey.cgroup_version);
    lines.all("swap", &survey.swap);
    lines.add("runtime_endpoint", &survey.runtime_endpoint);
    lines.add("images", yes_no(survey.images.is_some()));
    lines.all("image", survey.images.as_deref().unwrap_or_default());
    for certificate in &survey.certificates {
        lines.add(&format!("certificate:{}", certificate.path), certificate.ends);
    }
    for flag in &survey.kubelet_flags {
        lines.add(&format!("flag:{}", flag.place), &flag.flag);
    }
    lines.encoded("kubelet_config", &survey.kubelet_config);
    for (component, text) in &survey.manifests {
        lines.encoded(&format!("manifest:{component}"), text);
    }
    lines.all("leftover", &survey.kubeadm_leftovers);
    lines.all("automatic", &survey.automatic_upgrades);
    lines.all("cni", &survey.cni);
    lines.all("patch", &survey.patches);
    lines.add("kubelet_process", &survey.kubelet_process);
    for (path, inodes) in &survey.free_inodes {
        lines.add(&format!("free_inodes:{path}"), inodes);
    }
    lines.all("unreadable", &survey.unreadable);
    lines.add("api_server", yes_no(survey.api_server.is_some()));
    if let Some(answer) = &survey.api_server {
        lines.add("api_version", &answer.version);
        lines.add("api_unready", &answer.unready);
    }
    lines.0
}
