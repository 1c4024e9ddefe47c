//! What may go, as tables.

use chrono::DateTime;
use kup_steps::kubeadm_tmp::Folder;
use serde::Serialize;

use super::{size, table as plain_table};
use crate::pruning::{Fate, Past};

/// The backups of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    run: String,
    ended: String,
    bytes: u64,
    fate: &'static str,
    why: String,
}

impl Row {
    pub(crate) fn of(past: &Past, fate: &Fate, bytes: u64) -> Self {
        Self {
            run: past.run.to_string(),
            ended: past.ended.to_utc().format("%Y-%m-%d %H:%M:%S").to_string(),
            bytes,
            fate: match fate {
                Fate::Keep(_) => "stays",
                Fate::Commit(_) => "COMMITTED, GOES",
                Fate::Free(_) | Fate::Clear(_) => "GOES",
            },
            why: fate.why().to_owned(),
        }
    }
}

/// Returns what becomes of the backups of all runs.
pub(crate) fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "There are no backups.\n".to_owned();
    }
    let row = |row: &Row| {
        let Row { run, ended, bytes, fate, why } = row;
        vec![run.clone(), ended.clone(), size(*bytes), (*fate).to_owned(), why.clone()]
    };
    plain_table(&["RUN", "LAST ENTRY (UTC)", "HERE", "", "WHY"], rows.iter().map(row).collect())
}

/// A folder of kubeadm's on a node.
#[derive(Debug, Serialize)]
pub(crate) struct FolderRow {
    pub(crate) node: String,
    pub(crate) folder: String,
    pub(crate) kib: u64,
    changed: String,
}

impl FolderRow {
    pub(crate) fn of(node: &str, folder: Folder) -> Self {
        let changed = DateTime::from_timestamp(folder.changed, 0);
        let changed = changed.map(|it| it.format("%Y-%m-%d %H:%M:%S").to_string());
        let changed = changed.unwrap_or_default();
        Self { node: node.to_owned(), folder: folder.name, kib: folder.kib, changed }
    }
}

/// Returns what kubeadm has left on the nodes of a cluster.
pub(crate) fn folders_table(rows: &[FolderRow], endpoint: &str) -> String {
    if rows.is_empty() {
        return format!("kubeadm has left nothing in /etc/kubernetes/tmp at {endpoint}.\n");
    }
    let row = |row: &FolderRow| {
        let bytes = size(row.kib.saturating_mul(1024));
        vec![row.node.clone(), row.folder.clone(), bytes, row.changed.clone()]
    };
    let header = ["NODE", "IN /etc/kubernetes/tmp", "SIZE", "CHANGED (UTC)"];
    plain_table(&header, rows.iter().map(row).collect())
}
