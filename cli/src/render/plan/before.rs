//! What an operator should know before an upgrade begins: what to read, what to back up, and which nodes stay as they are.

use kup_steps::inventory::Inventory;
use kup_steps::release;
use kup_steps::version::Version;
use serde::Serialize;

use super::HopPicture;

/// A node that the plan does not touch.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) node: String,
    pub(super) why: String,
}

/// What an operator should have read or done before.
#[derive(Debug, Serialize)]
pub(super) struct Reading {
    pub(super) what: String,
    pub(super) place: String,
}

/// Returns the nodes that the plan leaves as they are.
pub(super) fn left_out(inventory: &Inventory) -> Vec<LeftOut> {
    let foreign = inventory.foreign.iter().map(|node| {
        let why = format!("it runs {}, which kup does not upgrade", node.os);
        LeftOut { node: node.name.clone(), why }
    });
    let silent = inventory.silent.iter().map(|silent| {
        let why = format!("its machine does not answer: {}", silent.why);
        LeftOut { node: silent.node.name.clone(), why }
    });
    foreign.chain(silent).collect()
}

/// Returns what should be read, and backed up.
pub(super) fn reading(hops: &[HopPicture]) -> Vec<Reading> {
    let mut reading = Vec::new();
    for hop in hops {
        let (Ok(from), Ok(to)) = (hop.from.parse::<Version>(), hop.to.parse::<Version>()) else {
            continue;
        };
        let minor = to.minor_name();
        let number = minor.trim_start_matches('v');
        reading.push(Reading {
            what: format!("the release notes of {minor}, up to {to}"),
            place: format!("https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-{number}.md"),
        });
        for note in release::entered(from, to).flat_map(|release| &release.notes) {
            let remedy = if note.remedy.is_empty() { &note.source } else { &note.remedy };
            reading.push(Reading { what: note.what.clone(), place: remedy.clone() });
        }
    }
    let what = "a backup of your applications' data and of etcd: kup backs up what it changes itself, and no more".to_owned();
    let place = "https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#backing-up-an-etcd-cluster".to_owned();
    reading.push(Reading { what, place });
    reading
}
