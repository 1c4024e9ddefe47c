//! What will happen in a simulated world, and when. Whoever opens the world first does what has become due since:
//! so a command goes on by the clock while kup is dead.

use std::time::Duration;

use kup_core::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::spec::Remembered;

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Chore {
    /// The next act of an attempt.
    Attempt { node: String, name: String },
    /// A machine that was switched on starts its kubelet.
    Boot { node: String },
    /// The kubelet starts the static pods whose manifests it finds.
    Sync { node: String },
    /// The kubelet reports that the node is Ready.
    Report { node: String, invocation: String },
    /// A member of etcd stores at another version.
    EtcdStorage { node: String },
    /// A pod that was being deleted is gone.
    Gone { uid: String },
    /// The scheduler looks at pods without a node.
    Schedule,
    /// A pod's containers are up.
    PodReady { uid: String },
}

impl Chore {
    /// Returns the machine that does it; `None` for the cluster's own.
    pub(super) fn node(&self) -> Option<&str> {
        match self {
            Self::Attempt { node, .. }
            | Self::Boot { node }
            | Self::Sync { node }
            | Self::Report { node, .. } => Some(node),
            Self::EtcdStorage { .. }
            | Self::Gone { .. }
            | Self::Schedule
            | Self::PodReady { .. } => None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    at: Timestamp,
    order: u64,
    chore: Chore,
}

/// The agenda, and what the whole world shares: where it came from, and a counter that makes every name new.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Agenda {
    pub(super) spec: Remembered,
    seed: String,
    counter: u64,
    items: Vec<Item>,
}

impl Agenda {
    pub(super) fn new(spec: Remembered, seed: String) -> Self {
        Self { spec, seed, counter: 0, items: Vec::new() }
    }

    /// Enters a chore that comes `milliseconds` (at the usual speed) after `now`.
    pub(super) fn add(&mut self, now: Timestamp, milliseconds: u64, chore: Chore) {
        let at = now.plus(self.scaled(milliseconds));
        self.counter = self.counter.saturating_add(1);
        self.items.push(Item { at, order: self.counter, chore });
    }

    /// Takes out the earliest chore that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Chore)> {
        let earliest = self.earliest_due(now)?;
        let item = self.items.swap_remove(earliest);
        Some((item.at, item.chore))
    }

    /// Returns whether anything is due at `now`.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.items.iter().any(|item| item.at <= now)
    }

    /// Strikes out everything that the machine itself would have done.
    pub(super) fn forget(&mut self, node: &str) {
        self.items.retain(|item| item.chore.node() != Some(node));
    }

    /// Strikes out what attempts on the machine would have done.
    pub(super) fn forget_attempts(&mut self, node: &str) {
        self.items.retain(
            |item| !matches!(&item.chore, Chore::Attempt { node: other, .. } if other == node),
        );
    }

    /// Puts off what attempts on the machine would do next.
    pub(super) fn put_off_attempts(&mut self, node: &str, time: Duration) {
        for item in &mut self.items {
            if matches!(&item.chore, Chore::Attempt { node: other, .. } if other == node) {
                item.at = item.at.plus(time);
            }
        }
    }

    /// Returns whether the chore stands in it.
    pub(super) fn contains(&self, chore: &Chore) -> bool {
        self.items.iter().any(|item| item.chore == *chore)
    }

    /// Returns a UID that no other object of any world has.
    pub(super) fn fresh_uid(&mut self) -> String {
        self.counter = self.counter.saturating_add(1);
        uuid(&format!("{} {}", self.seed, self.counter))
    }

    fn earliest_due(&self, now: Timestamp) -> Option<usize> {
        let due = self.items.iter().enumerate().filter(|(_, item)| item.at <= now);
        due.min_by_key(|(_, item)| (item.at, item.order)).map(|(index, _)| index)
    }

    fn scaled(&self, milliseconds: u64) -> Duration {
        let speed = if self.spec.speed > 0.0 { self.spec.speed } else { 1.0 };
        Duration::from_millis(milliseconds).div_f64(speed)
    }
}

/// Returns the SHA-256 of a text in hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    crate::digest::sha256(text.as_bytes())
}

/// Returns a UUID made of a text.
pub(super) fn uuid(text: &str) -> String {
    let hex = sha256(text);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
