//! Packages and images on simulated nodes before they are needed: what a kill leaves, and what they are good for.

use kup_steps::host::AttemptStatus;
use kup_steps::script;

use crate::sim_rig::Rig;

const WORDS: [&str; 6] = [
    "v1.36",
    "v1.36.2",
    "worker",
    "old:kubelet=1.35.6-1.1",
    "kubeadm=1.36.2-1.1",
    "kubelet=1.36.2-1.1",
];

async fn told(rig: &Rig) -> String {
    let question = script::Script::new(script::PREFETCHED, WORDS);
    String::from_utf8(rig.host("w1").ask(&question).await.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn what_a_kill_left_is_there_and_the_rest_comes_with_the_next_attempt() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let nothing = "have:kubeadm=\nhave:kubelet=\nimages=unknown\n";
    assert_eq!(told(&rig).await, nothing);
    let name = rig.start("w1", script::PREFETCH, &WORDS).await;
    rig.clock.forward(90);
    rig.world.kill_attempts("w1").unwrap();
    rig.settle();
    let status = rig.host("w1").status(&name).await.unwrap();
    assert!(matches!(status, AttemptStatus::Lost { .. }), "{status:?}");
    assert_eq!(told(&rig).await, "have:kubeadm=1.36.2-1.1\nhave:kubelet=\nimages=unknown\n");
    rig.must("w1", script::PREFETCH, &WORDS).await;
    let all = "have:kubeadm=1.36.2-1.1\nhave:kubelet=1.36.2-1.1\nimages=known\n\
        image:registry.k8s.io/kube-proxy:v1.36.2=yes\nimage:registry.k8s.io/pause:3.10=yes\n";
    assert_eq!(told(&rig).await, all);
}

#[tokio::test]
async fn images_come_one_after_the_other() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    rig.start("w1", script::PREFETCH, &WORDS).await;
    rig.clock.forward(200);
    let half =
        "image:registry.k8s.io/kube-proxy:v1.36.2=yes\nimage:registry.k8s.io/pause:3.10=no\n";
    assert!(told(&rig).await.ends_with(half), "{}", told(&rig).await);
}

#[tokio::test]
async fn what_was_brought_needs_no_repository_neither_forth_nor_back() {
    let rig = Rig::new("sim:1x1@v1.35.6").await;
    let (status, output) = rig.run("w1", script::INSTALL, &["kubelet=1.36.2-1.1"]).await;
    assert_eq!(status, 100, "the repository is still that of v1.35: {output}");
    rig.must("w1", script::PREFETCH, &WORDS).await;
    rig.must("w1", script::INSTALL, &["kubelet=1.36.2-1.1"]).await;
    rig.must("w1", script::REPOSITORY, &["v1.36"]).await;
    rig.must("w1", script::DOWNGRADE, &["hold:kubelet", "kubelet=1.35.6-1.1"]).await;
    assert_eq!(rig.value("w1", script::PACKAGES, "version:kubelet").await, "1.35.6-1.1");
}
