//! Reaching a cluster and its machines: from flags for a new run, from the journal for an old one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kup_core::clock::Clock;
use kup_core::event::Reach;
use kup_steps::cluster::kube_api::KubeApi;
use kup_steps::cluster::{Cluster, Node};
use kup_steps::etcd::Etcd;
use kup_steps::etcd::grpc::ThroughHosts;
use kup_steps::host::Host;
use kup_steps::host::local::LocalHost;
use kup_steps::host::ssh::{SshHost, SshSettings};
use kup_steps::sim::{SimSpec, SimWorld};
use kup_steps::version::Version;

use crate::args::{ReachArgs, SshAddress};
use crate::error::{CliError, Exit};

/// A cluster within reach.
pub(crate) struct Connected {
    pub(crate) cluster: Arc<dyn Cluster>,
    pub(crate) reach: Reach,
    /// Where the API server is reached; empty for a simulated one.
    pub(crate) server: String,
    sim: Option<SimWorld>,
}

/// Machines by the names of their nodes, each with its address.
pub(crate) type Hosts = BTreeMap<String, (String, Arc<dyn Host>)>;

const SIM: &str = "sim";

/// Turns flags into the form that the journal keeps: absolute paths, no secrets.
pub(crate) fn reach(args: &ReachArgs, target: Option<Version>) -> Result<Reach, CliError> {
    let absolute = |path: &Option<PathBuf>| match path {
        None => Ok(String::new()),
        Some(path) => absolute_path(path),
    };
    let mut reach = Reach {
        kind: "kubeconfig".to_owned(),
        cluster: absolute(&args.kubeconfig)?,
        context: args.context.clone().unwrap_or_default(),
        ssh_user: args.ssh_user.clone().unwrap_or_default(),
        ssh_identity: absolute(&args.ssh_identity)?,
        ssh_options: args.ssh_option.clone(),
        ssh_address: match args.ssh_address {
            SshAddress::Ip => "ip".to_owned(),
            SshAddress::Name => "name".to_owned(),
        },
        local_node: args.local_node.clone().unwrap_or_default(),
    };
    if let Some(sim) = &args.cluster {
        let spec = SimSpec::parse(sim, target.as_ref());
        let spec = spec.map_err(|e| {
            CliError::unchanged(Exit::Usage, "cannot make this cluster").because(&e)
        })?;
        reach.kind = SIM.to_owned();
        reach.cluster = spec.to_string();
        reach.context = own_folder(args.sim_dir.as_deref())?;
    }
    Ok(reach)
}

/// A simulated cluster has no contexts: their place says in which folder it lives; empty for the run's own.
fn own_folder(dir: Option<&Path>) -> Result<String, CliError> {
    let Some(dir) = dir else { return Ok(String::new()) };
    let wrong = || CliError::unchanged(Exit::Usage, format!("cannot use {}", dir.display()));
    let absolute = std::path::absolute(dir).map_err(|e| wrong().because(&e))?;
    absolute.into_os_string().into_string().map_err(|_| wrong().cause("it is not UTF-8".to_owned()))
}

/// Returns where a simulated cluster lives, given the folder that a run would have for it.
fn sim_folder<'a>(reach: &'a Reach, of_the_run: &'a Path) -> &'a Path {
    if reach.context.is_empty() { of_the_run } else { Path::new(&reach.context) }
}

fn absolute_path(path: &Path) -> Result<String, CliError> {
    let shown = path.display();
    // $KUBECONFIG may be a list; each part is made absolute.
    let parts: Vec<PathBuf> = std::env::split_paths(path.as_os_str()).collect();
    let missing = parts.iter().all(|part| !part.exists());
    if missing {
        return Err(CliError::unchanged(Exit::Usage, format!("there is no file {shown}")));
    }
    let absolute: Result<Vec<PathBuf>, _> = parts.iter().map(std::path::absolute).collect();
    let absolute = absolute
        .map_err(|e| CliError::unchanged(Exit::Usage, format!("cannot use {shown}")).because(&e))?;
    let joined = std::env::join_paths(absolute);
    let joined = joined
        .map_err(|e| CliError::unchanged(Exit::Usage, format!("cannot use {shown}")).because(&e))?;
    joined
        .into_string()
        .map_err(|_| CliError::unchanged(Exit::Usage, format!("{shown} is not UTF-8")))
}

