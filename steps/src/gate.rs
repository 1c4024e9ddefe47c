//! The gates: questions that must be answered before anything is changed. One file for each, with what `kup explain` says of it.
//! Gates have no effect: they read the inventory that was taken before.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::ActivityError;
use kup_core::catalog::Catalog;
use kup_core::event::Verdict;
use kup_core::gate::Gate;

use crate::inventory::Inventory;
use crate::release::{self, Release};
use crate::version::Version;

mod addons;
mod answers;
mod bare_pods;
mod budgets;
mod certificates;
mod clocks;
mod cluster_configuration;
mod control_plane;
mod disk;
mod draining;
mod etcd_health;
mod etcd_version;
mod etcd_way_back;
mod findings;
mod foreign_nodes;
mod hand_edits;
mod images;
mod interrupted_upgrade;
mod kubeadm_config;
mod local_data;
mod manual_steps;
mod node_runtime;
mod nodes;
mod operator;
mod other_upgrade;
mod package_manager;
mod packages_offered;
mod release_notes;
mod removed_admission_plugins;
mod removed_apis;
mod removed_feature_gates;
mod removed_flags;
mod single_control_plane;
mod single_replicas;
mod skew;
mod stored_versions;
mod swap;
mod two_budgets;
mod webhooks;

pub(crate) use cluster_configuration::ClusterConfiguration;
use findings::some;
pub use operator::{OF_THE_OPERATOR, Unfinished, journal_room, no_unfinished_run};
pub use skew::most_behind;

/// What is known of a gate before it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Its code, for `kup explain` and `--ignore`: `K103`.
    pub code: &'static str,
    /// Its name in plans and journals.
    pub name: &'static str,
    /// The question, in one sentence.
    pub question: &'static str,
    /// Why it is asked: what goes wrong otherwise, with its source.
    pub why: &'static str,
    /// What to do when it warns or blocks, with commands.
    pub remedy: &'static str,
    /// Whether an operator may go on although it blocks.
    pub overruling: Overruling,
}

/// Whether an operator may go on although a gate blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overruling {
    /// With `--ignore CODE`, which is journaled.
    Allowed,
    /// Not at all: going on would certainly do damage.
    Never,
}

/// What a gate is asked.
pub struct Question<'a> {
    /// What was seen of the cluster.
    pub inventory: &'a Inventory,
    /// The version that the whole control plane has.
    pub from: Version,
    /// The releases that the upgrade goes through; the last one is the target.
    pub hops: Vec<Version>,
    /// The plan's further parameters.
    pub params: &'a BTreeMap<String, String>,
}

impl<'a> Question<'a> {
    /// Reads the parameters of a plan; `None` where they are not those of this kup.
    #[must_use]
    pub fn read(inventory: &'a Inventory, params: &'a BTreeMap<String, String>) -> Option<Self> {
        let from = params.get("from")?.parse().ok()?;
        let hops = params.get("hops")?.split(',').map(str::parse).collect::<Result<Vec<_>, _>>();
        Some(Self { inventory, from, hops: hops.ok().filter(|hops| !hops.is_empty())?, params })
    }

    /// Returns the last hop's version.
    #[must_use]
    pub fn target(&self) -> Version {
        self.hops.last().copied().unwrap_or(self.from)
    }

    /// Returns the minors that the upgrade enters: none for a patch.
    #[must_use]
    pub fn entered(&self) -> Vec<u32> {
        let minors = self.hops.iter().map(|hop| hop.minor);
        let mut entered: Vec<u32> = minors.filter(|minor| *minor > self.from.minor).collect();
        entered.dedup();
        entered
    }

    /// Returns what is known of the minors that the upgrade enters, oldest first.
    pub(crate) fn releases(&self) -> impl Iterator<Item = &'static Release> {
        release::entered(self.from, self.target())
    }

    /// Whether kubeadm is told to leave an addon as it is.
    #[must_use]
    pub fn skips_addon(&self, name: &str) -> bool {
        let skipped = self.params.get("skip-addons");
        skipped.is_some_and(|names| names.split(',').any(|it| it == name))
    }

    /// Whether the plan was made with an option.
    #[must_use]
    pub fn says(&self, param: &str) -> bool {
        self.params.get(param).is_some_and(|value| value == "yes")
    }
}

