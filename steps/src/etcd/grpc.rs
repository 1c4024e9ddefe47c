//! etcd over gRPC, through a machine that can reach it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};

use super::credentials::Access;
use super::keys::{Count, KEYS_AT_ONCE};
use super::rpc::cluster_client::ClusterClient;
use super::rpc::downgrade_request::DowngradeAction;
use super::rpc::kv_client::KvClient;
use super::rpc::maintenance_client::MaintenanceClient;
use super::rpc::{
    DowngradeRequest, HashKvRequest, MemberListRequest, RangeRequest, ResponseHeader,
    SnapshotRequest, SnapshotResponse, StatusRequest,
};
use super::{Downgrade, Etcd, EtcdApi, EtcdError, KvHash, Member, Members, Pieces, Status};
use crate::host::{Address, Host, Stream};

/// Longer than etcd itself waits for its quorum.
const PATIENCE: Duration = Duration::from_secs(10);
/// A hash reads the whole store.
const HASH_PATIENCE: Duration = Duration::from_secs(120);
/// How long the next piece of a snapshot may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(60);
/// Where etcd listens unless somebody says otherwise.
const PORT: u16 = 2379;

/// etcd, reached through machines.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThroughHosts;

#[async_trait]
impl Etcd for ThroughHosts {
    async fn reach<'a>(&self, host: &'a dyn Host) -> Result<Box<dyn EtcdApi + 'a>, EtcdError> {
        Ok(Box::new(Reached { host, access: Access::read(host).await? }))
    }
}

struct Reached<'a> {
    host: &'a dyn Host,
    access: Access,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn silent(endpoint: &str, source: impl Into<Cause>) -> EtcdError {
    EtcdError::Silent { endpoint: endpoint.to_owned(), source: source.into() }
}

/// Over SSH a connection that nobody takes looks like one that ends at once.
fn unopened(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::UnexpectedEof {
        return error;
    }
    io::Error::other(
        "the connection ended at once: nothing listens there, or sshd does not forward (AllowTcpForwarding)",
    )
}

/// Where an endpoint is.
fn place(endpoint: &str) -> Option<(Uri, Address)> {
    let uri: Uri = endpoint.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(PORT);
    Some((uri, Address { host, port }))
}

