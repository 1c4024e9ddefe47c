//! Will kubeadm change CoreDNS or kube-proxy in a way that nobody expects?

use kup_core::event::Verdict;

use super::cluster_configuration::{ClusterConfiguration, text};
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::cluster::survey::Workload;
use crate::release;

mod corefile;

pub(super) const ABOUT: About = About {
    code: "K131",
    name: "addons",
    question: "Will kubeadm change CoreDNS or kube-proxy in a way that nobody expects?",
    why: "kubeadm writes both anew: an image, resources and affinities that were set by hand are lost (kubeadm#1954, kubeadm#3033), a Corefile with plugins that it does not know stops its preflight (CoreDNSUnsupportedPlugins, k/k#91979), and kube-proxy may come back where another program does its work (kubeadm#3137, kubeadm#1318).",
    remedy: "leave one as it is with `--skip-addon kube-proxy` or `--skip-addon coredns`, or say in kubeadm-config (dns.imageTag) and with --patches (corednsdeployment) what is yours",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let mut findings = Findings::default();
    let workloads = match &question.inventory.survey.workloads {
        Ok(workloads) => workloads.as_slice(),
        Err(why) => {
            findings.unread("how CoreDNS and kube-proxy are", why);
            return findings.verdict("");
        }
    };
    let find = |kind: &str, name: &str| {
        let is_it =
            |it: &&Workload| it.kind == kind && it.namespace == "kube-system" && it.name == name;
        workloads.iter().find(is_it)
    };
    if !question.skips_addon("kube-proxy") {
        kube_proxy(question, find("DaemonSet", "kube-proxy"), &mut findings);
    }
    if !question.skips_addon("coredns") {
        coredns(question, find("Deployment", "coredns"), &mut findings);
        corefile(question, &mut findings);
    }
    findings.verdict("CoreDNS and kube-proxy are as kubeadm has made them, or left alone")
}

fn kube_proxy(question: &Question<'_>, set: Option<&Workload>, findings: &mut Findings) {
    if set.is_some() {
        return;
    }
    let remedy = "leave it as it is: `--skip-addon kube-proxy`";
    let comes_back = text(question.inventory, "kube-proxy", "config.conf").is_ok();
    let faulty = question.hops.iter().find(|hop| (hop.minor, hop.patch) == (32, 0));
    if let Some(faulty) = faulty {
        findings.block(
            format!("there is no kube-proxy, and kubeadm of {faulty} makes one (kubeadm#3137)"),
            remedy,
        );
    } else if comes_back {
        let told = "there is no kube-proxy but its ConfigMap: kubeadm takes that for a wish and makes kube-proxy anew";
        findings.block(told, format!("{remedy}, or take the ConfigMap away: `kubectl -n kube-system delete configmap kube-proxy`"));
    } else {
        findings.warn("there is no kube-proxy: another program does its work", remedy);
    }
}

fn coredns(question: &Question<'_>, deployment: Option<&Workload>, findings: &mut Findings) {
    let Some(deployment) = deployment else {
        let told = "there is no CoreDNS: kubeadm makes it anew";
        return findings.warn(told, "leave it as it is: `--skip-addon coredns`");
    };
    let image = deployment.images.first().map_or("", String::as_str);
    let Ok(config) = ClusterConfiguration::of(question.inventory) else { return };
    let is_told = config.has(&["dns", "imageTag"]) || config.has(&["dns", "imageRepository"]);
    let (repository, tag) = image.rsplit_once(':').unwrap_or((image, ""));
    let is_kubeadms =
        repository.starts_with(config.image_repository()) || repository.starts_with("k8s.gcr.io/");
    let newest = release::images(question.target()).map(|images| images.coredns.as_str());
    if !is_told && !is_kubeadms {
        let told = format!("CoreDNS runs {image}, which kubeadm replaces by its own");
        findings.warn(told, "say in kubeadm-config what is yours (dns.imageRepository, dns.imageTag), or `--skip-addon coredns`");
    } else if !is_told && newest.is_some_and(|newest| numbers(tag) > numbers(newest)) {
        let told = format!(
            "CoreDNS runs {tag}, newer than the {} that kubeadm installs",
            newest.unwrap_or_default()
        );
        findings
            .warn(told, "keep it with dns.imageTag in kubeadm-config, or `--skip-addon coredns`");
    }
    if deployment.wanted < 2 {
        let told = format!(
            "CoreDNS has {} replicas: names cannot be looked up while its node is drained",
            deployment.wanted
        );
        findings.warn(told, "`kubectl -n kube-system scale deployment coredns --replicas=2`; kubeadm keeps the number");
    }
}

fn numbers(tag: &str) -> Vec<u32> {
    tag.trim_start_matches('v').split(['.', '-']).filter_map(|part| part.parse().ok()).collect()
}

