//! Walks by seed. One number decides a cluster, the way through it and everything that goes wrong; the same number tells the same story,
//! byte for byte. A story ends as the undisturbed run does, or rolled back, or asking an operator for a reason that is true.
//!
//! Reading order: [`tell`], `schedule` (what can go wrong), `chaos` (when it does).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use kup_core::engine::Rest;
use kup_core::event::{Outcome, PauseReason};
use kup_core::id::StepId;
use kup_core::state::{Phase, Status, StepState};

use crate::walk::life::{End, Life, Sleeping, Will};
use crate::walk::site::{Route, Site};

mod chaos;
mod dice;
mod schedule;
mod text;

use chaos::Chaos;
use dice::Dice;
use schedule::{Moments, Schedule};

/// A run that needs more processes does not come to an end.
const MOST_LIVES: u32 = 60;
/// How often an operator tries the same again.
const MOST_RETRIES: u32 = 3;

/// A story that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// What it was told of.
    pub seed: u64,
    /// The cluster.
    pub cluster: String,
    /// The kinds of the troubles that came to pass.
    pub troubles: Vec<&'static str>,
    /// How it ended; or what was found wrong.
    pub end: Result<&'static str, String>,
    /// All of it, for people.
    pub text: String,
}

/// An undisturbed run of a route.
#[derive(Debug)]
struct Reference {
    before: String,
    after: String,
    moments: Moments,
}

/// Tells the story of a seed.
#[must_use]
pub fn tell(seed: u64) -> Story {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut dice = Dice::new(seed);
        let mut route = schedule::route(&mut dice);
        let reference = reference(&route).await;
        route.cluster.seed = Some(seed);
        let schedule = Schedule::draw(&mut dice, route, reference.moments);
        Teller::new(schedule, reference).await.tell(seed).await
    })
}

/// Tells the stories of many seeds on several threads, and hands each to `hear`, in no certain order.
pub fn tell_all(seeds: std::ops::Range<u64>, jobs: usize, mut hear: impl FnMut(Story)) {
    let next = AtomicU64::new(seeds.start);
    let (send, stories) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let (next, send, end) = (&next, send.clone(), seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= end || send.send(tell_whatever_happens(seed)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        stories.iter().for_each(&mut hear);
    });
}

fn tell_whatever_happens(seed: u64) -> Story {
    catch_unwind(AssertUnwindSafe(|| tell(seed))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        let end = Err(format!("it broke off: {}", words.unwrap_or_default()));
        let (cluster, text) = (String::new(), String::new());
        Story { seed, cluster, troubles: Vec::new(), end, text }
    })
}

/// Returns the undisturbed run of a route; each route is walked once.
async fn reference(route: &Route) -> Arc<Reference> {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Arc<Reference>>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let name = format!("{route:?}");
    if let Some(found) = known.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
        return Arc::clone(found);
    }
    let site = Site::new(route).await;
    let before = site.picture();
    let chaos = Chaos::new(&site, Vec::new());
    let Ok(_) = site.live(Life::new(chaos.clone(), Will::Go)).await else { panic!("it sleeps") };
    let after = site.picture();
    let reference = Arc::new(Reference { before, after, moments: chaos.moments() });
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&reference));
    reference
}

/// Lives through a story.
struct Teller {
    site: Site,
    chaos: Arc<Chaos>,
    schedule: Schedule,
    reference: Arc<Reference>,
    sleeping: Option<Sleeping>,
    retries: u32,
}

/// What comes after a life.
enum Then {
    Live(Will),
    End(&'static str),
    Wrong(String),
}

impl Teller {
    async fn new(schedule: Schedule, reference: Arc<Reference>) -> Self {
        let site = Site::new(&schedule.route).await;
        let chaos = Chaos::new(&site, schedule.troubles.clone());
        Self { site, chaos, schedule, reference, sleeping: None, retries: 0 }
    }

    async fn tell(mut self, seed: u64) -> Story {
        let end = self.lives().await;
        let text = self.text(seed, &end);
        let cluster = self.schedule.route.cluster.to_string();
        Story { seed, cluster, troubles: self.chaos.kinds(), end, text }
    }

    async fn lives(&mut self) -> Result<&'static str, String> {
        let mut will = Will::Go;
        for _ in 0..MOST_LIVES {
            let then = match self.live(will.clone()).await {
                Some(end) => self.then(end, will).await,
                None => Then::Live(will),
            };
            if let Some(found) = self.site.judge().found() {
                return Err(found);
            }
            match then {
                Then::Live(next) => will = next,
                Then::Wrong(what) => return Err(what),
                Then::End(end) => {
                    self.wake_the_old_one().await?;
                    return Ok(end);
                }
            }
        }
        Err(format!("after {MOST_LIVES} processes it has not come to an end"))
    }

