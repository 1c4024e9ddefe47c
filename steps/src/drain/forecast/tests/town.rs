//! A small cluster that behaves as Kubernetes does when pods are evicted: controllers make pods again, the scheduler places them, the
//! disruption controller counts, and the API server answers evictions. Written from their sources, not from the forecast.

mod answers;
mod counting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use kup_core::clock::Clock;

use crate::cluster::survey::{Claim, ClusterSurvey, Selector, Workload};
use crate::cluster::{Node, Pod};
use crate::drain::tests::{Hands, pod};
use crate::drain::{DrainError, DrainOptions, DrainReport, drain};

/// Seconds from an eviction until the pod is gone, and from being placed until ready.
const PACE: i64 = 2;

/// The cluster: a tainted control plane `cp1`, and workers.
pub(super) struct Town {
    pub(super) nodes: Vec<Node>,
    pub(super) options: DrainOptions,
    pub(super) clock: Hands,
    apps: Vec<App>,
    budgets: Vec<Spec>,
    state: Mutex<State>,
}

/// An application.
pub(super) struct App {
    pub(super) name: String,
    pub(super) n_pods: usize,
    /// The workers that its pods begin on.
    pub(super) on: Vec<usize>,
    pub(super) owner: Owner,
    /// Whether each pod has a volume on its first node.
    pub(super) is_bound: bool,
    /// How many never get ready.
    pub(super) n_sick: usize,
    pub(super) has_data: bool,
}

/// What makes pods again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Replicas,
    DaemonSet,
    Nobody,
}

/// A budget as it is written, over one application, or over all.
struct Spec {
    name: String,
    app: String,
    least: Option<String>,
    most: Option<String>,
    is_lenient: bool,
}

#[derive(Default)]
struct State {
    pods: Vec<Citizen>,
    cordoned: BTreeSet<String>,
    n_born: usize,
}

/// A pod with its future.
struct Citizen {
    pod: Pod,
    is_sick: bool,
    home: Option<String>,
    gone: Option<i64>,
    ready: Option<i64>,
}

impl App {
    /// Returns an application with a pod on each worker in turn.
    pub(super) fn of(name: &str, n_pods: usize) -> Self {
        let (name, on) = (name.to_owned(), (0..n_pods).collect());
        Self {
            name,
            n_pods,
            on,
            owner: Owner::Replicas,
            is_bound: false,
            n_sick: 0,
            has_data: false,
        }
    }
}

