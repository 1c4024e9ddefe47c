//! The port to etcd, for a simulated cluster. A snapshot is an image of all objects, so that what was restored can be compared with what was
//! there; it stands on the machine that it comes from and on the way there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::access::Access;
use super::agenda::sha256;
use super::etcd::OWN;
use super::{Shared, SimError, etcd_storage, troubles};
use crate::etcd::downgrade::Minor;
use crate::etcd::{Downgrade, Etcd, EtcdApi, EtcdError, KvHash, Member, Members, Pieces, Status};
use crate::facts::etcd::{EtcdMember, EtcdStatus};
use crate::host::Host;
use crate::script::{self, Script};

/// Revisions count from here; what is before is compacted away.
const COMPACTED: i64 = 1000;
/// By this name the next snapshot of a machine is told to break off.
pub(super) const BREAKS_OFF: &str = "etcd-snapshot";
/// So many pieces a snapshot has.
const PIECES: usize = 4;
const PAGE: usize = 512;

/// etcd of a simulated cluster.
pub(super) struct SimEtcd {
    pub(super) shared: Arc<Shared>,
}

#[async_trait]
impl Etcd for SimEtcd {
    async fn reach<'a>(&self, host: &'a dyn Host) -> Result<Box<dyn EtcdApi + 'a>, EtcdError> {
        let node = host.node().to_owned();
        let script = Script::new::<String>(script::ETCD_CLIENT, []);
        let reply = host.ask(&script).await.map_err(EtcdError::Host)?;
        let told = String::from_utf8_lossy(&reply.stdout).into_owned();
        let unknown = told.lines().find_map(|line| line.strip_prefix("unknown="));
        if let Some(why) = unknown.or((reply.status != 0).then_some(reply.stderr.as_str())) {
            return Err(EtcdError::Unknown { node, why: why.to_owned() });
        }
        let endpoints = vec![OWN.to_owned()];
        Ok(Box::new(Reached { shared: Arc::clone(&self.shared), node, endpoints }))
    }
}

struct Reached {
    shared: Arc<Shared>,
    /// The machine through which it is asked.
    node: String,
    endpoints: Vec<String>,
}

fn silent(endpoint: &str, error: SimError) -> EtcdError {
    EtcdError::Silent { endpoint: endpoint.to_owned(), source: error.into() }
}

/// Returns the machine of the member behind an endpoint, if both can be reached.
fn machine_behind(
    world: &mut Access<'_>,
    (through, endpoint): (&str, &str),
) -> Result<String, SimError> {
    let machine = world.machine(through)?;
    if machine.cut || !machine.powered {
        return Err(SimError::NoAnswer);
    }
    let behind = |address: &str| endpoint == format!("https://{address}:2379");
    let name = match endpoint {
        OWN => through.to_owned(),
        _ => {
            let mut nodes = world.api.nodes.iter();
            let found = nodes.find(|(_, node)| behind(&node.address));
            found.map(|(name, _)| name.clone()).ok_or(SimError::NoAnswer)?
        }
    };
    if world.machine(&name)?.is_up("etcd") { Ok(name) } else { Err(SimError::NoAnswer) }
}

fn members(world: &Access<'_>) -> Result<Vec<EtcdMember>, SimError> {
    Ok(troubles::etcd(&world.api).map_err(|_| SimError::NoAnswer)?.members)
}

impl Reached {
    /// Asks the member of a machine.
    fn ask<R>(
        &self,
        endpoint: &str,
        act: impl FnOnce(&mut Access<'_>, &str) -> Result<R, SimError>,
    ) -> Result<R, EtcdError> {
        let asked = self.shared.access(|world| {
            let name = machine_behind(world, (&self.node, endpoint))?;
            act(world, &name)
        });
        asked.map_err(|error| silent(endpoint, error))
    }
}

fn revision(world: &Access<'_>) -> i64 {
    COMPACTED.saturating_add_unsigned(world.api.version_counter)
}

fn told(
    (member, status): (&EtcdMember, EtcdStatus),
    revision: i64,
    (storage, downgrade): (String, Option<String>),
) -> Status {
    // Before 3.6 it does not say.
    let says = Minor::of(&status.version) >= Minor::of("3.6");
    Status {
        storage: if says { storage } else { String::new() },
        downgrade: downgrade.filter(|_| says),
        member: member.id.clone(),
        version: status.version,
        revision,
        db_size: status.db_size,
        has_leader: !status.leader.is_empty(),
        is_learner: member.is_learner,
        errors: status.errors,
    }
}

fn listed(member: EtcdMember) -> Member {
    let peers = vec![member.endpoint.replace(":2379", ":2380")];
    let EtcdMember { name, id, endpoint, is_learner, .. } = member;
    Member { name, id, peers, clients: vec![endpoint], is_learner }
}

#[async_trait]
impl EtcdApi for Reached {
    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    async fn members(&self, endpoint: &str) -> Result<Members, EtcdError> {
        self.ask(endpoint, |world, _| {
            let cluster = sha256(&world.api.uid).get(..12).unwrap_or_default().to_owned();
            let members = members(world)?.into_iter().map(listed).collect();
            Ok(Members { cluster, members })
        })
    }

