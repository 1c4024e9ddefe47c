//! What every [`Host`] must do, the simulated one too: one owner at a time, an attempt never twice, outcomes that can be asked for.
//!
//! `KUP_TEST_SSH=root@10.0.0.1` (with `KUP_TEST_SSH_KEY` and `KUP_TEST_SSH_OPTIONS`, separated by blanks) runs it on a real node.

use kup_core::activity::AttemptName;
use kup_core::id::{Epoch, RunId, Seq};
use kup_steps::facts::{Leftovers, Trace};
use kup_steps::host::{Address, AttemptStatus, Host, HostError, Order, Owner};
use kup_steps::script::Script;

mod arguments;
mod copies;
mod dial;

/// Scripts that the machine under test can run. What a simulated one does not know is left out.
pub(crate) struct Specimens {
    /// Ends soon with status 0.
    pub(crate) quick: Script,
    /// Ends with another status.
    pub(crate) failing: Option<(Script, i32)>,
    /// Runs for some seconds.
    pub(crate) slow: Option<Script>,
    /// Prints more than 1 MiB and ends with the line `the end`.
    pub(crate) loud: Option<Script>,
    /// Prints each of its arguments with a NUL behind it.
    pub(crate) echo: Option<fn(Vec<String>) -> Script>,
    /// Prints a file.
    pub(crate) print: Option<fn(String) -> Script>,
    /// Where something listens on the machine, and how it greets.
    pub(crate) greeter: Option<(Address, &'static [u8])>,
}

/// Checks a machine. It may have any owner before; its own runs are new ones.
pub(crate) async fn check(host: &dyn Host, specimens: &Specimens) {
    let (run, other) = (new_run(), new_run());
    the_highest_epoch_owns_the_node(host, &run).await;
    another_run_is_refused(host, &run, &other).await;
    an_attempt_runs_once(host, &run, specimens).await;
    a_late_start_is_refused(host, &run, specimens).await;
    outcomes_are_told(host, &run, specimens).await;
    a_running_attempt_is_adopted(host, &run, specimens).await;
    what_is_left_is_told(host, &run).await;
    output_is_bounded(host, &run, specimens).await;
    arguments::arguments_arrive_unchanged(host, &run, specimens).await;
    copies::are_kept_once(host, &run, specimens).await;
    copies::of_its_own_files_are_made_there(host, &run).await;
    copies::are_proven_and_forgotten(host, &other).await;
    dial::connections_are_carried(host, specimens).await;
    a_run_that_is_over_gives_way(host, &run, &other, specimens).await;
    what_is_released_takes_nothing_more(host, &other, specimens).await;
}

async fn the_highest_epoch_owns_the_node(host: &dyn Host, run: &RunId) {
    host.claim(&owner(run, 1), &|_| true).await.expect("an owner that is over gives way");
    host.claim(&owner(run, 2), &nobody).await.expect("a higher epoch takes the node");
    host.claim(&owner(run, 2), &nobody).await.expect("the same epoch may claim again");
    let lower = host.claim(&owner(run, 1), &|_| true).await;
    assert!(matches!(lower, Err(HostError::Owned { .. })), "a lower epoch: {lower:?}");
}

async fn another_run_is_refused(host: &dyn Host, run: &RunId, other: &RunId) {
    let refused = host.claim(&owner(other, 9), &nobody).await;
    let told =
        matches!(&refused, Err(HostError::Owned { owner, .. }) if owner.contains(run.as_str()));
    assert!(told, "another run is refused and told who owns the node: {refused:?}");
    host.claim(&owner(run, 2), &nobody).await.expect("the owner has stayed");
}

async fn an_attempt_runs_once(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    let order = order(run, "once", 1, 2, &specimens.quick);
    assert_eq!(host.status(&order.name).await.unwrap(), AttemptStatus::NotStarted);
    assert_eq!(host.output(&order.name).await.unwrap(), b"");
    host.start(&order).await.unwrap();
    assert_eq!(end_of(host, &order.name).await, AttemptStatus::Ended { status: 0 });
    let output = host.output(&order.name).await.unwrap();
    host.start(&order).await.expect("the same attempt may be sent again");
    assert_eq!(end_of(host, &order.name).await, AttemptStatus::Ended { status: 0 });
    assert_eq!(host.output(&order.name).await.unwrap(), output, "it has not run again");
    let twice = self::order(run, "once", 2, 2, &specimens.quick);
    let (first, second) = (host.start(&twice), host.start(&twice));
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!(end_of(host, &twice.name).await, AttemptStatus::Ended { status: 0 });
}

async fn a_late_start_is_refused(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    host.claim(&owner(run, 3), &nobody).await.unwrap();
    let late = order(run, "late", 1, 2, &specimens.quick);
    send_in_vain(host, &late).await;
    let status = end_of(host, &late.name).await;
    let told = matches!(&status, AttemptStatus::Refused { owner } if owner.contains(run.as_str()));
    assert!(told, "a start of a lower epoch: {status:?}");
    assert_eq!(host.output(&late.name).await.unwrap(), b"", "nothing ran");
    // The newer process sends the attempt that left no trace under the same name.
    host.start(&order(run, "late", 1, 3, &specimens.quick)).await.unwrap();
    assert_eq!(end_of(host, &late.name).await, AttemptStatus::Ended { status: 0 });
    send_in_vain(host, &late).await;
    assert_eq!(end_of(host, &late.name).await, AttemptStatus::Ended { status: 0 });
}

async fn outcomes_are_told(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    let Some((script, status)) = &specimens.failing else { return };
    let order = order(run, "outcome", 1, 3, script);
    host.start(&order).await.unwrap();
    assert_eq!(end_of(host, &order.name).await, AttemptStatus::Ended { status: *status });
}

async fn a_running_attempt_is_adopted(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    let Some(script) = &specimens.slow else { return };
    let order = order(run, "slow", 1, 3, script);
    host.start(&order).await.unwrap();
    let status = host.status(&order.name).await.unwrap();
    assert!(matches!(status, AttemptStatus::Running { .. }), "{status:?}");
    host.start(&order).await.expect("a running attempt may be sent again");
    assert_eq!(end_of(host, &order.name).await, AttemptStatus::Ended { status: 0 });
}

async fn what_is_left_is_told(host: &dyn Host, run: &RunId) {
    let left = Leftovers::read(host).await.unwrap();
    let owner = left.owner.as_deref().unwrap_or_default();
    assert!(owner.contains(&format!(" run={run} epoch=3 ")), "{owner}");
    let of_run = || left.attempts.iter().filter(|it| it.run == run.as_str());
    assert!(of_run().any(|it| it.name == "once.1"), "{left:?}");
    assert!(of_run().all(|it| it.seq == Some(7) && it.trace == Trace::Ended), "{left:?}");
    let prefix = format!("kup-{run}-");
    assert!(!left.units.keys().any(|unit| unit.starts_with(&prefix)), "{left:?}");
}

async fn output_is_bounded(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    let Some(script) = &specimens.loud else { return };
    let order = order(run, "loud", 1, 3, script);
    host.start(&order).await.unwrap();
    assert_eq!(end_of(host, &order.name).await, AttemptStatus::Ended { status: 0 });
    let output = host.output(&order.name).await.unwrap();
    assert_eq!(output.len(), 1024 * 1024);
    assert!(output.ends_with(b"the end\n"));
}

async fn a_run_that_is_over_gives_way(
    host: &dyn Host,
    run: &RunId,
    other: &RunId,
    specimens: &Specimens,
) {
    let is_over = |name: &str| name == run.as_str();
    host.claim(&owner(other, 1), &is_over).await.expect("a run that is over gives way");
    let foreign = order(run, "foreign", 1, 99, &specimens.quick);
    send_in_vain(host, &foreign).await;
    let status = end_of(host, &foreign.name).await;
    assert!(matches!(status, AttemptStatus::Refused { .. }), "of another run: {status:?}");
}

async fn what_is_released_takes_nothing_more(host: &dyn Host, run: &RunId, specimens: &Specimens) {
    host.claim(&owner(run, 5), &nobody).await.unwrap();
    host.release(&owner(run, 4)).await.expect("a lower epoch releases nothing, and that is fine");
    let foreign = host.claim(&owner(&new_run(), 1), &nobody).await;
    assert!(matches!(foreign, Err(HostError::Owned { .. })), "the owner has stayed: {foreign:?}");
    host.release(&owner(run, 5)).await.unwrap();
    let late = order(run, "released", 1, 5, &specimens.quick);
    send_in_vain(host, &late).await;
    let status = end_of(host, &late.name).await;
    assert!(matches!(status, AttemptStatus::Refused { .. }), "after the release: {status:?}");
    let next = owner(&new_run(), 1);
    host.claim(&next, &nobody).await.expect("a node that is free can be taken");
    host.release(&next).await.expect("the node is left as free as it was found");
}

/// Sends what the node will not take. It may say so at once, or when it is asked.
async fn send_in_vain(host: &dyn Host, order: &Order) {
    let sent = host.start(order).await;
    assert!(matches!(sent, Ok(()) | Err(HostError::Owned { .. })), "{sent:?}");
}

/// Asks until an attempt does not run any more.
async fn end_of(host: &dyn Host, name: &AttemptName) -> AttemptStatus {
    for _ in 0..100 {
        let status = host.status(name).await.unwrap();
        if !matches!(status, AttemptStatus::Running { .. }) {
            return status;
        }
    }
    panic!("{name:?} does not end");
}

fn nobody(_run: &str) -> bool {
    false
}

fn owner(run: &RunId, epoch: u64) -> Owner {
    let (cluster, operator) = ("f3b1".to_owned(), "ops@desk".to_owned());
    Owner { cluster, run: run.clone(), epoch: Epoch(epoch), operator }
}

fn order(run: &RunId, step: &str, attempt: u32, epoch: u64, script: &Script) -> Order {
    let name = AttemptName { run: run.clone(), step: step.parse().unwrap(), attempt };
    Order { name, epoch: Epoch(epoch), intent: Seq(7), script: script.clone() }
}

fn new_run() -> RunId {
    let letters: String = (0..7).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect();
    format!("20261123-{letters}").parse().unwrap()
}

mod simulated {
    use kup_steps::script::KUBELET_RESTART;

