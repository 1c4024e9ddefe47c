//! The list of runs, and the events of one run.

use kup_core::event::{Entry, Event};
use kup_store::RunSummary;

use super::event::describe;
use super::{table, time};

/// Returns the runs, newest last.
pub(crate) fn runs_table(runs: &[RunSummary]) -> String {
    if runs.is_empty() {
        return "There are no runs yet.\n".to_owned();
    }
    let row = |run: &RunSummary| {
        vec![
            run.run.to_string(),
            run.started.to_utc().format("%Y-%m-%d %H:%M:%S").to_string(),
            time(run.last.since(run.started)),
            run.status.to_string(),
            format!("{} to {}", run.from, run.to),
            run.cluster_endpoint.clone(),
            run.operator.clone(),
        ]
    };
    table(
        &["RUN", "STARTED (UTC)", "TOOK", "STATUS", "VERSIONS", "CLUSTER", "OPERATOR"],
        runs.iter().map(row).collect(),
    )
}

/// Returns the events in order. Where one process took over from another, a line says so.
pub(crate) fn events_table(entries: &[Entry]) -> String {
    let previous = std::iter::once(None).chain(entries.iter().map(Some));
    let rows = entries.iter().zip(previous).map(|(entry, previous)| row(entry, previous)).collect();
    let table = table(&["SEQ", "TIME (UTC)", "AFTER", "EVENT", "STEP", "WHAT"], rows);
    let mut lines = table.lines();
    let mut text: String = lines.next().map(|header| header.to_owned() + "\n").unwrap_or_default();
    let mut last: Option<&Entry> = None;
    for (entry, line) in entries.iter().zip(lines) {
        if let Some(last) = last.filter(|last| last.epoch < entry.epoch) {
            text += &boundary(last, entry);
        }
        text += line;
        text.push('\n');
        last = Some(entry);
    }
    text
}

fn boundary(last: &Entry, next: &Entry) -> String {
    let rested = matches!(last.event, Event::RunPaused(_) | Event::RunFinished(_));
    let how = if rested { "the process before had rested" } else { "the process before had died" };
    let pause = time(next.time.since(last.time));
    format!("-- {how}; {pause} later another one took over, epoch {} --\n", next.epoch)
}

fn row(entry: &Entry, previous: Option<&Entry>) -> Vec<String> {
    let (name, what) = describe(&entry.event);
    let after = previous.map(|last| format!("+{}", time(entry.time.since(last.time))));
    vec![
        entry.seq.to_string(),
        entry.time.to_utc().format("%m-%d %H:%M:%S").to_string(),
        after.unwrap_or_default(),
        name.to_owned(),
        entry.event.step().map(ToString::to_string).unwrap_or_default(),
        what.lines().collect::<Vec<_>>().join(" "),
    ]
}