/// Connects. A simulated cluster lives in `sim_dir` and is made there when it is not there yet.
pub(crate) async fn connect(
    reach: Reach,
    sim_dir: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Connected, CliError> {
    if reach.kind == SIM {
        let world = simulated(&reach, sim_folder(&reach, sim_dir), clock)?;
        return Ok(Connected {
            cluster: world.cluster(),
            reach,
            server: String::new(),
            sim: Some(world),
        });
    }
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let path = given(&reach.cluster).map(PathBuf::from);
    let api = KubeApi::connect(path.as_deref(), given(&reach.context).as_deref()).await?;
    // What was the default now need not be it when the run is resumed.
    let (cluster, context) = api.chosen();
    let reach = Reach { cluster: cluster.to_owned(), context: context.to_owned(), ..reach };
    let server = api.server().to_owned();
    Ok(Connected { cluster: Arc::new(api), reach, server, sim: None })
}

/// Connects to what must be there already.
pub(crate) async fn connect_existing(
    reach: Reach,
    sim_dir: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Connected, CliError> {
    let folder = sim_folder(&reach, sim_dir);
    if reach.kind == SIM && !folder.exists() {
        let message = format!("the simulated cluster in {} is gone", folder.display());
        return Err(CliError::unchanged(Exit::Api, message));
    }
    connect(reach, sim_dir, clock).await
}

fn simulated(reach: &Reach, dir: &Path, clock: Arc<dyn Clock>) -> Result<SimWorld, CliError> {
    let failed = |e: &dyn std::error::Error| {
        CliError::unchanged(
            Exit::Unexpected,
            format!("cannot use the simulated cluster in {}", dir.display()),
        )
        .because(e)
    };
    if dir.exists() {
        return SimWorld::open(dir, clock).map_err(|e| failed(&e));
    }
    let spec = SimSpec::parse(&reach.cluster, None).map_err(|e| failed(&e))?;
    SimWorld::create(dir, &spec, clock).map_err(|e| failed(&e))
}

impl Connected {
    /// Returns the machines behind nodes of the API.
    pub(crate) fn hosts(&self, nodes: &[Node]) -> Hosts {
        let by_name = self.reach.ssh_address == "name";
        let address = |node: &Node| if by_name { node.name.clone() } else { node.address.clone() };
        self.hosts_at(nodes.iter().map(|node| (node.name.clone(), address(node))))
    }

    /// Returns the machines at addresses that the journal remembers.
    pub(crate) fn hosts_at(&self, nodes: impl Iterator<Item = (String, String)>) -> Hosts {
        nodes
            .filter(|(_, address)| !address.is_empty())
            .map(|(node, address)| {
                let host = self.host(&node, &address);
                (node, (address, host))
            })
            .collect()
    }

    /// Returns the way to etcd.
    pub(crate) fn etcd(&self) -> Arc<dyn Etcd> {
        match &self.sim {
            Some(world) => world.etcd(),
            None => Arc::new(ThroughHosts),
        }
    }

    /// Returns a machine by its node's name and its address.
    pub(crate) fn host(&self, node: &str, address: &str) -> Arc<dyn Host> {
        if let Some(world) = &self.sim {
            return world.host(node);
        }
        if node == self.reach.local_node {
            return Arc::new(LocalHost::new(node));
        }
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let settings = SshSettings {
            user: given(&self.reach.ssh_user),
            identity: given(&self.reach.ssh_identity).map(PathBuf::from),
            options: self.reach.ssh_options.clone(),
            ..SshSettings::new(address)
        };
        Arc::new(SshHost::new(node, settings))
    }
}
