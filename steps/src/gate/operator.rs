//! The two gates that only the command line can ask, for it knows its own state directory. What follows from what it knows is decided here.

use kup_core::event::Verdict;

use super::{About, Overruling};

/// Both.
pub const OF_THE_OPERATOR: [About; 2] = [
    About {
        code: "K190",
        name: "journal-room",
        question: "Has the state directory room for the journal and the backups?",
        why: "kup stops as soon as it cannot write its journal.",
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

/// What journal and backups of a run may need.
const JOURNAL_MIB: u64 = 256;

/// Answers whether a folder has room for a run's journal.
#[must_use]
pub fn journal_room(folder: &str, free_mib: u64) -> Verdict {
    if free_mib >= JOURNAL_MIB {
        super::pass(format!("{folder} has {free_mib} MiB free"))
    } else {
        let told = format!(
            "{folder} has {free_mib} MiB free, {JOURNAL_MIB} MiB are needed for journal and backups"
        );
        super::block(told, "make room, or name another folder with --state-dir")
    }
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
