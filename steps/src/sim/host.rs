//! The port to machines, for a simulated one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kup_core::activity::AttemptName;
use kup_core::id::RunId;

use super::access::Access;
use super::leftovers;
use super::{Shared, SimError, asks, attempt, files, restore, tidy};
use crate::digest::sha256;
use crate::host::{
    Address, AttemptStatus, Host, HostError, KeptFiles, Order, Owner, Reply, Stream, kept_at,
};
use crate::script::{self, Script};

/// How long `status` waits for the end of an attempt.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(25);

/// A simulated machine as kup reaches it.
pub(super) struct SimHost {
    pub(super) shared: Arc<Shared>,
    pub(super) node: String,
}

impl SimHost {
    /// Acts on the machine if it can be reached.
    fn reach<R>(
        &self,
        act: impl FnOnce(&mut Access<'_>) -> Result<R, SimError>,
    ) -> Result<R, HostError> {
        let result = self.shared.access(|world| {
            let machine = world.machine(&self.node)?;
            if machine.cut || !machine.powered {
                return Err(SimError::NoAnswer);
            }
            act(world)
        });
        result.map_err(|error| self.unreachable(error))
    }

    fn unreachable(&self, error: SimError) -> HostError {
        let node = self.node.clone();
        match error {
            SimError::NoSuchScript { name } => unknown_script(node, name),
            SimError::Io { .. }
            | SimError::Damaged { .. }
            | SimError::Unwritable(_)
            | SimError::AlreadyThere { .. }
            | SimError::Uninhabited { .. }
            | SimError::Invalid(_)
            | SimError::NoSuchNode { .. }
            | SimError::Answer(_)
            | SimError::NoAnswer => {
                HostError::Unreachable { address: node.clone(), node, source: error.into() }
            }
        }
    }
}

fn unknown_script(node: String, script: &'static str) -> HostError {
    let what = "the simulated node does not know this program".to_owned();
    HostError::Unreadable { node, script, what }
}

#[async_trait]
impl Host for SimHost {
    fn node(&self) -> &str {
        &self.node
    }

    async fn ask(&self, script: &Script) -> Result<Reply, HostError> {
        self.reach(|world| {
            let now = world.now;
            let machine = world.machine(&self.node)?;
            if machine.faults.contains_key(script.name) {
                let status = machine.faults.remove(script.name).unwrap_or(1);
                return Ok(asks::failed(status, "a fault of the simulation".to_owned()));
            }
            if script.name == script::LEFTOVERS.0 {
                let dir = world.dir.clone();
                let text = world.look(&self.node, |machine, _| leftovers::text(machine, &dir))?;
                return Ok(asks::said(text));
            }
            if script.name == script::KEPT.0 {
                return Ok(asks::said(leftovers::hashes(&world.dir, &self.node, &script.args)));
            }
            if script.name == script::ETCDUTL.0 {
                return Ok(asks::said(restore::etcdutl(&world.dir, &self.node, &script.args)));
            }
            if leftovers::is_of_copies(script) {
                return Ok(leftovers::read(&world.dir, &self.node, &script.args));
            }
            world
                .look(&self.node, |machine, api| asks::answer(machine, api, now, script))?
                .ok_or(SimError::NoSuchScript { name: script.name })
        })
    }

    async fn claim(
        &self,
        owner: &Owner,
        is_over: &(dyn for<'a> Fn(&'a str) -> bool + Send + Sync),
    ) -> Result<(), HostError> {
        let claimed =
            self.reach(|world| Ok(attempt::claim(world.machine(&self.node)?, owner, is_over)))?;
        claimed.map_err(|owner| HostError::Owned { node: self.node.clone(), owner })
    }

    async fn release(&self, owner: &Owner) -> Result<(), HostError> {
        self.reach(|world| {
            attempt::release(world.machine(&self.node)?, owner);
            Ok(())
        })
    }

    async fn keep(&self, run: &RunId, name: &str, bytes: &[u8]) -> Result<String, HostError> {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            let what = format!("`{name}` is no name for a file that is kept");
            return Err(HostError::Unreadable { node: self.node.clone(), script: "keep", what });
        }
        let path = kept_at(run, name);
        self.reach(|world| {
            files::keep(&world.dir, &self.node, &path, bytes)
                .map_err(|e| SimError::io("write", world.dir.join(&self.node), e))
        })?;
        Ok(path)
    }

    async fn keep_files(
        &self,
        run: &RunId,
        name: &str,
        paths: &[String],
    ) -> Result<KeptFiles, HostError> {
        let script = Script::new(script::READ_FILES, paths.to_vec());
        let tar = self.ask(&script).await?.stdout;
        let path = self.keep(run, name, &tar).await?;
        let kept = self.reach(|world| {
            let place = files::kept_path(&world.dir, &self.node, &path);
            std::fs::read(&place).map_err(|e| SimError::io("read", place, e))
        })?;
        Ok(KeptFiles { path, sha256: sha256(&kept), length: kept.len() as u64 })
    }

    async fn tidy(&self, script: &Script) -> Result<Reply, HostError> {
        self.reach(|world| {
            let dir = world.dir.clone();
            tidy::answer(world.machine(&self.node)?, &dir, script)
        })
    }

    async fn start(&self, order: &Order) -> Result<(), HostError> {
        self.reach(|world| attempt::start(world, &self.node, order))
    }

    async fn status(&self, name: &AttemptName) -> Result<AttemptStatus, HostError> {
        let mut waited = Duration::ZERO;
        loop {
            let status =
                self.reach(|world| world.look(&self.node, |it, _| attempt::status(it, name)))?;
            if !matches!(status, AttemptStatus::Running { .. }) || waited >= PATIENCE {
                return Ok(status);
            }
            self.shared.clock.sleep(LOOK).await;
            waited = waited.saturating_add(LOOK);
        }
    }

    async fn output(&self, name: &AttemptName) -> Result<Vec<u8>, HostError> {
        self.reach(|world| world.look(&self.node, |it, _| attempt::output(it, name)))
    }

    /// No simulated program listens: etcd is simulated behind its own port.
    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, HostError> {
        self.reach(|_| Ok(()))?;
        let (node, address) = (self.node.clone(), address.to_string());
        let source = Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        Err(HostError::Unreachable { node, address, source })
    }
}
