//! How a control plane's API server reaches etcd. The key is in memory only, and wiped when it is of no more use.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use zeroize::Zeroizing;

use super::EtcdError;
use crate::host::{Host, Reply};
use crate::script::{self, Script};

/// Where etcd is, and how an encrypted connection to it is made; none where the API server makes none.
pub(super) struct Access {
    pub(super) endpoints: Vec<String>,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Access {
    /// Asks a control plane.
    pub(super) async fn read(host: &dyn Host) -> Result<Self, EtcdError> {
        let script = Script::new::<String>(script::ETCD_CLIENT, []);
        let Reply { status, stdout, stderr } = host.ask(&script).await.map_err(EtcdError::Host)?;
        let printed = Zeroizing::new(stdout);
        let unknown = |why: String| EtcdError::Unknown { node: host.node().to_owned(), why };
        if status != 0 {
            return Err(unknown(stderr.trim().to_owned()));
        }
        // Errors name no value: any may be the key.
        let text = std::str::from_utf8(&printed).map_err(|_| unknown("no text".to_owned()))?;
        Self::of(text).map_err(unknown)
    }

    fn of(text: &str) -> Result<Self, String> {
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        if let Some(why) = value("unknown") {
            return Err(why.to_owned());
        }
        let file = |key: &str| {
            let text = value(key).ok_or_else(|| format!("its answer has no `{key}`"))?;
            let bytes = BASE64.decode(text).map_err(|_| format!("its `{key}` is not base64"))?;
            Ok::<_, String>(Zeroizing::new(bytes))
        };
        let servers = value("servers").unwrap_or_default();
        let endpoints = servers.split(',').filter(|it| !it.is_empty()).map(str::to_owned);
        let endpoints: Vec<String> = endpoints.collect();
        let encrypted = endpoints.iter().any(|it| it.starts_with("https://"));
        let (ca, certificate, key) = (file("ca")?, file("certificate")?, file("key")?);
        let tls = encrypted.then(|| config(&ca, &certificate, &key)).transpose()?;
        Ok(Self { endpoints, tls: tls.map(Arc::new) })
    }
}

fn config(ca: &[u8], certificate: &[u8], key: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(ca) {
        let root = root.map_err(|_| "the file of --etcd-cafile is no certificate".to_owned())?;
        let added = roots.add(root);
        added.map_err(|_| "the certificate of --etcd-cafile cannot be used".to_owned())?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| error.to_string())?.with_root_certificates(roots);
    let mut config = if certificate.is_empty() {
        builder.with_no_client_auth()
    } else {
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain =
            chain.map_err(|_| "the file of --etcd-certfile is no certificate".to_owned())?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|_| "the file of --etcd-keyfile is no key".to_owned())?;
        let built = builder.with_client_auth_cert(chain, key);
        built.map_err(|_| "the key of --etcd-keyfile cannot be used".to_owned())?
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ca: &str, key: &str) -> String {
        let (ca, key) = (BASE64.encode(ca), BASE64.encode(key));
        format!("servers=https://127.0.0.1:2379\nca={ca}\ncertificate={ca}\nkey={key}\n")
    }

    #[test]
    fn errors_never_name_what_was_printed() {
        let secret = "MHcCAQEEI";
        let no_base64 = format!("servers=https://x\nca=\ncertificate=\nkey={secret}!\n");
        for text in [said(secret, secret), said("", &format!("{secret}!")), no_base64.clone()] {
            match Access::of(&text) {
                Ok(access) => assert!(access.tls.is_some(), "nobody asks for a client's key"),
                Err(why) => assert!(!why.contains(secret) && !why.is_empty(), "{why}"),
            }
        }
        assert_eq!(Access::of(&no_base64).err().unwrap(), "its `key` is not base64");
    }

    #[test]
    fn what_is_not_encrypted_needs_no_files() {
        let access = Access::of(
            "servers=http://10.0.0.1:2379,http://10.0.0.2:2379\nca=\ncertificate=\nkey=\n",
        );
        let access = access.ok().unwrap();
        assert_eq!(access.endpoints, ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
        assert!(access.tls.is_none());
        assert_eq!(Access::of("unknown=there is none\n").err().unwrap(), "there is none");
    }
}
