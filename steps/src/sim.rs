//! The simulated cluster that ships with kup (`--cluster sim`): both ports over a folder.
//!
//! It is a small model of machines, kubeadm and the API that knows *half-done* states: a manifest missing between two
//! renames, a key without its certificate, a package that is unpacked and not configured, a kubelet that is not back
//! yet. A command under way is a list of acts with their times; whoever opens the world next does what has become due,
//! so commands go on by the clock while kup is dead. It does not model networks, load, storage or workloads' behaviour.
//!
//! Reading order: [`spec`] (what is born), `access` (one look at the world), `act` (what scripts do), then `dpkg`, `kubelet`,
//! `kubeadm`, `staticpods`, `pods`; `host` and `cluster` are the two ports; `fault` is for tests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kup_core::clock::{Clock, Timestamp};
use thiserror::Error;

use crate::cluster::Cluster;
use crate::etcd::Etcd;
use crate::host::{Host, HostError};

mod access;
mod act;
mod addons;
mod agenda;
mod api;
mod asks;
mod attempt;
mod birth;
mod cluster;
mod cluster_survey;
mod difference;
mod dpkg;
mod etcd;
mod etcd_api;
mod etcd_storage;
mod fault;
mod files;
mod folder;
mod host;
mod kubeadm;
mod kubelet;
mod leftovers;
mod machine;
mod machine_survey;
mod objects;
mod picture;
mod pods;
mod policy;
mod prefetch;
mod release;
mod restore;
pub mod spec;
mod staticpods;
mod survey;
mod swap;
mod tidy;
mod told;
mod troubles;

pub use spec::{InvalidSpec, SimSpec};
pub use survey::{AttemptSurvey, NodeSurvey, Survey};
pub use troubles::{Appearance, MachineAppearance};

