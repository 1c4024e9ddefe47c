//! Time of a walk. It passes only while everybody sleeps: whoever sleeps shortest moves it to the moment at which he wakes. So a walk of
//! hours takes milliseconds, and it is the same walk every time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::clock::{Clock, Timestamp};

/// The true time of a walk, and who waits for which moment of it.
#[derive(Debug)]
pub struct Time(Mutex<Hands>);

#[derive(Debug)]
struct Hands {
    now: Timestamp,
    /// The moments at which sleepers wake, by the order in which they fell asleep.
    sleepers: BTreeMap<u64, Timestamp>,
    next: u64,
}

impl Time {
    /// Returns a time that begins at a moment.
    #[must_use]
    pub fn new(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Hands { now, sleepers: BTreeMap::new(), next: 0 })))
    }

    /// Returns the true time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.hands().now
    }

    /// Lets time pass although nobody sleeps.
    pub fn forward(&self, time: Duration) {
        let mut hands = self.hands();
        hands.now = hands.now.plus(time);
    }

    /// Begins a sleep.
    pub(super) fn fall_asleep(self: &Arc<Self>, time: Duration) -> Sleeper {
        let mut hands = self.hands();
        let (ticket, until) = (hands.next, hands.now.plus(time));
        hands.next += 1;
        hands.sleepers.insert(ticket, until);
        Sleeper { time: Arc::clone(self), ticket, until }
    }

    /// No code panics while it holds this lock.
    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who sleeps; when dropped, somebody who does not any more.
#[derive(Debug)]
pub(super) struct Sleeper {
    time: Arc<Time>,
    ticket: u64,
    until: Timestamp,
}

impl Sleeper {
    /// Whether it is time to wake. Call it once a round of all tasks: whoever wakes first moves the time.
    pub(super) fn wakes(&self) -> bool {
        let mut hands = self.time.hands();
        if hands.now >= self.until {
            return true;
        }
        let first = hands.sleepers.iter().min_by_key(|(ticket, until)| (**until, **ticket));
        let is_first = first.is_some_and(|(ticket, _)| *ticket == self.ticket);
        if is_first {
            hands.now = self.until;
        }
        is_first
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.time.hands().sleepers.remove(&self.ticket);
    }
}

/// The true time, for whoever has no process of kup around him.
#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        Time::now(self)
    }

    fn since_boot(&self) -> u64 {
        u64::try_from(Time::now(self).0).unwrap_or(0)
    }

    async fn sleep(&self, time: Duration) {
        self.forward(time);
    }
}
