//! What releases of Kubernetes put on a machine: images, manifests, configurations, key pairs. Pure texts.
//! The etcd and CoreDNS versions are those of the release facts.

use crate::release::images;
use crate::version::Version;

/// The newest minor that the simulated repository has.
pub(super) const NEWEST_MINOR: u32 = 40;
/// The newest patch of every minor that the simulated repository has.
pub(super) const NEWEST_PATCH: u32 = 20;
/// The oldest minor that the simulated repository has.
pub(super) const OLDEST_MINOR: u32 = 15;

/// Returns the etcd image's tag that kubeadm installs with a version.
pub(super) fn etcd_tag(version: &Version) -> &'static str {
    images(*version).map_or("3.4.3-0", |images| images.etcd.as_str())
}

/// Returns the CoreDNS image's tag that kubeadm installs with a version.
pub(super) fn coredns_tag(version: &Version) -> &'static str {
    images(*version).map_or("1.6.7", |images| images.coredns.as_str())
}

/// Returns etcd's image with a tag.
pub(super) fn etcd_image(tag: &str) -> String {
    format!("registry.k8s.io/etcd:{tag}")
}

/// Returns a component's image at a version of Kubernetes.
pub(super) fn image(component: &str, version: &Version) -> String {
    match component {
        "etcd" => etcd_image(etcd_tag(version)),
        "coredns" => format!("registry.k8s.io/coredns/coredns:{}", coredns_tag(version)),
        other => format!("registry.k8s.io/{other}:{version}"),
    }
}

/// Returns the package version that the simulated repository has of a version.
pub(super) fn package_version(version: &Version) -> String {
    format!("{}-1.1", version.bare())
}

/// Returns the upstream part of a package version.
pub(super) fn upstream(package_version: &str) -> Option<Version> {
    package_version.split('-').next()?.parse().ok()
}

/// Returns whether the simulated repository of a minor (`v1.20`) has a package version.
pub(super) fn is_offered(minor: &str, package_version: &str) -> bool {
    upstream(package_version).is_some_and(|version| {
        version.minor_name() == minor
            && (OLDEST_MINOR..=NEWEST_MINOR).contains(&version.minor)
            && version.patch <= NEWEST_PATCH
            && self::package_version(&version) == package_version
    })
}

/// Returns the package versions that the simulated repository of a minor (`v1.20`) has, newest first.
pub(super) fn offered(minor: &str) -> Vec<String> {
    let patches = (0..=NEWEST_PATCH).rev().map(|patch| format!("{minor}.{patch}"));
    patches.filter_map(|text| text.parse().ok()).map(|it| package_version(&it)).collect()
}

/// Returns whether there is a repository of a minor (`v1.20`).
pub(super) fn has_repository(minor: &str) -> bool {
    let number = minor.strip_prefix("v1.").and_then(|text| text.parse::<u32>().ok());
    number.is_some_and(|minor| (OLDEST_MINOR..=NEWEST_MINOR).contains(&minor))
}

/// Returns the line that names the repository of a minor (`v1.20`).
pub(super) fn repository_line(minor: &str) -> String {
    format!(
        "deb [signed-by=/etc/apt/keyrings/kubernetes-apt-keyring.gpg] \
         https://pkgs.k8s.io/core:/stable:/{minor}/deb/ /\n"
    )
}

/// Returns the minor that a repository file names.
pub(super) fn minor_in(repository: &str) -> Option<&str> {
    repository.split('/').find(|part| part.starts_with("v1."))
}

/// Returns the manifest that kubeadm renders for a component.
pub(super) fn manifest(component: &str, node: &str, address: &str, version: &Version) -> String {
    let image = image(component, version);
    let flags = match component {
        "etcd" => format!(
            "    - --advertise-client-urls=https://{address}:2379\n    - --data-dir=/var/lib/etcd\n    \
             - --name={node}\n"
        ),
        "kube-apiserver" => format!(
            "    - --advertise-address={address}\n    - --etcd-servers=https://127.0.0.1:2379\n    \
             - --secure-port=6443\n"
        ),
        other => {
            let config = other.trim_start_matches("kube-");
            format!("    - --kubeconfig=/etc/kubernetes/{config}.conf\n    - --leader-elect=true\n")
        }
    };
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    component: {component}\n    \
         tier: control-plane\n  name: {component}\n  namespace: kube-system\nspec:\n  containers:\n  \
         - command:\n    - {component}\n{flags}    image: {image}\n    \
         imagePullPolicy: IfNotPresent\n    name: {component}\n  hostNetwork: true\n  \
         priorityClassName: system-node-critical\nstatus: {{}}\n"
    )
}

/// Returns the image that a manifest names.
pub(super) fn image_in(manifest: &str) -> Option<&str> {
    manifest.lines().find_map(|line| line.trim().strip_prefix("image: "))
}

