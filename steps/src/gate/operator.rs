//! The two gates that only the command line can ask, for it knows its own state directory. What follows from what it knows is decided here.

use std::collections::BTreeMap;

use kup_core::event::Verdict;

use super::{About, Overruling};

/// Both.
pub const OF_THE_OPERATOR: [About; 2] = [
    About {
        code: "K190",
        name: "journal-room",
        question: "Has the state directory room for the journal and the backups?",
        why: "kup stops as soon as it cannot write its journal, or keep what a way back needs: before each hop a snapshot of etcd, before each step with kubeadm a copy of the node's files.",
        remedy: "make room, or name another folder with --state-dir",
        overruling: Overruling::Allowed,
    },
    About {
        code: "K191",
        name: "no-unfinished-run",
        question: "Is any other run of this cluster unfinished, here or on another machine?",
        why: "Two runs on one cluster would undo each other's work; nodes refuse the second one.",
        remedy: "`kup resume RUN`, `kup rollback RUN` or `kup abandon RUN --reason TEXT`; for a run of a machine that is gone: `--take-over RUN`",
        overruling: Overruling::Never,
    },
];

/// What the journal of a run and the outputs of its steps may need.
const JOURNAL_MIB: u64 = 256;

/// Answers whether a folder has room for a run's journal, and for its backups, of which the plan's parameters tell.
#[must_use]
pub fn journal_room(folder: &str, free_mib: u64, params: &BTreeMap<String, String>) -> Verdict {
    let backups = params.get("backup-mib").and_then(|mib| mib.parse().ok()).unwrap_or(0);
    let needed = JOURNAL_MIB.saturating_add(backups);
    if free_mib < needed {
        let told = format!(
            "{folder} has {free_mib} MiB free, {needed} MiB are needed for journal and backups"
        );
        return super::block(told, "make room, or name another folder with --state-dir");
    }
    let is_on = |name: &str| params.get(name).is_some_and(|on| on == "yes");
    if is_on("no-etcd-snapshot") {
        let flag = match is_on("backups-stay-on-nodes") {
            true => "--backups-stay-on-nodes",
            false => "--no-etcd-snapshot",
        };
        let told = "no snapshot of etcd is taken, as you asked: nothing leads back once etcd itself has changed (no R3)";
        return super::warn(told, format!("leave {flag} out, or have a snapshot of your own"));
    }
    super::pass(format!("{folder} has {free_mib} MiB free, {needed} MiB are needed"))
}

/// A run that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfinished {
    /// Of this machine.
    Here {
        /// Its id.
        run: String,
        /// Where it goes.
        to: String,
        /// How it stands.
        status: String,
    },
    /// Of another machine: a node says that it belongs to it.
    Elsewhere {
        /// Its id.
        run: String,
        /// The node.
        node: String,
        /// What the node says.
        owner: String,
    },
}

/// Answers whether another run is unfinished.
#[must_use]
pub fn no_unfinished_run(unfinished: Option<&Unfinished>) -> Verdict {
    match unfinished {
        None => super::pass("no unfinished run is known here or on the nodes"),
        Some(Unfinished::Here { run, to, status }) => super::block(
            format!("run {run} of this cluster, to {to}, is not finished: it is {status}"),
            format!(
                "`kup resume {run}`, `kup rollback {run}` or `kup abandon {run} --reason TEXT`"
            ),
        ),
        Some(Unfinished::Elsewhere { run, node, owner }) => super::block(
            format!("{node} belongs to run {run} of another machine: {owner}"),
            format!(
                "finish it where it was started; if that is not possible any more, say `--take-over {run}`"
            ),
        ),
    }
}
