//! Is any admission plugin named that the new API servers no longer know?

use kup_core::event::Verdict;

use super::cluster_configuration::ClusterConfiguration;
use super::findings::Findings;
use super::{About, Overruling, Question};

pub(super) const ABOUT: About = About {
    code: "K114",
    name: "removed-admission-plugins",
    question: "Is any admission plugin named that the new API servers no longer know?",
    why: "An API server does not start when --enable-admission-plugins or --disable-admission-plugins names a plugin that is gone: PodSecurityPolicy in 1.25, SecurityContextDeny in 1.30 (changelogs).",
    remedy: "take it out of apiServer.extraArgs: `kubectl -n kube-system edit configmap kubeadm-config`; what PodSecurityPolicy did, Pod Security admission does",
    overruling: Overruling::Allowed,
};

const FLAGS: [&str; 3] =
    ["enable-admission-plugins", "disable-admission-plugins", "admission-control"];

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    let args = match ClusterConfiguration::of(question.inventory) {
        Ok(config) => config.extra_args("kube-apiserver"),
        Err(why) => {
            findings.unread("which admission plugins the API servers get", &why);
            return findings.verdict("");
        }
    };
    for (flag, names) in FLAGS.iter().filter_map(|flag| Some((flag, args.get(*flag)?))) {
        for release in question.releases() {
            let gone = release.admission_plugins_removed();
            for plugin in gone.filter(|it| names.split(',').any(|name| name.trim() == *it)) {
                let told = format!(
                    "API servers of v1.{} no longer know admission plugin {plugin}, which --{flag} names",
                    release.minor
                );
                findings.block(told, format!("take {plugin} out of {flag} in apiServer.extraArgs: `kubectl -n kube-system edit configmap kubeadm-config`"));
            }
        }
    }
    findings.verdict(format!("{} knows all admission plugins that are named", question.target()))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::sample::{ask, blocks, healthy, passes, warns};

    #[test]
    fn a_plugin_that_is_gone_blocks_until_it_is_out() {
        let mut inventory = healthy(3, 2, "v1.24.17");
        let args = "apiServer: {extraArgs: {enable-admission-plugins: \"NodeRestriction,PodSecurityPolicy\"}}";
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace("apiServer: {}", args)
        });
        blocks(
            ask(check, &inventory, &["v1.25.5"]),
            &["PodSecurityPolicy", "--enable-admission-plugins"],
        );
        passes(ask(check, &inventory, &["v1.24.20"]));
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace(",PodSecurityPolicy", "")
        });
        passes(ask(check, &inventory, &["v1.25.5"]));
    }

    #[test]
    fn an_unread_configuration_warns() {
        let mut inventory = healthy(3, 2, "v1.24.17");
        inventory.survey.config_maps = Err("403".to_owned());
        warns(ask(check, &inventory, &["v1.25.5"]), &["403"]);
    }
}
