//! Events of every type, with every variant. FILE FORMAT: the fixtures are made of these; they are
//! never changed. New events are added in a file of their own, with a fixture of their own.

use std::collections::BTreeMap;

use kup_core::clock::Timestamp;
use kup_core::event::*;
use kup_core::id::{BlobId, RunId, StepId};
use kup_core::journal::NewEntry;
use kup_core::plan::{GateSpec, Plan, Policy, Stage, StepSpec, Wave};

/// The run of the fixture.
pub(crate) fn run() -> RunId {
    "20261123-k3f9x2a".parse().unwrap()
}

/// Another run.
pub(crate) fn other_run() -> RunId {
    "20261124-aaaaaaa".parse().unwrap()
}

/// One entry after the other, a second apart.
pub(crate) fn timed(events: Vec<Event>) -> Vec<NewEntry> {
    let times = 1_795_415_000_000_000_000i64..;
    let times = times.step_by(1_000_000_001);
    events
        .into_iter()
        .zip(times)
        .enumerate()
        .map(|(n, (event, time))| NewEntry {
            time: Timestamp(time),
            since_boot: 5_000_000_000 * n as u64,
            event,
        })
        .collect()
}

/// What the first process of the fixture writes, and what the second one does.
pub(crate) fn both_halves() -> (Vec<NewEntry>, Vec<NewEntry>) {
    let mut first = timed(every_event());
    let second = first.split_off(20);
    (first, second)
}

/// A run's first event.
pub(crate) fn started() -> Event {
    Event::RunStarted(Box::new(RunStarted {
        kup_version: "0.1.0".into(),
        operator: "anna@workstation".into(),
        cluster: ClusterIdentity {
            uid: "6f1cab09-0000-4000-8000-000000000001".into(),
            ca_sha256: "ab".repeat(32),
            endpoint: "https://10.0.0.1:6443".into(),
        },
        machines: vec![MachineIdentity {
            name: "cp-1".into(),
            uid: "6f1cab09-0000-4000-8000-000000000002".into(),
            machine_id: "0123456789abcdef0123456789abcdef".into(),
            host_key: "SHA256:xyz".into(),
            address: "10.0.0.11".into(),
        }],
        reach: Reach {
            kind: "kubeconfig".into(),
            cluster: "/home/anna/.kube/config".into(),
            context: "prod".into(),
            ssh_user: "root".into(),
            ssh_identity: String::new(),
            ssh_options: vec!["Port=2222".into()],
            ssh_address: "ip".into(),
            local_node: "cp1".into(),
        },
        until: Some("control-plane".into()),
        plan: plan("kubelet-restart", None),
    }))
}

pub(crate) fn finished(outcome: Outcome) -> Event {
    Event::RunFinished(RunFinished { outcome, reason: String::new() })
}

pub(crate) fn every_event() -> Vec<Event> {
    let mut events = vec![started()];
    events.extend(verdicts());
    events.extend(observations());
    events.extend(preparation());
    events.extend(settlements());
    events.extend(results());
    events.extend(retries());
    events.extend(decisions());
    events.extend(pauses());
    events.extend([Outcome::Succeeded, Outcome::RolledBack, Outcome::Abandoned].map(finished));
    events
}

fn step() -> StepId {
    "kubelet-restart.cp-1".parse().unwrap()
}

fn blob() -> BlobId {
    "c0".repeat(32).parse().unwrap()
}

fn plan(activity: &str, undo_of: Option<StepId>) -> Plan {
    let params = BTreeMap::from([("node".to_owned(), "cp-1".to_owned())]);
    let step = StepSpec {
        id: step(),
        activity: activity.into(),
        version: 300,
        title: "Restart the kubelet of cp-1 — und prüfen".into(),
        params: params.clone(),
        policy: Policy { max_attempts: 3, timeout_ms: 600_000, backoff_ms: 2_000 },
        undo_of,
    };
    let stage = Stage { target: "cp-1".into(), skippable: false, steps: vec![step] };
    let wave = Wave { name: "control-plane".into(), hop: 1, max_parallel: 1, stages: vec![stage] };
    let gates = vec![GateSpec { gate: "etcd-health".into(), version: 1, params }];
    Plan { from: "v1.33.4".into(), to: "v1.34.1".into(), gates, waves: vec![wave] }
}

