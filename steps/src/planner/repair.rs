//! What an interrupted `kubeadm upgrade` has left undone, and no kubeadm can begin without.

use std::collections::BTreeMap;

use kup_core::plan::{Stage, Wave};

use super::{PlanProblem, Standing, step};

/// Returns the wave that puts back what an interrupted kubeadm has not put there. Without its manifests kubeadm takes a control plane for a
/// worker, without the kubelets' configuration it refuses the cluster.
pub(super) fn wave(standing: &Standing) -> Result<Option<Wave>, PlanProblem> {
    let mut nodes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (node, component) in &standing.missing {
        nodes.entry(node).or_default().push(component);
    }
    let stages = nodes.into_iter().map(|(node, components)| {
        let title = format!("put {} back from kubeadm's copies", components.join(", "));
        let params = [("components", components.join(","))];
        let steps = vec![step("put-back", node, (title, 2), &params)?];
        Ok(Stage { target: node.to_owned(), skippable: false, steps })
    });
    let mut stages = stages.collect::<Result<Vec<_>, PlanProblem>>()?;
    if let Some((name, from)) = &standing.kubelet_config {
        let title = format!("write {name}, as {from} is, for kubeadm to go on from");
        let params = [("name", name.clone()), ("older", from.clone())];
        let steps = vec![step("kubelet-config-map", "cluster", (title, 2), &params)?];
        stages.push(Stage { target: "cluster".to_owned(), skippable: false, steps });
    }
    let name = "repair".to_owned();
    Ok((!stages.is_empty()).then_some(Wave { name, hop: 1, max_parallel: 1, stages }))
}
