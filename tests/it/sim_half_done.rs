//! The simulated cluster: every half-done state at its moment, and what a kill leaves.

use kup_steps::host::{AttemptStatus, HostError};
use kup_steps::script::{self, Script};

use crate::sim_rig::Rig;

const NEW: &str = "1.36.2-1.1";

#[tokio::test]
async fn a_repository_is_switched_before_its_lists_are_there() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    rig.start("w1", script::REPOSITORY, &["v1.36"]).await;
    rig.clock.forward(30);
    assert!(rig.world.picture().unwrap().contains("w1: repository v1.36, lists v1.35"));
    rig.clock.forward(60);
    assert!(rig.world.picture().unwrap().contains("w1: repository v1.36, lists v1.36"));
    let key = "minor:/etc/apt/sources.list.d/kubernetes.list";
    assert_eq!(rig.value("w1", script::PACKAGES, key).await, "v1.36");
}

#[tokio::test]
async fn a_package_is_broken_between_unpacking_and_configuring() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    rig.must("w1", script::REPOSITORY, &["v1.36"]).await;
    let args = [format!("kubelet={NEW}"), format!("kubectl={NEW}")];
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    rig.start("w1", script::INSTALL, &args).await;
    rig.clock.forward(140);
    assert_eq!(rig.value("w1", script::PACKAGES, "state:kubelet").await, "broken");
    assert_eq!(rig.value("w1", script::PACKAGES, "state:kubectl").await, "ok");
    assert_ne!(rig.value("w1", script::PACKAGES, "audit").await, "");
    rig.world.kill_attempts("w1").unwrap();
    rig.settle();
    assert_eq!(rig.value("w1", script::PACKAGES, "state:kubelet").await, "broken");
    assert_eq!(rig.value("w1", script::KUBELET, "process").await, "replaced");
    rig.must("w1", script::INSTALL, &args).await;
    assert_eq!(rig.value("w1", script::PACKAGES, "audit").await, "");
    assert_eq!(rig.value("w1", script::PACKAGES, "version:kubectl").await, NEW);
    assert_eq!(rig.value("w1", script::PACKAGES, "hold:kubectl").await, "yes");
}

#[tokio::test]
async fn a_package_that_the_repository_lacks_is_not_installed() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let (status, output) = rig.run("w1", script::INSTALL, &["kubeadm=1.36.2-1.1"]).await;
    assert_eq!(status, 100, "{output}");
    let offers = Script::new(script::OFFERS, ["v1.36", "v1.99"]);
    let reply = rig.host("w1").ask(&offers).await.unwrap();
    let told = String::from_utf8(reply.stdout).unwrap();
    assert!(
        told.contains("offer:v1.36:kubeadm=1.36.20-1.1,") && !told.contains("1.36.99"),
        "{told}"
    );
    assert!(told.contains("unreadable:v1.99="), "{told}");
}

#[tokio::test]
async fn a_kubelet_is_inactive_then_active_then_ready() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    rig.must("w1", script::REPOSITORY, &["v1.36"]).await;
    rig.must("w1", script::INSTALL, &[&format!("kubelet={NEW}")]).await;
    rig.start("w1", script::KUBELET_RESTART, &[]).await;
    let node = || async { rig.cluster().node("w1").await.unwrap().unwrap() };
    rig.clock.forward(160);
    assert_eq!(rig.value("w1", script::KUBELET, "active").await, "inactive");
    rig.clock.forward(150);
    assert_eq!(rig.value("w1", script::KUBELET, "active").await, "active");
    assert!(!node().await.ready);
    assert_eq!(node().await.kubelet_version, "v1.35.6");
    rig.clock.forward(200);
    assert!(node().await.ready);
    assert_eq!(node().await.kubelet_version, "v1.36.2");
    assert_eq!(rig.value("w1", script::KUBELET, "process").await, "current");
}

#[tokio::test]
async fn an_apply_passes_through_every_half_done_state_in_kubeadms_order() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let preimage = rig.preimage("cp1", "pre").await;
    rig.kubeadm_package("cp1", "v1.36", NEW).await;
    let name = rig.start("cp1", script::KUBEADM_APPLY, &[&preimage, "v1.36.2"]).await;
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..400 {
        for state in half_done(&rig).await {
            if !seen.contains(&state) {
                seen.push(state);
            }
        }
        rig.clock.forward(5);
    }
    let status = rig.host("cp1").status(&name).await.unwrap();
    assert_eq!(status, AttemptStatus::Ended { status: 0 });
    let expected = [
        "pair:/etc/kubernetes/pki/etcd/server",
        "pair:/etc/kubernetes/pki/etcd/peer",
        "pair:/etc/kubernetes/pki/etcd/healthcheck-client",
        "no etcd",
        "no api",
        "pair:/etc/kubernetes/pki/apiserver",
        "pair:/etc/kubernetes/pki/apiserver-kubelet-client",
        "pair:/etc/kubernetes/pki/front-proxy-client",
        "pair:/etc/kubernetes/pki/apiserver-etcd-client",
        "no kube-apiserver",
        "no kube-controller-manager",
        "no kube-scheduler",
        "uploaded",
        "no kubelet config",
    ];
    assert_eq!(seen, expected);
    for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        let image = rig.value("cp1", script::CONTROL_PLANE, &format!("image:{component}")).await;
        assert_eq!(image, format!("registry.k8s.io/{component}:v1.36.2"));
    }
    assert_eq!(rig.cluster().server_version().await.unwrap(), "v1.36.2");
}

