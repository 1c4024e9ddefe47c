//! What becomes of a pod that is evicted: whether something makes it again, and where it may run while its node is away.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Draining;
use crate::cluster::survey::Claim;
use crate::cluster::{Node, Pod};

/// What becomes of a pod that is evicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It had ended, or was being deleted, anyway.
    Ended,
    /// Its controller makes it again on another node.
    Moves,
    /// Its volume is only on this node: it is away until the node is back.
    Bound {
        /// The claim of the volume.
        claim: String,
    },
    /// No other node takes pods that tolerate nothing: it is away until the node is back.
    Stranded,
    /// Nothing makes it again.
    Lost,
}

impl Fate {
    /// Says why the pod is away until its node is back; `None` when it is not.
    pub(super) fn why_away(&self, node: &str) -> Option<String> {
        match self {
            Self::Bound { claim } => Some(format!("its volume ({claim}) is on {node}")),
            Self::Stranded => Some("no other node takes pods without tolerations".to_owned()),
            Self::Ended | Self::Moves | Self::Lost => None,
        }
    }
}

/// Where pods may go.
pub(super) struct Places<'a> {
    /// Names and hostnames of nodes that pods can be bound to, each with whether it takes pods that tolerate nothing.
    open: Vec<(&'a str, &'a str, bool)>,
    claims: BTreeMap<(&'a str, &'a str), &'a Claim>,
    side_by_side: usize,
}

impl<'a> Places<'a> {
    pub(super) fn of(draining: &Draining<'a>) -> Self {
        let open = draining.nodes.iter().filter(|node| node.ready && !node.unschedulable);
        let open = open.map(|node| (node.name.as_str(), node.hostname.as_str(), !is_tainted(node)));
        // Claims that could not be read bind nothing; the gates say that they could not be read.
        let claims = draining.survey.claims.as_deref().unwrap_or_default().iter();
        let claims = claims.map(|it| ((it.namespace.as_str(), it.name.as_str()), it));
        Self { open: open.collect(), claims: claims.collect(), side_by_side: draining.side_by_side }
    }

    pub(super) fn fate(&self, node: &Node, pod: &Pod) -> Fate {
        if pod.terminating || matches!(pod.phase.as_str(), "Succeeded" | "Failed") {
            return Fate::Ended;
        }
        if pod.controller.is_none() {
            return Fate::Lost;
        }
        if let Some(claim) = pod.claims.iter().find(|claim| self.is_bound(node, pod, claim)) {
            return Fate::Bound { claim: claim.clone() };
        }
        let others = self.open.iter().filter(|(name, _, takes)| *takes && *name != node.name);
        // Of the other nodes, as many may be away at the same time as may be away besides this one.
        let away_too = if node.control_plane { 0 } else { self.side_by_side.saturating_sub(1) };
        if others.count() > away_too { Fate::Moves } else { Fate::Stranded }
    }

    fn is_bound(&self, node: &Node, pod: &Pod, claim: &str) -> bool {
        let Some(claim) = self.claims.get(&(pod.namespace.as_str(), claim)) else { return false };
        let elsewhere = |(name, hostname, _): &(&str, &str, bool)| {
            *name != node.name && claim.hostnames.iter().any(|host| host == hostname)
        };
        !claim.hostnames.is_empty() && !self.open.iter().any(elsewhere)
    }
}

/// Whether a node keeps pods away that tolerate nothing.
fn is_tainted(node: &Node) -> bool {
    let keeps = |taint: &String| taint.ends_with(":NoSchedule") || taint.ends_with(":NoExecute");
    node.taints.iter().any(keeps)
}