/// Says why a simulated world cannot be used.
#[derive(Debug, Error)]
pub enum SimError {
    /// The folder cannot be used.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of it is not what was written.
    #[error("{} is not a part of a simulated cluster", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A part of the state cannot be written down.
    #[error("cannot write the state of the simulated cluster")]
    Unwritable(#[source] serde_json::Error),
    /// There is a cluster already.
    #[error("{} holds a simulated cluster already", path.display())]
    AlreadyThere {
        /// The folder.
        path: PathBuf,
    },
    /// There is no cluster.
    #[error("{} holds no simulated cluster", path.display())]
    Uninhabited {
        /// The folder.
        path: PathBuf,
    },
    /// The description is not possible.
    #[error("cannot create this simulated cluster")]
    Invalid(#[source] InvalidSpec),
    /// It has no such machine.
    #[error("the simulated cluster has no node `{name}`")]
    NoSuchNode {
        /// The name.
        name: String,
    },
    /// A simulated node does not know this program.
    #[error("a simulated node does not know the program `{name}`")]
    NoSuchScript {
        /// Its name.
        name: &'static str,
    },
    /// A machine's answer is not one that kup understands.
    #[error("a simulated machine says something strange")]
    Answer(#[source] HostError),
    /// What was asked is simulated as away.
    #[error("no answer: connection timed out")]
    NoAnswer,
}

impl SimError {
    fn io(doing: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { doing, path: path.as_ref().to_owned(), source }
    }
}

/// A simulated cluster in a folder. Several processes may open the same one.
#[derive(Clone)]
pub struct SimWorld {
    shared: Arc<Shared>,
    endpoint: String,
}

/// The open folder and the clock that drives it.
struct Shared {
    folder: Arc<Mutex<folder::Folder>>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    /// Opens the world, lets time pass, acts and saves.
    fn access<R>(
        &self,
        act: impl FnOnce(&mut access::Access<'_>) -> Result<R, SimError>,
    ) -> Result<R, SimError> {
        // What a panicking thread left in memory is only a copy of the files, compared before each use.
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        access::access(&mut folder, || self.clock.now(), act)
    }
}

impl SimWorld {
    /// Creates a cluster in a folder, which is created too where there is none.
    ///
    /// # Errors
    /// See [`SimError`]; a folder that holds a cluster already is left alone.
    pub fn create(dir: &Path, spec: &SimSpec, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        let checked = spec::check_size("sim", spec.control_planes, spec.workers);
        checked.map_err(SimError::Invalid)?;
        let mut folder = folder::Folder::open(dir)?;
        folder.lock()?;
        let born = bear(&mut folder, spec, clock.now());
        folder.unlock();
        born?;
        Self::over(folder, clock)
    }

    /// Opens the cluster in a folder.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        if !dir.is_dir() {
            return Err(SimError::Uninhabited { path: dir.to_owned() });
        }
        let mut folder = folder::Folder::open(dir)?;
        // The lock finishes a birth that was committed and not yet written out.
        folder.lock()?;
        folder.unlock();
        if !folder.is_inhabited() {
            return Err(SimError::Uninhabited { path: dir.to_owned() });
        }
        Self::over(folder, clock)
    }

    /// Keeps everybody else out of the folder, which makes the world quick: it is written out only on demand.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn alone(self) -> Result<Self, SimError> {
        self.shared.folder.lock().unwrap_or_else(PoisonError::into_inner).keep_alone()?;
        Ok(self)
    }

    /// Writes a world that keeps everybody else out to its folder, for somebody who copies it.
    ///
    /// # Errors
    /// See [`SimError`].
    pub fn write_out(&self) -> Result<(), SimError> {
        self.shared.folder.lock().unwrap_or_else(PoisonError::into_inner).write_out()
    }

    /// Returns the same world for somebody who has another clock.
    #[must_use]
    pub fn seen_with(&self, clock: Arc<dyn Clock>) -> Self {
        let folder = Arc::clone(&self.shared.folder);
        Self { shared: Arc::new(Shared { folder, clock }), endpoint: self.endpoint.clone() }
    }

    /// Returns the port to a machine; one that does not exist cannot be reached.
    #[must_use]
    pub fn host(&self, node: &str) -> Arc<dyn Host> {
        Arc::new(host::SimHost { shared: Arc::clone(&self.shared), node: node.to_owned() })
    }

    /// Returns the port to the API.
    #[must_use]
    pub fn cluster(&self) -> Arc<dyn Cluster> {
        let endpoint = self.endpoint.clone();
        Arc::new(cluster::SimCluster { shared: Arc::clone(&self.shared), endpoint })
    }

    /// Returns the port to etcd.
    #[must_use]
    pub fn etcd(&self) -> Arc<dyn Etcd> {
        Arc::new(etcd_api::SimEtcd { shared: Arc::clone(&self.shared) })
    }

    fn over(folder: folder::Folder, clock: Arc<dyn Clock>) -> Result<Self, SimError> {
        let shared = Arc::new(Shared { folder: Arc::new(Mutex::new(folder)), clock });
        let endpoint = shared.access(|world| Ok(world.api.endpoint.clone()))?;
        Ok(Self { shared, endpoint })
    }
}

/// Writes a new world: the agenda last, for a folder without one holds no cluster.
fn bear(folder: &mut folder::Folder, spec: &SimSpec, now: Timestamp) -> Result<(), SimError> {
    if folder.is_inhabited() {
        return Err(SimError::AlreadyThere { path: folder.dir().to_owned() });
    }
    let seed = match spec.seed {
        Some(seed) => agenda::sha256(&seed.to_string()),
        None => agenda::sha256(&format!("{} {}", folder.dir().display(), now.0)),
    };
    let (agenda, api, machines) = birth::world(spec, seed);
    machines.iter().try_for_each(|machine| folder.write_unborn(machine))?;
    let (agenda, api) = (folder::Loaded::new(agenda), folder::Loaded::new(api));
    folder.commit(agenda, api, std::collections::BTreeMap::new())
}
