//! The present, as far as a rollback must know it: told by the API, or by the machines themselves where no API server answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use kup_core::activity::ActivityError;
use kup_core::event::ErrorClass;
use kup_core::state::RunState;
use serde::Serialize;

use crate::cluster::{Cluster, ClusterError};
use crate::etcd::snapshot::etcd_error;
use crate::etcd::{Etcd, EtcdError};
use crate::facts::etcd::EtcdSurvey;
use crate::facts::{ControlPlaneState, KubeletState};
use crate::host::{Host, HostError};
use crate::world::{World, cluster_error, host_error};

use super::{has_touched_static_pods, worth_a_look};

/// Machines asked at once.
const AT_ONCE: usize = 16;

/// What a rollback is planned from, beside the journal.
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// The version of each node's kubelet. With the API all nodes that there are, without it those of the run.
    pub kubelets: BTreeMap<String, String>,
    /// The image in etcd's manifest of each control plane whose static pods the run has touched.
    pub etcd: BTreeMap<String, String>,
    /// The control plane whose member leads etcd, looked for only where etcd has changed its minor; `None` where nobody knows.
    pub etcd_leader: Option<String>,
    /// Why no API server answers; `None` where one does.
    pub silent: Option<String>,
    /// What was written since a snapshot; `None` where nobody asked.
    pub written: Option<Written>,
    /// Why no member of etcd says its revision; `None` where one does, and where nobody asked.
    pub etcd_silent: Option<String>,
    /// What is neither as it was before the run nor as the run left it, in an operator's words.
    pub changed: Vec<String>,
}

/// What was written to etcd since a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Written {
    /// How many writes, deletions among them.
    pub writes: i64,
    /// How many objects were made or changed and are still there, by resource.
    pub objects: BTreeMap<String, u64>,
}

impl Present {
    /// Asks etcd what was written since a revision, through the first of these machines where it answers. That none does is part of the
    /// present.
    pub async fn ask_etcd<'a>(
        &mut self,
        revision: i64,
        etcd: &dyn Etcd,
        hosts: impl IntoIterator<Item = &'a Arc<dyn Host>>,
    ) {
        let mut why = "no control plane could be asked".to_owned();
        for host in hosts {
            match written_since(revision, etcd, host.as_ref()).await {
                Ok(written) => {
                    self.written = Some(written);
                    return;
                }
                Err(error) => why = etcd_error(&error).to_record().to_string(),
            }
        }
        self.etcd_silent = Some(why);
    }

    /// Looks at everything that a rollback must know, as the owner of the machines.
    ///
    /// # Errors
    /// Where a machine cannot be looked at, or another cluster or machine answers. An API that does not answer is no error.
    pub async fn of_world(state: &RunState, world: &World) -> Result<Self, ActivityError> {
        let mut present = match world.cluster().await {
            Ok(cluster) => Self::of_api(state, cluster).await.map_err(|e| cluster_error(&e))?,
            Err(error) if error.class == ErrorClass::Transient => {
                Self::without_api(error.to_record().to_string())
            }
            Err(error) => return Err(error),
        };
        let looks =
            worth_a_look(state, present.silent.is_some()).into_iter().map(|node| async move {
                let host = world.host(&node).await?;
                Look::at(state, host).await.map_err(|e| host_error(&e))
            });
        let looks: Vec<Look> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        looks.into_iter().for_each(|look| present.add(look));
        if let Some(node) = present.worth_its_leader(state) {
            present.etcd_leader = leader(world.host(&node).await?).await;
        }
        Ok(present)
    }

    /// Returns a control plane through which to ask for etcd's leader, where etcd has changed its minor.
    fn worth_its_leader(&self, state: &RunState) -> Option<String> {
        super::downgrade::moved(state, &self.etcd).map(|moved| moved.node)
    }

    /// Looks at machines without owning them.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn look(
        &mut self,
        state: &RunState,
        hosts: Vec<Arc<dyn Host>>,
    ) -> Result<(), HostError> {
        let looks = hosts.iter().map(|host| async move { Look::at(state, host.as_ref()).await });
        let looks: Vec<Look> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
        looks.into_iter().for_each(|look| self.add(look));
        let node = self.worth_its_leader(state);
        if let Some(host) = hosts.iter().find(|host| Some(host.node()) == node.as_deref()) {
            self.etcd_leader = leader(host.as_ref()).await;
        }
        Ok(())
    }

    /// Asks the API for the nodes and what the run wrote there. One that does not answer is part of the present.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn of_api(state: &RunState, cluster: &dyn Cluster) -> Result<Self, ClusterError> {
        let nodes = match cluster.nodes().await {
            Ok(nodes) => nodes,
            Err(error @ ClusterError::Unavailable { .. }) => {
                return Ok(Self::without_api(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        let kubelets = nodes.into_iter().map(|node| (node.name, node.kubelet_version)).collect();
        let mut changed = super::changed::in_config_maps(state, cluster).await?;
        changed.extend(super::changed::in_addons(state, cluster).await?);
        Ok(Self { kubelets, changed, ..Self::default() })
    }

    /// Returns a present without an API, and why there is none. Its machines are still to be looked at.
    fn without_api(why: String) -> Self {
        Self { silent: Some(why), ..Self::default() }
    }

    /// Adds what was seen of a machine.
    fn add(&mut self, look: Look) {
        if self.silent.is_some() {
            self.kubelets.insert(look.node.clone(), look.kubelet);
        }
        self.etcd.extend(look.etcd.map(|image| (look.node, image)));
        self.changed.extend(look.changed);
    }
}

async fn written_since(
    revision: i64,
    etcd: &dyn Etcd,
    host: &dyn Host,
) -> Result<Written, EtcdError> {
    let api = etcd.reach(host).await?;
    let endpoint = api.endpoints().first().cloned().unwrap_or_default();
    let now = api.status(&endpoint).await?.revision;
    let objects = api.changed_since(&endpoint, revision).await?;
    Ok(Written { writes: now.saturating_sub(revision), objects })
}

/// Returns the name of the member that leads etcd. Not to know it is no error: then the order of the nodes decides.
async fn leader(host: &dyn Host) -> Option<String> {
    let members = EtcdSurvey::read(host).await.ok()?.members;
    let leader =
        members.iter().find_map(|it| it.status.as_ref().ok().map(|it| it.leader.clone()))?;
    members.into_iter().find(|it| it.id == leader).map(|it| it.name)
}

/// What a rollback wants to know of a machine.
#[derive(Debug, Clone)]
struct Look {
    node: String,
    kubelet: String,
    /// Only of a control plane whose static pods the run has touched.
    etcd: Option<String>,
    changed: Vec<String>,
}

impl Look {
    /// Looks at a machine of the run: its kubelet, and its static pods where the run has touched them.
    ///
    /// # Errors
    /// See [`HostError`].
    async fn at(state: &RunState, host: &dyn Host) -> Result<Self, HostError> {
        let node = host.node().to_owned();
        let kubelet = KubeletState::read(host).await?;
        let touched = has_touched_static_pods(state, &node);
        let static_pods = match touched {
            true => ControlPlaneState::read(host).await?,
            false => ControlPlaneState::none(),
        };
        let changed = super::changed::on_node(state, &node, (&static_pods, &kubelet));
        let etcd = touched.then(|| static_pods.image("etcd").to_owned());
        Ok(Self { node, kubelet: kubelet.program_version().to_owned(), etcd, changed })
    }
}
