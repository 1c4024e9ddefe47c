//! The first gates: questions that must be answered before anything is changed. One file for each kind of question.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kup_core::activity::ActivityError;
use kup_core::catalog::Catalog;
use kup_core::event::Verdict;
use kup_core::gate::Gate;

use crate::inventory::Inventory;

mod control_plane;
mod disk;
mod nodes;
mod other_upgrade;
mod skew;

/// Answers from what was seen and from the plan's parameters.
type Answer = fn(&Inventory, &BTreeMap<String, String>) -> Verdict;

/// A gate that is answered from the inventory alone.
struct FromInventory {
    name: &'static str,
    inventory: Arc<Inventory>,
    answer: Answer,
}

#[async_trait]
impl Gate for FromInventory {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        1
    }

    async fn check(&self, params: &BTreeMap<String, String>) -> Result<Verdict, ActivityError> {
        Ok((self.answer)(&self.inventory, params))
    }
}

/// Adds the gates that are answered from an inventory.
pub fn add_all(catalog: &mut Catalog, inventory: &Arc<Inventory>) {
    let all: [(&'static str, Answer); 5] = [
        ("version-skew", skew::check),
        ("nodes-ready", nodes::check),
        ("control-plane-healthy", control_plane::check),
        ("disk-room", disk::check),
        ("no-other-upgrade", other_upgrade::check),
    ];
    for (name, answer) in all {
        let inventory = Arc::clone(inventory);
        catalog.add_gate(Arc::new(FromInventory { name, inventory, answer }));
    }
}

fn pass(evidence: impl Into<String>) -> Verdict {
    Verdict::Pass { evidence: evidence.into() }
}

fn block(evidence: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict::Block { evidence: evidence.into(), remedy: remedy.into() }
}
