//! What is kept of the whole cluster before a hop changes anything: a snapshot of etcd.

use kup_core::plan::{StepSpec, Wave};

use super::stages::{Stages, step};
use super::{Options, PlanProblem};
use crate::facts::etcd::EtcdSurvey;
use crate::inventory::{Inventory, NodeInventory};

/// The wave before a hop's first change.
pub(super) const WAVE: &str = "backup";
/// The wave before etcd is patched: what comes after it has a snapshot of its own.
pub(super) const BEFORE_PATCH: &str = "backup-before-etcd-patch";

/// What the copy of a node's files takes.
const COPY_MIB: u64 = 1;

impl Options {
    /// Whether no snapshot of etcd is taken.
    pub(super) fn takes_no_snapshot(&self) -> bool {
        self.no_etcd_snapshot || self.backups_stay_on_nodes
    }
}

impl Stages<'_> {
    /// Returns the wave that takes a snapshot of etcd; none where the operator wants none.
    pub(super) fn snapshot(
        &self,
        name: &str,
        (inventory, first): (&Inventory, &NodeInventory),
    ) -> Result<Option<Wave>, PlanProblem> {
        if self.options.takes_no_snapshot() {
            return Ok(None);
        }
        let node = &first.node.name;
        let all = inventory.nodes.iter().filter(|it| it.node.control_plane);
        let others = all.map(|it| &it.node.name).filter(|name| *name != node);
        let through: Vec<&str> = std::iter::once(node).chain(others).map(String::as_str).collect();
        let mut step = step_of(node, through, inventory)?;
        if name == BEFORE_PATCH {
            step.id = super::step_id(&format!("etcd-snapshot-before-patch.{node}"), node)?;
        }
        let stages = vec![self.stage(node, false, vec![step])?];
        let (name, hop) = (self.hop.wave(name), self.hop.number);
        Ok(Some(Wave { name, hop, max_parallel: 1, stages }))
    }
}

/// Returns the step that takes one, through these control planes in their order.
pub(super) fn step_of(
    target: &str,
    through: Vec<&str>,
    inventory: &Inventory,
) -> Result<StepSpec, PlanProblem> {
    let title = format!("take a snapshot of etcd{}", size(inventory));
    let params = [("control-planes", through.join(","))];
    step("etcd-snapshot", target, (title, 60), &params)
}

/// Says roughly how large it will be.
fn size(inventory: &Inventory) -> String {
    match snapshot_mib(inventory) {
        Some(mib) => format!(", about {mib} MiB"),
        None => String::new(),
    }
}

fn snapshot_mib(inventory: &Inventory) -> Option<u64> {
    let etcd = inventory.etcd.as_ref().ok();
    Some(etcd.and_then(EtcdSurvey::largest)?.div_ceil(1 << 20))
}

/// Returns how much room the backups of a plan need here: a snapshot for each step that takes one, and the copies of nodes.
pub(super) fn room_mib(inventory: &Inventory, waves: &[Wave]) -> u64 {
    let steps = || waves.iter().flat_map(|wave| &wave.stages).flat_map(|stage| &stage.steps);
    let n = |it: &dyn Fn(&str) -> bool| {
        let n = steps().filter(|step| it(&step.activity)).count();
        u64::try_from(n).unwrap_or(u64::MAX)
    };
    let snapshots = n(&|activity| activity == "etcd-snapshot");
    let copies = n(&|activity| activity.starts_with("kubeadm"));
    // Where etcd does not say how large it is, its folder tells something.
    let on_disk = || inventory.nodes.iter().map(|node| node.facts.etcd_kib / 1024).max();
    let each = snapshot_mib(inventory).or_else(on_disk).unwrap_or_default();
    snapshots.saturating_mul(each).saturating_add(copies.saturating_mul(COPY_MIB))
}

#[cfg(test)]
mod tests {
    use kup_core::plan::Plan;

    use super::super::{Options, plan};
    use crate::inventory::Inventory;
    use crate::inventory::sample::{at, healthy};

    fn planned(inventory: &Inventory, no_etcd_snapshot: bool) -> Plan {
        let hops = vec![at("v1.34.1"), at("v1.35.6")];
        let rest = Options { max_unavailable: 1, ..Options::default() };
        plan(inventory, &Options { hops, no_etcd_snapshot, ..rest }).unwrap()
    }

    /// Returns wave, step and ways of each snapshot.
    fn snapshots(plan: &Plan) -> Vec<(&str, &str, &str)> {
        let mut found = Vec::new();
        for wave in &plan.waves {
            let steps = wave.stages.iter().flat_map(|stage| &stage.steps);
            for step in steps.filter(|step| step.activity == "etcd-snapshot") {
                let through = step.params["control-planes"].as_str();
                found.push((wave.name.as_str(), step.id.as_str(), through));
            }
        }
        found
    }

    #[test]
    fn every_hop_begins_with_a_snapshot_and_so_does_a_patch_of_etcd() {
        let plan = planned(&healthy(2, 1, "v1.33.13"), false);
        let expected = [
            ("backup-before-etcd-patch to v1.34.1", "etcd-snapshot-before-patch.cp1", "cp1,cp2"),
            ("backup to v1.34.1", "etcd-snapshot.cp1", "cp1,cp2"),
            ("backup", "hop2.etcd-snapshot.cp1", "cp1,cp2"),
        ];
        assert_eq!(snapshots(&plan), expected);
    }

    #[test]
    fn who_wants_no_snapshot_gets_none() {
        let plan = planned(&healthy(2, 1, "v1.33.13"), true);
        assert_eq!(snapshots(&plan), []);
        assert_eq!(plan.gates[0].params["no-etcd-snapshot"], "yes");
    }

    #[test]
    fn the_gates_are_told_how_much_room_the_backups_need() {
        let mut inventory = healthy(2, 1, "v1.33.13");
        let room = |it: &Inventory| -> u64 {
            planned(it, false).gates[0].params["backup-mib"].parse().unwrap()
        };
        let small = room(&inventory);
        for member in &mut inventory.etcd.as_mut().unwrap().members {
            member.status.as_mut().unwrap().db_size += 1000 << 20;
        }
        assert_eq!(room(&inventory), small + 3000);
        // Its folder tells, where etcd itself does not.
        inventory.etcd = Err("no certificate".to_owned());
        inventory.node_mut("cp2").facts.etcd_kib = 5000 << 10;
        let without = room(&inventory);
        assert!((15_000..15_100).contains(&without), "{without}");
    }
}
