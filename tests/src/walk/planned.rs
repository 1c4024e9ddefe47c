//! A run as `kup start` begins it: an inventory of the simulated cluster, and a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use kup_core::catalog::Catalog;
use kup_core::clock::Clock;
use kup_core::event::{Event, GateChecked, GateIgnored, Reach, RunStarted, Verdict};
use kup_core::guard::Guard;
use kup_core::id::BlobId;
use kup_core::plan::GateSpec;
use kup_steps::cluster::Cluster;
use kup_steps::host::Host;
use kup_steps::inventory::{Asking, Inventory, NodeInventory, collect};
use kup_steps::planner::{Drain, Options, PlanProblem, backup_plan, plan};
use kup_steps::sim::SimWorld;
use kup_steps::version::Version;

use super::site::Route;

/// Plans a run as `kup start` does.
pub(super) fn started(
    inventory: &Inventory,
    (route, etcdutl): (&Route, Option<BlobId>),
) -> Result<RunStarted, PlanProblem> {
    let options = Options {
        hops: hops(inventory, route),
        max_unavailable: route.max_unavailable,
        drain: Drain { timeout: route.drain, ..Drain::default() },
        etcdutl,
        ..Options::default()
    };
    Ok(RunStarted {
        kup_version: "0".to_owned(),
        operator: "me@here".to_owned(),
        cluster: inventory.cluster.clone(),
        machines: inventory.nodes.iter().map(NodeInventory::identity).collect(),
        reach: Reach::default(),
        until: None,
        plan: match plan(inventory, &options) {
            // There is nothing to go to, so that the run takes backups.
            Err(PlanProblem::Equal(_)) => backup_plan(inventory, &Guard::Plain)?,
            plan => plan?,
        },
    })
}

/// Returns what the operator of a cluster with a tight budget says: he knows that the gate blocks, and lets the run begin nonetheless.
pub(super) async fn ignored(
    inventory: &Arc<Inventory>,
    started: &RunStarted,
    route: &Route,
) -> Vec<Event> {
    let mut catalog = Catalog::new();
    kup_steps::gate::add_all(&mut catalog, inventory);
    let of_budgets = |spec: &&GateSpec| route.cluster.tight_budget && spec.gate == "budgets";
    let mut said = Vec::new();
    for spec in started.plan.gates.iter().filter(of_budgets) {
        let verdict = catalog.gate(spec).unwrap().check(&spec.params).await.unwrap();
        let Verdict::Block { evidence, .. } = &verdict else { continue };
        let (gate, code) = (spec.gate.clone(), "K124".to_owned());
        let (operator, evidence) = (started.operator.clone(), evidence.clone());
        said.push(Event::GateChecked(GateChecked { gate: gate.clone(), verdict }));
        said.push(Event::GateIgnored(GateIgnored { gate, code, operator, evidence }));
    }
    said
}

/// Takes an inventory as `kup start` does.
pub(super) async fn inventory(world: &SimWorld, target: &str, clock: Arc<dyn Clock>) -> Inventory {
    let cluster = world.cluster();
    let nodes = cluster.nodes().await.unwrap();
    let host = |node: &str| (node.to_owned(), (node.to_owned(), world.host(node)));
    let hosts: BTreeMap<String, (String, Arc<dyn Host>)> =
        nodes.iter().map(|node| host(&node.name)).collect();
    let target: Version = target.parse().unwrap();
    let asking = Asking { minors: vec![target.minor_name()], programs_from: None, clock };
    collect(cluster.as_ref() as &dyn Cluster, &nodes, &hosts, &asking).await.unwrap()
}

fn hops(inventory: &Inventory, route: &Route) -> Vec<Version> {
    let target: Version = route.target.parse().unwrap();
    if target > inventory.version { vec![target] } else { Vec::new() }
}
