//! What is forecast of draining a simulated cluster is what draining it comes to, node after node, whatever is in the way.

use std::time::Duration;

use kup_core::clock::Clock;
use kup_steps::cluster::Node;
use kup_steps::drain::forecast::{Draining, Forecast};
use kup_steps::drain::{DrainError, DrainOptions, drain};
use kup_steps::sim::SimSpec;

use crate::sim_rig::{RUN, Rig};

/// Everything that may be in the way, each there or not.
fn specs() -> Vec<SimSpec> {
    let mut specs = Vec::new();
    for workers in 1..=3 {
        for bits in 0..8 {
            let mut spec = SimSpec::new(1, workers, "v1.35.6".parse().unwrap());
            spec.empty_dir = bits & 1 != 0;
            spec.bare_pod = bits & 2 != 0;
            spec.tight_budget = bits & 4 != 0;
            specs.push(spec);
        }
    }
    specs
}

fn options() -> [DrainOptions; 4] {
    [(false, false), (false, true), (true, false), (true, true)].map(
        |(delete_emptydir_data, force)| DrainOptions {
            delete_emptydir_data,
            force,
            grace_period: None,
        },
    )
}

async fn forecast(rig: &Rig, options: DrainOptions) -> Forecast {
    let (nodes, survey) = (rig.cluster().nodes().await.unwrap(), rig.cluster().survey().await);
    let draining = Draining {
        survey: &survey,
        nodes: nodes.iter().collect(),
        order: nodes.iter().filter(|node| !node.control_plane).collect::<Vec<&Node>>(),
        side_by_side: 1,
        options,
    };
    draining.forecast().unwrap()
}

#[tokio::test]
async fn a_simulated_cluster_drains_as_forecast() {
    let (mut n_drained, mut n_refused, mut n_stuck) = (0, 0, 0);
    for spec in specs() {
        for options in options() {
            let rig = Rig::of(&spec).await;
            for seen in forecast(&rig, options).await.nodes {
                let (cluster, deadline) = (rig.cluster(), rig.clock.now().plus(seconds(20)));
                assert!(cluster.cordon(&seen.node, RUN).await.unwrap());
                let (clock, node) = (rig.clock.as_ref(), seen.node.as_str());
                let drained = drain(cluster.as_ref(), clock, node, &options, deadline, &|_| ());
                let context = |came: &str| format!("{spec:?} {options:?} {seen:#?} came to {came}");
                match drained.await {
                    Ok(_) => {
                        assert!(seen.is_drainable(), "{}", context("its end"));
                        n_drained += 1;
                    }
                    Err(DrainError::Refused { refused, .. }) => {
                        assert_eq!(refused.len(), seen.refused.len(), "{}", context("a refusal"));
                        n_refused += 1;
                    }
                    Err(error) => {
                        let text = error.to_string();
                        let is_told = seen.refused.is_empty() && !seen.is_drainable();
                        assert!(is_told, "{}", context(&text));
                        let waits = seen.waits.iter().flat_map(|wait| &wait.pods);
                        assert!({ waits }.all(|pod| text.contains(pod.as_str())), "{text}");
                        n_stuck += 1;
                    }
                }
                assert!(cluster.uncordon(&seen.node, RUN).await.unwrap());
                rig.clock.sleep(seconds(5)).await;
            }
        }
    }
    assert!(n_drained > 50 && n_refused > 30 && n_stuck > 50, "{n_drained} {n_refused} {n_stuck}");
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
