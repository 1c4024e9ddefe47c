//! What somebody sees who stands beside the machines of a simulated world and asks nobody: for the invariants of tests. Like the picture
//! it changes nothing; unlike it, it shows who works where.

use std::collections::BTreeMap;

use kup_core::clock::Timestamp;

use super::api::{Api, SimNode};
use super::machine::{AttemptState, Machine, UnitState};
use super::{SimError, SimWorld};

/// The whole world at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Whether an API server answers.
    pub serves: bool,
    /// Its machines.
    pub nodes: BTreeMap<String, NodeSurvey>,
}

/// One machine at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSurvey {
    /// Whether it is a control plane.
    pub control_plane: bool,
    /// Whether it has power.
    pub powered: bool,
    /// Whether the way to it is cut.
    pub cut: bool,
    /// Whether its kubelet runs.
    pub kubelet_runs: bool,
    /// Whether its etcd member serves.
    pub etcd_up: bool,
    /// Whether its API server runs.
    pub api_server_up: bool,
    /// The run whose cordon it carries.
    pub cordoned_by: Option<String>,
    /// Run and epoch of its owner.
    pub owner: Option<(String, u64)>,
    /// Its attempts by name, `<run>/<step>.<n>`.
    pub attempts: BTreeMap<String, AttemptSurvey>,
}

/// An attempt as its machine remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSurvey {
    /// What it runs.
    pub script: String,
    /// The epoch that it was sent with.
    pub epoch: u64,
    /// The place of its intent.
    pub intent: u64,
    /// When it began.
    pub begun: Timestamp,
    /// Whether it still runs.
    pub is_running: bool,
    /// The status that it ended with.
    pub status: Option<i32>,
}

impl SimWorld {
    /// Returns what there is to see.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn survey(&self) -> Result<Survey, SimError> {
        self.shared.access(|world| {
            let mut nodes = BTreeMap::new();
            for name in world.api.nodes.keys().cloned().collect::<Vec<_>>() {
                let seen = world.look(&name, node)?;
                nodes.extend(seen.map(|seen| (name, seen)));
            }
            Ok(Survey { serves: world.api.server().is_some(), nodes })
        })
    }
}

fn node(machine: &Machine, api: &Api) -> Option<NodeSurvey> {
    let object: &SimNode = api.nodes.get(&machine.name)?;
    let attempts = machine.attempts.iter();
    Some(NodeSurvey {
        control_plane: object.control_plane,
        powered: machine.powered,
        cut: machine.cut,
        kubelet_runs: machine.kubelet.state == UnitState::Active,
        etcd_up: machine.is_up("etcd"),
        api_server_up: machine.is_up("kube-apiserver"),
        cordoned_by: object.cordoned_by.clone(),
        owner: machine.owner.as_ref().map(|owner| (owner.run.clone(), owner.epoch)),
        attempts: attempts
            .map(|(name, attempt)| {
                let status = match attempt.state {
                    AttemptState::Ended(status) => Some(status),
                    AttemptState::Running(_) | AttemptState::Lost(_) => None,
                };
                let seen = AttemptSurvey {
                    script: attempt.script.clone(),
                    epoch: attempt.epoch,
                    intent: attempt.intent,
                    begun: attempt.begun,
                    is_running: matches!(attempt.state, AttemptState::Running(_)),
                    status,
                };
                (name.clone(), seen)
            })
            .collect(),
    })
}
