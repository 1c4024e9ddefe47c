//! Asks machines. One that does not answer costs one login and no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Asking, NodeInventory};
use crate::cluster::Node;
use crate::facts::etcd::EtcdSurvey;
use crate::facts::{
    ControlPlaneState, MachineSurvey, NodeFacts, Offers, PackageManager, PackageState,
};
use crate::host::{Host, HostError};
use crate::package::Installer;

/// The machines of a cluster while they are asked.
pub(super) struct Machines<'a> {
    hosts: &'a BTreeMap<String, (String, Arc<dyn Host>)>,
    asking: &'a Asking,
    /// What the control planes have said of etcd so far: one that could tell is enough.
    etcd: Mutex<Result<EtcdSurvey, Vec<String>>>,
}

impl<'a> Machines<'a> {
    /// Returns machines of which none has been asked.
    pub(super) fn new(
        hosts: &'a BTreeMap<String, (String, Arc<dyn Host>)>,
        asking: &'a Asking,
    ) -> Self {
        Self { hosts, asking, etcd: Mutex::new(Err(Vec::new())) }
    }

    /// Returns what the control planes have said of etcd.
    pub(super) async fn etcd(&self) -> Result<EtcdSurvey, String> {
        self.etcd.lock().await.clone().map_err(|mut why| {
            why.dedup();
            if why.is_empty() {
                why.push("no control plane answers".to_owned());
            }
            why.join("; ")
        })
    }

    /// Asks one machine; returns also where it was asked.
    pub(super) async fn ask(&self, node: &Node) -> (String, Result<NodeInventory, HostError>) {
        let Some((address, host)) = self.hosts.get(&node.name) else {
            let what = "an address in the API".to_owned();
            return (String::new(), Err(HostError::Lacks { node: node.name.clone(), what }));
        };
        (address.clone(), self.read(node, address, host.as_ref()).await)
    }

    async fn read(
        &self,
        node: &Node,
        address: &str,
        host: &dyn Host,
    ) -> Result<NodeInventory, HostError> {
        let facts = NodeFacts::read(host).await?;
        // At once, for the machine's clock is compared with this one.
        let seen_at = self.asking.clock.now();
        if facts.package_manager == PackageManager::None {
            let what = "a package manager that kup knows (apt, dnf, zypper), or plain programs";
            return Err(HostError::Lacks { node: node.name.clone(), what: what.to_owned() });
        }
        let installer = Installer::new(facts.package_manager, self.asking.programs_from.clone());
        // Side by side over the connection that is there now: the repositories take longest.
        let (packages, offers, survey, (control_plane, ())) = tokio::join!(
            PackageState::read(host, &installer),
            Offers::read(host, &installer, &self.asking.minors),
            MachineSurvey::read(host),
            async { tokio::join!(control_plane(node, host), self.ask_etcd(node, host)) },
        );
        Ok(NodeInventory {
            node: node.clone(),
            address: address.to_owned(),
            facts,
            packages: packages?,
            offers: offers?,
            control_plane: control_plane?,
            survey: survey?,
            seen_at,
        })
    }

    /// Asks a control plane of etcd, unless another one could tell. They wait for each other.
    async fn ask_etcd(&self, node: &Node, host: &dyn Host) {
        if !node.control_plane {
            return;
        }
        let mut known = self.etcd.lock().await;
        if let Err(why) = &mut *known {
            match EtcdSurvey::read(host).await {
                Ok(survey) => *known = Ok(survey),
                Err(said) => why.push(said),
            }
        }
    }
}

async fn control_plane(node: &Node, host: &dyn Host) -> Result<ControlPlaneState, HostError> {
    match node.control_plane {
        true => ControlPlaneState::read(host).await,
        false => Ok(ControlPlaneState::none()),
    }
}
