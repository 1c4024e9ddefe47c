//! What is shown of a large cluster that is not well, beside `golden.txt`.

use kup_core::event::Verdict;
use kup_core::plan::Plan;
use kup_steps::difference::{Change, Differences, Untold};
use kup_steps::gate;

use super::super::before::{LeftOut, Reading};
use super::super::loss::Loss;
use super::super::{ClusterPicture, StepPicture, Totals, WayBack};
use super::*;

const MEASURED: Basis = Basis::Measured;

fn takes(seconds: u64, basis: Basis) -> Takes {
    Takes { seconds, basis }
}

fn steps(target: &str, does: &[(&str, u64)]) -> Vec<StepPicture> {
    let step = |(title, seconds): &(&str, u64)| StepPicture {
        id: format!("{title}.{target}"),
        title: (*title).to_owned(),
        takes: takes(*seconds, MEASURED),
    };
    does.iter().map(step).collect()
}

fn visit(target: &str, loses: Loss, does: &[(&str, u64)]) -> Visit {
    let seconds = does.iter().map(|(_, seconds)| seconds).sum();
    Visit {
        target: target.to_owned(),
        takes: takes(seconds, MEASURED),
        loses,
        steps: steps(target, does),
    }
}

fn drained(pods: Option<usize>, stuck: &[&str]) -> Loss {
    let stuck: Vec<String> = stuck.iter().map(|pod| (*pod).to_owned()).collect();
    let waits = vec!["budget shop/cart lets 2 pods go 1 at a time".to_owned(); stuck.len()];
    Loss { pods, stuck, waits, control_plane: false, away_seconds: 95 }
}

fn wave(name: &str, at_once: u32, visits: Vec<Visit>) -> WavePicture {
    let takes = takes(visits.iter().map(|visit| visit.takes.seconds).sum(), MEASURED);
    WavePicture { name: name.to_owned(), at_once, takes, visits }
}

fn hop(
    number: u32,
    (from, to): (&str, &str),
    way_back: WayBack,
    waves: Vec<WavePicture>,
) -> HopPicture {
    let takes = takes(4000, Basis::Guess);
    HopPicture { number, from: from.to_owned(), to: to.to_owned(), takes, way_back, waves }
}

fn control_planes() -> WavePicture {
    let lost = Loss {
        pods: Some(0),
        stuck: Vec::new(),
        waits: Vec::new(),
        control_plane: true,
        away_seconds: 0,
    };
    let first = [("install kubeadm=1.34.1-1.1", 9), ("kubeadm upgrade apply v1.34.1", 245)];
    let others = [("install kubeadm=1.34.1-1.1", 9), ("kubeadm upgrade node, to v1.34.1", 130)];
    let visits = vec![
        visit("cp1", lost.clone(), &first),
        visit("cp2", lost.clone(), &others),
        visit("cp3", lost, &others),
    ];
    wave("control-plane", 1, visits)
}

fn workers() -> WavePicture {
    let does = [("cordon", 1), ("drain", 80), ("install kubelet=1.34.1-1.1", 14), ("uncordon", 1)];
    let mut visits: Vec<Visit> =
        (1..=500).map(|n| visit(&format!("w{n}"), drained(Some(n % 30), &[]), &does)).collect();
    visits.push(visit("w501", drained(Some(1), &["shop/cache has emptyDir volumes: data"]), &does));
    visits.push(visit("gpu1", drained(None, &[]), &does[..3]));
    wave("workers", 20, visits)
}

fn asked(code: &str, verdict: Verdict, ignored: bool) -> Asked {
    let about = gate::about().find(|about| about.code == code).unwrap();
    Asked { about, verdict, ignored }
}

fn gates() -> Vec<Asked> {
    let evidence = |text: &str| text.to_owned();
    let block = |text: &str, remedy: &str| Verdict::Block {
        evidence: evidence(text),
        remedy: evidence(remedy),
    };
    vec![
        asked("K102", Verdict::Pass { evidence: evidence("all near enough") }, false),
        asked("K103", block("w7 is not Ready", "kubectl describe node w7"), true),
        asked("K109", block("w3 has 10 MiB free in /var", "make room on w3"), false),
        asked(
            "K121",
            Verdict::Warn { evidence: evidence("kured runs"), remedy: evidence("stop it") },
            false,
        ),
    ]
}

fn differences() -> Differences {
    let nodes = (1..=500).map(|n| format!("w{n}")).collect();
    let (what, diff) = ("/var/lib/kubelet/config.yaml".to_owned(), "@@ -1 +1 @@\n-a: 1\n+a: 2\n");
    let change = Change { nodes, what, diff: diff.to_owned() };
    let of_all = Change {
        nodes: Vec::new(),
        what: "ConfigMap kube-system/coredns".to_owned(),
        ..change.clone()
    };
    let untold = |nodes: &[&str], what: &str| Untold {
        nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        what: what.to_owned(),
    };
    let untold = vec![
        untold(&["cp3"], "kubeadm could not be asked: it does not answer"),
        untold(&[], "Service kube-system/kube-dns: what is there cannot be read"),
    ];
    Differences { to: "v1.33.9".to_owned(), changes: vec![change, of_all], untold }
}

fn picture() -> Picture {
    let no_way_back =
        WayBack { class: "none", why: "etcd goes from 3.5.24-0 to 3.6.5-0".to_owned() };
    let way_back = WayBack { class: "R1", why: "files go back to v1.33.1".to_owned() };
    let proof = Loss {
        pods: Some(0),
        stuck: Vec::new(),
        waits: Vec::new(),
        control_plane: false,
        away_seconds: 0,
    };
    let verify = visit("cluster", proof, &[("verify that the whole cluster is at v1.34.1", 3)]);
    let (what, place) = ("the release notes of v1.34".to_owned(), "https://k8s.io".to_owned());
    Picture {
        guard: kup_core::guard::Guard::Plain,
        schema: 1,
        kup: "0.0.0",
        cluster: ClusterPicture {
            endpoint: "https://10.0.0.1:6443".to_owned(),
            uid: String::new(),
            version: "v1.33.1".to_owned(),
            control_planes: 3,
            workers: 502,
        },
        from: "v1.33.1".to_owned(),
        to: "v1.34.1".to_owned(),
        changes: true,
        blocked: true,
        hops: vec![
            hop(1, ("v1.33.1", "v1.33.9"), way_back, vec![control_planes()]),
            hop(
                2,
                ("v1.33.9", "v1.34.1"),
                no_way_back,
                vec![workers(), wave("verify", 1, vec![verify])],
            ),
        ],
        left_out: vec![LeftOut {
            node: "win1".to_owned(),
            why: "it runs windows, which kup does not upgrade".to_owned(),
        }],
        gates: gates(),
        read_before: vec![Reading { what, place }],
        totals: Totals { nodes: 505, visits: 506, steps: 2011, takes: takes(9600, Basis::Guess) },
        differences: Some(differences()),
        plan: Plan { from: String::new(), to: String::new(), gates: Vec::new(), waves: Vec::new() },
    }
}

#[test]
fn five_hundred_nodes_are_shown_on_one_screen() {
    assert_eq!(screen(&picture()), include_str!("golden.txt"));
}

#[test]
fn times_are_as_rough_as_what_is_known() {
    let said = |seconds| about(Duration::from_secs(seconds));
    let all = [0, 45, 61, 120, 265, 601, 3599, 3601, 9600].map(said);
    assert_eq!(all, ["1s", "45s", "1m10s", "2m", "4m30s", "11m", "60m", "1h10m", "2h40m"]);
}