/// Returns the bases of the key pairs that a component reads, in the order in which kubeadm renews them.
pub(super) fn pairs_of(component: &str) -> &'static [&'static str] {
    match component {
        "etcd" => &[
            "/etc/kubernetes/pki/etcd/server",
            "/etc/kubernetes/pki/etcd/peer",
            "/etc/kubernetes/pki/etcd/healthcheck-client",
        ],
        "kube-apiserver" => &[
            "/etc/kubernetes/pki/apiserver",
            "/etc/kubernetes/pki/apiserver-kubelet-client",
            "/etc/kubernetes/pki/front-proxy-client",
            "/etc/kubernetes/pki/apiserver-etcd-client",
        ],
        _ => &[],
    }
}

/// Returns the kubeconfig that a component reads.
pub(super) fn kubeconfig_of(component: &str) -> Option<&'static str> {
    match component {
        "kube-controller-manager" => Some("/etc/kubernetes/controller-manager.conf"),
        "kube-scheduler" => Some("/etc/kubernetes/scheduler.conf"),
        _ => None,
    }
}

/// Returns a key; only its number matters here.
pub(super) fn key(number: &str) -> String {
    format!("-----BEGIN RSA PRIVATE KEY-----\n{number}\n-----END RSA PRIVATE KEY-----\n")
}

/// Returns the certificate of the key with the same number.
pub(super) fn certificate(number: &str) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{number}\n-----END CERTIFICATE-----\n")
}

/// Returns the number of a key or a certificate.
pub(super) fn serial(text: &str) -> Option<&str> {
    text.lines().nth(1)
}

/// Returns a kubeconfig with embedded key and certificate.
pub(super) fn kubeconfig(endpoint: &str, user: &str, number: &str) -> String {
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    server: {endpoint}\n  name: kubernetes\n\
         contexts:\n- context:\n    cluster: kubernetes\n    user: {user}\n  name: {user}@kubernetes\n\
         current-context: {user}@kubernetes\nkind: Config\nusers:\n- name: {user}\n  user:\n    \
         client-certificate-data: {number}\n    client-key-data: {number}\n"
    )
}

/// Returns the kubelet's configuration that kubeadm renders at a version. The comment stands for the defaults that differ between minors.
pub(super) fn kubelet_config(version: &Version) -> String {
    let new = match version.minor {
        0..=28 => "",
        29..=31 => "imageMaximumGCAge: 0s\n",
        _ => "imageMaximumGCAge: 0s\ncrashLoopBackOff: {}\n",
    };
    format!(
        "# defaults of kubeadm {}\napiVersion: kubelet.config.k8s.io/v1beta1\n\
         authentication:\n  anonymous:\n    enabled: false\n  webhook:\n    cacheTTL: 0s\n    \
         enabled: true\n  x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt\n\
         cgroupDriver: systemd\nclusterDNS:\n- 10.96.0.10\nclusterDomain: cluster.local\n\
         kind: KubeletConfiguration\nrotateCertificates: true\n\
         staticPodPath: /etc/kubernetes/manifests\n{new}",
        version.minor_name()
    )
}

/// Returns the ClusterConfiguration in `kubeadm-config`.
pub(super) fn cluster_configuration(endpoint: &str, version: &Version) -> String {
    let api = if version.minor >= 31 { "v1beta4" } else { "v1beta3" };
    let endpoint = endpoint.trim_start_matches("https://");
    format!(
        "apiServer: {{}}\napiVersion: kubeadm.k8s.io/{api}\ncertificatesDir: /etc/kubernetes/pki\n\
         clusterName: kubernetes\ncontrolPlaneEndpoint: {endpoint}\ncontrollerManager: {{}}\n\
         dns: {{}}\netcd:\n  local:\n    dataDir: /var/lib/etcd\nimageRepository: registry.k8s.io\n\
         kind: ClusterConfiguration\nkubernetesVersion: {version}\nnetworking:\n  \
         dnsDomain: cluster.local\n  serviceSubnet: 10.96.0.0/12\nproxy: {{}}\nscheduler: {{}}\n"
    )
}

/// Returns the version in a ClusterConfiguration.
pub(super) fn version_in(configuration: &str) -> Option<Version> {
    let value = |line: &str| line.strip_prefix("kubernetesVersion: ").map(str::to_owned);
    configuration.lines().find_map(value)?.trim().parse().ok()
}

/// Returns the etcd tag that a ClusterConfiguration names, if it names one.
pub(super) fn etcd_tag_in(configuration: &str) -> Option<&str> {
    configuration.lines().find_map(|line| line.strip_prefix("    imageTag: "))
}

/// Returns the ClusterConfiguration with another version, everything else as it was.
pub(super) fn with_version(configuration: &str, version: &Version) -> String {
    let line = |line: &str| match line.starts_with("kubernetesVersion: ") {
        true => format!("kubernetesVersion: {version}\n"),
        false => format!("{line}\n"),
    };
    configuration.lines().map(line).collect()
}
