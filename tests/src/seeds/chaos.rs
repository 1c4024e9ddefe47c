//! Lets the troubles of a schedule happen at their moments, and writes down when they did.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kup_core::clock::Timestamp;
use kup_steps::host::Order;
use tokio::sync::watch;

use super::schedule::{At, Moments, Trouble};
use crate::walk::process::{Cue, Director, Moment, Process};
use crate::walk::site::Site;

/// A life of more moments hangs.
const MOST_MOMENTS: u64 = 60_000;
/// What a process that was taken over may still try.
const LAST_WORDS: u64 = 2_000;

/// Brings the troubles.
pub(super) struct Chaos(Mutex<State>);

struct State {
    site: Site,
    troubles: Vec<(At, Trouble)>,
    moments: Moments,
    /// Moments of the process that lives now.
    lived: u64,
    cut: BTreeMap<String, Timestamp>,
    off: BTreeMap<String, Timestamp>,
    api_away: Option<Timestamp>,
    /// After so many moments the next order arrives.
    delay: Option<u64>,
    late: Vec<(u64, String, Order)>,
    stop: watch::Sender<bool>,
    /// When the next process comes.
    pause: Duration,
    is_taken_over: bool,
    told: Vec<String>,
    kinds: Vec<&'static str>,
}

impl Chaos {
    pub(super) fn new(site: &Site, troubles: Vec<(At, Trouble)>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            site: site.clone(),
            troubles,
            moments: Moments::default(),
            lived: 0,
            cut: BTreeMap::new(),
            off: BTreeMap::new(),
            api_away: None,
            delay: None,
            late: Vec::new(),
            stop: watch::channel(false).0,
            pause: Duration::ZERO,
            is_taken_over: false,
            told: Vec::new(),
            kinds: Vec::new(),
        })))
    }

    /// A new process begins at this site; returns the word by which it is asked to stop.
    pub(super) fn begins(&self, site: &Site) -> watch::Receiver<bool> {
        let mut state = self.state();
        (state.site, state.lived, state.is_taken_over) = (site.clone(), 0, false);
        state.stop = watch::channel(false).0;
        state.settle();
        state.stop.subscribe()
    }

    /// From now on the process that was taken over is awake again; it reaches machines and no API.
    pub(super) fn wakes_the_old_one(&self) {
        let mut state = self.state();
        (state.lived, state.is_taken_over) = (0, true);
        state.tell("the process that was taken over wakes");
    }

    /// Returns after which time the next process comes.
    pub(super) fn pause(&self) -> Duration {
        std::mem::take(&mut self.state().pause)
    }

    /// An operator looks after machines and connections.
    pub(super) fn mend(&self) {
        self.state().mend();
    }

    pub(super) fn tell(&self, what: &str) {
        self.state().tell(what);
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.state().told.clone()
    }

    /// Returns the kinds of the troubles that came to pass.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.state().kinds.clone()
    }

    pub(super) fn moments(&self) -> Moments {
        self.state().moments
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Director for Chaos {
    fn at(&self, process: &Process, moment: &Moment) -> Cue {
        let mut state = self.state();
        state.lived += 1;
        if state.is_taken_over {
            return state.of_the_old_one(moment);
        }
        if state.lived > MOST_MOMENTS {
            process.judge().object("a process lives and does not come to an end".to_owned());
            return Cue::Die;
        }
        state.settle();
        state.arrive(moment);
        state.count(moment);
        let due = state.due(moment);
        let cue = due.map_or(Cue::GoOn, |trouble| state.happens(&trouble, process));
        if cue != Cue::GoOn {
            return cue;
        }
        state.answer(moment)
    }

    fn takes(&self, node: &str, order: &Order) {
        let mut state = self.state();
        let due = state.lived + state.delay.take().unwrap_or(1);
        state.late.push((due, node.to_owned(), order.clone()));
    }
}

impl State {
    fn tell(&mut self, what: &str) {
        let (now, entries) = (self.site.now(), self.site.judge().entries().len());
        self.told.push(format!("{now} after entry {entries}: {what}"));
    }

    /// It may ask and order machines; the API is not for it any more.
    fn of_the_old_one(&self, moment: &Moment) -> Cue {
        match moment {
            _ if self.lived > LAST_WORDS => Cue::Die,
            Moment::BeforeCall(call) if call.node.is_none() => Cue::Fail,
            Moment::BeforeCall(_) | Moment::AfterCall(_) => Cue::GoOn,
            Moment::BeforeAppend | Moment::AfterAppend | Moment::Waiting => Cue::GoOn,
        }
    }

    /// Ends what is over by now.
    fn settle(&mut self) {
        let now = self.site.now();
        let back: Vec<String> =
            self.off.iter().filter(|(_, at)| **at <= now).map(|(node, _)| node.clone()).collect();
        for node in back {
            self.site.world.boot_machine(&node).unwrap();
            self.off.remove(&node);
        }
        self.cut.retain(|_, until| *until > now);
        self.api_away = self.api_away.filter(|until| *until > now);
    }

    /// Delivers orders whose time has come, and those of a dead process at the worst moment: when the next one has just claimed the node.
    fn arrive(&mut self, moment: &Moment) {
        let lived = self.lived;
        let claimed = |node: &str| {
            matches!(moment, Moment::AfterCall(call)
                if call.what == "claim" && call.node.as_deref() == Some(node))
        };
        let is_due = |(due, node, _): &mut (u64, String, Order)| *due <= lived || claimed(node);
        for (_, node, order) in self.late.extract_if(.., is_due) {
            self.site.deliver_late(&node, &order);
            self.site.look();
        }
    }

    fn mend(&mut self) {
        for node in self.site.nodes() {
            self.site.world.fail_no_more(&node).unwrap();
        }
        let soon = self.site.now();
        self.off.values_mut().for_each(|at| *at = soon);
        self.cut.clear();
        self.api_away = None;
        self.lived = u64::MAX / 2;
        self.arrive(&Moment::Waiting);
        self.settle();
        self.site.forward(Duration::from_secs(60));
    }

    fn count(&mut self, moment: &Moment) {
        match moment {
            Moment::BeforeAppend | Moment::AfterAppend => self.moments.appends += 1,
            Moment::BeforeCall(_) | Moment::AfterCall(_) => self.moments.calls += 1,
            Moment::Waiting => self.moments.waits += 1,
        }
    }

    /// Takes the next trouble of this moment from the schedule.
    fn due(&mut self, moment: &Moment) -> Option<Trouble> {
        let is_start = matches!(moment, Moment::BeforeCall(call) if call.what == "start");
        if self.delay.is_some() && is_start {
            return Some(Trouble::Late(0));
        }
        let moments = self.moments;
        let is_due = |at: &At| match (at, moment) {
            (At::Append(n), Moment::BeforeAppend | Moment::AfterAppend) => *n <= moments.appends,
            (At::Call(n), Moment::BeforeCall(_) | Moment::AfterCall(_)) => *n <= moments.calls,
            (At::Wait(n), Moment::Waiting) => *n <= moments.waits,
            (At::Append(_) | At::Call(_) | At::Wait(_), _) => false,
        };
        let index = self.troubles.iter().position(|(at, _)| is_due(at))?;
        Some(self.troubles.remove(index).1)
    }

    /// What cannot be reached does not answer.
    fn answer(&self, moment: &Moment) -> Cue {
        let (Moment::BeforeCall(call) | Moment::AfterCall(call)) = moment else { return Cue::GoOn };
        let is_away = match &call.node {
            Some(node) => self.cut.contains_key(node),
            None => self.api_away.is_some(),
        };
        if is_away { Cue::Fail } else { Cue::GoOn }
    }

    fn happens(&mut self, trouble: &Trouble, process: &Process) -> Cue {
        if *trouble == Trouble::Late(0) {
            return Cue::Delay;
        }
        self.tell(&trouble.to_string());
        self.kinds.push(trouble.kind());
        let until = |time: &Duration| self.site.now().plus(*time);
        match trouble {
            Trouble::KupDies(time) => {
                self.pause = *time;
                return Cue::Die;
            }
            Trouble::BothDie(node, time) => {
                (self.pause, _) = (*time / 2, self.off(node, *time));
                return Cue::Die;
            }
            Trouble::Reboot(node, time) => self.off(node, *time),
            Trouble::UnitsKilled(node) => {
                self.site.judge().struck(node);
                self.site.world.kill_attempts(node).unwrap();
            }
            Trouble::Stall(node, time) => self.site.world.stall_attempts(node, *time).unwrap(),
            Trouble::Fails(node, script, status) => {
                self.site.world.fail_next(node, script, *status).unwrap();
            }
            Trouble::Cut(node, time) => {
                self.cut.insert(node.clone(), until(time));
                self.site.judge().silenced();
            }
            Trouble::ApiAway(time) => {
                self.api_away = Some(until(time));
                self.site.judge().silenced();
            }
            Trouble::CallLost | Trouble::NoRoom => return Cue::Fail,
            Trouble::Late(moments) => self.delay = Some(*moments),
            Trouble::ClockSet(seconds) => self.site.set_clock(*seconds),
            Trouble::SecondKup => self.second_kup(process),
            Trouble::TakenOver => process.put_to_sleep(),
            Trouble::Stop => drop(self.stop.send_replace(true)),
        }
        Cue::GoOn
    }

    fn off(&mut self, node: &str, time: Duration) {
        self.site.judge().struck(node);
        self.site.world.kill_machine(node).unwrap();
        self.off.insert(node.to_owned(), self.site.now().plus(time));
    }

    fn second_kup(&mut self, process: &Process) {
        match self.site.second_kup() {
            Ok(holder) => self.tell(&format!("it is told: {}", masked(&holder))),
            Err(what) => process.judge().object(what),
        }
    }
}

/// Leaves out what another process has another of.
fn masked(text: &str) -> String {
    text.chars().take_while(|letter| !letter.is_ascii_digit()).collect()
}
