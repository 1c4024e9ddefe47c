//! The scripts of a restore of etcd, run for real: new data are made beside the old, and change places with them only while etcd is away; killed at
//! any command, the next attempt comes to the same end.

use kup_steps::script::{
    ETCDUTL, FORGET, RESTORE_PREPARE, RESTORE_START, RESTORE_STATE, RESTORE_STOP, RESTORE_SWAP,
};

use super::Node;

const RUN: &str = "20261123-aaaaaaa";
const LIVE: &str = "/etc/kubernetes/manifests";
const SNAPSHOT: &str = "all that etcd holds";
/// A runtime that runs what the manifests say, but for those whose containers stay.
const CRICTL: &str = "#!/bin/sh\nwhile [ \"$1\" != --name ]; do shift; done\nif [ -e \"$ROOT/etc/kubernetes/manifests/$2.yaml\" ] || [ -e \"$ROOT/stays-$2\" ]; then echo \"$2\"; fi\n";
const SYSTEMCTL: &str = "#!/bin/sh\necho ActiveState=active\n";
const SLEEP: &str = "#!/bin/sh\nexit 0\n";
/// It writes down what it was told, and data of which the snapshot can be told.
const PROGRAM: &str = "#!/bin/sh\nif [ \"$1\" = version ]; then echo 'etcdutl version: 3.5.30'; echo 'API version: 3.5'; exit 0; fi\necho \"$*\" >>\"$LOG\"\nfile=$3\nwhile [ \"$1\" != --data-dir ]; do shift; done\nmkdir -p \"$2/member\"\ncp \"$file\" \"$2/member/db\"\n";

fn sha256(node: &Node, path: &str) -> String {
    let path = node.path(path).display().to_string();
    node.sh("sha256sum <\"$1\" | cut -c 1-64", &[&path], "").1.trim().to_owned()
}

/// A control plane whose etcd runs on old data, with the snapshot and the program that were brought to it.
fn node() -> Node {
    let node = Node::new();
    for (name, text) in [("crictl", CRICTL), ("systemctl", SYSTEMCTL), ("sleep", SLEEP)] {
        node.install(name, text);
    }
    let data = node.path("/var/lib/kup/data").display().to_string();
    node.write(&format!("{LIVE}/etcd.yaml"), &format!("    - --data-dir={data}\n"));
    node.write(&format!("{LIVE}/kube-apiserver.yaml"), "new\n");
    node.write("/var/lib/kup/data/member/db", "old");
    node.write("/parts/1", &SNAPSHOT[..7]);
    node.write("/parts/2", &SNAPSHOT[7..]);
    node.write("/whole", SNAPSHOT);
    node.write("/parts/etcdutl", PROGRAM);
    node
}

fn prepare_of(node: &Node, minor: &str, parts: &[&str]) -> i32 {
    let words = [
        "member=cp1".to_owned(),
        "peer=https://10.0.0.1:2380".to_owned(),
        "cluster=cp1=https://10.0.0.1:2380".to_owned(),
        "token=new".to_owned(),
        format!("sha256={}", sha256(node, "/whole")),
        format!("etcdutl={}", node.path("/parts/etcdutl").display()),
        format!("etcdutl-sha256={}", sha256(node, "/parts/etcdutl")),
        format!("minor={minor}"),
    ];
    let parts: Vec<String> = parts.iter().map(|it| node.path(it).display().to_string()).collect();
    let mut args = vec![RUN];
    args.extend(words.iter().map(String::as_str));
    args.extend(parts.iter().map(String::as_str));
    node.run(RESTORE_PREPARE.1, &args, "").0
}

fn prepare(node: &Node) -> i32 {
    prepare_of(node, "3.5", &["/parts/1", "/parts/2"])
}

fn stop(node: &Node, component: &str) -> i32 {
    node.run(RESTORE_STOP.1, &[RUN, component], "").0
}

fn swap(node: &Node) -> i32 {
    node.run(RESTORE_SWAP.1, &[RUN, &sha256(node, "/whole")], "").0
}

fn start(node: &Node, component: &str) -> i32 {
    node.run(RESTORE_START.1, &[RUN, "-", component], "").0
}

fn state(node: &Node, line: &str) -> bool {
    let (status, said) = node.run(RESTORE_STATE.1, &[RUN], "");
    assert_eq!(status, 0, "{said}");
    said.lines().any(|it| it == line)
}

const OLD: &str = "/var/lib/kup/data.kup-20261123-aaaaaaa/old/member/db";