    async fn status(&self, endpoint: &str) -> Result<Status, EtcdError> {
        self.ask(endpoint, |world, name| {
            let members = members(world)?;
            let member = members.iter().find(|it| it.name == name).ok_or(SimError::NoAnswer)?;
            let status = member.status.clone().map_err(|_| SimError::NoAnswer)?;
            let stored = world.machine(name)?.etcd_storage.clone();
            let storage = (stored, world.api.etcd_downgrade.clone());
            Ok(told((member, status), revision(world), storage))
        })
    }

    async fn hash(&self, endpoint: &str, revision: i64) -> Result<KvHash, EtcdError> {
        self.ask(endpoint, |world, name| {
            let is_corrupt = world.machine(name)?.etcd_is_corrupt;
            let text = format!("{} at {revision}", world.api.uid);
            let digest = sha256(&text);
            let hash = digest.get(..8).and_then(|it| u32::from_str_radix(it, 16).ok());
            let hash = hash.unwrap_or_default().wrapping_add(u32::from(is_corrupt));
            Ok(KvHash { hash, compacted: COMPACTED })
        })
    }

    /// Only ConfigMaps know here when they were changed.
    async fn changed_since(
        &self,
        endpoint: &str,
        revision: i64,
    ) -> Result<BTreeMap<String, u64>, EtcdError> {
        self.ask(endpoint, |world, _| {
            let is_later = |version: u64| COMPACTED.saturating_add_unsigned(version) > revision;
            let later = world.api.config_maps.values().filter(|map| is_later(map.version)).count();
            let later = u64::try_from(later).unwrap_or(u64::MAX);
            Ok([("configmaps".to_owned(), later)].into_iter().filter(|it| it.1 > 0).collect())
        })
    }

    async fn downgrade(
        &self,
        endpoint: &str,
        what: Downgrade,
        minor: &str,
    ) -> Result<(), EtcdError> {
        let done = self.ask(endpoint, |world, _| {
            if !world.api.has_quorum() {
                return Err(SimError::NoAnswer);
            }
            if etcd_storage::refuses(world.machine(&self.node)?) {
                return Ok(Err("etcdserver: invalid downgrade target version"));
            }
            let done = etcd_storage::downgrade(&mut world.api, what, minor);
            etcd_storage::notice(&world.api, &mut world.agenda, world.now);
            Ok(done)
        })?;
        done.map_err(|why| EtcdError::Refused {
            endpoint: endpoint.to_owned(),
            why: why.to_owned(),
        })
    }

    async fn snapshot(&self, endpoint: &str) -> Result<Box<dyn Pieces>, EtcdError> {
        let (pieces, breaks_off) = self.ask(endpoint, |world, name| {
            let image = image(world)?;
            let breaks_off = world.machine(name)?.faults.remove(BREAKS_OFF).is_some();
            Ok((image, breaks_off))
        })?;
        let (shared, node) = (Arc::clone(&self.shared), self.node.clone());
        let endpoint = endpoint.to_owned();
        Ok(Box::new(Flow { shared, node, endpoint, pieces, breaks_off }))
    }
}

/// Returns everything that etcd holds, and the hash behind it.
fn image(world: &Access<'_>) -> Result<VecDeque<Vec<u8>>, SimError> {
    let mut image = serde_json::to_vec(&*world.api).map_err(SimError::Unwritable)?;
    image.resize(image.len().next_multiple_of(PAGE), 0);
    let digest = Sha256::digest(&image);
    image.extend_from_slice(&digest);
    let piece = image.len().div_ceil(PIECES);
    Ok(image.chunks(piece).map(<[u8]>::to_vec).collect())
}

struct Flow {
    shared: Arc<Shared>,
    node: String,
    endpoint: String,
    pieces: VecDeque<Vec<u8>>,
    breaks_off: bool,
}

#[async_trait]
impl Pieces for Flow {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, EtcdError> {
        let way = (self.node.as_str(), self.endpoint.as_str());
        let goes_on = self.shared.access(|world| machine_behind(world, way));
        if self.breaks_off && self.pieces.len() < PIECES {
            return Err(silent(&self.endpoint, SimError::NoAnswer));
        }
        goes_on.map_err(|error| silent(&self.endpoint, error))?;
        Ok(self.pieces.pop_front())
    }
}