fn error(class: ErrorClass) -> ErrorRecord {
    ErrorRecord { class, message: "kubelet does not answer".into(), causes: vec!["EOF".into()] }
}

fn verdicts() -> Vec<Event> {
    let (evidence, remedy) = ("3 of 3 healthy".to_owned(), "wait".to_owned());
    [
        Verdict::Pass { evidence: evidence.clone() },
        Verdict::Warn { evidence: evidence.clone(), remedy: remedy.clone() },
        Verdict::Block { evidence, remedy },
    ]
    .map(|verdict| Event::GateChecked(GateChecked { gate: "etcd-health".into(), verdict }))
    .into()
}

fn observations() -> Vec<Event> {
    let what = || "kubelet v1.33.4".to_owned();
    [
        Found::Before { what: what() },
        Found::Between { what: what(), repairable: true },
        Found::After { what: what() },
        Found::Foreign { what: what() },
    ]
    .map(|found| Event::StepObserved(StepObserved { step: step(), found }))
    .into()
}

fn preparation() -> Vec<Event> {
    let backups = vec![Backup { what: "kubelet.conf".into(), blob: blob(), size: 70_000 }];
    let notes = vec![("unit".into(), "active".into())];
    let deadline = Timestamp(1_795_415_600_000_000_000);
    vec![
        Event::StepPrepared(StepPrepared { step: step(), notes, backups }),
        Event::AttemptStarted(AttemptStarted { step: step(), attempt: 1, deadline }),
    ]
}

fn settlements() -> Vec<Event> {
    [
        Settlement::NotStarted,
        Settlement::Running,
        Settlement::Ended,
        Settlement::Lost { what: "rebooted".into() },
        Settlement::Untraceable,
    ]
    .map(|settlement| {
        Event::AttemptSettled(AttemptSettled { step: step(), attempt: 1, settlement })
    })
    .into()
}

fn results() -> Vec<Event> {
    let succeeded = AttemptResult::Succeeded { summary: "restarted".into() };
    let failed = |class| AttemptResult::Failed { error: error(class) };
    let ended = |result, output, adopted| {
        Event::AttemptEnded(AttemptEnded { step: step(), attempt: 1, result, output, adopted })
    };
    vec![
        ended(succeeded, Some(blob()), false),
        ended(failed(ErrorClass::Transient), None, true),
        ended(failed(ErrorClass::Permanent), None, false),
        ended(failed(ErrorClass::Unclear), None, false),
    ]
}

fn retries() -> Vec<Event> {
    [Doing::Observe, Doing::Prepare, Doing::Settle, Doing::Execute, Doing::Verify]
        .map(|doing| {
            let (at, error) = (Timestamp(-1), error(ErrorClass::Transient));
            Event::RetryScheduled(RetryScheduled { step: step(), doing, at, error })
        })
        .into()
}

fn decisions() -> Vec<Event> {
    let decided = |decision| {
        let (operator, reason) = ("bob@laptop".into(), "seen by eye".into());
        Event::OperatorDecided(OperatorDecided { step: step(), decision, operator, reason })
    };
    let (kup_version, operator, reason) = ("0.1.0".into(), "bob@laptop".into(), String::new());
    vec![
        Event::StepCompleted(StepCompleted {
            step: step(),
            evidence: "v1.34.1".into(),
            left: vec![("kubelet:config".into(), "abc".into())],
        }),
        Event::StepSkipped(StepSkipped { step: step(), reason: "node is gone".into() }),
        Event::StepBlocked(StepBlocked { step: step(), error: error(ErrorClass::Unclear) }),
        Event::RunResumed(RunResumed { kup_version, operator, reason }),
        decided(OperatorDecision::Retry),
        decided(OperatorDecision::Accept),
    ]
}

fn pauses() -> Vec<Event> {
    let mut events: Vec<Event> = [
        PauseReason::Interrupted,
        PauseReason::Blocked { steps: vec![step()] },
        PauseReason::Reached { wave: "control-plane".into() },
        PauseReason::Gate { gate: "etcd-health".into() },
    ]
    .map(|reason| Event::RunPaused(RunPaused { reason }))
    .into();
    events.push(Event::RollbackStarted(Box::new(RollbackStarted {
        operator: "bob@laptop".into(),
        reason: "it is Friday".into(),
        plan: plan("undo", Some(step())),
    })));
    events
}
