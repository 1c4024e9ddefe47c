//! What the API of a healthy cluster tells beyond its nodes.

use std::collections::BTreeMap;

use crate::cluster::Pod;
use crate::cluster::survey::{ApiService, Budget, ClusterSurvey, Selector, Workload};
use crate::facts::VERSIONED;
use crate::release;
use crate::version::Version;

pub(super) fn survey(masters: &[String], workers: &[String], version: Version) -> ClusterSurvey {
    let mut pods: Vec<Pod> = static_pods(masters, version);
    pods.extend(addons(masters, workers, version));
    pods.extend(applications(masters, workers));
    pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    ClusterSurvey {
        pods: Ok(pods),
        budgets: Ok(vec![budget()]),
        workloads: Ok(workloads(masters.len() + workers.len(), version)),
        api_services: Ok(vec![ApiService { name: "v1.apps".to_owned(), unavailable: None }]),
        config_maps: Ok(config_maps(version)),
        ..ClusterSurvey::empty()
    }
}

fn pod(
    (namespace, name): (&str, &str),
    node: &str,
    controller: Option<(&str, &str)>,
    (app, image): (&str, &str),
) -> Pod {
    Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: format!("uid-of-{name}"),
        node: node.to_owned(),
        phase: "Running".to_owned(),
        ready: true,
        terminating: false,
        controller: controller.map(|(kind, name)| (kind.to_owned(), name.to_owned())),
        mirror: false,
        tolerates_cordon: controller.is_some_and(|(kind, _)| kind == "DaemonSet"),
        empty_dirs: Vec::new(),
        claims: Vec::new(),
        labels: [("app".to_owned(), app.to_owned())].into(),
        images: vec![image.to_owned()],
    }
}

fn static_pods(masters: &[String], version: Version) -> Vec<Pod> {
    let on = |node: &String, component: &str| {
        let (name, image) =
            (format!("{component}-{node}"), format!("registry.k8s.io/{component}:{version}"));
        let owner = Some(("Node", node.as_str()));
        let pod = pod(("kube-system", &name), node, owner, (component, &image));
        Pod { mirror: true, ..pod }
    };
    masters.iter().flat_map(|node| VERSIONED.map(|component| on(node, component))).collect()
}

fn coredns(version: Version) -> String {
    let tag = release::images(version).map_or("v1.12.0", |images| images.coredns.as_str());
    format!("registry.k8s.io/coredns/coredns:{tag}")
}

fn addons(masters: &[String], workers: &[String], version: Version) -> Vec<Pod> {
    let proxy = format!("registry.k8s.io/kube-proxy:{version}");
    let everywhere = masters.iter().chain(workers).map(|node| {
        let name = format!("kube-proxy-{node}");
        let set = Some(("DaemonSet", "kube-proxy"));
        pod(("kube-system", &name), node, set, ("kube-proxy", &proxy))
    });
    let homes = if workers.is_empty() { masters } else { workers };
    let dns = homes.iter().cycle().take(2).enumerate().map(|(index, node)| {
        let (name, set) = (format!("coredns-7d764666f9-{index}"), "coredns-7d764666f9");
        let set = Some(("ReplicaSet", set));
        pod(("kube-system", &name), node, set, ("coredns", &coredns(version)))
    });
    everywhere.chain(dns).collect()
}

fn applications(masters: &[String], workers: &[String]) -> Vec<Pod> {
    let homes = if workers.is_empty() { masters } else { workers };
    let on = |(index, node): (usize, &String)| {
        let name = format!("web-7d9c5b6f4-{index}");
        let set = Some(("ReplicaSet", "web-7d9c5b6f4"));
        pod(("shop", &name), node, set, ("web", "registry.example/web:1"))
    };
    homes.iter().cycle().take(4).enumerate().map(on).collect()
}

/// Four pods, one of which may be away.
fn budget() -> Budget {
    Budget {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        selector: Selector {
            labels: [("app".to_owned(), "web".to_owned())].into(),
            conditions: Vec::new(),
        },
        min_available: None,
        max_unavailable: Some("50%".to_owned()),
        allowed: 2,
        healthy: 4,
        desired: 2,
        expected: 4,
        is_current: true,
        lets_unhealthy_go: true,
    }
}

fn workload(kind: &str, (namespace, name): (&str, &str), wanted: i64, image: &str) -> Workload {
    Workload {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        controller: None,
        wanted,
        ready: wanted,
        images: vec![image.to_owned()],
    }
}

fn workloads(n_nodes: usize, version: Version) -> Vec<Workload> {
    let n_nodes = i64::try_from(n_nodes).unwrap();
    let of = |name: &str| Some(("Deployment".to_owned(), name.to_owned()));
    let (dns, web) = (coredns(version), "registry.example/web:1");
    let proxy = format!("registry.k8s.io/kube-proxy:{version}");
    vec![
        workload("DaemonSet", ("kube-system", "kube-proxy"), n_nodes, &proxy),
        workload("Deployment", ("kube-system", "coredns"), 2, &dns),
        Workload {
            controller: of("coredns"),
            ..workload("ReplicaSet", ("kube-system", "coredns-7d764666f9"), 2, &dns)
        },
        workload("Deployment", ("shop", "web"), 4, web),
        Workload {
            controller: of("web"),
            ..workload("ReplicaSet", ("shop", "web-7d9c5b6f4"), 4, web)
        },
    ]
}

fn config_maps(version: Version) -> BTreeMap<String, BTreeMap<String, String>> {
    let api = match version.minor {
        0..=21 => "v1beta2",
        22..=30 => "v1beta3",
        31.. => "v1beta4",
    };
    let cluster = format!(
        "apiServer: {{}}\napiVersion: kubeadm.k8s.io/{api}\ncertificatesDir: /etc/kubernetes/pki\n\
         clusterName: kubernetes\ncontrolPlaneEndpoint: 10.0.0.10:6443\ncontrollerManager: {{}}\n\
         dns: {{}}\netcd:\n  local:\n    dataDir: /var/lib/etcd\nimageRepository: registry.k8s.io\n\
         kind: ClusterConfiguration\nkubernetesVersion: {version}\nnetworking:\n  \
         dnsDomain: cluster.local\n  serviceSubnet: 10.96.0.0/12\nproxy: {{}}\nscheduler: {{}}\n"
    );
    let kubelet = crate::release::kubelet_config_map(version);
    let one = |map: &str, key: &str, text: &str| {
        (map.to_owned(), BTreeMap::from([(key.to_owned(), text.to_owned())]))
    };
    let corefile = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    ready\n    \
                    kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n       \
                    fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    }\n    prometheus :9153\n    \
                    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n    \
                    loop\n    reload\n    loadbalance\n}\n";
    let kubelet_text = "apiVersion: kubelet.config.k8s.io/v1beta1\ncgroupDriver: systemd\n\
                        kind: KubeletConfiguration\nrotateCertificates: true\n";
    let proxy =
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: \"\"\n";
    [
        one("kubeadm-config", "ClusterConfiguration", &cluster),
        one(&kubelet, "kubelet", kubelet_text),
        one("coredns", "Corefile", corefile),
        one("kube-proxy", "config.conf", proxy),
    ]
    .into()
}
