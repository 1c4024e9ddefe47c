//! An inventory for programs. Names of fields stay as they are; what could not be read is `{"unreadable": "why"}`.

use kup_core::clock::Timestamp;
use kup_steps::cluster::Node;
use kup_steps::inventory::{Inventory, NodeInventory, SilentNode};
use serde_json::{Value, json};

/// Returns an inventory as an object.
pub(crate) fn shown(inventory: &Inventory) -> Result<Value, serde_json::Error> {
    let each = |nodes: &[NodeInventory]| nodes.iter().map(node).collect::<Result<Vec<_>, _>>();
    let silent: Result<Vec<Value>, _> = inventory.silent.iter().map(silent).collect();
    Ok(json!({
        "taken_at": inventory.taken_at.to_string(),
        "cluster": serde_json::to_value(&inventory.cluster)?,
        "version": inventory.version.to_string(),
        "server_version": inventory.server_version.to_string(),
        "control_plane_endpoint": inventory.control_plane_endpoint(),
        "unready_checks": inventory.unready_checks,
        "unready_pods": inventory.unready_pods,
        "nodes": each(&inventory.nodes)?,
        "silent": silent?,
        "foreign": serde_json::to_value(&inventory.foreign)?,
        "etcd": settled(serde_json::to_value(&inventory.etcd)?),
        "api": settled(serde_json::to_value(&inventory.survey)?),
    }))
}

fn node(seen: &NodeInventory) -> Result<Value, serde_json::Error> {
    Ok(json!({
        "name": seen.node.name,
        "address": seen.address,
        "seen_at": seen.seen_at.to_string(),
        "clock_ahead_seconds": clock_ahead(seen),
        "node": serde_json::to_value(&seen.node)?,
        "facts": serde_json::to_value(&seen.facts)?,
        "packages": serde_json::to_value(&seen.packages)?,
        "offers": serde_json::to_value(&seen.offers)?,
        "control_plane": serde_json::to_value(&seen.control_plane)?,
        "survey": serde_json::to_value(&seen.survey)?,
    }))
}

fn silent(silent: &SilentNode) -> Result<Value, serde_json::Error> {
    let SilentNode { node, address, why } = silent;
    let Node { name, .. } = node;
    Ok(json!({ "name": name, "address": address, "why": why, "node": serde_json::to_value(node)? }))
}

/// Returns how many seconds a machine's clock is ahead of ours, as far as the time that it took to ask tells.
pub(super) fn clock_ahead(seen: &NodeInventory) -> i64 {
    let Timestamp(nanoseconds) = seen.seen_at;
    seen.facts.now.saturating_sub(nanoseconds.div_euclid(1_000_000_000))
}

/// Returns what a result holds, or why it holds nothing.
fn settled(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(settled).collect()),
        Value::Object(fields) => {
            let mut fields: serde_json::Map<String, Value> =
                fields.into_iter().map(|(name, value)| (name, settled(value))).collect();
            let only = fields.len() == 1;
            if let Some(read) = fields.remove("Ok").filter(|_| only) {
                return read;
            }
            match fields.remove("Err") {
                Some(why) => json!({ "unreadable": why }),
                None => Value::Object(fields),
            }
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stands_there_and_what_was_not_says_why() {
        let given = json!({"a": {"Ok": [{"status": {"Err": "refused"}}]}, "b": {"Err": "no"}});
        let wanted =
            json!({"a": [{"status": {"unreadable": "refused"}}], "b": {"unreadable": "no"}});
        assert_eq!(settled(given), wanted);
    }
}
