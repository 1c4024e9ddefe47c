//! A plan as programs read it (`-o json`, documented in `docs/PLAN_FORMAT.md`), and what the screen is drawn from.

mod before;
mod differences;
mod loss;
mod screen;

use std::time::Duration;

use kup_core::guard::Guard;
use kup_core::plan::{Plan, Stage, Wave};
use kup_steps::difference::Differences;
use kup_steps::inventory::Inventory;
use kup_steps::rollback::{Outlook, outlook};
use kup_steps::version::Version;
use serde::Serialize;

use crate::asked::Asked;
use crate::estimate::{Basis, Durations, Estimate, all};
use before::{LeftOut, Reading, left_out, reading};
use loss::{Forecasts, Loss, forecasts};

pub(crate) use screen::screen;

/// The version of this shape. Fields may be added under the same number; none is removed or changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

/// A plan with everything that is shown of it.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    schema: u32,
    kup: &'static str,
    cluster: ClusterPicture,
    from: String,
    to: String,
    /// Whether there is anything to do.
    changes: bool,
    /// Whether a gate stands in the way.
    blocked: bool,
    hops: Vec<HopPicture>,
    left_out: Vec<LeftOut>,
    gates: Vec<Asked>,
    read_before: Vec<Reading>,
    totals: Totals,
    /// How secret backups are kept.
    guard: Guard,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Differences>,
    plan: Plan,
}

#[derive(Debug, Serialize)]
struct ClusterPicture {
    endpoint: String,
    uid: String,
    version: String,
    control_planes: usize,
    workers: usize,
}

#[derive(Debug, Serialize)]
struct HopPicture {
    number: u32,
    from: String,
    to: String,
    #[serde(flatten)]
    takes: Takes,
    way_back: WayBack,
    waves: Vec<WavePicture>,
}

/// Whether `kup rollback` will be possible once the first control plane has done this hop.
#[derive(Debug, Serialize)]
struct WayBack {
    class: &'static str,
    why: String,
}

#[derive(Debug, Serialize)]
struct WavePicture {
    name: String,
    at_once: u32,
    #[serde(flatten)]
    takes: Takes,
    visits: Vec<Visit>,
}

/// One stage.
#[derive(Debug, Serialize)]
struct Visit {
    target: String,
    #[serde(flatten)]
    takes: Takes,
    loses: Loss,
    steps: Vec<StepPicture>,
}

#[derive(Debug, Serialize)]
struct StepPicture {
    id: String,
    title: String,
    #[serde(flatten)]
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Takes {
    seconds: u64,
    basis: Basis,
}

impl From<Estimate> for Takes {
    fn from(estimate: Estimate) -> Self {
        Self { seconds: estimate.time.as_secs(), basis: estimate.basis }
    }
}

impl Takes {
    fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[derive(Debug, Serialize)]
struct Totals {
    nodes: usize,
    visits: usize,
    steps: usize,
    #[serde(flatten)]
    takes: Takes,
}

/// What a picture is made of.
pub(crate) struct Facts<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) plan: &'a Plan,
    pub(crate) gates: &'a [Asked],
    pub(crate) guard: &'a Guard,
    pub(crate) durations: &'a Durations,
}