/// Returns what is half done on cp1.
async fn half_done(rig: &Rig) -> Vec<String> {
    let script = Script::new(script::CONTROL_PLANE, Vec::<String>::new());
    let reply = rig.host("cp1").ask(&script).await.unwrap();
    let text = String::from_utf8(reply.stdout).unwrap();
    let mut states: Vec<String> =
        text.lines().filter_map(|line| line.strip_suffix("=mismatch")).map(str::to_owned).collect();
    let missing = text.lines().filter_map(|line| line.strip_prefix("manifest:")?.strip_suffix('='));
    states.extend(missing.map(|component| format!("no {component}")));
    match rig.cluster().config_map("kubeadm-config").await {
        Err(_) => states.push("no api".to_owned()),
        Ok(map) => {
            let is_new = map.unwrap().data["ClusterConfiguration"].contains("v1.36.2");
            states.extend(is_new.then(|| "uploaded".to_owned()));
        }
    }
    let empty = rig.value("cp1", script::KUBELET, "config").await.starts_with("e3b0c442");
    states.extend(empty.then(|| "no kubelet config".to_owned()));
    states
}

#[tokio::test]
async fn a_machine_killed_between_the_two_renames_stays_without_a_manifest() {
    let rig = Rig::new("sim:3x1@v1.35.6").await;
    let preimage = rig.preimage("cp1", "pre").await;
    rig.kubeadm_package("cp1", "v1.36", NEW).await;
    let name = rig.start("cp1", script::KUBEADM_APPLY, &[&preimage, "v1.36.2"]).await;
    let manifest = || rig.value("cp1", script::CONTROL_PLANE, "manifest:kube-apiserver");
    while !manifest().await.is_empty() {
        rig.clock.forward(5);
    }
    rig.world.kill_machine("cp1").unwrap();
    rig.settle();
    let reply = rig.host("cp1").status(&name).await;
    assert!(matches!(reply, Err(HostError::Unreachable { .. })));
    assert!(!rig.cluster().node("cp1").await.unwrap().unwrap().ready);
    rig.world.boot_machine("cp1").unwrap();
    rig.settle();
    assert!(matches!(rig.host("cp1").status(&name).await.unwrap(), AttemptStatus::Lost { .. }));
    assert_eq!(manifest().await, "");
    let pods = rig.cluster().system_pods().await.unwrap();
    assert!(!pods.iter().any(|pod| pod.name == "kube-apiserver-cp1"));
    rig.must("cp1", script::KUBEADM_APPLY, &[&preimage, "v1.36.2"]).await;
    let image = rig.value("cp1", script::CONTROL_PLANE, "image:kube-apiserver").await;
    assert!(image.ends_with(":v1.36.2"), "{image}");
}

#[tokio::test]
async fn kubeadm_node_is_not_let_near_a_control_plane_without_its_api_server() {
    let rig = Rig::new("sim:3x1@v1.35.6").await;
    let path = "/etc/kubernetes/manifests/kube-apiserver.yaml";
    rig.world.foreign_file("cp2", path, None).unwrap();
    let empty = rig.preimage("cp2", "without").await;
    let (status, output) = rig.run("cp2", script::KUBEADM_NODE, &[&empty, "control-plane"]).await;
    assert_eq!(status, 65, "{output}");
    // What kubeadm itself would do, were it asked as on a worker: nothing to the control plane, and success.
    let (status, output) = rig.run("cp2", script::KUBEADM_NODE, &[&empty, "worker"]).await;
    assert_eq!(status, 0);
    assert!(output.contains("Not a control plane node"), "{output}");
}

#[tokio::test]
async fn kubeadm_refuses_what_it_must_refuse() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let preimage = rig.preimage("cp1", "pre").await;
    for (version, why) in [("v1.36.2", "higher than the kubeadm"), ("v1.33.2", "too low")] {
        let plan = Script::new(script::UPGRADE_PLAN, [version]);
        let reply = rig.host("cp1").ask(&plan).await.unwrap();
        assert_eq!(reply.status, 1);
        assert!(reply.stderr.contains(why), "{}", reply.stderr);
        let (status, output) = rig.run("cp1", script::KUBEADM_APPLY, &[&preimage, version]).await;
        assert_eq!(status, 1);
        assert!(output.contains(why), "{output}");
    }
    rig.kubeadm_package("cp1", "v1.37", "1.37.1-1.1").await;
    let (_, output) = rig.run("cp1", script::KUBEADM_APPLY, &[&preimage, "v1.37.1"]).await;
    assert!(output.contains("only 1 minor version at a time"), "{output}");
}
