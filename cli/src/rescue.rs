//! When no API server answers: a look over SSH at the machine behind the endpoint. A `kubeadm upgrade` that was interrupted between its two
//! renames leaves a control plane without the manifest of its API server, and then nobody else can say so.

use std::time::Duration;

use kup_steps::facts::ControlPlaneState;

use crate::connect::Connected;
use crate::error::{CliError, Exit};

/// The look must not keep an operator waiting who has no API.
const PATIENCE: Duration = Duration::from_secs(15);

/// Adds to an error of the API what the machine behind the endpoint shows.
pub(crate) async fn explain(error: CliError, connected: &Connected) -> CliError {
    if error.exit != Exit::Api {
        return error;
    }
    let Some(address) = address(&connected.server) else { return error };
    let host = connected.host(&address, &address);
    let asked = ControlPlaneState::read(host.as_ref());
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(state)) => with_missing(error, &address, &state),
        // A load balancer, or a machine that is away: there is nothing to add.
        Ok(Err(_)) | Err(_) => error,
    }
}

fn with_missing(error: CliError, address: &str, state: &ControlPlaneState) -> CliError {
    let components = ["kube-apiserver", "etcd"];
    let gone = components.into_iter().filter(|it| state.manifests.get(*it) == Some(&None));
    let gone: Vec<&str> = gone.filter(|it| *it != "etcd" || state.has_etcd()).collect();
    let Some(component) = gone.first() else { return error };
    error.cause(format!("{address} has no manifest of {}: an interrupted `kubeadm upgrade` moves it away first", gone.join(" and "))).hint(format!(
        "on {address}, put kubeadm's newest copy back, then try again: `f=$(ls -d /etc/kubernetes/tmp/kubeadm-backup-manifests-*/{component}.yaml | tail -n 1); cp -p \"$f\" /etc/kubernetes/manifests/.{component}.yaml && mv /etc/kubernetes/manifests/.{component}.yaml /etc/kubernetes/manifests/{component}.yaml`"
    ))
}

/// Returns the machine in `https://10.0.0.1:6443`.
fn address(server: &str) -> Option<String> {
    let authority = server.split_once("://")?.1.split('/').next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_stands_in_the_endpoint() {
        for (server, host) in [
            ("https://10.0.0.1:6443", "10.0.0.1"),
            ("https://k8s.example.org", "k8s.example.org"),
            ("https://[fd00::1]:6443/", "fd00::1"),
        ] {
            assert_eq!(address(server).as_deref(), Some(host));
        }
        assert_eq!(address(""), None);
    }
}
