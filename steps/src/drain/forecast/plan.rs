//! What a plan drains, read from the plan itself.

use kup_core::plan::{Plan, StepSpec};

use super::Draining;
use crate::cluster::Node;
use crate::drain::DrainOptions;
use crate::inventory::Inventory;

impl<'a> Draining<'a> {
    /// Returns what a plan drains; a node that several hops drain counts once.
    #[must_use]
    pub fn of_plan(plan: &Plan, inventory: &'a Inventory) -> Self {
        let silent = inventory.silent.iter().map(|silent| &silent.node);
        let nodes: Vec<&Node> = inventory.nodes.iter().map(|it| &it.node).chain(silent).collect();
        let mut order: Vec<&Node> = Vec::new();
        let (mut side_by_side, mut options) = (1, DrainOptions::default());
        for wave in &plan.waves {
            for stage in &wave.stages {
                let drain = stage.steps.iter().find(|step| step.activity == "drain");
                let node = nodes.iter().find(|node| node.name == stage.target);
                let (Some(drain), Some(node)) = (drain, node) else { continue };
                side_by_side = side_by_side.max(wave.max_parallel);
                options = options_of(drain);
                if !order.iter().any(|it| it.name == node.name) {
                    order.push(node);
                }
            }
        }
        let side_by_side = usize::try_from(side_by_side).unwrap_or(usize::MAX);
        Self { survey: &inventory.survey, nodes, order, side_by_side, options }
    }
}

fn options_of(drain: &StepSpec) -> DrainOptions {
    let says = |param: &str| drain.params.get(param).is_some_and(|value| value == "yes");
    DrainOptions {
        delete_emptydir_data: says("delete-emptydir-data"),
        force: says("force"),
        grace_period: drain.params.get("grace-period").and_then(|text| text.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::drain::forecast::Draining;
    use crate::inventory::sample::healthy;
    use crate::planner::{Drain, KubeadmOptions, Options, WorkerHops, plan};

    #[test]
    fn drains_every_node_of_the_plan_once_as_the_plan_does() {
        let inventory = healthy(3, 4, "v1.34.9");
        let options = Options {
            hops: vec!["v1.35.6".parse().unwrap(), "v1.36.2".parse().unwrap()],
            first: Some("cp2".to_owned()),
            max_unavailable: 2,
            workers: WorkerHops::Every,
            programs_from: None,
            kubeadm: KubeadmOptions::default(),
            drain: Drain { force: true, timeout: Duration::from_secs(60), ..Drain::default() },
            no_etcd_snapshot: false,
            etcdutl: None,
            backups_stay_on_nodes: false,
        };
        let plan = plan(&inventory, &options).unwrap();
        let draining = Draining::of_plan(&plan, &inventory);
        let order: Vec<&str> = draining.order.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(order, ["cp2", "cp1", "cp3", "w1", "w2", "w3", "w4"]);
        assert_eq!(draining.side_by_side, 2);
        assert!(draining.options.force && !draining.options.delete_emptydir_data);
        let forecast = draining.forecast().unwrap();
        assert!(forecast.nodes.iter().all(|node| node.is_drainable()), "{forecast:#?}");
        let w1 = forecast.nodes.iter().find(|node| node.node == "w1").unwrap();
        assert_eq!(w1.clauses(), ["2 pods move to other nodes"]);
    }
}
