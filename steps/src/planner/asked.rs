//! What the gates are told of a plan. All get the same: where the upgrade begins and goes through, how it drains, what kubeadm is told.

use std::collections::BTreeMap;

use kup_core::plan::{GateSpec, Wave};

use super::{Options, WorkerHops, snapshot};
use crate::gate;
use crate::inventory::Inventory;
use crate::version::Version;

/// Returns the gates of a plan with these waves.
pub(super) fn gates(
    (from, hops): (Version, &[Version]),
    options: &Options,
    waves: &[Wave],
    inventory: &Inventory,
) -> Vec<GateSpec> {
    let mut params = params(from, hops, options, waves);
    params.insert("backup-mib".to_owned(), snapshot::room_mib(inventory, waves).to_string());
    let spec = |gate: &str| GateSpec { gate: gate.to_owned(), version: 1, params: params.clone() };
    gate::names().map(spec).collect()
}

fn params(
    from: Version,
    hops: &[Version],
    options: &Options,
    waves: &[Wave],
) -> BTreeMap<String, String> {
    let yes = |on: bool| if on { "yes" } else { "no" }.to_owned();
    let hops: Vec<String> = hops.iter().map(ToString::to_string).collect();
    let kubeadm = &options.kubeadm;
    let skipped: Vec<&str> = kubeadm.skip_addons.iter().map(|addon| addon.name()).collect();
    let patches_etcd = waves.iter().any(|wave| wave.name.starts_with("etcd-patch"));
    let pairs = [
        ("from", from.to_string()),
        ("hops", hops.join(",")),
        ("workers-skip-hops", yes(options.workers == WorkerHops::Last)),
        ("etcd-patch", yes(patches_etcd)),
        ("drain-force", yes(options.drain.force)),
        ("delete-emptydir-data", yes(options.drain.delete_emptydir_data)),
        ("max-unavailable", options.max_unavailable.to_string()),
        ("keep-certificates", yes(kubeadm.keep_certificates)),
        ("patches", kubeadm.patches.clone().unwrap_or_default()),
        ("skip-addons", skipped.join(",")),
        ("ignore-preflight-errors", kubeadm.ignore_preflight_errors.join(",")),
        ("no-etcd-snapshot", yes(options.takes_no_snapshot())),
        ("etcdutl", yes(options.etcdutl.is_some())),
        ("backups-stay-on-nodes", yes(options.backups_stay_on_nodes)),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}
