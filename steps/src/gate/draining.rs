//! What the gates about workloads have in common: which nodes will be drained and how, and what they say of a part that could not be read.

use kup_core::event::Verdict;

use super::Question;
use crate::cluster::{Node, Pod};
use crate::drain::DrainOptions;
use crate::drain::forecast::{Draining, daemon_set_exists};
use crate::drain::{Disposition, classify};
use crate::inventory::NodeInventory;

impl<'a> Question<'a> {
    /// Returns how the plan drains.
    pub(super) fn drain_options(&self) -> DrainOptions {
        DrainOptions {
            delete_emptydir_data: self.says("delete-emptydir-data"),
            force: self.says("drain-force"),
            grace_period: None,
        }
    }

    /// Returns how many workers may be away at once.
    pub(super) fn side_by_side(&self) -> usize {
        let given = self.params.get("max-unavailable").and_then(|text| text.parse().ok());
        given.unwrap_or(1)
    }

    /// Returns what will be drained, in the plan's order, if the drain were allowed this.
    pub(super) fn draining(&self, options: DrainOptions) -> Draining<'a> {
        let inventory = self.inventory;
        let (target, is_remainder) = (self.target().to_string(), self.from == self.target());
        // Of an upgrade that left nodes out, only those are drained.
        let is_drained = |n: &&NodeInventory| !is_remainder || n.node.kubelet_version != target;
        let drained = || inventory.nodes.iter().filter(is_drained).map(|n| &n.node);
        let control_planes = drained().filter(|node| node.control_plane);
        let workers = drained().filter(|node| !node.control_plane);
        let silent = inventory.silent.iter().map(|silent| &silent.node);
        Draining {
            survey: &inventory.survey,
            nodes: inventory.nodes.iter().map(|n| &n.node).chain(silent).collect(),
            order: control_planes.chain(workers).collect(),
            side_by_side: self.side_by_side(),
            options,
        }
    }

    /// Returns the pods of the nodes that will be drained.
    ///
    /// # Errors
    /// Why the pods could not be read.
    pub(super) fn pods_of_drained_nodes(&self) -> Result<Vec<&'a Pod>, String> {
        let drained: Vec<&Node> = self.draining(self.drain_options()).order;
        let is_there = |pod: &&Pod| drained.iter().any(|node| node.name == pod.node);
        let pods = self.inventory.survey.pods.as_ref();
        Ok(pods.map_err(|why| format!("the pods: {why}"))?.iter().filter(is_there).collect())
    }

    /// Returns the pods that would be refused if the drain were allowed this: namespace and name, and why.
    ///
    /// # Errors
    /// Why the pods could not be read.
    pub(super) fn refused(&self, options: &DrainOptions) -> Result<Vec<String>, String> {
        let survey = &self.inventory.survey;
        let refusal = |pod: &Pod| match classify(pod, daemon_set_exists(survey, pod), options) {
            Disposition::Refuse { why, .. } => {
                Some(format!("{}/{} on {} {why}", pod.namespace, pod.name, pod.node))
            }
            Disposition::Evict | Disposition::Leave(_) => None,
        };
        Ok(self.pods_of_drained_nodes()?.into_iter().filter_map(refusal).collect())
    }
}

/// Says that a part of the survey could not be read, so that nobody knows the answer. `what` is the part and why.
pub(super) fn unread(what: &str) -> Verdict {
    super::warn(
        format!("cannot be answered without {what}"),
        "let the user of the kubeconfig read it: `kubectl auth can-i --list`",
    )
}
