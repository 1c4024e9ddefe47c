//! A simulated cluster under a clock that tests move, with the words that its tests are written in.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::AttemptName;
use kup_core::clock::{Clock, Timestamp};
use kup_core::id::{Epoch, Seq};
use kup_steps::cluster::Cluster;
use kup_steps::host::{AttemptStatus, Host, Order, Owner};
use kup_steps::script::{self, Script};
use kup_steps::sim::{SimSpec, SimWorld};

pub(crate) const RUN: &str = "20261123-aaaaaaa";

/// A clock that stands still until it is moved; sleeping moves it.
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000_000_000)))
    }

    pub(crate) fn forward(&self, milliseconds: u64) {
        let nanoseconds = Duration::from_millis(milliseconds).as_nanos();
        self.0.fetch_add(i64::try_from(nanoseconds).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn since_boot(&self) -> u64 {
        0
    }

    async fn sleep(&self, time: Duration) {
        self.forward(u64::try_from(time.as_millis()).unwrap());
    }
}

pub(crate) struct Rig {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) world: SimWorld,
    next: AtomicU32,
}

impl Rig {
    pub(crate) async fn new(spec: &str) -> Self {
        Self::of(&SimSpec::parse(spec, None).unwrap()).await
    }

    pub(crate) async fn of(spec: &SimSpec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let world = SimWorld::create(&dir.path().join("sim"), spec, clock.clone()).unwrap();
        let rig = Self { dir, clock, world, next: AtomicU32::new(1) };
        for node in rig.cluster().nodes().await.unwrap() {
            rig.claim(&node.name, 1).await;
        }
        rig
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        Path::new(self.dir.path()).join("sim")
    }

    pub(crate) fn cluster(&self) -> Arc<dyn Cluster> {
        self.world.cluster()
    }

    pub(crate) fn host(&self, node: &str) -> Arc<dyn Host> {
        self.world.host(node)
    }

    pub(crate) async fn claim(&self, node: &str, epoch: u64) {
        let owner = Owner {
            cluster: "c".to_owned(),
            run: RUN.parse().unwrap(),
            epoch: Epoch(epoch),
            operator: "me@here".to_owned(),
        };
        self.host(node).claim(&owner, &|_| false).await.unwrap();
    }

    pub(crate) fn order(&self, which: (&'static str, &'static str), args: &[&str]) -> Order {
        let attempt = self.next.fetch_add(1, Ordering::SeqCst);
        let name =
            AttemptName { run: RUN.parse().unwrap(), step: "step".parse().unwrap(), attempt };
        let script = Script::new(which, args.iter().copied());
        Order { name, epoch: Epoch(1), intent: Seq(u64::from(attempt)), script }
    }

    /// Starts a script and returns the attempt's name.
    pub(crate) async fn start(
        &self,
        node: &str,
        which: (&'static str, &'static str),
        args: &[&str],
    ) -> AttemptName {
        let order = self.order(which, args);
        self.host(node).start(&order).await.unwrap();
        order.name
    }

    /// Runs a script to its end and returns its status and output.
    pub(crate) async fn run(
        &self,
        node: &str,
        which: (&'static str, &'static str),
        args: &[&str],
    ) -> (i32, String) {
        let name = self.start(node, which, args).await;
        loop {
            match self.host(node).status(&name).await.unwrap() {
                AttemptStatus::Running { .. } => {}
                AttemptStatus::Ended { status } => {
                    let output = self.host(node).output(&name).await.unwrap();
                    return (status, String::from_utf8(output).unwrap());
                }
                other @ (AttemptStatus::NotStarted
                | AttemptStatus::Lost { .. }
                | AttemptStatus::Refused { .. }) => panic!("{other:?}"),
            }
        }
    }

    /// Runs a script that must succeed.
    pub(crate) async fn must(
        &self,
        node: &str,
        which: (&'static str, &'static str),
        args: &[&str],
    ) {
        let (status, output) = self.run(node, which, args).await;
        assert_eq!(status, 0, "{} {args:?}: {output}", which.0);
    }

    /// Asks a script and returns the value of a key.
    pub(crate) async fn value(
        &self,
        node: &str,
        which: (&'static str, &'static str),
        key: &str,
    ) -> String {
        let reply = self.host(node).ask(&Script::new(which, Vec::<String>::new())).await.unwrap();
        let text = String::from_utf8(reply.stdout).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
        value.unwrap_or_else(|| panic!("no `{key}` in:\n{text}")).to_owned()
    }

    /// Keeps a pre-image of what an upgrade touches and returns its path.
    pub(crate) async fn preimage(&self, node: &str, name: &str) -> String {
        let paths = ["/etc/kubernetes", "/var/lib/kubelet", "/etc/apt/sources.list.d"];
        let reply = self.host(node).ask(&Script::new(script::READ_FILES, paths)).await.unwrap();
        self.host(node).keep(&RUN.parse().unwrap(), name, &reply.stdout).await.unwrap()
    }

    /// Brings a node's kubeadm to a version.
    pub(crate) async fn kubeadm_package(&self, node: &str, minor: &str, version: &str) {
        self.must(node, script::REPOSITORY, &[minor]).await;
        self.must(node, script::INSTALL, &[&format!("kubeadm={version}")]).await;
    }

    /// Lets everything that is under way end.
    pub(crate) fn settle(&self) {
        self.clock.forward(5_000);
    }
}
