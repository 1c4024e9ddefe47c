//! What kup has left on nodes, and whether the journals know of it. Each cluster's nodes are asked once, as its newest run reaches them.

use std::path::Path;

use kup_core::event::RunStarted;
use kup_core::id::RunId;
use kup_steps::facts::Leftovers;
use kup_steps::leftover::{self, Leftover, Past, Pasts};
use kup_store::checkup;

use crate::connect::Connected;
use crate::known::{connected, machines, newest_runs};
use crate::render::doctor::{Line, node_line};

/// What each node of a run has answered.
pub(super) type Answers = Vec<(String, Result<Leftovers, String>)>;

/// Asks the nodes of one run, or of all clusters.
pub(super) async fn look(state_dir: &Path, only: Option<&RunId>) -> Vec<Line> {
    let mut lines = Vec::new();
    let newest = newest_runs(state_dir, only);
    if let (Some(run), true) = (only, newest.is_empty()) {
        let why = format!("the journal of run {run} does not tell where they are");
        lines.push(Line::nodes_out_of_reach(&why));
    }
    for (run, started) in newest {
        match connected(state_dir, &run, &started).await {
            Ok(connected) => {
                lines.extend(look_at(state_dir, &connected, (&started, only)).await);
            }
            Err(error) => lines.push(Line::nodes_out_of_reach(&error.in_one_line())),
        }
    }
    lines
}

/// Asks all machines of a run.
pub(super) async fn ask(connected: &Connected, started: &RunStarted) -> Answers {
    let answers = leftover::ask(machines(connected, started)).await;
    let plain = |(node, answer): (String, Result<Leftovers, _>)| {
        (
            node,
            answer
                .map_err(|error: kup_core::activity::ActivityError| error.to_record().to_string()),
        )
    };
    answers.into_iter().map(plain).collect()
}

async fn look_at(
    state_dir: &Path,
    connected: &Connected,
    (started, only): (&RunStarted, Option<&RunId>),
) -> Vec<Line> {
    let answers = ask(connected, started).await;
    // Read after the nodes have answered: what is an intent there now is in its journal by now.
    let pasts = pasts(state_dir);
    let mut lines = Vec::new();
    for (node, answer) in answers {
        let found = match answer {
            Ok(left) => leftover::judge(&left, &pasts, only.map(RunId::as_str)),
            Err(why) => vec![Leftover::Silent { why }],
        };
        lines.extend(found.iter().map(|found| node_line(&node, found)));
    }
    let cluster = connected.cluster.as_ref();
    match leftover::cordons(cluster, &started.cluster, &pasts).await {
        Ok(found) => lines.extend(found.iter().map(|(node, found)| node_line(node, found))),
        Err(error) => lines.push(Line::cordons_unknown(&error.to_record().to_string())),
    }
    lines
}

fn pasts(state_dir: &Path) -> Pasts {
    let past = |run: RunId| {
        let read = checkup::read(state_dir, &run);
        (run.to_string(), Past::of(&read.entries, read.is_whole))
    };
    checkup::runs(state_dir).into_iter().map(past).collect()
}