impl Picture {
    /// Draws a plan.
    pub(crate) fn of(facts: &Facts<'_>) -> Self {
        let Facts { inventory, plan, gates, durations, guard } = facts;
        let hops = hops(facts);
        let total = all(plan.waves.iter().map(|wave| durations.wave(wave)));
        let mut nodes: Vec<&str> = plan.stages().map(|stage| stage.target.as_str()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        Self {
            guard: (*guard).clone(),
            schema: SCHEMA,
            kup: crate::command::VERSION,
            cluster: cluster(inventory),
            from: plan.from.clone(),
            to: plan.to.clone(),
            changes: true,
            blocked: gates.iter().any(Asked::stops),
            read_before: reading(&hops),
            hops,
            left_out: left_out(inventory),
            gates: gates.to_vec(),
            totals: Totals {
                nodes: nodes.iter().filter(|node| **node != "cluster").count(),
                visits: plan.stages().count(),
                steps: plan.steps().count(),
                takes: total.into(),
            },
            differences: None,
            plan: (*plan).clone(),
        }
    }

    /// Adds what kubeadm will change.
    pub(crate) fn with(self, differences: Differences) -> Self {
        Self { differences: Some(differences), ..self }
    }
}

fn cluster(inventory: &Inventory) -> ClusterPicture {
    let nodes = || {
        let known = inventory.nodes.iter().map(|node| &node.node);
        known.chain(inventory.silent.iter().map(|silent| &silent.node))
    };
    ClusterPicture {
        endpoint: inventory.cluster.endpoint.clone(),
        uid: inventory.cluster.uid.clone(),
        version: inventory.version.to_string(),
        control_planes: nodes().filter(|node| node.control_plane).count(),
        workers: nodes().filter(|node| !node.control_plane).count(),
    }
}

fn hops(facts: &Facts<'_>) -> Vec<HopPicture> {
    let Facts { inventory, plan, durations, .. } = facts;
    let releases = releases(plan);
    let from = plan.from.parse().unwrap_or(inventory.version);
    let mut before = plan.from.clone();
    let has = |activity: &str| plan.steps().any(|(_, step)| step.activity == activity);
    let can_restore = has("etcdutl") && has("etcd-snapshot");
    let ways_back = outlook(inventory, from, (&releases, can_restore));
    let forecasts = forecasts(facts);
    let mut hops = Vec::new();
    for ((to, way_back), number) in releases.iter().zip(&ways_back).zip(1..) {
        let waves: Vec<&Wave> = plan.waves.iter().filter(|wave| wave.hop == number).collect();
        let to = to.to_string();
        hops.push(HopPicture {
            number,
            from: std::mem::replace(&mut before, to.clone()),
            to,
            takes: all(waves.iter().map(|wave| durations.wave(wave))).into(),
            way_back: WayBack::of(way_back),
            waves: waves.into_iter().map(|wave| wave_picture(wave, facts, &forecasts)).collect(),
        });
    }
    hops
}

/// Returns the releases that a plan goes through, as its gates are told.
pub(crate) fn releases(plan: &Plan) -> Vec<Version> {
    let hops = plan.gates.iter().find_map(|gate| gate.params.get("hops"));
    hops.into_iter().flat_map(|hops| hops.split(',')).filter_map(|it| it.parse().ok()).collect()
}

impl WayBack {
    fn of(outlook: &Outlook) -> Self {
        match outlook {
            Outlook::Files { to } => Self {
                class: "R1",
                why: format!(
                    "files, ConfigMaps and packages go back to {to} over the same etcd data; no write to the cluster is undone"
                ),
            },
            Outlook::Restore { to, why } => Self {
                class: "R3",
                why: format!(
                    "{why}: back to {to} only with the restored snapshot of etcd, without everything that was written since (`kup rollback --restore-etcd`), \
                     and no API server answers meanwhile"
                ),
            },
            Outlook::None { why } => Self { class: "none", why: why.clone() },
        }
    }
}

fn wave_picture(wave: &Wave, facts: &Facts<'_>, forecasts: &Forecasts) -> WavePicture {
    WavePicture {
        name: wave.name.clone(),
        at_once: wave.max_parallel,
        takes: facts.durations.wave(wave).into(),
        visits: wave.stages.iter().map(|stage| visit(stage, facts, forecasts)).collect(),
    }
}

fn visit(stage: &Stage, facts: &Facts<'_>, forecasts: &Forecasts) -> Visit {
    let step = |step: &kup_core::plan::StepSpec| StepPicture {
        id: step.id.to_string(),
        title: step.title.clone(),
        takes: facts.durations.step(&stage.target, step).into(),
    };
    Visit {
        target: stage.target.clone(),
        takes: facts.durations.stage(stage).into(),
        loses: Loss::of(stage, facts, forecasts),
        steps: stage.steps.iter().map(step).collect(),
    }
}
