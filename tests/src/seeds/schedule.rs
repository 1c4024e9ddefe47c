//! What a seed decides: the cluster, the way through it, and what goes wrong at which moment.

use std::fmt;
use std::time::Duration;

use kup_steps::script;

use super::dice::Dice;
use crate::walk::shelf::Paper;
use crate::walk::site::Route;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// kup dies, and the next one comes after a while.
    KupDies(Duration),
    /// kup dies together with a machine, which comes back after a while.
    BothDie(String, Duration),
    /// A machine loses its power and comes back after a while.
    Reboot(String, Duration),
    /// The commands under way on a machine are killed.
    UnitsKilled(String),
    /// The commands under way on a machine hang for a while.
    Stall(String, Duration),
    /// The next run of a script on a machine fails.
    Fails(String, &'static str, i32),
    /// The way to a machine is cut for a while.
    Cut(String, Duration),
    /// The API is away for a while.
    ApiAway(Duration),
    /// This call is not delivered, or its answer is lost.
    CallLost,
    /// The next order stays on its way and arrives after so many moments.
    Late(u64),
    /// Somebody sets the wall clock, by seconds.
    ClockSet(i64),
    /// The journal's disk is full.
    NoRoom,
    /// Another kup tries to resume.
    SecondKup,
    /// The machine that kup runs on sleeps, and somebody takes the run over elsewhere.
    TakenOver,
    /// The operator asks kup to stop.
    Stop,
}

/// A moment of a story, counted over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    Append(u64),
    Call(u64),
    Wait(u64),
}

/// How many moments of each kind an undisturbed run has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    pub(super) appends: u64,
    pub(super) calls: u64,
    pub(super) waits: u64,
}

/// All that a seed decides beforehand.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) route: Route,
    pub(super) troubles: Vec<(At, Trouble)>,
    /// Whether the operator would rather go back than on when kup asks.
    pub(super) is_timid: bool,
    /// Whether a run that has succeeded is rolled back.
    pub(super) goes_back: bool,
}

const ROUTES: [(&str, &str, u64); 9] = [
    ("sim:1x1@v1.35.6", "v1.36.2", 28),
    ("sim:1x1@v1.29.4", "v1.30.1", 20),
    ("sim:1x2@v1.33.3", "v1.34.1", 10),
    ("sim:1x1@v1.36.1", "v1.36.4", 10),
    ("sim:1x0@v1.23.4", "v1.24.3", 6),
    ("sim:2x0@v1.31.2", "v1.32.5", 6),
    ("sim:3x0@v1.35.6", "v1.36.2", 10),
    ("sim:3x1@v1.29.4", "v1.30.1", 6),
    ("sim:3x2@v1.35.6", "v1.36.2", 4),
];

pub(super) fn route(dice: &mut Dice) -> Route {
    let mut ticket = dice.below(ROUTES.iter().map(|(_, _, weight)| weight).sum());
    let drawn = ROUTES.iter().find(|(_, _, weight)| match ticket.checked_sub(*weight) {
        Some(rest) => {
            ticket = rest;
            false
        }
        None => true,
    });
    let (spec, target, _) = drawn.unwrap_or(&ROUTES[0]);
    let mut route = Route::new(spec, target);
    route.cluster.speed = dice.pick(&[1.0, 1.0, 1.0, 0.6, 2.0]);
    route.max_unavailable = dice.pick(&[1, 2]);
    route.paper = dice.pick(&[Paper::Memory, Paper::Memory, Paper::Files]);
    if dice.chance(5) && route.cluster.workers > 1 {
        (route.cluster.tight_budget, route.drain) = (true, Duration::from_secs(20));
    }
    route
}

impl Schedule {
    pub(super) fn draw(dice: &mut Dice, route: Route, moments: Moments) -> Self {
        let mut count = 1;
        while count < 9 && dice.chance(65) {
            count += 1;
        }
        let draw = |_| {
            let trouble = trouble(dice, &route);
            (moment(dice, &trouble, moments), trouble)
        };
        let mut troubles: Vec<_> = (0..count).map(draw).collect();
        troubles.sort_by_key(|(at, _)| *at);
        let (is_timid, goes_back) = (dice.chance(25), dice.chance(20));
        Self { route, troubles, is_timid, goes_back }
    }
}

fn moment(dice: &mut Dice, trouble: &Trouble, moments: Moments) -> At {
    let at = |dice: &mut Dice, of: u64| dice.below(of + of / 5);
    let kind = match dice.below(4) {
        0 => 0,
        1 => 1,
        _ => 2,
    };
    let is_lost_call = *trouble == Trouble::CallLost;
    if *trouble == Trouble::NoRoom || kind == 0 && !is_lost_call {
        At::Append(at(dice, moments.appends))
    } else if is_lost_call || kind == 1 {
        At::Call(at(dice, moments.calls))
    } else {
        At::Wait(at(dice, moments.waits))
    }
}

