//! Is etcd new enough for every minor on the way?

use kup_core::event::Verdict;

use super::cluster_configuration::ClusterConfiguration;
use super::findings::Findings;
use super::{About, Overruling, Question};
use crate::facts::etcd::EtcdKind;
use crate::facts::upstream;
use crate::inventory::{Inventory, NodeInventory};
use crate::planner::standing;
use crate::release::{self, Release};
use crate::version::{Version, tag_of};

pub(super) const ABOUT: About = About {
    code: "K106",
    name: "etcd-version",
    question: "Is etcd new enough for every minor on the way?",
    why: "kubeadm 1.33 leaves etcd 3.5.24 behind, but members older than 3.5.26 bring removed members back when 3.6 reads their store (etcd blog 2025-12-17); etcd 3.7 asks for 3.6.11 before; an external etcd that is too old is refused by kubeadm (MinExternalEtcdVersion).",
    remedy: "stacked etcd: `kup start` patches it first, `--etcd-image-tag TAG` names the patch; external etcd: upgrade it first, member by member",
    overruling: Overruling::Allowed,
};

pub(super) fn check(question: &Question<'_>) -> Verdict {
    let inventory = question.inventory;
    let mut findings = Findings::default();
    let oldest = oldest(inventory);
    let is_external = match (&inventory.etcd, ClusterConfiguration::of(inventory)) {
        (Ok(etcd), _) => etcd.kind == EtcdKind::External,
        (Err(_), Ok(config)) => config.has(&["etcd", "external"]),
        (Err(_), Err(_)) => false,
    };
    match oldest {
        None => {
            let why = inventory.etcd.as_ref().err().map_or("it does not say", String::as_str);
            findings.unread("the version of etcd", why);
        }
        Some(oldest) if is_external => external(question, oldest, &mut findings),
        Some(oldest) => stacked(question, oldest, &mut findings),
    }
    findings.verdict(fine(question, oldest))
}

fn fine(question: &Question<'_>, oldest: Option<Version>) -> String {
    let at = oldest.map(|oldest| oldest.bare()).unwrap_or_default();
    match question.says("etcd-patch") {
        true => format!("etcd is at {at}; the plan patches it before the hop that asks for it"),
        false => format!("etcd is at {at}, new enough for {}", question.target()),
    }
}

/// Returns the oldest member's version: as the members say; else as the manifests do.
fn oldest(inventory: &Inventory) -> Option<Version> {
    let members = inventory.etcd.iter().flat_map(|etcd| &etcd.members);
    let answers = members.filter_map(|member| upstream(&member.status.as_ref().ok()?.version));
    let tag = |image: &str| tag_of(image).and_then(upstream);
    let manifests = inventory.nodes.iter().filter_map(|node| tag(node.control_plane.image("etcd")));
    answers.min().or_else(|| manifests.min())
}

/// A minor that the upgrade enters.
struct Entry {
    /// The release that the cluster has by then.
    before: Version,
    /// The hop that enters it.
    hop: Version,
    /// What is known of the minor.
    release: &'static Release,
}

fn entered(question: &Question<'_>) -> impl Iterator<Item = Entry> {
    let before = std::iter::once(question.from).chain(question.hops.clone());
    let pairs: Vec<(Version, Version)> = before.zip(question.hops.clone()).collect();
    pairs.into_iter().flat_map(|(before, hop)| {
        release::entered(before, hop).map(move |release| Entry { before, hop, release })
    })
}

fn external(question: &Question<'_>, oldest: Version, findings: &mut Findings) {
    for Entry { release, .. } in entered(question) {
        let Some(least) = &release.min_external_etcd else { continue };
        if Some(oldest) < upstream(&least.version) {
            let (oldest, minor, least) = (oldest.bare(), release.minor, &least.version);
            let remedy = format!(
                "upgrade the external etcd to {least} or newer first, one member at a time; kup takes its snapshot and touches nothing else of it"
            );
            return findings.block(
                format!("external etcd is at {oldest}, v1.{minor} asks for {least}"),
                remedy,
            );
        }
    }
}

