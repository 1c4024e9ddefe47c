//! What kubeadm writes into the manifests of static pods: the names of its flags, in every version since 1.19, and the values that never
//! differ between clusters (kubeadm phases/controlplane/manifests.go and phases/etcd/local.go of 1.20, 1.31 and 1.36).

use std::collections::BTreeMap;

const API_SERVER: [&str; 31] = [
    "advertise-address",
    "allow-privileged",
    "authorization-mode",
    "authorization-config",
    "client-ca-file",
    "enable-admission-plugins",
    "enable-bootstrap-token-auth",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "etcd-servers",
    "feature-gates",
    "insecure-port",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "kubelet-preferred-address-types",
    "proxy-client-cert-file",
    "proxy-client-key-file",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "requestheader-extra-headers-prefix",
    "requestheader-group-headers",
    "requestheader-username-headers",
    "secure-port",
    "service-account-issuer",
    "service-account-key-file",
    "service-account-signing-key-file",
    "service-cluster-ip-range",
    "tls-cert-file",
    "tls-private-key-file",
    "external-hostname",
];
const CONTROLLER_MANAGER: [&str; 20] = [
    "allocate-node-cidrs",
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "client-ca-file",
    "cluster-cidr",
    "cluster-name",
    "cluster-signing-cert-file",
    "cluster-signing-key-file",
    "controllers",
    "feature-gates",
    "kubeconfig",
    "leader-elect",
    "node-cidr-mask-size",
    "port",
    "requestheader-client-ca-file",
    "root-ca-file",
    "service-account-private-key-file",
    "service-cluster-ip-range",
    "use-service-account-credentials",
];
const SCHEDULER: [&str; 7] = [
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "feature-gates",
    "kubeconfig",
    "leader-elect",
    "port",
];
const ETCD: [&str; 23] = [
    "advertise-client-urls",
    "cert-file",
    "client-cert-auth",
    "data-dir",
    "experimental-initial-corrupt-check",
    "experimental-watch-progress-notify-interval",
    "feature-gates",
    "initial-advertise-peer-urls",
    "initial-cluster",
    "initial-cluster-state",
    "key-file",
    "listen-client-urls",
    "listen-metrics-urls",
    "listen-peer-urls",
    "name",
    "peer-cert-file",
    "peer-client-cert-auth",
    "peer-key-file",
    "peer-trusted-ca-file",
    "snapshot-count",
    "trusted-ca-file",
    "watch-progress-notify-interval",
    "auto-tls",
];

/// Values that kubeadm writes in every cluster unless it is told otherwise.
const FIXED: [(&str, &str, &str); 9] = [
    ("kube-apiserver", "allow-privileged", "true"),
    ("kube-apiserver", "authorization-mode", "Node,RBAC"),
    ("kube-apiserver", "enable-admission-plugins", "NodeRestriction"),
    ("kube-apiserver", "enable-bootstrap-token-auth", "true"),
    ("kube-controller-manager", "bind-address", "127.0.0.1"),
    ("kube-controller-manager", "leader-elect", "true"),
    ("kube-controller-manager", "controllers", "*,bootstrapsigner,tokencleaner"),
    ("kube-scheduler", "bind-address", "127.0.0.1"),
    ("kube-scheduler", "leader-elect", "true"),
];

fn names(component: &str) -> &'static [&'static str] {
    match component {
        "kube-apiserver" => &API_SERVER,
        "kube-controller-manager" => &CONTROLLER_MANAGER,
        "kube-scheduler" => &SCHEDULER,
        _ => &ETCD,
    }
}

/// Says what kubeadm will do to the flags of a manifest (`name=value`), given the flags that it is told to add.
pub(super) fn changes(
    component: &str,
    flags: &[String],
    told: &BTreeMap<String, String>,
) -> Vec<String> {
    let has: BTreeMap<&str, &str> =
        flags.iter().map(|flag| flag.split_once('=').unwrap_or((flag, "true"))).collect();
    let mut changes = Vec::new();
    for (name, value) in &has {
        let fixed = FIXED.iter().find(|(whose, it, _)| whose == &component && it == name);
        let wanted = told.get(*name).map(String::as_str).or(fixed.map(|(_, _, value)| *value));
        match wanted {
            Some(wanted) if wanted != *value => {
                changes.push(format!("--{name}={value} becomes --{name}={wanted}"));
            }
            None if !names(component).contains(name) => {
                changes.push(format!("--{name}={value} will be lost"));
            }
            Some(_) | None => {}
        }
    }
    let added = told.iter().filter(|(name, _)| !has.contains_key(name.as_str()));
    changes.extend(added.map(|(name, value)| format!("--{name}={value} will be added")));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(component: &str, flags: &[&str], told: &[(&str, &str)]) -> Vec<String> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        changes(component, &flags, &told.iter().map(pair).collect())
    }

    #[test]
    fn flags_are_lost_changed_or_added() {
        assert_eq!(check("kube-scheduler", &["v=4"], &[]), ["--v=4 will be lost"]);
        assert_eq!(check("kube-scheduler", &["v=4"], &[("v", "2")]), ["--v=4 becomes --v=2"]);
        assert_eq!(check("kube-scheduler", &[], &[("v", "2")]), ["--v=2 will be added"]);
        assert_eq!(
            check("kube-apiserver", &["authorization-mode=RBAC"], &[]),
            ["--authorization-mode=RBAC becomes --authorization-mode=Node,RBAC"]
        );
        assert!(check("kube-scheduler", &["v=2", "leader-elect=true"], &[("v", "2")]).is_empty());
        assert!(check("kube-scheduler", &["profiling"], &[("profiling", "true")]).is_empty());
    }
}