fn trouble(dice: &mut Dice, route: &Route) -> Trouble {
    let node = node(dice, route);
    let time = dice.time();
    match dice.below(100) {
        0..22 => Trouble::KupDies(time),
        22..32 => Trouble::BothDie(node, time),
        32..40 => Trouble::Reboot(node, time),
        40..46 => Trouble::UnitsKilled(node),
        46..52 => Trouble::Stall(node, time.min(Duration::from_secs(20))),
        52..60 => fails(dice, node),
        60..68 => Trouble::Cut(node, time),
        68..74 => Trouble::ApiAway(time),
        74..82 => Trouble::CallLost,
        82..87 => Trouble::Late(1 + dice.below(60)),
        87..91 => {
            let seconds = dice.pick(&[1, 30, 600, 7_200]);
            Trouble::ClockSet(if dice.chance(50) { seconds } else { -seconds })
        }
        91..93 => Trouble::NoRoom,
        93..95 => Trouble::SecondKup,
        95..98 if route.paper == Paper::Memory => Trouble::TakenOver,
        // Whom of several tasks the word to stop reaches first is not decided by a seed.
        98..100 if route.max_unavailable == 1 => Trouble::Stop,
        _ => Trouble::KupDies(time),
    }
}

fn node(dice: &mut Dice, route: &Route) -> String {
    let (control_planes, workers) = (route.cluster.control_planes, route.cluster.workers);
    let number = dice.below(u64::from(control_planes + workers));
    match number.checked_sub(u64::from(control_planes)) {
        None => format!("cp{}", number + 1),
        Some(worker) => format!("w{}", worker + 1),
    }
}

fn fails(dice: &mut Dice, node: String) -> Trouble {
    let script = dice.pick(&[
        script::REPOSITORY.0,
        script::INSTALL.0,
        script::DOWNGRADE.0,
        script::KUBEADM_APPLY.0,
        script::KUBEADM_NODE.0,
        script::KUBEADM_PHASE.0,
        script::KUBELET_RESTART.0,
        script::RESTORE_FILES.0,
        script::SWAP_BACK.0,
        script::READ_FILES.0,
        script::UPGRADE_PLAN.0,
    ]);
    Trouble::Fails(node, script, dice.pick(&[1, 66, 69, 100, 137]))
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KupDies(time) => write!(f, "kup is killed; the next one comes after {time:?}"),
            Self::BothDie(node, time) => write!(f, "kup is killed and {node} off for {time:?}"),
            Self::Reboot(node, time) => write!(f, "{node} is off for {time:?}"),
            Self::UnitsKilled(node) => write!(f, "the commands on {node} are killed"),
            Self::Stall(node, time) => write!(f, "the commands on {node} hang for {time:?}"),
            Self::Fails(node, script, status) => {
                write!(f, "the next `{script}` on {node} ends with {status}")
            }
            Self::Cut(node, time) => write!(f, "{node} is cut off for {time:?}"),
            Self::ApiAway(time) => write!(f, "the API is away for {time:?}"),
            Self::CallLost => write!(f, "this call or its answer is lost"),
            Self::Late(moments) => write!(f, "the next order arrives {moments} moments late"),
            Self::ClockSet(seconds) => write!(f, "the wall clock is set by {seconds} s"),
            Self::NoRoom => write!(f, "the journal's disk is full"),
            Self::SecondKup => write!(f, "another kup tries to resume"),
            Self::TakenOver => write!(f, "kup sleeps and another one takes over"),
            Self::Stop => write!(f, "the operator asks kup to stop"),
        }
    }
}

impl Trouble {
    /// Returns its kind, for counting.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::KupDies(_) => "kup killed",
            Self::BothDie(..) => "kup killed and a machine off",
            Self::Reboot(..) => "a machine rebooted",
            Self::UnitsKilled(_) => "commands killed",
            Self::Stall(..) => "commands hang",
            Self::Fails(..) => "a command fails",
            Self::Cut(..) => "a machine cut off",
            Self::ApiAway(_) => "the API away",
            Self::CallLost => "a call or its answer lost",
            Self::Late(_) => "an order arrives late",
            Self::ClockSet(_) => "the clock set",
            Self::NoRoom => "the journal's disk full",
            Self::SecondKup => "a second kup",
            Self::TakenOver => "taken over while asleep",
            Self::Stop => "asked to stop",
        }
    }
}
