//! From a kubeconfig to a client. What is wrong with the kubeconfig is said in the user's words before anything is sent.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use thiserror::Error;

use super::KubeApi;
use super::certificate::valid_until;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Says why there is no client for a cluster.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is no file.
    #[error("no kubeconfig found; looked at {}", looked_at.join(", "))]
    Missing {
        /// Where it was looked for.
        looked_at: Vec<String>,
    },
    /// The file cannot be read, or is not a kubeconfig.
    #[error("cannot read the kubeconfig {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It names no current context, and none was asked for.
    #[error("the kubeconfig {path} has no current context; name one of: {}", known.join(", "))]
    NoCurrentContext {
        /// The file.
        path: String,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// It has no context of that name.
    #[error("the kubeconfig {path} has no context `{wanted}`; it has: {}", known.join(", "))]
    NoSuchContext {
        /// The file.
        path: String,
        /// The context asked for.
        wanted: String,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// Its cluster or its credentials cannot be used: broken certificates, missing files, a plugin that fails.
    #[error("cannot use context `{context}` of the kubeconfig {path}")]
    Unusable {
        /// The file.
        path: String,
        /// The context.
        context: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The cluster is reached through a proxy.
    #[error(
        "context `{context}` of the kubeconfig {path} needs the proxy {proxy}, which kup cannot use"
    )]
    NeedsProxy {
        /// The file.
        path: String,
        /// The context.
        context: String,
        /// The proxy.
        proxy: String,
    },
}

/// A kubeconfig, where it was found, and the context chosen in it.
struct Chosen {
    path: String,
    context: String,
    kubeconfig: Kubeconfig,
}

/// Makes a client, see [`KubeApi::connect`].
pub(super) async fn connect(
    path: Option<&Path>,
    context: Option<&str>,
) -> Result<KubeApi, ConnectError> {
    let files = existing_files(path)?;
    let kubeconfig = read_all(&files)?;
    let chosen = choose(show(&files), kubeconfig, context)?;
    refuse_proxy(&chosen)?;
    let options = KubeConfigOptions { context: Some(chosen.context.clone()), ..Default::default() };
    let config = Config::from_custom_kubeconfig(chosen.kubeconfig.clone(), &options).await;
    let config = tune(config.map_err(|error| unusable(&chosen, error))?);
    let credentials = describe(&config.auth_info);
    let (endpoint, ca_sha256) = (endpoint(&config), fingerprint(&config));
    let client = kube::Client::try_from(config).map_err(|error| unusable(&chosen, error))?;
    let chosen = (chosen.path, chosen.context);
    Ok(KubeApi { client, endpoint, ca_sha256, chosen, credentials })
}

/// Returns the files to read. A path that is no file may be a list, as in `$KUBECONFIG`, of which some may be missing.
fn existing_files(path: Option<&Path>) -> Result<Vec<PathBuf>, ConnectError> {
    let Some(path) = path else {
        let default = std::env::home_dir().map(|home| home.join(".kube/config"));
        return keep_files(default.into_iter().collect(), &["--kubeconfig", "$KUBECONFIG"]);
    };
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    keep_files(std::env::split_paths(path).collect(), &[])
}

fn keep_files(places: Vec<PathBuf>, unset: &[&str]) -> Result<Vec<PathBuf>, ConnectError> {
    let unset = unset.iter().map(|name| format!("{name} (not set)"));
    let looked_at = unset.chain(places.iter().map(|place| place.display().to_string())).collect();
    let files: Vec<PathBuf> = places.into_iter().filter(|place| place.exists()).collect();
    if files.is_empty() { Err(ConnectError::Missing { looked_at }) } else { Ok(files) }
}

/// Reads the files into one kubeconfig; what an earlier one says goes before a later one.
fn read_all(files: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    let mut all = Kubeconfig::default();
    for file in files {
        let unreadable = |error: kube::config::KubeconfigError| ConnectError::Unreadable {
            path: file.display().to_string(),
            source: Box::new(error),
        };
        let next = Kubeconfig::read_from(file).map_err(unreadable)?;
        all = all.merge(next).map_err(unreadable)?;
    }
    Ok(all)
}

fn show(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(":")
}

fn choose(
    path: String,
    kubeconfig: Kubeconfig,
    wanted: Option<&str>,
) -> Result<Chosen, ConnectError> {
    let known: Vec<String> = kubeconfig.contexts.iter().map(|it| it.name.clone()).collect();
    let current = kubeconfig.current_context.clone().filter(|name| !name.is_empty());
    let Some(context) = wanted.map(str::to_owned).or(current) else {
        return Err(ConnectError::NoCurrentContext { path, known });
    };
    if !known.contains(&context) {
        return Err(ConnectError::NoSuchContext { path, wanted: context, known });
    }
    Ok(Chosen { path, context, kubeconfig })
}

fn unusable(chosen: &Chosen, error: impl Error + Send + Sync + 'static) -> ConnectError {
    let (path, context) = (chosen.path.clone(), chosen.context.clone());
    ConnectError::Unusable { path, context, source: Box::new(error) }
}

/// Refuses a cluster whose own entry names a proxy: this kup is built without support for them.
fn refuse_proxy(chosen: &Chosen) -> Result<(), ConnectError> {
    let context = chosen.kubeconfig.contexts.iter().find(|it| it.name == chosen.context);
    let cluster = context.and_then(|it| it.context.as_ref()).map(|it| it.cluster.as_str());
    let named = chosen.kubeconfig.clusters.iter().find(|it| Some(it.name.as_str()) == cluster);
    let proxy = named.and_then(|it| it.cluster.as_ref()).and_then(|it| it.proxy_url.clone());
    match proxy.filter(|proxy| !proxy.is_empty()) {
        None => Ok(()),
        Some(proxy) => Err(ConnectError::NeedsProxy {
            path: chosen.path.clone(),
            context: chosen.context.clone(),
            proxy,
        }),
    }
}

/// Sets what kube decides otherwise by itself. It takes `HTTPS_PROXY` from the environment without looking at
/// `NO_PROXY`, and would then refuse to talk to a cluster that is reached directly.
fn tune(mut config: Config) -> Config {
    config.proxy_url = None;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    config
}

fn endpoint(config: &Config) -> String {
    config.cluster_url.to_string().trim_end_matches('/').to_owned()
}

/// Returns the SHA-256 of the authorities that the kubeconfig trusts, which does not depend on how the file writes them or in
/// which order; empty where it names none.
fn fingerprint(config: &Config) -> String {
    let mut authorities = config.root_cert.clone().unwrap_or_default();
    if authorities.is_empty() {
        return String::new();
    }
    authorities.sort();
    authorities.dedup();
    crate::digest::sha256(&authorities.concat())
}

/// Says what kind of credentials these are and what commonly ails them.
fn describe(user: &AuthInfo) -> String {
    let has_certificate =
        user.client_certificate_data.is_some() || user.client_certificate.is_some();
    if has_certificate {
        let until = valid_until(user).map(|until| format!("; it is valid until {until}"));
        let until = until.unwrap_or_default();
        return format!("the client certificate of the kubeconfig is not accepted{until}");
    }
    let has_token = user.token.is_some() || user.token_file.is_some();
    if has_token || user.exec.is_some() {
        return "the token of the kubeconfig is not accepted; it may have expired".to_owned();
    }
    "the kubeconfig has no client certificate and no token".to_owned()
}
