//! What an operator sees while a run goes on: on a terminal one live line per node at work above which settled steps scroll by; else one line
//! per event. All of it goes to stderr.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kup_core::event::{Entry, Event, Found};
use kup_core::id::StepId;
use kup_core::plan::Plan;
use kup_core::progress::Progress;
use kup_core::state::RunState;

use crate::output::tell;
use crate::render::event::describe;

/// Shows a run as it goes on.
pub(crate) struct Screen {
    lines: Option<MultiProgress>,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
    targets: Mutex<BTreeMap<StepId, (String, String)>>,
    notes: Mutex<BTreeMap<StepId, (String, Instant)>>,
}

const BETWEEN_NOTES: Duration = Duration::from_secs(10);

impl Screen {
    /// Returns a screen for a run: live on a terminal, plain otherwise.
    pub(crate) fn new(state: &RunState) -> Self {
        let lines = std::io::stderr().is_terminal().then(MultiProgress::new);
        let targets = Mutex::new(targets(&state.plan));
        let (bars, notes) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::new()));
        Self { lines, bars, targets, notes }
    }

    /// Takes the live lines away.
    pub(crate) fn close(&self) {
        if let Ok(mut bars) = self.bars.lock() {
            std::mem::take(&mut *bars).into_values().for_each(|bar| bar.finish_and_clear());
        }
    }

    fn line(&self, text: &str) {
        match &self.lines {
            // A terminal that went away is no reason to stop.
            Some(lines) => drop(lines.println(text)),
            None => tell!("{text}"),
        }
    }

    /// Without a terminal a note is a line, when it says something new and the last one of its step is a while ago.
    fn plain_note(&self, step: &StepId, text: &str) {
        let Ok(mut notes) = self.notes.lock() else { return };
        let last = notes.get(step);
        if last.is_some_and(|(said, at)| said == text || at.elapsed() < BETWEEN_NOTES) {
            return;
        }
        notes.insert(step.clone(), (text.to_owned(), Instant::now()));
        tell!("         ...             {step:<28} {text}");
    }

    fn bar(&self, step: &StepId, text: &str) {
        let Some(lines) = &self.lines else { return };
        let Ok(targets) = self.targets.lock() else { return };
        let Some((target, title)) = targets.get(step) else { return };
        let Ok(mut bars) = self.bars.lock() else { return };
        let bar = bars.entry(target.clone()).or_insert_with(|| {
            let bar = lines.add(ProgressBar::new_spinner());
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_prefix(target.clone());
            bar
        });
        let text = text.lines().next().unwrap_or_default();
        bar.set_message(if text.is_empty() { title.clone() } else { format!("{title}: {text}") });
    }

    fn settle(&self, step: &StepId) {
        let target = self.targets.lock().ok().and_then(|targets| targets.get(step).cloned());
        let bar = target.and_then(|(target, _)| self.bars.lock().ok()?.remove(&target));
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

fn targets(plan: &Plan) -> BTreeMap<StepId, (String, String)> {
    plan.steps()
        .map(|(stage, step)| (step.id.clone(), (stage.target.clone(), step.title.clone())))
        .collect()
}

impl Progress for Screen {
    fn entry(&self, entry: &Entry) {
        if let (Event::RollbackStarted(rollback), Ok(mut known)) =
            (&entry.event, self.targets.lock())
        {
            known.extend(targets(&rollback.plan));
        }
        if let Some(step) = entry.event.step() {
            self.bar(step, "");
        }
        if is_worth_a_line(&entry.event, self.lines.is_some()) {
            let (name, what) = describe(&entry.event);
            let step = entry.event.step().map(ToString::to_string).unwrap_or_default();
            let what = what.lines().collect::<Vec<_>>().join(" ");
            self.line(&format!(
                "{} {name:<15} {step:<28} {what}",
                entry.time.to_utc().format("%H:%M:%S")
            ));
        }
        if let Event::StepCompleted(_) | Event::StepSkipped(_) | Event::StepBlocked(_) =
            &entry.event
            && let Some(step) = entry.event.step()
        {
            self.settle(step);
        }
    }

    fn note(&self, step: &StepId, text: &str) {
        match (&self.lines, text.is_empty()) {
            (Some(_), _) => self.bar(step, text),
            (None, true) => {}
            (None, false) => self.plain_note(step, text),
        }
    }
}

/// On a terminal the live lines show what is going on; only what ends or needs attention gets a line of its own.
fn is_worth_a_line(event: &Event, live: bool) -> bool {
    match event {
        Event::StepObserved(observed) => {
            !live || matches!(observed.found, Found::Foreign { .. } | Found::Between { .. })
        }
        Event::StepPrepared(_) | Event::AttemptStarted(_) | Event::AttemptEnded(_) => !live,
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::GateChecked(_)
        | Event::GateIgnored(_)
        | Event::RollbackLimited(_)
        | Event::UndoPlanned(_)
        | Event::AttemptSettled(_)
        | Event::RetryScheduled(_)
        | Event::StepCompleted(_)
        | Event::StepSkipped(_)
        | Event::StepBlocked(_)
        | Event::RunPaused(_)
        | Event::OperatorDecided(_)
        | Event::RollbackStarted(_)
        | Event::RunFinished(_)
        | Event::RunCommitted(_)
        | Event::BackupsFreed(_)
        | Event::BackupsGuarded(_)
        | Event::Opaque(_) => true,
    }
}
