//! The program that copies a node's files onto the node itself.

use std::fs;

use kup_steps::script::{KEEP_FILES, READ_FILES};

use super::{Node, RUN};

const KEY: &str = "/etc/kubernetes/pki/ca.key";

fn value<'a>(told: &'a str, key: &str) -> &'a str {
    told.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap()
}

#[test]
fn what_is_kept_is_what_would_have_been_read_and_only_its_hash_is_told() {
    let node = Node::new();
    node.write(KEY, "the key of the CA");
    let path = node.path(KEY).display().to_string();
    let gone = node.path("/etc/kubernetes/gone").display().to_string();
    let (status, told) = node.run(KEEP_FILES.1, &[RUN, "step.tar", &path, &gone], "");
    assert_eq!(status, 0, "{told}");
    assert!(!told.contains("the key"), "{told}");
    let kept = fs::read(value(&told, "path")).unwrap();
    assert_eq!(value(&told, "length"), kept.len().to_string());
    let hash = node.sh("sha256sum <\"$1\"", &[value(&told, "path")], "").1;
    assert_eq!(hash.split(' ').next(), Some(value(&told, "sha256")));
    assert_eq!(node.run(READ_FILES.1, &[&path, &gone], "").1.as_bytes(), kept);
    let log = node.read("/log");
    assert!(log.contains("sync .keep."), "it was not brought to the disk: {log}");
}

#[test]
fn a_second_attempt_keeps_what_the_first_has_kept() {
    let node = Node::new();
    node.write(KEY, "before");
    let path = node.path(KEY).display().to_string();
    let first = node.run(KEEP_FILES.1, &[RUN, "step.tar", &path], "");
    node.write(KEY, "half way");
    assert_eq!(node.run(KEEP_FILES.1, &[RUN, "step.tar", &path], ""), first);
}

#[test]
fn names_and_paths_that_are_none_are_refused() {
    let node = Node::new();
    for (name, path) in [("../x", "/etc"), ("", "/etc"), ("a/b", "/etc"), ("x.tar", "etc")] {
        assert_eq!(node.run(KEEP_FILES.1, &[RUN, name, path], "").0, 64, "{name} {path}");
    }
    let folder = node.path(&format!("/var/lib/kup/backups/{RUN}"));
    assert!(fs::read_dir(folder).is_ok_and(|left| left.count() == 0), "nothing is left");
}