#[test]
fn data_change_places_while_etcd_is_away_and_the_old_ones_stay() {
    let node = node();
    assert_eq!(prepare(&node), 0);
    assert_eq!(node.read("/var/lib/kup/data/member/db"), "old", "etcd still runs on them");
    let told = node.read("/log");
    for word in
        ["--bump-revision 1000000000 --mark-compacted", "--name cp1", "--initial-cluster-token new"]
    {
        assert!(told.contains(word), "{told}");
    }
    assert_eq!(swap(&node), 65, "etcd runs");
    assert_eq!(node.read("/var/lib/kup/data/member/db"), "old");
    assert_eq!(stop(&node, "etcd"), 0);
    assert!(state(&node, "manifest:etcd=no") && state(&node, "running:etcd=no"));
    assert_eq!(swap(&node), 0);
    assert_eq!(node.read("/var/lib/kup/data/member/db"), SNAPSHOT);
    assert_eq!(node.read(OLD), "old");
    assert_eq!(start(&node, "etcd"), 0);
    assert!(state(&node, "manifest:etcd=yes") && state(&node, "running:etcd=yes"));
    assert!(state(&node, &format!("swapped={}", sha256(&node, "/whole"))));
    // Said again, each changes nothing.
    assert_eq!((prepare(&node), swap(&node)), (0, 0));
    assert_eq!(node.read(OLD), "old");
}

#[test]
fn what_is_not_what_was_meant_makes_no_new_data() {
    let node = node();
    assert_eq!(prepare_of(&node, "3.6", &["/parts/1", "/parts/2"]), 65, "of another minor");
    assert_eq!(prepare_of(&node, "3.5", &["/parts/2", "/parts/1"]), 66, "in another order");
    assert_eq!(prepare_of(&node, "3.5", &["/parts/1"]), 66, "a part of it");
    node.write(&format!("{LIVE}/etcd.yaml"), "    - --data-dir=/x\n    - --wal-dir=/wal\n");
    assert_eq!(prepare(&node), 65, "a log of its own");
    assert!(!node.read("/log").contains("snapshot restore"));
    assert!(state(&node, "prepared="));
    assert_eq!(swap(&node), 66, "no new data");
}

#[test]
fn a_container_that_stays_is_no_stopped_one() {
    let node = node();
    node.write("/stays-kube-apiserver", "");
    assert_eq!(stop(&node, "kube-apiserver"), 70);
    assert_eq!(stop(&node, "../etcd"), 64);
}

/// Stops a script before its n-th command that changes files.
fn killed_at(text: &str, n: usize) -> String {
    let count =
        format!("left={n}\nstep() {{ left=$((left - 1)); [ \"$left\" -gt 0 ] || exit 99; }}\n");
    let guards =
        ["mv", "cp", "rm", "mkdir"].map(|it| format!("{it}() {{ step; command {it} \"$@\"; }}\n"));
    format!("{count}{}{text}", guards.concat())
}

#[test]
fn killed_at_any_command_the_next_attempt_comes_to_the_same_end() {
    let texts = [RESTORE_STOP.1, RESTORE_SWAP.1, RESTORE_START.1];
    let mut n_kills = 0;
    for (which, text) in texts.iter().enumerate() {
        for n in 1..20 {
            let node = node();
            assert_eq!(prepare(&node), 0);
            let snapshot = sha256(&node, "/whole");
            let args: [&[&str]; 3] = [&[RUN, "etcd"], &[RUN, &snapshot], &[RUN, "-", "etcd"]];
            let mut ended = true;
            for step in 0..3 {
                if step == which {
                    let (status, said) = node.run(&killed_at(text, n), args[step], "");
                    ended = status == 0;
                    assert!(ended || status == 99, "{which} {n}: {status} {said}");
                }
                let (status, said) = node.run(texts[step], args[step], "");
                assert_eq!(status, 0, "{which} {n}: {said}");
            }
            assert_eq!(node.read("/var/lib/kup/data/member/db"), SNAPSHOT, "{which} {n}");
            assert_eq!(node.read(OLD), "old", "{which} {n}");
            assert!(state(&node, "running:etcd=yes"), "{which} {n}");
            if ended {
                break;
            }
            n_kills += 1;
        }
    }
    assert!(n_kills > 8, "{n_kills}");
}

#[test]
fn the_program_that_is_kept_says_what_it_is() {
    let node = node();
    let place = node.path("/parts/etcdutl").display().to_string();
    let (status, said) = node.run(ETCDUTL.1, &[&place], "");
    let hash = sha256(&node, "/parts/etcdutl");
    assert_eq!((status, said), (0, format!("sha256={hash}\nversion=3.5.30\n")));
    assert_eq!(node.run(ETCDUTL.1, &["/nowhere"], "").1, "sha256=\nversion=\n");
    node.write("/parts/etcdutl", "#!/bin/sh\necho 'exec format error' >&2; exit 126\n");
    assert!(node.run(ETCDUTL.1, &[&place], "").1.contains("version=exec format error"));
}

#[test]
fn what_a_restore_leaves_is_forgotten_but_for_the_old_data() {
    let node = node();
    assert_eq!(prepare(&node), 0);
    node.write(&format!("/var/lib/kup/backups/{RUN}/x"), "x");
    let new = "/var/lib/kup/data.kup-20261123-aaaaaaa/new";
    assert!(node.path(new).exists());
    assert_eq!(node.run(FORGET.1, &[RUN], "").0, 0);
    assert!(
        !node.path(new).exists() && !node.path("/var/lib/kup/restore/20261123-aaaaaaa").exists()
    );
    node.write(OLD, "old");
    assert_eq!(node.run(FORGET.1, &[RUN], "").0, 0);
    assert_eq!(node.read(OLD), "old");
}
