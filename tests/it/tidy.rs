//! The house rules that a reader of the sources can check: sizes, directions, and who may name what.

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 300;

/// Made by a program, and read by nobody.
const GENERATED: [&str; 1] = ["steps/src/etcd/rpc.rs"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found
}

fn sources(house: &str) -> Vec<(String, String)> {
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().display().to_string(), text)
    };
    files_below(&root().join(house), "rs").into_iter().map(named).collect()
}

fn offenders(house: &str, word: &str, allowed: &[&str]) -> Vec<String> {
    let names =
        sources(house).into_iter().filter(|(_, text)| text.contains(word)).map(|(name, _)| name);
    names.filter(|name| !allowed.iter().any(|a| name.starts_with(a))).collect()
}

#[test]
fn no_file_is_too_long() {
    let all = ["core", "store", "steps", "cli", "tests"].into_iter().flat_map(sources);
    let long: Vec<String> = all
        .filter(|(name, text)| {
            text.lines().count() > LONGEST_FILE && !GENERATED.contains(&name.as_str())
        })
        .map(|(name, text)| format!("{name}: {}", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn houses_depend_only_downwards() {
    let forbidden = [
        ("core/src", vec!["kup_store", "kup_steps", "kup_cli", "std::fs", "kube::"]),
        ("store/src", vec!["kup_steps", "kup_cli"]),
        ("steps/src", vec!["kup_store", "kup_cli"]),
        ("cli/src", vec!["kup_tests"]),
    ];
    for (house, words) in forbidden {
        for word in words {
            assert_eq!(
                offenders(house, word, &[]),
                Vec::<String>::new(),
                "{house} must not name {word}"
            );
        }
    }
}

#[test]
fn what_is_hard_to_replace_is_named_in_one_place() {
    let rules = [
        ("store/src", "bincode::", "store/src/codec.rs"),
        ("store/src", "sled::", "store/src/index"),
        ("steps/src", "kube::", "steps/src/cluster/kube_api"),
        ("steps/src", "openssh::", "steps/src/host/ssh"),
        ("steps/src", "tonic::", "steps/src/etcd"),
        ("core/src", ".append(", "core/src/engine"),
    ];
    for (house, word, place) in rules {
        assert_eq!(
            offenders(house, word, &[place]),
            Vec::<String>::new(),
            "only {place} names {word}"
        );
        assert!(
            !offenders(house, word, &[]).is_empty(),
            "nothing names {word} any more: drop the rule"
        );
    }
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = ["util", "utils", "common", "helpers", "types", "misc"];
    let all = ["core", "store", "steps", "cli", "tests"].into_iter().flat_map(sources);
    let found: Vec<String> = all
        .map(|(name, _)| name)
        .filter(|name| drawers.iter().any(|drawer| name.ends_with(&format!("/{drawer}.rs"))))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_wildcard_never_hides_a_new_event() {
    let matching = |text: &str| text.contains("Event::RunStarted") && text.contains("        _ =>");
    let all = ["core/src", "store/src", "cli/src"].into_iter().flat_map(sources);
    let found: Vec<String> = all.filter(|(_, text)| matching(text)).map(|(name, _)| name).collect();
    assert!(found.is_empty(), "{found:?}");
}
