//! Pictures of a whole world at the moments at which a process may die: before an append, after it, and while something is waited for.
//! Whoever revives one has what a killed process leaves: the nodes, and what was in the journal by then.

use std::sync::{Arc, Mutex, PoisonError};

use kup_core::clock::Timestamp;
use kup_core::event::Entry;

use super::process::{Cue, Director, Moment, Process};
use super::site::{Site, room};

/// What a process that died at this moment leaves behind.
pub struct Shot {
    /// At what it died.
    pub moment: Moment,
    /// The folder of the cluster.
    pub dir: tempfile::TempDir,
    /// The journal.
    pub entries: Vec<Entry>,
    /// When.
    pub now: Timestamp,
}

impl Shot {
    /// Returns what there is now, for somebody who comes back to it.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        Self::at(site, Moment::AfterAppend)
    }

    fn at(site: &Site, moment: Moment) -> Self {
        let dir = room();
        site.copy_to(dir.path());
        Self { moment, dir, entries: site.entries(), now: site.now() }
    }
}

/// Takes a picture at every so many moments of a site.
pub struct Camera {
    site: Site,
    every: usize,
    roll: Mutex<(usize, Vec<Shot>)>,
}

impl Camera {
    /// Returns a camera; `every` is 0 for never.
    #[must_use]
    pub fn new(site: &Site, every: usize) -> Arc<Self> {
        Arc::new(Self { site: site.clone(), every, roll: Mutex::default() })
    }

    /// Returns the pictures taken so far.
    #[must_use]
    pub fn develop(&self) -> Vec<Shot> {
        std::mem::take(&mut self.roll.lock().unwrap_or_else(PoisonError::into_inner).1)
    }
}

impl Director for Camera {
    fn at(&self, _: &Process, moment: &Moment) -> Cue {
        if matches!(moment, Moment::BeforeCall(_) | Moment::AfterCall(_)) {
            return Cue::GoOn;
        }
        let mut roll = self.roll.lock().unwrap_or_else(PoisonError::into_inner);
        roll.0 += 1;
        if self.every > 0 && roll.0.is_multiple_of(self.every) {
            roll.1.push(Shot::at(&self.site, moment.clone()));
        }
        Cue::GoOn
    }
}

impl Site {
    /// Comes back to what a dead process left.
    #[must_use]
    pub fn revive(&self, shot: &Shot) -> Self {
        self.revived((shot.dir.path(), &shot.entries), shot.now)
    }
}
