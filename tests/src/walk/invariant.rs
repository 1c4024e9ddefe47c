//! What must hold at every moment of every walk, whatever is killed. The judge sees every entry, every order and every change on its
//! way, looks at the world whenever time has passed, and keeps what it first finds wrong. It asks the engine nothing.
//!
//! Here: that no effect is without its intent and its way back. `record`: the journal itself. `world`: what may be seen on the machines. `end`: how a walk may end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kup_core::clock::Timestamp;
use kup_core::event::{AttemptStarted, Entry, Event, StepPrepared};
use kup_core::id::{Epoch, StepId};
use kup_core::journal::Blobs;
use kup_core::state::RunState;
use kup_steps::host::Order;
use kup_steps::sim::Survey;

mod end;
mod record;
mod world;

pub use end::{Ended, is_done};

/// Watches one run.
pub struct Judge {
    dir: PathBuf,
    blobs: Arc<dyn Blobs>,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    entries: Vec<Entry>,
    fold: Option<RunState>,
    /// What is known of the last attempt of each step.
    attempts: BTreeMap<StepId, Outcome>,
    /// Orders on their way or delivered: the name on the node, and the epoch.
    sent: BTreeMap<String, u64>,
    eyes: world::Eyes,
    /// Copies on the nodes, as they were when they were first seen.
    kept: BTreeMap<PathBuf, Vec<u8>>,
    is_retired: bool,
    found: Option<String>,
}

/// What is known of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Unknown,
    /// The place where it ran was asked and cannot tell: the world must be looked at.
    Untold,
    Known,
}

impl Judge {
    /// Returns a judge for a run that is so far.
    pub(super) fn new(
        dir: &Path,
        blobs: Arc<dyn Blobs>,
        (entries, survey): (Vec<Entry>, &Survey),
    ) -> Arc<Self> {
        let judge = Self { dir: dir.to_owned(), blobs, record: Mutex::default() };
        {
            let mut record = judge.record();
            entries.iter().for_each(|entry| record.add(entry));
            record.entries = entries;
            record.eyes = world::Eyes::open(survey);
            let sent = survey.nodes.values().flat_map(|node| &node.attempts);
            record.sent = sent.map(|(name, attempt)| (name.clone(), attempt.epoch)).collect();
        }
        Arc::new(judge)
    }

    /// Returns what was found wrong first.
    #[must_use]
    pub fn found(&self) -> Option<String> {
        self.record().found.clone()
    }

    /// Whether anything was found wrong.
    #[must_use]
    pub fn has_found(&self) -> bool {
        self.record().found.is_some()
    }

