//! The other control planes, which must serve while one is being replaced: with one more away etcd could lose its quorum.

use std::time::Duration;

use kup_core::activity::{ActivityError, StepContext};
use kup_core::clock::Timestamp;

use crate::cluster::{Cluster, Node, Pod};
use crate::world::{World, cluster_error};

/// A machine that reboots and an API server that is away are waited for; then an operator is asked.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(2);
/// What must serve on each of them.
const SERVING: [&str; 2] = ["etcd", "kube-apiserver"];
/// The same on the way back of a node whose own API server does not serve: it takes none away, and theirs may wait for the same way back.
const SERVING_STILL: [&str; 1] = ["etcd"];

/// Waits until all other control planes serve. `is_whole` says that the target itself is as it was before; where it is not, an API
/// server that does not answer is no reason to wait, for the attempt repairs that first.
///
/// # Errors
/// Transient, naming who is away; `Unclear` when the run is to rest.
pub(super) async fn wait_for(
    cx: &StepContext,
    world: &World,
    is_whole: bool,
) -> Result<(), ActivityError> {
    let until = cx.clock.now().plus(PATIENCE);
    loop {
        let why = match away(cx, world).await {
            Ok(away) if away.is_empty() => return Ok(()),
            Ok(away) => format!("other control planes do not serve: {}", away.join(", ")),
            Err(error) if !super::passes(&error) => return Err(error),
            Err(_) if !is_whole => return Ok(()),
            Err(error) => error.message,
        };
        pause(cx, until, &why).await?;
    }
}

/// Says what is waited for, and waits a moment.
///
/// # Errors
/// Transient when the time is over; `Unclear` when the run is to rest.
pub(super) async fn pause(
    cx: &StepContext,
    until: Timestamp,
    why: &str,
) -> Result<(), ActivityError> {
    if cx.clock.now() > until {
        let target = &cx.target;
        return Err(ActivityError::transient(format!("{target} was left alone: {why}")));
    }
    cx.say(&format!("waiting: {why}"));
    tokio::select! {
        biased;
        () = cx.stopping() => {
            Err(ActivityError::unclear("the run was to rest; nothing was begun"))
        }
        () = cx.clock.sleep(PAUSE) => Ok(()),
    }
}

async fn away(cx: &StepContext, world: &World) -> Result<Vec<String>, ActivityError> {
    let cluster: &dyn Cluster = world.cluster().await?;
    let nodes = cluster.nodes().await.map_err(|e| cluster_error(&e))?;
    let is_other = |node: &&Node| node.control_plane && node.name != cx.target;
    let others: Vec<&Node> = nodes.iter().filter(is_other).collect();
    if others.is_empty() {
        return Ok(Vec::new());
    }
    let pods = cluster.system_pods().await.map_err(|e| cluster_error(&e))?;
    let own = nodes.iter().find(|node| node.name == cx.target);
    let serves_itself = own.is_some_and(|node| serves(node, &pods, &SERVING));
    let still = cx.step.undo_of.is_some() && !serves_itself;
    let components: &[&str] = if still { &SERVING_STILL } else { &SERVING };
    let away = others.into_iter().filter(|node| !serves(node, &pods, components));
    Ok(away.map(|node| node.name.clone()).collect())
}

/// Whether a control plane is Ready and its static pods that the others rest on are.
fn serves(node: &Node, pods: &[Pod], components: &[&str]) -> bool {
    let counts = |pod: &&Pod| {
        let component = pod.labels.get("component").map(String::as_str).unwrap_or_default();
        pod.node == node.name && components.contains(&component)
    };
    node.ready && pods.iter().filter(counts).all(|pod| pod.ready)
}
