//! Whether workers may leave hops out.

use super::{Hop, Options, PlanProblem, WorkerHops};
use crate::gate;
use crate::inventory::Inventory;
use crate::release;
use crate::version::Version;

/// Workers that leave hops out must not miss a migration, and must not fall too far behind.
pub(super) fn check(
    inventory: &Inventory,
    options: &Options,
    hops: &[Hop],
) -> Result<(), PlanProblem> {
    let Some(target) = hops.last().map(|hop| hop.target) else { return Ok(()) };
    if options.workers == WorkerHops::Every {
        return Ok(());
    }
    for node in inventory.nodes.iter().filter(|n| !n.node.control_plane) {
        let Ok(kubelet) = node.node.kubelet_version.parse::<Version>() else { continue };
        let migrates = |minor| migrates_nodes(minor).map(|why| (minor, why));
        if let Some((minor, why)) = (kubelet.minor + 1..target.minor).find_map(migrates) {
            return Err(PlanProblem::WorkersMustStop { minor, why });
        }
        if kubelet.minor + gate::most_behind(kubelet) < target.minor {
            let node = node.node.name.clone();
            return Err(PlanProblem::TooFarBehind { node, kubelet, target });
        }
    }
    Ok(())
}

/// Says why no node may leave a minor out.
fn migrates_nodes(minor: u32) -> Option<String> {
    Some(release::of(minor)?.migrates_nodes.as_ref()?.why.clone())
}