    use super::*;
    use crate::sim_rig::Rig;

    #[tokio::test]
    async fn a_simulated_node_keeps_the_contract() {
        let rig = Rig::new("sim:1x1@v1.35.6").await;
        let quick = Script::new::<String>(KUBELET_RESTART, []);
        check(&*rig.host("w1"), &Specimens::only(quick)).await;
    }
}

pub(crate) mod real {
    use std::path::PathBuf;

    use kup_steps::host::ssh::{SshHost, SshSettings};

    use super::*;

    fn text(text: &'static str, args: Vec<String>) -> Script {
        Script { name: "specimen", text, args }
    }

    fn specimens() -> Specimens {
        let slow = "for i in 1 2 3 4 5; do echo \"second $i\"; sleep 1; done";
        let loud = "i=0; while [ $i -lt 30000 ]; do echo \"$i ...........................................\"; i=$((i + 1)); done; echo the end";
        Specimens {
            quick: text("cat /proc/sys/kernel/random/uuid", vec![]),
            failing: Some((text("exit 3", vec![]), 3)),
            slow: Some(text(slow, vec![])),
            loud: Some(text(loud, vec![])),
            echo: Some(|args| text("for a; do printf '%s\\0' \"$a\"; done", args)),
            print: Some(|path| text("cat \"$1\"", vec![path])),
            greeter: Some((Address { host: "127.0.0.1".to_owned(), port: 22 }, b"SSH-2.0-")),
        }
    }

    /// Returns the node that somebody has named.
    #[expect(clippy::disallowed_methods, reason = "a real node is named by whoever has one")]
    pub(crate) fn over_ssh() -> Option<SshHost> {
        let login = std::env::var("KUP_TEST_SSH").ok()?;
        let (user, address) = login.split_once('@').unwrap_or(("root", &login));
        let mut settings = SshSettings::new(address);
        settings.user = Some(user.to_owned());
        settings.identity = std::env::var("KUP_TEST_SSH_KEY").ok().map(PathBuf::from);
        let options = std::env::var("KUP_TEST_SSH_OPTIONS").unwrap_or_default();
        settings.options = options.split_whitespace().map(str::to_owned).collect();
        Some(SshHost::new("node", settings))
    }

    #[tokio::test]
    async fn a_node_over_ssh_keeps_the_contract() {
        if let Some(host) = over_ssh() {
            check(&host, &specimens()).await;
        }
    }
}
