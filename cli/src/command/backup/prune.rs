//! `kup backup prune`: removes backups that nothing needs any more, after showing them. What `kubeadm` has left on nodes is offered apart.

use std::collections::BTreeMap;

use kup_core::event::{BackupsFreed, Event, RunCommitted, RunStarted};
use kup_core::id::RunId;
use kup_steps::planner::takes_backups;
use kup_store::backup_blobs;

use super::kubeadm_tmp;
use crate::args::{Global, Prune};
use crate::command::commit::tell_nodes;
use crate::command::confirm;
use crate::error::{CliError, Exit};
use crate::freeing::{free_here, free_on_nodes};
use crate::known::newest_runs;
use crate::output::{self, tell};
use crate::pruning::{Fate, Past, Retention, judge};
use crate::render::prune::{Row, table};
use crate::render::size;
use crate::wiring::Session;

pub(super) async fn run(global: &Global, args: &Prune) -> Result<Exit, CliError> {
    let session = Session::open(global)?;
    let looked = look(&session, args)?;
    let rows: Vec<Row> = looked.rows();
    output::print_lines(global.output, &rows, || table(&rows))?;
    let unreadable = looked.tell_unreadable();
    let freed = if args.dry_run { told_dry() } else { free(&session, &looked, args).await? };
    let tidied = if args.kubeadm_tmp {
        kubeadm_tmp::run(&session, (args, global.output)).await?
    } else {
        Exit::Done
    };
    Ok([unreadable, freed, tidied]
        .into_iter()
        .find(|exit| *exit != Exit::Done)
        .unwrap_or(Exit::Done))
}

fn told_dry() -> Exit {
    tell!("Dry run: nothing was changed.");
    Exit::Done
}

/// All runs, what is to become of their backups, and how many bytes of those are here.
struct Looked {
    judged: Vec<(Past, Fate, u64)>,
    unreadable: Vec<(RunId, CliError)>,
}

fn look(session: &Session, args: &Prune) -> Result<Looked, CliError> {
    let (mut pasts, mut bytes, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for run in session.store.runs()? {
        match session.read(&run) {
            Ok((state, entries)) => {
                pasts.push(Past::of(&run, &state, takes_backups(&state.started.plan)));
                let blobs = session.blobs(&run);
                bytes.push(backup_blobs(&entries).iter().map(|(id, _)| blobs.length(id)).sum());
            }
            Err(error) => unreadable.push((run, error)),
        }
    }
    let (older_than, commit_older_than) = (args.older_than, args.commit_older_than);
    let fates = judge(&pasts, session.clock.now(), Retention { older_than, commit_older_than });
    let judged = pasts.into_iter().zip(fates).zip(bytes);
    let judged = judged.map(|((past, fate), bytes)| (past, fate, bytes)).collect();
    Ok(Looked { judged, unreadable })
}

impl Looked {
    /// What was cleared before is not worth a line.
    fn rows(&self) -> Vec<Row> {
        let matters =
            |(_, fate, bytes): &&(Past, Fate, u64)| !matches!(fate, Fate::Clear(_)) || *bytes > 0;
        let row = |(past, fate, bytes): &(Past, Fate, u64)| Row::of(past, fate, *bytes);
        self.judged.iter().filter(matters).map(row).collect()
    }

    fn tell_unreadable(&self) -> Exit {
        for (run, why) in &self.unreadable {
            tell!("The backups of run {run} are left alone: {}", why.in_one_line());
        }
        if self.unreadable.is_empty() { Exit::Done } else { Exit::Damaged }
    }

    fn going(&self) -> Vec<&(Past, Fate, u64)> {
        let goes = |(_, fate, bytes): &&(Past, Fate, u64)| {
            fate.goes() && (!matches!(fate, Fate::Clear(_)) || *bytes > 0)
        };
        self.judged.iter().filter(goes).collect()
    }
}

async fn free(session: &Session, looked: &Looked, args: &Prune) -> Result<Exit, CliError> {
    let going = looked.going();
    if !going.is_empty() {
        let bytes = going.iter().map(|(_, _, bytes)| bytes).sum();
        let n_runs = going.len();
        confirm(&format!("Remove the backups of {n_runs} runs ({})?", size(bytes)), args.yes)?;
    }
    let mut freed = 0;
    for (past, fate, _) in &going {
        freed += free_here(session, &past.run, event(session, fate)).await?;
    }
    tell!("{} freed on this machine.", size(freed));
    if !args.nodes {
        tell!(
            "The copies on nodes stay: --nodes removes those of all runs that need them no more."
        );
        return Ok(Exit::Done);
    }
    let gone = looked.judged.iter().filter(|(_, fate, _)| fate.goes()).map(|(past, _, _)| past);
    free_nodes(session, gone).await
}

fn event(session: &Session, fate: &Fate) -> Option<Event> {
    let operator = session.operator.clone();
    let reason = format!("kup backup prune: {}", fate.why());
    match fate {
        Fate::Commit(_) => Some(Event::RunCommitted(RunCommitted { operator, reason })),
        Fate::Free(_) => Some(Event::BackupsFreed(BackupsFreed { operator, reason })),
        Fate::Clear(_) | Fate::Keep(_) => None,
    }
}

/// Asks each cluster's nodes once, as its newest run reaches them.
async fn free_nodes(
    session: &Session,
    gone: impl Iterator<Item = &Past>,
) -> Result<Exit, CliError> {
    let mut by_cluster: BTreeMap<&str, Vec<RunId>> = BTreeMap::new();
    for past in gone {
        by_cluster.entry(&past.cluster).or_default().push(past.run.clone());
    }
    let mut worst = Exit::Done;
    for (run, started) in newest_runs(&session.state_dir, None) {
        if let Some(runs) = by_cluster.get(started.cluster.uid.as_str()) {
            let exit = tell_cluster(session, (&run, &started), runs).await;
            worst = if exit == Exit::Done { worst } else { exit };
        }
    }
    Ok(worst)
}

async fn tell_cluster(session: &Session, newest: (&RunId, &RunStarted), runs: &[RunId]) -> Exit {
    tell_nodes(&free_on_nodes(session, newest, runs).await)
}