    /// Lets one process live; `None` when it was put to sleep, and the run is another one's now.
    async fn live(&mut self, will: Will) -> Option<End> {
        let stop = self.chaos.begins(&self.site);
        let life = Life { stop, ..Life::new(self.chaos.clone(), will) };
        match self.site.live(life).await {
            Ok(end) => {
                self.chaos.tell(&format!("a process ends: {end:?}"));
                Some(end)
            }
            Err(sleeping) => {
                self.site = self.site.taken_over();
                self.sleeping = Some(sleeping);
                None
            }
        }
    }

    async fn then(&mut self, end: End, will: Will) -> Then {
        match end {
            End::Died | End::Broke(_) => {
                self.site.forward(self.chaos.pause());
                if let Some(outcome) = self.site.outcome() {
                    return self.finished(outcome);
                }
                Then::Live(match will {
                    Will::Retry(_) => Will::Go,
                    other @ (Will::Go | Will::Back | Will::BackAs(_)) => other,
                })
            }
            End::Refused(holder) => Then::Wrong(format!("nobody holds the run, but: {holder}")),
            End::NoWayBack(why) => self.no_way_back(&why),
            End::Rest(Rest::Finished(outcome)) => self.finished(outcome),
            End::Rest(Rest::Paused(PauseReason::Blocked { steps })) => self.asks(steps),
            End::Rest(Rest::Paused(PauseReason::Interrupted)) => Then::Live(match will {
                Will::Retry(_) => Will::Go,
                other @ (Will::Go | Will::Back | Will::BackAs(_)) => other,
            }),
            End::Rest(rest) => Then::Wrong(format!("it rests without a reason: {rest:?}")),
        }
    }

    /// Judges the place at which the run rests.
    fn judged(&self) -> Option<Then> {
        let judged = self.site.judged((&self.reference.before, &self.reference.after));
        judged.err().map(Then::Wrong)
    }

    fn finished(&mut self, outcome: Outcome) -> Then {
        self.chaos.mend();
        if let Some(wrong) = self.judged() {
            return wrong;
        }
        match outcome {
            Outcome::Succeeded if self.schedule.goes_back => {
                self.schedule.goes_back = false;
                Then::Live(Will::Back)
            }
            Outcome::Succeeded => Then::End("succeeded"),
            Outcome::RolledBack => Then::End("rolled back"),
            Outcome::Abandoned => Then::Wrong("nobody abandoned it".to_owned()),
        }
    }

    /// The operator looks at the reason, mends what he can, and tries again or goes back.
    fn asks(&mut self, steps: Vec<StepId>) -> Then {
        let wrong = self.judged();
        self.chaos.mend();
        if let Some(wrong) = wrong {
            return wrong;
        }
        self.retries += 1;
        let is_back = self.site.state().phase == Phase::Rollback;
        let again = self.retries <= MOST_RETRIES && (is_back || !self.schedule.is_timid);
        if again {
            Then::Live(Will::Retry(steps))
        } else if is_back {
            Then::End("asks an operator, rightly")
        } else {
            self.retries = 0;
            Then::Live(Will::Back)
        }
    }

    fn no_way_back(&mut self, why: &str) -> Then {
        self.chaos.mend();
        let is_known = ["changed nothing", "does not read what a newer one has written"];
        if matches!(self.site.state().status, Status::Finished(_)) && why.contains("etcd") {
            return Then::End("succeeded");
        }
        self.retries += 1;
        match is_known.iter().any(|words| why.contains(words)) {
            true => Then::End("asks an operator, and there is no way back"),
            // The way back needs the API; the way forward repairs what stands in its way.
            false if self.retries <= MOST_RETRIES * 2 => {
                self.schedule.is_timid = false;
                Then::Live(Will::Retry(self.blocked()))
            }
            false => Then::Wrong(format!("there is no way back: {why}")),
        }
    }

    fn blocked(&self) -> Vec<StepId> {
        let steps = self.site.state().steps.into_iter();
        let blocked = steps.filter(|(_, record)| matches!(record.state, StepState::Blocked(_)));
        blocked.map(|(step, _)| step).collect()
    }

    /// A process that was taken over wakes when all is over: it must get nothing started.
    async fn wake_the_old_one(&mut self) -> Result<(), String> {
        let Some(sleeping) = self.sleeping.take() else { return Ok(()) };
        self.chaos.wakes_the_old_one();
        let end = sleeping.wake().await;
        self.chaos.tell(&format!("it ends: {end:?}"));
        self.site.forward(Duration::from_secs(60));
        self.site.look();
        self.site.judge().found().map_or(Ok(()), Err)
    }
}
