//! How a simulated cluster looks, and the two ways to change that.

use std::collections::BTreeMap;

use super::super::access::Access;
use super::super::{SimError, SimWorld, asks, release};
use super::Troubles;
use crate::cluster::{ClusterSurvey, Node};
use crate::facts::etcd::EtcdSurvey;
use crate::facts::reply::Lines;
use crate::facts::{ControlPlaneState, MachineSurvey, NodeFacts, Offers, PackageState};
use crate::host::Reply;
use crate::script::{self, Script};

/// A simulated cluster as kup sees it. Every field may be changed; a node that is added has no machine.
#[derive(Debug, Clone)]
pub struct Appearance {
    /// Its Node objects.
    pub nodes: BTreeMap<String, Node>,
    /// Its machines.
    pub machines: BTreeMap<String, MachineAppearance>,
    /// The API's objects. Pods that are added or changed show in every list of pods.
    pub survey: ClusterSurvey,
    /// etcd.
    pub etcd: Result<EtcdSurvey, String>,
    /// Checks of `/readyz` that do not pass.
    pub unready_checks: Vec<String>,
}

/// A machine as kup sees it.
#[derive(Debug, Clone)]
pub struct MachineAppearance {
    /// Who it is and how much room it has. A clock that was changed goes on from there.
    pub facts: NodeFacts,
    /// Its packages.
    pub packages: PackageState,
    /// What its repositories offer, of every minor that there is.
    pub offers: Offers,
    /// Its static pods.
    pub control_plane: ControlPlaneState,
    /// What gates ask of it.
    pub survey: MachineSurvey,
}

impl SimWorld {
    /// Lets somebody change how the cluster looks.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn disturb(&self, change: impl FnOnce(&mut Appearance)) -> Result<(), SimError> {
        self.shared.access(|world| {
            let before = appearance(world)?;
            let mut after = before.clone();
            change(&mut after);
            world.api.troubles.keep(&before, &after)
        })
    }

    /// Takes everything back that [`Self::disturb`] did.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn calm(&self) -> Result<(), SimError> {
        self.shared.access(|world| {
            world.api.troubles = Troubles::default();
            Ok(())
        })
    }
}

fn appearance(world: &mut Access<'_>) -> Result<Appearance, SimError> {
    let now = world.now;
    let mut machines = BTreeMap::new();
    for name in world.api.nodes.keys().cloned().collect::<Vec<_>>() {
        let ask = |script: &Script| {
            let reply = world.look(&name, |machine, api| asks::answer(machine, api, now, script));
            reply?.ok_or(SimError::NoSuchScript { name: script.name })
        };
        machines.insert(name.clone(), machine(&name, ask)?);
    }
    let nodes = super::nodes(&world.api).into_iter().map(|node| (node.name.clone(), node));
    Ok(Appearance {
        nodes: nodes.collect(),
        machines,
        survey: super::survey(&world.api),
        etcd: super::etcd(&world.api),
        unready_checks: super::unready_checks(&world.api),
    })
}

fn machine(
    name: &str,
    mut ask: impl FnMut(&Script) -> Result<Reply, SimError>,
) -> Result<MachineAppearance, SimError> {
    let mut lines = |program, args: Vec<String>| {
        let script = Script::new(program, args);
        Lines::read(name.to_owned(), script.name, &ask(&script)?).map_err(SimError::Answer)
    };
    let minors = (release::OLDEST_MINOR..=release::NEWEST_MINOR).map(|minor| format!("v1.{minor}"));
    let none = Vec::new;
    Ok(MachineAppearance {
        facts: NodeFacts::of(&lines(script::FACTS, none())?).map_err(SimError::Answer)?,
        packages: PackageState::of(&lines(script::PACKAGES, none())?).map_err(SimError::Answer)?,
        offers: Offers::of(&lines(script::OFFERS, minors.collect())?).map_err(SimError::Answer)?,
        control_plane: ControlPlaneState::of(&lines(script::CONTROL_PLANE, none())?)
            .map_err(SimError::Answer)?,
        survey: MachineSurvey::of(&lines(script::SURVEY, none())?).map_err(SimError::Answer)?,
    })
}