    /// Returns the entries that were acknowledged.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.record().entries.clone()
    }

    /// Looks no more: somebody else drives the run now.
    pub(super) fn retire(&self) {
        self.record().is_retired = true;
    }

    pub(crate) fn object(&self, what: String) {
        self.record().object(what);
    }

    /// Entries are on stable storage.
    pub(super) fn appended(&self, written: &[Entry], epoch: Epoch) {
        let mut record = self.record();
        for entry in written {
            record.follows(entry, epoch);
            if let Event::AttemptStarted(started) = &entry.event {
                self.undo_is_possible(&mut record, started);
                record.may_be_tried(started);
            }
            record.add(entry);
            record.entries.push(entry.clone());
        }
        if written.iter().any(|entry| entry.event.step().is_some()) {
            self.copies_are_untouched(&mut record);
        }
    }

    /// An order is about to be sent to a node.
    pub(super) fn sent(&self, node: &str, order: &Order) {
        let mut record = self.record();
        let name = format!("{}/{}.{}", order.name.run, order.name.step, order.name.attempt);
        let is_intent = |entry: &&Entry| {
            entry.seq == order.intent
                && matches!(&entry.event, Event::AttemptStarted(started)
                    if started.step == order.name.step && started.attempt == order.name.attempt)
        };
        if !record.entries.iter().any(|entry| is_intent(&entry)) {
            record.object(format!("{name} is sent to {node} without an intent on stable storage"));
        }
        if record.attempts.get(&order.name.step) == Some(&Outcome::Known) {
            record.object(format!("{name} is sent to {node} although its outcome is known"));
        }
        record.eyes.may_begin(node, order).unwrap_or_else(|what| record.object(what));
        record.sent.insert(name, order.epoch.0);
    }

    /// The API is about to be told to change something.
    pub(super) fn changes(&self, what: &str, node: &str) {
        let mut record = self.record();
        let activities: &[&str] = match what {
            "cordon" => &["cordon"],
            "uncordon" => &["uncordon", "cordon"],
            "evict" => &["drain"],
            "put-object" => &["addons"],
            "etcd-downgrade" => &["etcd-downgrade"],
            _ => &["config-maps", "etcd-image-tag", "kubelet-config-map"],
        };
        let is_open = record.fold.as_ref().is_some_and(|state| {
            state.plan.steps().any(|(stage, step)| {
                let open = state.step(&step.id).is_some_and(|it| it.open.is_some());
                // etcd is reached through any control plane.
                let everywhere = what.starts_with("put-") || what == "etcd-downgrade";
                let here = everywhere || stage.target == node;
                open && here && activities.contains(&step.activity.as_str())
            })
        });
        if !is_open {
            record.object(format!("`{what}` of {node} without an intent on stable storage"));
        }
    }

    /// The engine's memory must be what its journal says; it may not have heard of the last entries.
    pub(super) fn compare(&self, state: &RunState) {
        let mut record = self.record();
        let heard = record.entries.iter().filter(|entry| entry.seq <= state.head).cloned();
        match RunState::replay(&heard.collect::<Vec<_>>()) {
            Ok(fold) if fold == *state => {}
            Ok(_) => record.object("the engine's memory is not what its journal says".to_owned()),
            Err(error) => record.object(format!("the journal does not fold: {error}")),
        }
    }

    /// What was acknowledged must be in the journal; after a crash, more may be.
    pub(super) fn reread(&self, entries: &[Entry]) {
        let mut record = self.record();
        if entries.get(..record.entries.len()) != Some(record.entries.as_slice()) {
            record.object("an acknowledged entry is not in the journal any more".to_owned());
        }
        for entry in entries.iter().skip(record.entries.len()).cloned().collect::<Vec<_>>() {
            record.add(&entry);
            record.entries.push(entry);
        }
    }

    /// Before an attempt all that its undo needs is kept, here and on the node.
    fn undo_is_possible(&self, record: &mut Record, started: &AttemptStarted) {
        let Some(fold) = &record.fold else { return };
        let Some((stage, step)) = fold.plan.find(&started.step) else { return };
        if step.undo_of.is_some() {
            return;
        }
        let target = stage.target.clone();
        let Some(prepared) = fold.step(&step.id).and_then(|it| it.prepared.clone()) else {
            let what = format!("{} begins before its undo is possible", started.step);
            return record.object(what);
        };
        if let Some(missing) = self.missing(record, &target, &prepared) {
            record.object(format!("{} begins and {missing} is not kept", started.step));
        }
    }

    fn missing(&self, record: &mut Record, node: &str, prepared: &StepPrepared) -> Option<String> {
        let blobs = prepared.backups.iter();
        let lost = blobs.into_iter().find(|backup| {
            let bytes = super::shelf::at_once(self.blobs.get(&backup.blob));
            bytes.map(|bytes| bytes.len() as u64).ok() != Some(backup.size)
        });
        if let Some(lost) = lost {
            return Some(lost.what.clone());
        }
        let (_, path) = prepared.notes.iter().find(|(name, _)| name == "pre-image")?;
        let file = self.dir.join("disk").join(node).join(path.trim_start_matches('/'));
        match std::fs::read(&file) {
            Ok(bytes) => {
                record.kept.entry(file).or_insert(bytes);
                None
            }
            Err(_) => Some(format!("{path} on {node}")),
        }
    }

    /// A copy is written once: a later attempt never saves the damage of the first.
    fn copies_are_untouched(&self, record: &mut Record) {
        let changed = record
            .kept
            .iter()
            .find(|(path, kept)| std::fs::read(path).map_or(true, |bytes| bytes != **kept));
        if let Some((path, _)) = changed {
            let what = format!("the copy {} was overwritten", path.display());
            record.object(what);
        }
    }

    /// No code panics while it holds this lock.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world.
    pub(super) fn look(&self, survey: &Survey, now: Timestamp) {
        let mut record = self.record();
        if record.is_retired {
            return;
        }
        let Record { eyes, entries, sent, .. } = &mut *record;
        if let Err(what) = eyes.look((survey, now), entries, sent) {
            record.object(what);
        }
    }
}
