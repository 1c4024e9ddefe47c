//! The simulated cluster: an apply that is killed at any moment stays where it was, and another attempt ends it.

use kup_steps::host::AttemptStatus;
use kup_steps::script;

use crate::sim_rig::Rig;

const NEW: &str = "1.36.2-1.1";

/// Starts an apply on a control plane and lets it run for so long; says whether it has ended.
async fn interrupted(milliseconds: u64) -> (Rig, String, bool) {
    let rig = Rig::new("sim:3x1@v1.35.6").await;
    let preimage = rig.preimage("cp1", "pre").await;
    rig.kubeadm_package("cp1", "v1.36", NEW).await;
    let name = rig.start("cp1", script::KUBEADM_APPLY, &[&preimage, "v1.36.2"]).await;
    rig.clock.forward(milliseconds);
    // Killing what has ended changes nothing, so this tells an end without waiting for it.
    rig.world.kill_attempts("cp1").unwrap();
    let ended = AttemptStatus::Ended { status: 0 };
    let ended = rig.host("cp1").status(&name).await.unwrap() == ended;
    (rig, preimage, ended)
}

/// Another attempt must reach the end, whatever the first one left.
async fn recovers(rig: &Rig, preimage: &str) {
    if rig.value("cp1", script::KUBELET, "active").await != "active" {
        // Killed between truncating and writing the kubelet's configuration, then booted: no kubelet, and kubeadm refuses.
        let args = [preimage, "/var/lib/kubelet/config.yaml"];
        rig.must("cp1", script::RESTORE_FILES, &args).await;
        rig.settle();
    }
    rig.must("cp1", script::KUBEADM_APPLY, &[preimage, "v1.36.2"]).await;
    rig.settle();
    let picture = rig.world.picture().unwrap();
    assert!(picture.contains("cluster version v1.36.2"), "{picture}");
    for component in ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] {
        let image = format!("cp1: {component} up with registry.k8s.io/{component}:v1.36.2");
        assert!(picture.contains(&image), "{image}:\n{picture}");
    }
    assert!(!picture.contains("does not match"), "{picture}");
}

#[tokio::test]
async fn a_machine_killed_at_any_moment_stays_where_it_was_and_recovers() {
    for moment in 0_u64.. {
        let (rig, preimage, ended) = interrupted(moment * 14).await;
        rig.world.kill_machine("cp1").unwrap();
        let killed = rig.world.picture().unwrap();
        rig.settle();
        assert_eq!(rig.world.picture().unwrap(), killed, "{} ms", moment * 14);
        rig.world.boot_machine("cp1").unwrap();
        rig.settle();
        recovers(&rig, &preimage).await;
        if ended {
            assert!(moment > 40, "only {moment} moments");
            return;
        }
    }
}

#[tokio::test]
async fn an_apply_killed_at_any_moment_on_a_living_machine_recovers() {
    for moment in 0_u64.. {
        let (rig, preimage, ended) = interrupted(moment * 14).await;
        rig.settle();
        recovers(&rig, &preimage).await;
        if ended {
            return;
        }
    }
}
