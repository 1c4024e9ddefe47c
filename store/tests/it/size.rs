//! The limits hold what they are meant for.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use kup_core::event::Event;
use kup_core::plan::{Policy, Stage, StepSpec, Wave};
use kup_store::{MAX_PAYLOAD, Store};

use crate::samples::{run, started, timed};

fn step(node: u32, number: u32) -> StepSpec {
    let param = |n: u32| (format!("parameter-{n}"), format!("/etc/kubernetes/manifests/{n}.yaml"));
    StepSpec {
        id: format!("install-packages-{number}.node-{node}.eu-central-1.example.com")
            .parse()
            .unwrap(),
        activity: "packages.install".into(),
        version: 1,
        title: format!("Install kubeadm 1.34.1 on node-{node}.eu-central-1.example.com"),
        params: (0..4).map(param).collect::<BTreeMap<_, _>>(),
        policy: Policy::with_timeout(Duration::from_secs(600)),
        undo_of: None,
    }
}

fn stage(node: u32) -> Stage {
    let target = format!("node-{node}.eu-central-1.example.com");
    Stage { target, skippable: true, steps: (0..12).map(|number| step(node, number)).collect() }
}

#[test]
fn the_plan_of_500_nodes_fits_twice() {
    let Event::RunStarted(mut first) = started() else { panic!("it starts a run") };
    let stages = (0..500).map(stage).collect();
    first.plan.waves = vec![Wave { name: "workers".into(), hop: 1, max_parallel: 5, stages }];
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store.create(&run(), timed(vec![Event::RunStarted(first)])).map(drop).unwrap();
    let size = fs::metadata(store.journal_path(&run())).unwrap().len();
    assert!(size * 2 < MAX_PAYLOAD as u64, "{size} bytes");
    assert_eq!(store.read(&run()).unwrap().entries.len(), 1);
}
