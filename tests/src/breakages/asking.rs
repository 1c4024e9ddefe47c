//! A simulated cluster whose gates are asked as `kup plan` asks them: an inventory is taken, a plan is made, and every gate gets the plan's
//! parameters. Where nothing can be planned any more, the gates are asked with a plan that was made while the cluster was healthy.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::catalog::Catalog;
use kup_core::clock::Timestamp;
use kup_core::event::Verdict;
use kup_core::plan::GateSpec;
use kup_steps::host::Host;
use kup_steps::inventory::{Asking, Inventory, collect};
use kup_steps::planner::{Options, plan};
use kup_steps::sim::{SimSpec, SimWorld};
use kup_steps::version::Version;
use tempfile::TempDir;

use super::On;
use crate::walk::time::Time;

type Params = BTreeMap<String, String>;

/// A cluster, and a plan that was made while it was healthy.
pub struct Town {
    _dir: TempDir,
    /// The cluster.
    pub world: SimWorld,
    time: Arc<Time>,
    on: On,
    planned: Params,
}

/// A gate's answer.
pub struct Told {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether a plan could be made of what is there now.
    pub is_planned_now: bool,
}

impl Town {
    /// Returns a new, healthy cluster.
    pub async fn new(on: On) -> Self {
        let dir = TempDir::new().unwrap();
        let mut spec = SimSpec::parse(on.cluster, None).unwrap();
        spec.seed = Some(1);
        let time = Time::new(Timestamp(1_800_000_000_000_000_000));
        let world = SimWorld::create(&dir.path().join("sim"), &spec, time.clone());
        let world = world.and_then(SimWorld::alone).unwrap();
        let mut town = Self { _dir: dir, world, time, on, planned: Params::new() };
        town.planned = town.params(&town.inventory().await).unwrap();
        town
    }

    async fn inventory(&self) -> Inventory {
        let cluster = self.world.cluster();
        let nodes = cluster.nodes().await.unwrap();
        let host = |name: &String| (name.clone(), (format!("of {name}"), self.world.host(name)));
        let hosts: BTreeMap<String, (String, Arc<dyn Host>)> =
            nodes.iter().map(|node| host(&node.name)).collect();
        let minors = self.minors();
        let asking = Asking { minors, programs_from: None, clock: self.time.clone() };
        collect(cluster.as_ref(), &nodes, &hosts, &asking).await.unwrap()
    }

    /// From the cluster's own minor on: nodes may have been left out.
    fn minors(&self) -> Vec<String> {
        let born = SimSpec::parse(self.on.cluster, None).unwrap().version;
        std::iter::once(born).chain(self.hops()).map(|it| it.minor_name()).collect()
    }

    fn hops(&self) -> Vec<Version> {
        self.on.hops.iter().map(|hop| hop.parse().unwrap()).collect()
    }

    /// Returns what a plan for this inventory tells the gates; `None` where there can be no plan.
    fn params(&self, inventory: &Inventory) -> Option<Params> {
        let options = Options { hops: self.hops(), max_unavailable: 1, ..Options::default() };
        let plan = plan(inventory, &options).ok()?;
        plan.gates.first().map(|gate| gate.params.clone())
    }
}

/// Asks the gate of a code about a cluster as it is, with a plan that says this beyond what it always says.
pub async fn ask(town: &Town, code: &str, says: &[(&str, &str)]) -> Told {
    let inventory = town.inventory().await;
    let planned = town.params(&inventory);
    let is_planned_now = planned.is_some();
    let mut params = planned.unwrap_or_else(|| town.planned.clone());
    params.extend(says.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut catalog = Catalog::new();
    kup_steps::gate::add_all(&mut catalog, &Arc::new(inventory));
    let about = kup_steps::gate::about().find(|about| about.code == code).unwrap();
    let spec = GateSpec { gate: about.name.to_owned(), version: 1, params: params.clone() };
    let verdict = catalog.gate(&spec).unwrap().check(&params).await.unwrap();
    Told { verdict, is_planned_now }
}
