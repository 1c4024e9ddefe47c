//! Healthy inventories for the unit tests of gates and planner: take one, break one thing, ask.
//! What every machine says is in `machine`, what the API says in `objects`.

use std::collections::BTreeMap;

use kup_core::clock::Timestamp;
use kup_core::event::{ClusterIdentity, Verdict};

use super::{Inventory, NodeInventory};
use crate::cluster::Pod;
use crate::gate::Question;
use crate::version::Version;

mod machine;
mod objects;

/// When every sample was taken.
pub(crate) const TAKEN_AT: Timestamp = Timestamp(NOW * 1_000_000_000);
/// The same in seconds since 1970: 2026-11-25T12:00:00Z.
pub(crate) const NOW: i64 = 1_795_608_000;
/// A day in seconds.
pub(crate) const DAY: i64 = 86_400;

/// Returns a healthy cluster at a version such as `v1.35.6`: control planes `cp1`, `cp2`... with stacked etcd, workers `w1`, `w2`...
/// Every gate passes on it for any target of the next three minors.
pub(crate) fn healthy(control_planes: usize, workers: usize, version: &str) -> Inventory {
    let version = at(version);
    let names = |prefix: &str, count| (1..=count).map(move |n| format!("{prefix}{n}")).collect();
    let (masters, workers): (Vec<String>, Vec<String>) =
        (names("cp", control_planes), names("w", workers));
    let all = masters.iter().chain(&workers);
    Inventory {
        taken_at: TAKEN_AT,
        cluster: ClusterIdentity {
            uid: "7f9c1c04-6c1e-4a64-9d4c-5a2a1a4a9a01".to_owned(),
            ca_sha256: "ca".repeat(32),
            endpoint: "https://10.0.0.10:6443".to_owned(),
        },
        version,
        server_version: version,
        unready_checks: Vec::new(),
        unready_pods: Vec::new(),
        nodes: all.enumerate().map(|(i, name)| machine::machine(i, name, version)).collect(),
        silent: Vec::new(),
        foreign: Vec::new(),
        survey: objects::survey(&masters, &workers, version),
        etcd: Ok(machine::etcd(&masters, version)),
    }
}

/// Reads a version that a test wrote down.
pub(crate) fn at(version: &str) -> Version {
    version.parse().unwrap()
}

/// Returns a plan's parameters for going through these releases, with the options of `kup plan` as they are by default.
pub(crate) fn params(inventory: &Inventory, hops: &[&str]) -> BTreeMap<String, String> {
    let from = crate::planner::standing(inventory).at.to_string();
    let pairs = [
        ("from", from.as_str()),
        ("hops", &hops.join(",")),
        ("drain-force", "no"),
        ("delete-emptydir-data", "no"),
        ("max-unavailable", "1"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Asks a gate about an upgrade through these releases.
pub(crate) fn ask(
    check: fn(&Question<'_>) -> Verdict,
    inventory: &Inventory,
    hops: &[&str],
) -> Verdict {
    ask_with(check, inventory, &params(inventory, hops))
}

/// Asks a gate with these parameters of a plan.
pub(crate) fn ask_with(
    check: fn(&Question<'_>) -> Verdict,
    inventory: &Inventory,
    params: &BTreeMap<String, String>,
) -> Verdict {
    check(&Question::read(inventory, params).unwrap())
}

/// Fails unless a gate passes; returns the evidence.
pub(crate) fn passes(verdict: Verdict) -> String {
    match verdict {
        Verdict::Pass { evidence } => evidence,
        Verdict::Warn { .. } | Verdict::Block { .. } => panic!("{verdict:?}"),
    }
}

/// Fails unless a gate warns, with all these words in evidence or remedy.
pub(crate) fn warns(verdict: Verdict, words: &[&str]) {
    match verdict {
        Verdict::Warn { evidence, remedy } => says(&evidence, &remedy, words),
        Verdict::Pass { .. } | Verdict::Block { .. } => panic!("{verdict:?}"),
    }
}

/// Fails unless a gate blocks, with all these words in evidence or remedy.
pub(crate) fn blocks(verdict: Verdict, words: &[&str]) {
    match verdict {
        Verdict::Block { evidence, remedy } => says(&evidence, &remedy, words),
        Verdict::Pass { .. } | Verdict::Warn { .. } => panic!("{verdict:?}"),
    }
}

fn says(evidence: &str, remedy: &str, words: &[&str]) {
    assert!(!evidence.is_empty() && !remedy.is_empty(), "evidence and remedy are never empty");
    for word in words {
        assert!(
            evidence.contains(word) || remedy.contains(word),
            "nothing says `{word}`: {evidence} / {remedy}"
        );
    }
}

impl Inventory {
    /// Returns a node to break.
    pub(crate) fn node_mut(&mut self, name: &str) -> &mut NodeInventory {
        self.nodes.iter_mut().find(|node| node.node.name == name).unwrap()
    }

    /// Returns a pod to break.
    pub(crate) fn pod_mut(&mut self, name: &str) -> &mut Pod {
        let pods = self.survey.pods.as_mut().unwrap();
        pods.iter_mut().find(|pod| pod.name == name).unwrap()
    }

    /// Changes the text of a ConfigMap of kube-system.
    pub(crate) fn edit(&mut self, map: &str, key: &str, edit: impl Fn(&str) -> String) {
        let maps = self.survey.config_maps.as_mut().unwrap();
        let text = maps.get_mut(map).unwrap().get_mut(key).unwrap();
        *text = edit(text);
    }
}

#[test]
fn every_gate_passes_on_a_healthy_cluster() {
    for (version, hops) in [
        ("v1.35.6", vec!["v1.36.2"]),
        ("v1.35.6", vec!["v1.35.9"]),
        ("v1.19.16", vec!["v1.20.2", "v1.21.14"]),
        ("v1.31.14", vec!["v1.32.13", "v1.33.13"]),
    ] {
        for (control_planes, workers) in [(3, 2), (3, 3), (5, 20)] {
            let inventory = healthy(control_planes, workers, version);
            for (about, answer) in crate::gate::all() {
                let verdict = ask(answer, &inventory, &hops);
                assert!(
                    matches!(verdict, Verdict::Pass { .. }),
                    "{} ({}) on {version} to {hops:?}: {verdict:?}",
                    about.code,
                    about.name
                );
            }
        }
    }
}

#[test]
fn a_sample_can_be_broken_and_asked_with_other_parameters() {
    let mut inventory = healthy(1, 1, "v1.35.6");
    inventory.edit("kubeadm-config", "ClusterConfiguration", |text| text.replace("v1.35.6", "v9"));
    assert!(format!("{:?}", inventory.survey.config_maps).contains("kubernetesVersion: v9"));
    let params = params(&inventory, &["v1.36.2"]);
    let target =
        |question: &Question<'_>| Verdict::Pass { evidence: question.target().to_string() };
    assert_eq!(passes(ask_with(target, &inventory, &params)), "v1.36.2");
}
