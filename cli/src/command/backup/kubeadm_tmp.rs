//! `kup backup prune --kubeadm-tmp`: the copies that `kubeadm upgrade` has left on nodes. Never while a run of the cluster is unfinished: an
//! upgrade that was interrupted may need them.

use kup_core::event::RunStarted;
use kup_core::id::RunId;
use kup_steps::kept::Asked;
use kup_steps::kubeadm_tmp::{folders, remove};

use crate::args::{Format, Prune};
use crate::command::commit::tell_nodes;
use crate::command::confirm;
use crate::connect::Connected;
use crate::error::{CliError, Exit};
use crate::known::{connected, machines, newest_runs};
use crate::output::{self, tell};
use crate::render::prune::{FolderRow, folders_table};
use crate::render::size;
use crate::wiring::Session;

/// Looks at the nodes of all clusters, shows, asks, removes.
pub(super) async fn run(
    session: &Session,
    (args, format): (&Prune, Format),
) -> Result<Exit, CliError> {
    let mut worst = Exit::Done;
    for (run, started) in newest_runs(&session.state_dir, None) {
        let exit = tidy(session, (&run, &started), (args, format)).await?;
        worst = if exit == Exit::Done { worst } else { exit };
    }
    Ok(worst)
}

async fn tidy(
    session: &Session,
    (run, started): (&RunId, &RunStarted),
    (args, format): (&Prune, Format),
) -> Result<Exit, CliError> {
    let (uid, endpoint) = (&started.cluster.uid, &started.cluster.endpoint);
    // Nobody begins a run meanwhile.
    let _lock = session.store.lock_cluster(uid, run)?;
    let unfinished = session.index().unfinished(&session.store, uid)?;
    if let Some(other) = unfinished.first() {
        tell!("What kubeadm has left at {endpoint} stays: run {} is not over.", other.run);
        return Ok(Exit::Stopped);
    }
    let connected = connected(&session.state_dir, run, started).await?;
    let (rows, silent) = look(&connected, started).await;
    output::print_lines(format, &rows, || folders_table(&rows, endpoint))?;
    for (node, why) in &silent {
        tell!("{node} does not say what kubeadm has left there: {why}");
    }
    if rows.is_empty() || args.dry_run {
        return Ok(if silent.is_empty() { Exit::Done } else { Exit::Ssh });
    }
    let kib: u64 = rows.iter().map(|row| row.kib).sum();
    let total = size(kib.saturating_mul(1024));
    confirm(&format!("Remove these {} folders of kubeadm's ({total})?", rows.len()), args.yes)?;
    Ok(remove_all(&connected, (started, &rows)).await)
}

async fn look(
    connected: &Connected,
    started: &RunStarted,
) -> (Vec<FolderRow>, Vec<(String, String)>) {
    let (mut rows, mut silent) = (Vec::new(), Vec::new());
    for (node, answer) in folders(machines(connected, started)).await {
        match answer {
            Ok(folders) => rows.extend(folders.into_iter().map(|it| FolderRow::of(&node, it))),
            Err(error) => silent.push((node, error.to_record().to_string())),
        }
    }
    (rows, silent)
}

async fn remove_all(connected: &Connected, (started, rows): (&RunStarted, &[FolderRow])) -> Exit {
    let names = |node: &str| -> Vec<String> {
        rows.iter().filter(|row| row.node == node).map(|row| row.folder.clone()).collect()
    };
    let asked = machines(connected, started).into_iter().map(|(machine, host)| {
        let names = names(&machine.name);
        (machine, host, names)
    });
    let asked: Vec<Asked<Vec<String>>> = asked.filter(|(_, _, names)| !names.is_empty()).collect();
    let answers = remove(asked).await.into_iter();
    let plain = |error: kup_core::activity::ActivityError| error.to_record().to_string();
    let answers: Vec<_> = answers.map(|(node, freed)| (node, freed.map_err(plain))).collect();
    tell_nodes(&answers)
}