impl Town {
    pub(super) fn new(n_workers: usize, options: DrainOptions) -> Self {
        let mut master = node("cp1");
        master.control_plane = true;
        master.taints = vec!["node-role.kubernetes.io/control-plane:NoSchedule".to_owned()];
        let workers = (1..=n_workers).map(|number| node(&format!("w{number}")));
        Self {
            nodes: std::iter::once(master).chain(workers).collect(),
            options,
            clock: Hands::default(),
            apps: Vec::new(),
            budgets: Vec::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn with_node(mut self, name: &str) -> Self {
        self.nodes.push(node(name));
        self
    }

    pub(super) fn with(mut self, app: App) -> Self {
        let n_workers = self.nodes.len() - 1;
        let state = self.state.get_mut().unwrap();
        for index in 0..app.n_pods {
            let home = format!("w{}", app.on[index] % n_workers + 1);
            state.pods.push(citizen(&app, index, home));
        }
        self.apps.push(app);
        self
    }

    /// Adds a budget: `min 2`, `max 50%`, `max 1 lenient`; without an application it covers all.
    pub(super) fn with_budget(mut self, app: &str, spec: &str) -> Self {
        let words: Vec<&str> = spec.split(' ').collect();
        let number = |word: &str| (words[0] == word).then(|| words[1].to_owned());
        self.budgets.push(Spec {
            name: format!("budget-{}", self.budgets.len()),
            app: app.to_owned(),
            least: number("min"),
            most: number("max"),
            is_lenient: words.get(2) == Some(&"lenient"),
        });
        self
    }

    /// Returns what a survey shows.
    pub(super) fn look(&self) -> ClusterSurvey {
        let state = self.state.lock().unwrap();
        let pods: Vec<Pod> = state.pods.iter().map(|it| it.pod.clone()).collect();
        let bound = state.pods.iter().filter_map(|it| Some((&it.pod, it.home.clone()?)));
        let claims = bound.map(|(pod, home)| Claim {
            namespace: pod.namespace.clone(),
            name: pod.claims[0].clone(),
            volume: format!("volume-of-{}", pod.name),
            hostnames: vec![home],
        });
        ClusterSurvey {
            budgets: Ok(self.budgets.iter().map(|spec| self.budget(spec, &state)).collect()),
            claims: Ok(claims.collect()),
            workloads: Ok(self.apps.iter().filter_map(workload).collect()),
            pods: Ok(pods),
            ..ClusterSurvey::empty()
        }
    }

    /// Cordons and drains a node.
    pub(super) async fn drain(&self, node: &str) -> Result<DrainReport, DrainError> {
        self.state.lock().unwrap().cordoned.insert(node.to_owned());
        let deadline = self.clock.now().plus(Duration::from_secs(300));
        drain(self, &self.clock, node, &self.options, deadline, &|_| ()).await
    }

    /// Uncordons a node and lets everything find its place.
    pub(super) async fn back(&self, node: &str) {
        self.state.lock().unwrap().cordoned.remove(node);
        for _ in 0..10 {
            self.clock.sleep(Duration::from_secs(1)).await;
            self.pass();
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().0 / 1_000_000_000
    }

    /// Lets everybody do what is due.
    fn pass(&self) {
        let (now, mut state) = (self.now(), self.state.lock().unwrap());
        let is_gone = |it: &Citizen| it.gone.is_some_and(|at| at <= now);
        let (gone, mut pods): (Vec<_>, Vec<_>) = state.pods.drain(..).partition(is_gone);
        for old in gone.into_iter().filter(|it| it.pod.controller.is_some()) {
            state.n_born += 1;
            let (uid, node) = (format!("uid-again-{}", state.n_born), String::new());
            let phase = "Pending".to_owned();
            let pod = Pod { uid, node, phase, ready: false, terminating: false, ..old.pod };
            pods.push(Citizen { pod, gone: None, ready: None, ..old });
        }
        for it in pods.iter_mut().filter(|it| it.pod.node.is_empty()) {
            if let Some(node) = self.place(it, &state.cordoned) {
                it.pod.node = node;
                it.ready = Some(now + PACE);
            }
        }
        for it in pods.iter_mut().filter(|it| it.ready.is_some_and(|at| at <= now)) {
            it.pod.phase = "Running".to_owned();
            it.pod.ready = !it.is_sick && !it.pod.terminating;
        }
        state.pods = pods;
    }

    fn place(&self, it: &Citizen, cordoned: &BTreeSet<String>) -> Option<String> {
        let fits = |node: &&Node| {
            let is_home = it.home.as_ref().is_none_or(|home| *home == node.hostname);
            is_home && node.taints.is_empty() && !cordoned.contains(&node.name)
        };
        self.nodes.iter().find(fits).map(|node| node.name.clone())
    }
}

fn citizen(app: &App, index: usize, home: String) -> Citizen {
    let name = format!("{}-{index}", app.name);
    let controller = match app.owner {
        Owner::Replicas => Some(("StatefulSet".to_owned(), app.name.clone())),
        Owner::DaemonSet => Some(("DaemonSet".to_owned(), app.name.clone())),
        Owner::Nobody => None,
    };
    let is_sick = index < app.n_sick;
    let pod = Pod {
        namespace: "shop".to_owned(),
        node: home.clone(),
        ready: !is_sick,
        controller,
        claims: if app.is_bound { vec![format!("data-{name}")] } else { Vec::new() },
        empty_dirs: if app.has_data { vec!["cache".to_owned()] } else { Vec::new() },
        labels: BTreeMap::from([("app".to_owned(), app.name.clone())]),
        ..pod(&name)
    };
    Citizen { pod, is_sick, home: app.is_bound.then_some(home), gone: None, ready: None }
}

fn workload(app: &App) -> Option<Workload> {
    let kind = match app.owner {
        Owner::Replicas => "StatefulSet",
        Owner::DaemonSet => "DaemonSet",
        Owner::Nobody => return None,
    };
    let wanted = i64::try_from(app.n_pods).unwrap();
    Some(Workload {
        kind: kind.to_owned(),
        namespace: "shop".to_owned(),
        name: app.name.clone(),
        controller: None,
        wanted,
        ready: wanted,
        images: Vec::new(),
    })
}

fn selector(app: &str) -> Selector {
    let labels = if app.is_empty() { Vec::new() } else { vec![("app".to_owned(), app.to_owned())] };
    Selector { labels: labels.into_iter().collect(), conditions: Vec::new() }
}

fn node(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        control_plane: false,
        address: String::new(),
        kubelet_version: "v1.35.6".to_owned(),
        ready: true,
        conditions: Vec::new(),
        unschedulable: false,
        cordoned_by: None,
        os: "linux".to_owned(),
        machine_id: String::new(),
        boot_id: String::new(),
        runtime: String::new(),
        hostname: name.to_owned(),
        taints: Vec::new(),
    }
}
