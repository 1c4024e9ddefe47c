//! `kup doctor [RUN]`: looks for what is wrong and says what to do about it. Changes something only where it is told what.

mod clean;
mod nodes;
mod repair;

use std::path::Path;

use kup_core::id::RunId;
use kup_store::{Index, Store, checkup};

use crate::args::{Doctor, Global};
use crate::error::{CliError, Exit};
use crate::output;
use crate::render::doctor::{Line, Report, local_line, text};
use crate::wiring::state_dir;

pub(super) async fn run(global: &Global, args: &Doctor) -> Result<Exit, CliError> {
    let state_dir = state_dir(global)?;
    let run = args.run.as_deref().map(|given| checkup::resolve(&state_dir, given)).transpose()?;
    let changed = act(global, args, (&state_dir, run.as_ref())).await?;
    let found = checkup::look(&state_dir, run.as_ref());
    let is_verbose = global.verbose > 0;
    let mut lines: Vec<Line> =
        found.iter().filter_map(|it| local_line(&state_dir, it, is_verbose)).collect();
    if args.nodes || args.clean {
        lines.extend(nodes::look(&state_dir, run.as_ref()).await);
    } else if !checkup::runs(&state_dir).is_empty() {
        lines.push(Line::nodes_not_asked(run.as_ref().map(RunId::as_str)));
    }
    let report = Report::new(state_dir.display().to_string(), lines, changed);
    output::print(global.output, &report, || text(&report))?;
    Ok(exit(&report))
}

fn exit(report: &Report) -> Exit {
    match (report.has_damage(), report.has_problems()) {
        (true, _) => Exit::Damaged,
        (false, true) => Exit::Stopped,
        (false, false) => Exit::Done,
    }
}

/// Does what was asked for, and returns it in words.
async fn act(
    global: &Global,
    args: &Doctor,
    (state_dir, run): (&Path, Option<&RunId>),
) -> Result<Vec<String>, CliError> {
    let done = match run {
        Some(run) if args.repair => Some(repair::run(global, args, run).await?),
        Some(run) if args.clean => Some(clean::run(global, args, run).await?),
        Some(_) | None if args.rebuild_index => Some(rebuild_index(state_dir)?),
        Some(_) | None => None,
    };
    Ok(done.into_iter().collect())
}

fn rebuild_index(state_dir: &Path) -> Result<String, CliError> {
    let store = Store::open(state_dir)?;
    let runs = Index::take(state_dir)?.rebuild(&store)?;
    Ok(format!("the index was made anew (of {} runs)", runs.len()))
}