fn stacked(question: &Question<'_>, oldest: Version, findings: &mut Findings) {
    pinned(question, findings);
    // What somebody has begun is past its patch: the run goes on with it, and patches nothing.
    let begun = standing(question.inventory).unfinished;
    for Entry { before, hop, release } in entered(question) {
        let Some(least) = &release.least_etcd_before else { continue };
        // Earlier hops bring what their kubeadm installs.
        let installed = release::images(before).and_then(|images| upstream(&images.etcd));
        let installed = installed.filter(|_| before > question.from);
        let by_then = installed.map_or(oldest, |installed| installed.max(oldest));
        let is_patched = question.says("etcd-patch") && begun != Some(hop);
        if Some(by_then) >= upstream(&least.version) || is_patched {
            continue;
        }
        let (minor, version, why) = (release.minor, &least.version, &least.why);
        let told = format!(
            "etcd is at {} before v1.{minor}, which asks for {version}: {why}",
            by_then.bare()
        );
        if begun == Some(hop) {
            findings.block(
                format!("{told}; the upgrade to {hop} is under way already"),
                by_hand(question, &least.tag),
            );
        } else {
            findings.block(told, by_kubeadm(&least.tag));
        }
    }
}

fn by_kubeadm(tag: &str) -> String {
    format!(
        "patch it first: set etcd.local.imageTag to {tag} in kubeadm-config (`kubectl -n kube-system edit configmap kubeadm-config`), then on each control plane, one at a time, `kubeadm upgrade node --certificate-renewal=false`"
    )
}

/// kubeadm-config may be at the new release already, of which no older kubeadm makes anything; the manifests are as they were.
fn by_hand(question: &Question<'_>, tag: &str) -> String {
    let is_older = |node: &&NodeInventory| {
        let now = tag_of(node.control_plane.image("etcd")).and_then(upstream);
        now.is_some() && now < upstream(tag)
    };
    let older = question.inventory.nodes.iter().filter(is_older);
    let older: Vec<&str> = older.map(|node| node.node.name.as_str()).collect();
    format!(
        "patch the members that are older first, one at a time, on {}: `sed 's|\\(image: .*/etcd\\):.*|\\1:{tag}|' /etc/kubernetes/manifests/etcd.yaml >/root/etcd.yaml`, `mv /root/etcd.yaml /etc/kubernetes/manifests/`, and wait until `etcdctl endpoint health --cluster` is content",
        older.join(", ")
    )
}