/// Answers a question. Pure.
type Answer = fn(&Question<'_>) -> Verdict;

/// The gates that are answered from an inventory, in the order in which they are asked.
const ALL: [(About, Answer); 35] = [
    (answers::ABOUT, answers::check),
    (skew::ABOUT, skew::check),
    (nodes::ABOUT, nodes::check),
    (control_plane::ABOUT, control_plane::check),
    (etcd_health::ABOUT, etcd_health::check),
    (etcd_version::ABOUT, etcd_version::check),
    (etcd_way_back::ABOUT, etcd_way_back::check),
    (certificates::ABOUT, certificates::check),
    (clocks::ABOUT, clocks::check),
    (disk::ABOUT, disk::check),
    (swap::ABOUT, swap::check),
    (node_runtime::ABOUT, node_runtime::check),
    (removed_flags::ABOUT, removed_flags::check),
    (removed_feature_gates::ABOUT, removed_feature_gates::check),
    (removed_admission_plugins::ABOUT, removed_admission_plugins::check),
    (removed_apis::ABOUT, removed_apis::check),
    (stored_versions::ABOUT, stored_versions::check),
    (webhooks::ABOUT, webhooks::check),
    (packages_offered::ABOUT, packages_offered::check),
    (images::ABOUT, images::check),
    (package_manager::ABOUT, package_manager::check),
    (other_upgrade::ABOUT, other_upgrade::check),
    (budgets::ABOUT, budgets::check),
    (two_budgets::ABOUT, two_budgets::check),
    (bare_pods::ABOUT, bare_pods::check),
    (local_data::ABOUT, local_data::check),
    (single_replicas::ABOUT, single_replicas::check),
    (single_control_plane::ABOUT, single_control_plane::check),
    (hand_edits::ABOUT, hand_edits::check),
    (addons::ABOUT, addons::check),
    (foreign_nodes::ABOUT, foreign_nodes::check),
    (interrupted_upgrade::ABOUT, interrupted_upgrade::check),
    (manual_steps::ABOUT, manual_steps::check),
    (release_notes::ABOUT, release_notes::check),
    (kubeadm_config::ABOUT, kubeadm_config::check),
];

/// Goes through the gates that are answered from an inventory.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (About, Answer)> {
    ALL.into_iter()
}

/// Goes through everything that is known of the gates, in the order in which they are asked.
pub fn about() -> impl Iterator<Item = About> {
    ALL.iter().map(|(about, _)| *about).chain(OF_THE_OPERATOR)
}

/// Goes through the names of all gates, in the order in which they are asked.
pub fn names() -> impl Iterator<Item = &'static str> {
    about().map(|about| about.name)
}

/// A gate that is answered from the inventory alone.
struct FromInventory {
    about: About,
    inventory: Arc<Inventory>,
    answer: Answer,
}

#[async_trait]
impl Gate for FromInventory {
    fn name(&self) -> &'static str {
        self.about.name
    }

    fn version(&self) -> u32 {
        1
    }

    async fn check(&self, params: &BTreeMap<String, String>) -> Result<Verdict, ActivityError> {
        let question = Question::read(&self.inventory, params);
        let question = question.ok_or_else(|| {
            ActivityError::permanent("the plan does not say where the upgrade goes through")
        })?;
        Ok((self.answer)(&question))
    }
}

/// Adds the gates that are answered from an inventory.
pub fn add_all(catalog: &mut Catalog, inventory: &Arc<Inventory>) {
    for (about, answer) in ALL {
        let inventory = Arc::clone(inventory);
        catalog.add_gate(Arc::new(FromInventory { about, inventory, answer }));
    }
}

fn pass(evidence: impl Into<String>) -> Verdict {
    Verdict::Pass { evidence: evidence.into() }
}

fn warn(evidence: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict::Warn { evidence: evidence.into(), remedy: remedy.into() }
}

fn block(evidence: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict::Block { evidence: evidence.into(), remedy: remedy.into() }
}