impl Reached<'_> {
    async fn channel(&self, endpoint: &str) -> Result<Channel, EtcdError> {
        match timeout(PATIENCE, self.connect(endpoint)).await {
            Ok(channel) => channel,
            Err(late) => Err(silent(endpoint, late)),
        }
    }

    async fn connect(&self, endpoint: &str) -> Result<Channel, EtcdError> {
        let refused =
            |why: &str| EtcdError::Refused { endpoint: endpoint.to_owned(), why: why.to_owned() };
        let (uri, address) = place(endpoint).ok_or_else(|| refused("this is no address"))?;
        let stream = self.host.dial(&address).await.map_err(EtcdError::Host)?;
        let stream: Box<dyn Stream> = match &self.access.tls {
            Some(tls) if uri.scheme_str() == Some("https") => {
                let name = ServerName::try_from(address.host.clone());
                let name = name.map_err(|_| refused("its name cannot be in a certificate"))?;
                let encrypted = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
                Box::new(encrypted.map_err(|error| silent(endpoint, unopened(error)))?)
            }
            Some(_) | None => stream,
        };
        // The connection is open already; when it breaks, nothing connects anew.
        let once = Mutex::new(Some(TokioIo::new(stream)));
        let connector = tower::service_fn(move |_: Uri| {
            let taken = once.lock().unwrap_or_else(PoisonError::into_inner).take();
            async { taken.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        let to = Endpoint::from_shared(format!("http://{address}"));
        let to = to.map_err(|error| silent(endpoint, error))?.origin(uri);
        to.connect_with_connector(connector).await.map_err(|error| silent(endpoint, error))
    }
}

/// Waits for an answer, within limits.
async fn answer<T>(
    endpoint: &str,
    patience: Duration,
    asked: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, EtcdError> {
    match timeout(patience, asked).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(sorted(endpoint, status)),
        Err(late) => Err(silent(endpoint, late)),
    }
}

/// Tells what will be refused again from what may pass.
fn sorted(endpoint: &str, status: tonic::Status) -> EtcdError {
    let refused = [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented];
    if refused.contains(&status.code()) {
        let (endpoint, why) = (endpoint.to_owned(), status.message().to_owned());
        return EtcdError::Refused { endpoint, why };
    }
    silent(endpoint, status)
}

fn hexadecimal(id: u64) -> String {
    format!("{id:x}")
}

fn size(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or_default()
}

#[async_trait]
impl EtcdApi for Reached<'_> {
    fn endpoints(&self) -> &[String] {
        &self.access.endpoints
    }

    async fn members(&self, endpoint: &str) -> Result<Members, EtcdError> {
        let mut client = ClusterClient::new(self.channel(endpoint).await?);
        // Without a quorum this still tells; etcd before 3.5 does not know the word and asks no quorum.
        let asked = client.member_list(MemberListRequest { linearizable: false });
        let told = answer(endpoint, PATIENCE, asked).await?;
        let member = |it: super::rpc::Member| Member {
            name: it.name,
            id: hexadecimal(it.id),
            peers: it.peer_ur_ls,
            clients: it.client_ur_ls,
            is_learner: it.is_learner,
        };
        let cluster = hexadecimal(told.header.map_or(0, |header| header.cluster_id));
        Ok(Members { cluster, members: told.members.into_iter().map(member).collect() })
    }

    async fn status(&self, endpoint: &str) -> Result<Status, EtcdError> {
        let mut client = MaintenanceClient::new(self.channel(endpoint).await?);
        let told = answer(endpoint, PATIENCE, client.status(StatusRequest {})).await?;
        let ResponseHeader { member_id, revision, .. } = told.header.unwrap_or_default();
        Ok(Status {
            member: hexadecimal(member_id),
            version: told.version,
            revision,
            db_size: size(told.db_size),
            has_leader: told.leader != 0,
            is_learner: told.is_learner,
            errors: told.errors,
            storage: told.storage_version,
            downgrade: told.downgrade_info.filter(|it| it.enabled).map(|it| it.target_version),
        })
    }

    async fn hash(&self, endpoint: &str, revision: i64) -> Result<KvHash, EtcdError> {
        let mut client = MaintenanceClient::new(self.channel(endpoint).await?);
        let asked = client.hash_kv(HashKvRequest { revision });
        match timeout(HASH_PATIENCE, asked).await {
            Ok(Ok(told)) => {
                let told = told.into_inner();
                Ok(KvHash { hash: told.hash, compacted: told.compact_revision })
            }
            Ok(Err(status)) if status.code() == Code::OutOfRange => {
                let (endpoint, why) = (endpoint.to_owned(), status.message().to_owned());
                Err(EtcdError::Revision { endpoint, revision, why })
            }
            Ok(Err(status)) => Err(sorted(endpoint, status)),
            Err(late) => Err(silent(endpoint, late)),
        }
    }

    async fn changed_since(
        &self,
        endpoint: &str,
        revision: i64,
    ) -> Result<BTreeMap<String, u64>, EtcdError> {
        let mut client = KvClient::new(self.channel(endpoint).await?);
        let mut count = Count::after(revision);
        let mut at = 0;
        while let Some(key) = count.next_key() {
            // An end of one zero byte means: all keys from there on.
            let request = RangeRequest {
                key,
                range_end: vec![0],
                limit: KEYS_AT_ONCE,
                revision: at,
                serializable: true,
                keys_only: true,
            };
            let told = answer(endpoint, HASH_PATIENCE, client.range(request)).await?;
            at = told.header.map_or(at, |header| header.revision);
            count.page(told.kvs.into_iter().map(|it| (it.key, it.mod_revision)), told.more);
        }
        Ok(count.by_resource())
    }

    async fn downgrade(
        &self,
        endpoint: &str,
        what: Downgrade,
        minor: &str,
    ) -> Result<(), EtcdError> {
        let mut client = MaintenanceClient::new(self.channel(endpoint).await?);
        let action = match what {
            Downgrade::Validate => DowngradeAction::Validate,
            Downgrade::Enable => DowngradeAction::Enable,
            Downgrade::Cancel => DowngradeAction::Cancel,
        };
        let request = DowngradeRequest { action: action.into(), version: minor.to_owned() };
        match timeout(PATIENCE, client.downgrade(request)).await {
            Ok(Ok(_)) => Ok(()),
            // A version that cannot be gone to, a downgrade under way, none under way.
            Ok(Err(status))
                if [Code::InvalidArgument, Code::FailedPrecondition].contains(&status.code()) =>
            {
                let (endpoint, why) = (endpoint.to_owned(), status.message().to_owned());
                Err(EtcdError::Refused { endpoint, why })
            }
            Ok(Err(status)) => Err(sorted(endpoint, status)),
            Err(late) => Err(silent(endpoint, late)),
        }
    }

    async fn snapshot(&self, endpoint: &str) -> Result<Box<dyn Pieces>, EtcdError> {
        let mut client = MaintenanceClient::new(self.channel(endpoint).await?);
        let stream = answer(endpoint, PIECE_PATIENCE, client.snapshot(SnapshotRequest {})).await?;
        Ok(Box::new(Flow { endpoint: endpoint.to_owned(), stream }))
    }
}

struct Flow {
    endpoint: String,
    stream: Streaming<SnapshotResponse>,
}

#[async_trait]
impl Pieces for Flow {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, EtcdError> {
        match timeout(PIECE_PATIENCE, self.stream.message()).await {
            Ok(Ok(piece)) => Ok(piece.map(|piece| piece.blob)),
            Ok(Err(status)) => Err(sorted(&self.endpoint, status)),
            Err(late) => Err(silent(&self.endpoint, late)),
        }
    }
}