/// A tag that an operator has set keeps kubeadm from choosing etcd.
fn pinned(question: &Question<'_>, findings: &mut Findings) {
    let Ok(config) = ClusterConfiguration::of(question.inventory) else { return };
    let tag = config.text(&["etcd", "local", "imageTag"]);
    let (Some(pin), Some(wanted)) = (
        upstream(tag),
        release::images(question.target()).and_then(|images| upstream(&images.etcd)),
    ) else {
        return;
    };
    if (pin.major, pin.minor) < (wanted.major, wanted.minor) {
        let told = format!(
            "etcd.local.imageTag in kubeadm-config is {tag}: kubeadm will not bring etcd to {}",
            wanted.bare()
        );
        findings.warn(told, "take imageTag out of kubeadm-config unless you want that: `kubectl -n kube-system edit configmap kubeadm-config`");
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::facts::etcd::EtcdKind;
    use crate::inventory::Inventory;
    use crate::inventory::sample::{ask, ask_with, blocks, healthy, params, passes, warns};

    fn with_etcd(version: &str, etcd: &str) -> Inventory {
        let mut inventory = healthy(3, 2, version);
        for member in &mut inventory.etcd.as_mut().unwrap().members {
            member.status.as_mut().unwrap().version = etcd.to_owned();
        }
        inventory
    }

    #[test]
    fn etcd_must_be_patched_before_its_minor_changes() {
        for (from, to, etcd, least) in
            [("v1.33.13", "v1.34.9", "3.5.25", "3.5.26"), ("v1.36.3", "v1.37.0", "3.6.8", "3.6.11")]
        {
            let old = with_etcd(from, etcd);
            blocks(ask(check, &old, &[to]), &[etcd, least, "etcd.local.imageTag"]);
            let mut patching = params(&old, &[to]);
            patching.insert("etcd-patch".to_owned(), "yes".to_owned());
            assert!(passes(ask_with(check, &old, &patching)).contains("patches"));
            passes(ask(check, &with_etcd(from, least), &[to]));
        }
    }

    #[test]
    fn what_an_earlier_hop_installs_counts() {
        let inventory = with_etcd("v1.32.13", "3.5.24");
        blocks(ask(check, &inventory, &["v1.33.13", "v1.34.9"]), &["3.5.24 before v1.34"]);
        passes(ask(check, &inventory, &["v1.33.13"]));
        passes(ask(check, &with_etcd("v1.32.13", "3.5.26"), &["v1.33.13", "v1.34.9"]));
    }

    #[test]
    fn an_upgrade_that_is_under_way_is_patched_by_hand_member_by_member() {
        let mut inventory = with_etcd("v1.33.13", "3.5.24");
        let manifests = &mut inventory.node_mut("cp1").control_plane.manifests;
        for (component, image) in
            [("kube-apiserver", "kube-apiserver:v1.34.9"), ("etcd", "etcd:3.6.5-0")]
        {
            let manifest = manifests.get_mut(component).unwrap().as_mut().unwrap();
            manifest.image = Some(format!("registry.k8s.io/{image}"));
        }
        let mut patching = params(&inventory, &["v1.34.9", "v1.35.6", "v1.36.2", "v1.37.0"]);
        // Of the last hop.
        patching.insert("etcd-patch".to_owned(), "yes".to_owned());
        let words =
            ["3.5.24 before v1.34", "to v1.34.9 is under way", "on cp2, cp3: `sed", "3.5.26-0"];
        blocks(ask_with(check, &inventory, &patching), &words);
        for member in &mut inventory.etcd.as_mut().unwrap().members {
            member.status.as_mut().unwrap().version = "3.5.26".to_owned();
        }
        passes(ask_with(check, &inventory, &patching));
    }

    #[test]
    fn an_external_etcd_must_be_new_enough_and_is_never_patched() {
        let mut inventory = with_etcd("v1.35.6", "3.5.21");
        inventory.etcd.as_mut().unwrap().kind = EtcdKind::External;
        blocks(ask(check, &inventory, &["v1.36.2"]), &["external etcd is at 3.5.21", "3.5.24"]);
        let mut inventory = with_etcd("v1.33.13", "3.5.24");
        inventory.etcd.as_mut().unwrap().kind = EtcdKind::External;
        passes(ask(check, &inventory, &["v1.34.9"]));
    }

    #[test]
    fn a_pinned_tag_that_keeps_etcd_back_warns() {
        let mut inventory = healthy(3, 2, "v1.35.6");
        inventory.edit("kubeadm-config", "ClusterConfiguration", |text| {
            text.replace("dataDir:", "imageTag: 3.5.26-0\n    dataDir:")
        });
        warns(ask(check, &inventory, &["v1.36.2"]), &["imageTag", "3.5.26-0", "3.6.8"]);
    }

    #[test]
    fn without_an_answer_the_manifests_tell_and_without_both_it_warns() {
        let mut inventory = healthy(3, 2, "v1.33.13");
        inventory.etcd = Err("no etcdctl".to_owned());
        blocks(ask(check, &inventory, &["v1.34.9"]), &["3.5.24"]);
        for node in &mut inventory.nodes {
            node.control_plane.manifests.insert("etcd".to_owned(), None);
        }
        warns(ask(check, &inventory, &["v1.34.9"]), &["no etcdctl"]);
    }
}
