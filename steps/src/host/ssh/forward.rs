//! Connections through the one that is there: a local forward from a socket in a folder that only we can enter.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use openssh::{ForwardType, Session, Socket};
use tempfile::TempDir;
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::master;
use crate::host::Address;

/// The forwards of one connection: one socket for each address, as long as the connection lasts.
#[derive(Debug, Default)]
pub(super) struct Forwards(Mutex<BTreeMap<Address, Forward>>);

#[derive(Debug)]
struct Forward {
    socket: PathBuf,
    /// Keeps the socket's folder.
    _folder: TempDir,
}

/// Says why there is no connection through this one.
#[derive(Debug, Error)]
pub(super) enum ForwardError {
    #[error("cannot make a socket for the forward")]
    Socket(#[source] io::Error),
    #[error("SSH does not forward")]
    Refused(#[source] openssh::Error),
    #[error("SSH does not take a connection to forward")]
    Connect(#[source] io::Error),
}

impl Forwards {
    /// Opens a connection to an address as the far end sees it.
    pub(super) async fn open(
        &self,
        session: &Session,
        address: &Address,
    ) -> Result<UnixStream, ForwardError> {
        let socket = self.socket(session, address).await?;
        UnixStream::connect(socket).await.map_err(ForwardError::Connect)
    }

    async fn socket(&self, session: &Session, address: &Address) -> Result<PathBuf, ForwardError> {
        let mut forwards = self.0.lock().await;
        if let Some(forward) = forwards.get(address) {
            return Ok(forward.socket.clone());
        }
        let folder = master::socket_folder().map_err(ForwardError::Socket)?;
        let socket = folder.path().join("forward");
        let listen = Socket::from(socket.as_path());
        let connect = Socket::new(address.host.as_str(), address.port);
        let asked = session.request_port_forward(ForwardType::Local, listen, connect).await;
        asked.map_err(ForwardError::Refused)?;
        forwards.insert(address.clone(), Forward { socket: socket.clone(), _folder: folder });
        Ok(socket)
    }
}
