//! Durations from histories, and waves made of them.

use kup_core::event::{AttemptStarted, RunResumed, RunStarted, StepCompleted};
use kup_core::event::{ClusterIdentity, Reach};
use kup_core::id::{Epoch, Seq};
use kup_core::plan::Policy;

use super::*;

fn step(id: &str) -> StepSpec {
    StepSpec {
        id: id.parse().unwrap(),
        activity: "drain".to_owned(),
        version: 1,
        title: String::new(),
        params: BTreeMap::new(),
        policy: Policy::with_timeout(Duration::from_secs(60)),
        undo_of: None,
    }
}

fn wave(targets: &[&str], max_parallel: u32) -> Wave {
    let stage = |target: &&str| Stage {
        target: (*target).to_owned(),
        skippable: true,
        steps: vec![step(&format!("drain.{target}"))],
    };
    Wave { name: String::new(), hop: 1, max_parallel, stages: targets.iter().map(stage).collect() }
}

fn history(events: Vec<(i64, Event)>) -> Vec<Entry> {
    let plan = Plan {
        from: String::new(),
        to: String::new(),
        gates: Vec::new(),
        waves: vec![wave(&["w1", "w2"], 1)],
    };
    let nobody = || ClusterIdentity {
        uid: String::new(),
        ca_sha256: String::new(),
        endpoint: String::new(),
    };
    let started = Event::RunStarted(Box::new(RunStarted {
        kup_version: String::new(),
        operator: String::new(),
        cluster: nobody(),
        machines: Vec::new(),
        reach: Reach { kind: "sim".to_owned(), ..Reach::default() },
        until: None,
        plan,
    }));
    let entry = |(second, event): (i64, Event)| Entry {
        seq: Seq(1),
        epoch: Epoch(1),
        time: Timestamp(second * 1_000_000_000),
        since_boot: 0,
        event,
    };
    std::iter::once((0, started)).chain(events).map(entry).collect()
}

fn starts(id: &str) -> Event {
    let (step, deadline) = (id.parse().unwrap(), Timestamp(0));
    Event::AttemptStarted(AttemptStarted { step, attempt: 1, deadline })
}

fn completes(id: &str) -> Event {
    let (step, evidence, left) = (id.parse().unwrap(), String::new(), Vec::new());
    Event::StepCompleted(StepCompleted { step, evidence, left })
}

#[test]
fn a_step_is_known_by_what_it_does_whatever_its_hop_and_node() {
    assert_eq!(does("w1", &step("drain.w1")), "drain");
    assert_eq!(does("w1", &step("hop2.drain.w1")), "drain");
    assert_eq!(does("hop.w1", &step("kubelet-packages.hop.w1")), "kubelet-packages");
    let mut node = step("hop10.kubeadm-node.w1.example");
    node.params.insert("role".to_owned(), "worker".to_owned());
    assert_eq!(does("w1.example", &node), "kubeadm-node worker");
}

#[test]
fn a_step_takes_from_its_first_attempt_to_its_proof() {
    let second_try = [(10, starts("drain.w1")), (20, starts("drain.w1"))];
    let history = history([second_try.to_vec(), vec![(70, completes("drain.w1"))]].concat());
    let minute = ("drain".to_owned(), Duration::from_secs(60));
    assert_eq!(durations(&history, "sim"), [minute]);
    assert_eq!(durations(&history, "kubeconfig"), []);
}

#[test]
fn what_an_interruption_has_stretched_does_not_count() {
    let resumed = Event::RunResumed(RunResumed {
        kup_version: String::new(),
        operator: String::new(),
        reason: String::new(),
    });
    let events = vec![
        (10, starts("drain.w1")),
        (5000, resumed),
        (5001, completes("drain.w1")),
        (5002, completes("drain.w2")),
    ];
    assert_eq!(durations(&history(events), "sim"), []);
}

#[test]
fn a_wave_is_as_long_as_its_longest_lane() {
    let durations = Durations { medians: [("drain".to_owned(), Duration::from_secs(10))].into() };
    let of = |max_parallel| durations.wave(&wave(&["a", "b", "c"], max_parallel)).time.as_secs();
    assert_eq!([of(1), of(2), of(3), of(9)], [30, 20, 10, 10]);
    let known = durations.wave(&wave(&["a"], 1)).basis;
    let unknown = Durations::default().wave(&wave(&["a"], 1)).basis;
    assert_eq!((known, unknown), (Basis::Measured, Basis::Guess));
}
