//! Breakages of workloads and APIs. The cluster has control planes `cp1` to `cp3`, workers `w1` and `w2`, and in namespace `shop` the
//! Deployment `web`, the StatefulSet `db` with two pods, and a budget that spares one of them.

use kup_steps::cluster::Pod;
use kup_steps::cluster::survey::{
    Budget, Claim, CustomResource, DeprecatedRequest, Webhook, Workload,
};
use kup_steps::sim::Appearance;

use super::{Answer, Breakage, Mended, On};

const fn broken(
    (code, what): (&'static str, &'static str),
    breaks: fn(&mut Appearance),
    (answer, evidence): (Answer, &'static str),
    mended: Mended,
) -> Breakage {
    Breakage { code, what, on: On::USUAL, breaks, says: &[], answer, evidence, mended }
}

/// All of them.
pub const ALL: [Breakage; 17] = [
    broken(
        ("K115", "somebody asks for an API that 1.36 removes"),
        removed_api,
        (Answer::Warns, "widgets of example.k8s.io/v1beta1"),
        Mended::Once(
            "whoever asks has been upgraded, and the API servers restarted: they count since their start",
        ),
    ),
    broken(
        ("K116", "custom resources are stored in a version that is not served"),
        stored_version,
        (Answer::Warns, "certificates.cert-manager.io is stored as v1alpha2"),
        Mended::By(
            "kubectl patch crd certificates.cert-manager.io --subresource=status --type merge -p '{\"status\":{\"storedVersions\":[\"v1\"]}}'",
        ),
    ),
    broken(
        ("K117", "a webhook that every pod must pass has no endpoint"),
        |seen| webhook(seen, &[], 10),
        (Answer::Blocks, "service policy/policy has no ready endpoint"),
        Mended::By("kubectl -n policy rollout restart deployment/policy"),
    ),
    broken(
        ("K117", "a webhook may take half a minute over every pod"),
        |seen| webhook(seen, &["w1", "w2"], 30),
        (Answer::Warns, "30 s"),
        Mended::By("kubectl edit validatingwebhookconfiguration policy"),
    ),
    broken(
        ("K117", "a webhook that every pod must pass runs on one node"),
        |seen| webhook(seen, &["w1"], 10),
        (Answer::Warns, "policy/policy from w1 alone"),
        Mended::By("kubectl -n policy scale deployment/policy --replicas=2"),
    ),
    broken(
        ("K124", "a budget needs all its pods"),
        |seen| budget(seen, (2, 2)),
        (Answer::Blocks, "budget shop/db never lets a pod go"),
        Mended::By("kubectl -n shop scale statefulset/db --replicas=3"),
    ),
    broken(
        ("K124", "a budget has no pod to spare now"),
        |seen| budget(seen, (1, 1)),
        (Answer::Warns, "until more are ready"),
        Mended::Once("the pods of shop/db are ready"),
    ),
    broken(
        ("K124", "budgets cannot be read"),
        |seen| seen.survey.budgets = Err("forbidden".to_owned()),
        (Answer::Warns, "forbidden"),
        Mended::By("kubectl create clusterrolebinding kup --clusterrole=cluster-admin --user=USER"),
    ),
    broken(
        ("K125", "two budgets cover a pod"),
        two_budgets,
        (Answer::Blocks, "shop/db and shop/db-too"),
        Mended::By("kubectl -n shop delete pdb db-too"),
    ),
    broken(
        ("K126", "a pod has no controller"),
        |seen| web(seen).controller = None,
        (Answer::Blocks, "no controller"),
        Mended::With("--drain-force", ("drain-force", "yes")),
    ),
    broken(
        ("K126", "the DaemonSet of pods is gone"),
        |seen| workloads(seen).retain(|it| it.kind != "DaemonSet"),
        (Answer::Blocks, "DaemonSet kube-proxy, which is gone"),
        Mended::By("kubeadm init phase addon kube-proxy"),
    ),
    broken(
        ("K127", "a pod has an emptyDir volume"),
        |seen| web(seen).empty_dirs = vec!["cache".to_owned()],
        (Answer::Blocks, "emptyDir volumes: cache"),
        Mended::With("--delete-emptydir-data", ("delete-emptydir-data", "yes")),
    ),
    broken(
        ("K128", "a Deployment has one replica"),
        one_replica,
        (Answer::Warns, "Deployment shop/web has one replica"),
        Mended::By("kubectl -n shop scale deployment/web --replicas=2"),
    ),
    broken(
        ("K128", "a pod has its volume on its node"),
        local_volume,
        (Answer::Warns, "is away until w1 is back"),
        Mended::Once("its volume is where every node reaches it"),
    ),
    broken(
        ("K128", "no other node takes the pods of a node"),
        |seen| seen.nodes.get_mut("w2").unwrap().unschedulable = true,
        (Answer::Warns, "pods of w1 are away until it is back"),
        Mended::By("kubectl uncordon w2"),
    ),
    broken(
        ("K129", "there is one control plane"),
        one_control_plane,
        (Answer::Warns, "cp1 is the only control plane"),
        Mended::By("kubeadm join --control-plane"),
    ),
    Breakage {
        code: "K134",
        what: "something is to be done by hand first",
        on: On::USUAL,
        breaks: |_| (),
        says: &[("manual", "upgrade Calico to 3.32")],
        answer: Answer::Blocks,
        evidence: "upgrade Calico to 3.32",
        mended: Mended::With("--manual-done 'upgrade Calico'", ("manual-done", "upgrade Calico")),
    },
];

fn list<T>(part: &mut Result<Vec<T>, String>) -> &mut Vec<T> {
    part.as_mut().unwrap()
}

fn workloads(seen: &mut Appearance) -> &mut Vec<Workload> {
    list(&mut seen.survey.workloads)
}

/// Returns a pod of the Deployment on w1.
fn web(seen: &mut Appearance) -> &mut Pod {
    let pods = list(&mut seen.survey.pods).iter_mut();
    { pods }.find(|pod| pod.name.starts_with("web-") && pod.node == "w1").unwrap()
}

fn removed_api(seen: &mut Appearance) {
    seen.survey.deprecated_requests = Ok(vec![DeprecatedRequest {
        group: "example.k8s.io".to_owned(),
        version: "v1beta1".to_owned(),
        resource: "widgets".to_owned(),
        removed_in: "1.36".to_owned(),
    }]);
}

fn stored_version(seen: &mut Appearance) {
    let versions = || vec!["v1".to_owned(), "v1alpha2".to_owned()];
    seen.survey.custom_resources = Ok(vec![CustomResource {
        name: "certificates.cert-manager.io".to_owned(),
        stored: versions(),
        served: vec!["v1".to_owned()],
        versions: versions(),
        conversion: None,
    }]);
}

fn webhook(seen: &mut Appearance, nodes: &[&str], timeout_seconds: i64) {
    seen.survey.webhooks = Ok(vec![Webhook {
        kind: "ValidatingWebhookConfiguration".to_owned(),
        configuration: "policy".to_owned(),
        name: "pods.policy.example".to_owned(),
        fails_closed: true,
        covers_pods: true,
        covers_kube_system: true,
        service: Some(("policy".to_owned(), "policy".to_owned())),
        served_from: Some(nodes.iter().map(|it| (*it).to_owned()).collect()),
        timeout_seconds,
        matches_equivalent: true,
    }]);
}

/// Changes how many pods of the database are ready, and how many must be.
fn budget(seen: &mut Appearance, (healthy, desired): (i64, i64)) {
    for it in list(&mut seen.survey.budgets) {
        it.min_available = Some(desired.to_string());
        (it.healthy, it.desired, it.allowed) = (healthy, desired, 0);
    }
}

fn two_budgets(seen: &mut Appearance) {
    let budgets = list(&mut seen.survey.budgets);
    let second = Budget { name: "db-too".to_owned(), ..budgets[0].clone() };
    budgets.push(second);
}

fn one_replica(seen: &mut Appearance) {
    for it in workloads(seen).iter_mut().filter(|it| it.name.starts_with("web")) {
        it.wanted = 1;
    }
}

fn local_volume(seen: &mut Appearance) {
    web(seen).claims = vec!["data".to_owned()];
    seen.survey.claims = Ok(vec![Claim {
        namespace: "shop".to_owned(),
        name: "data".to_owned(),
        volume: "disk-of-w1".to_owned(),
        hostnames: vec!["w1".to_owned()],
    }]);
}

fn one_control_plane(seen: &mut Appearance) {
    for name in ["cp2", "cp3"] {
        seen.nodes.get_mut(name).unwrap().control_plane = false;
    }
}
