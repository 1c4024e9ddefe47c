//! The plan of a run that only takes backups.

use kup_core::guard::Guard;
use kup_core::plan::{Plan, Stage, StepSpec, Wave};

use super::{PlanProblem, snapshot, step};
use crate::inventory::Inventory;

/// How many nodes are copied from at once.
const AT_ONCE: u32 = 8;

/// The steps that take backups, and change nothing.
const TAKE: [&str; 3] = ["backup-node", "backup-objects", "etcd-snapshot"];

/// Whether all that a plan does is to take backups: nothing of it could go back, and nothing rests on it.
#[must_use]
pub fn takes_backups(plan: &Plan) -> bool {
    plan.steps().all(|(_, step)| TAKE.contains(&step.activity.as_str()))
}

/// Plans backups of a cluster and all its nodes. What an upgrade would copy before each of its steps is copied at once; where secrets stay on their
/// nodes, no snapshot of etcd is.
///
/// # Errors
/// [`PlanProblem::Name`].
pub fn backup_plan(inventory: &Inventory, guard: &Guard) -> Result<Plan, PlanProblem> {
    let at = inventory.version.to_string();
    let steps = of_cluster(inventory, guard)?;
    let cluster = Stage { target: "cluster".to_owned(), skippable: false, steps };
    let mut stages = Vec::new();
    for node in &inventory.nodes {
        let (target, skippable) = (node.node.name.clone(), !node.node.control_plane);
        stages.push(Stage { steps: of_node(&target)?, target, skippable });
    }
    let wave = |name: &str, max_parallel, stages| Wave {
        name: name.to_owned(),
        hop: 1,
        max_parallel,
        stages,
    };
    let waves =
        vec![wave("backup-cluster", 1, vec![cluster]), wave("backup-nodes", AT_ONCE, stages)];
    Ok(Plan { from: at.clone(), to: at, gates: Vec::new(), waves })
}

/// The steps for what there is once in a cluster.
fn of_cluster(inventory: &Inventory, guard: &Guard) -> Result<Vec<StepSpec>, PlanProblem> {
    let title = "copy what kubeadm writes to kube-system".to_owned();
    let objects = step("backup-objects", "cluster", (title, 5), &[])?;
    if *guard == Guard::OnNodes {
        return Ok(vec![objects]);
    }
    let through = inventory.nodes.iter().filter(|node| node.node.control_plane);
    let through = through.map(|node| node.node.name.as_str()).collect();
    Ok(vec![objects, snapshot::step_of("cluster", through, inventory)?])
}

/// The steps for what there is on each node.
fn of_node(node: &str) -> Result<Vec<StepSpec>, PlanProblem> {
    let title = format!("copy kubeadm's and the kubelet's files of {node}");
    Ok(vec![step("backup-node", node, (title, 10), &[])?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::sample::{at, healthy};
    use crate::planner::{Options, plan};

    #[test]
    fn every_node_and_the_cluster_are_copied_and_nothing_else_is_done() {
        let plan = backup_plan(&healthy(3, 2, "v1.35.6"), &Guard::Plain).unwrap();
        let ids: Vec<String> = plan.steps().map(|(_, step)| step.id.to_string()).collect();
        let nodes = ["cp1", "cp2", "cp3", "w1", "w2"].map(|node| format!("backup-node.{node}"));
        let of_cluster = ["backup-objects.cluster", "etcd-snapshot.cluster"].map(str::to_owned);
        assert_eq!(ids, [of_cluster.to_vec(), nodes.to_vec()].concat());
        assert!(plan.check().is_ok() && takes_backups(&plan));
        assert_eq!((plan.from.as_str(), plan.to.as_str()), ("v1.35.6", "v1.35.6"));
    }

    #[test]
    fn where_secrets_stay_on_their_nodes_no_snapshot_is_taken() {
        let plan = backup_plan(&healthy(1, 0, "v1.35.6"), &Guard::OnNodes).unwrap();
        assert!(plan.steps().all(|(_, step)| step.activity != "etcd-snapshot"));
        assert!(takes_backups(&plan));
    }

    #[test]
    fn an_upgrade_is_no_backup() {
        let options =
            Options { hops: vec![at("v1.36.2")], max_unavailable: 1, ..Options::default() };
        assert!(!takes_backups(&plan(&healthy(1, 1, "v1.35.6"), &options).unwrap()));
    }
}