fn corefile(question: &Question<'_>, findings: &mut Findings) {
    match text(question.inventory, "coredns", "Corefile") {
        Ok(text) => {
            let unknown = corefile::unknown_plugins(text);
            if !unknown.is_empty() {
                let told = format!(
                    "the Corefile has plugins that kubeadm cannot migrate: {}",
                    unknown.join(", ")
                );
                let remedy = "see that the new CoreDNS has them (https://coredns.io/plugins/), then go on with `--ignore-preflight-errors=CoreDNSUnsupportedPlugins`; kubeadm leaves their lines as they are";
                let is_ignored = question.params.get("ignore-preflight-errors");
                if is_ignored.is_some_and(|names| {
                    names.contains("CoreDNSUnsupportedPlugins") || names == "all"
                }) {
                    findings.warn(told, "nothing to do: kubeadm is told to go on");
                } else {
                    findings.block(told, remedy);
                }
            }
        }
        Err(why) => findings.unread("which plugins the Corefile has", &why),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, ask_with, blocks, healthy, params, passes, warns};

    const TO: [&str; 1] = ["v1.36.2"];

    fn edit(
        inventory: &mut Inventory,
        kind: &str,
        name: &str,
        edit: impl Fn(&mut crate::cluster::survey::Workload),
    ) {
        let workloads = inventory.survey.workloads.as_mut().unwrap();
        edit(workloads.iter_mut().find(|it| it.kind == kind && it.name == name).unwrap());
    }

    fn without_kube_proxy() -> Inventory {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.workloads.as_mut().unwrap().retain(|it| it.name != "kube-proxy");
        inventory
    }

    #[test]
    fn kube_proxy_that_is_away_stays_away_only_when_it_is_said() {
        let mut inventory = without_kube_proxy();
        blocks(ask(check, &inventory, &TO), &["kube-proxy anew", "--skip-addon kube-proxy"]);
        let mut skipping = params(&inventory, &TO);
        skipping.insert("skip-addons".to_owned(), "kube-proxy".to_owned());
        passes(ask_with(check, &inventory, &skipping));
        inventory.survey.config_maps.as_mut().unwrap().remove("kube-proxy");
        warns(ask(check, &inventory, &TO), &["another program", "--skip-addon kube-proxy"]);
        let mut inventory = healthy(3, 2, "v1.31.14");
        inventory.survey.workloads.as_mut().unwrap().retain(|it| it.name != "kube-proxy");
        blocks(ask(check, &inventory, &["v1.32.0"]), &["kubeadm#3137"]);
    }

    #[test]
    fn coredns_that_is_not_kubeadms_own_warns_until_the_configuration_says_so() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        edit(&mut inventory, "Deployment", "coredns", |it| {
            it.images = vec!["mine.example/coredns:1".to_owned()];
        });
        warns(ask(check, &inventory, &TO), &["mine.example/coredns:1", "dns.imageRepository"]);
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace("dns: {}", "dns: {imageRepository: mine.example, imageTag: \"1\"}")
        });
        passes(ask(check, &inventory, &TO));
        let mut inventory = healthy(3, 2, "v1.35.6");
        edit(&mut inventory, "Deployment", "coredns", |it| {
            it.images = vec!["registry.k8s.io/coredns/coredns:v1.15.0".to_owned()];
        });
        warns(ask(check, &inventory, &TO), &["v1.15.0, newer than the v1.14.2"]);
    }

    #[test]
    fn one_replica_of_coredns_warns_and_none_at_all_too() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        edit(&mut inventory, "Deployment", "coredns", |it| it.wanted = 1);
        warns(ask(check, &inventory, &TO), &["1 replicas", "kubectl -n kube-system scale"]);
        edit(&mut inventory, "Deployment", "coredns", |it| it.wanted = 4);
        passes(ask(check, &inventory, &TO));
        inventory.survey.workloads.as_mut().unwrap().retain(|it| it.name != "coredns");
        warns(ask(check, &inventory, &TO), &["no CoreDNS", "--skip-addon coredns"]);
    }

    #[test]
    fn plugins_that_kubeadm_cannot_migrate_block_until_it_is_told_to_go_on() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.edit("coredns", "Corefile", |text| {
            text.replace("    errors\n", "    errors\n    dnssec\n")
        });
        blocks(ask(check, &inventory, &TO), &["dnssec", "CoreDNSUnsupportedPlugins"]);
        let mut ignoring = params(&inventory, &TO);
        let names = "Swap,CoreDNSUnsupportedPlugins".to_owned();
        ignoring.insert("ignore-preflight-errors".to_owned(), names);
        warns(ask_with(check, &inventory, &ignoring), &["dnssec"]);
        inventory.edit("coredns", "Corefile", |text| text.replace("    dnssec\n", ""));
        passes(ask(check, &inventory, &TO));
    }

    #[test]
    fn what_could_not_be_read_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.workloads = Err("403".to_owned());
        warns(ask(check, &inventory, &TO), &["403"]);
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.survey.config_maps.as_mut().unwrap().remove("coredns");
        warns(ask(check, &inventory, &TO), &["no ConfigMap coredns"]);
    }
}
