//! The program that asks a node what is left on it, run by a real shell on folders of a test's own.
#![allow(clippy::disallowed_methods, reason = "the program is run by a real shell")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const LEFTOVERS: &str = include_str!("../../../steps/src/node/leftovers.sh");
const RUN: &str = "20261123-aaaaaaa";

/// Knows two units.
const SYSTEMCTL: &str = "#!/bin/sh
echo 'kup-R-install.w1-1.service loaded active running kup: install'
echo '* kup-R-install.w1-2.service loaded failed failed kup: install'
";

/// Returns what the program prints on a node whose home of kup is `home`.
fn ask(home: &Path) -> String {
    let output = run(home, SYSTEMCTL);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

fn run(home: &Path, systemctl: &str) -> Output {
    let bin = home.join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(bin.join("systemctl"), systemctl).unwrap();
    fs::set_permissions(bin.join("systemctl"), fs::Permissions::from_mode(0o700)).unwrap();
    let text = LEFTOVERS.replace("/var/lib/kup", &home.display().to_string());
    let mut command = Command::new("sh");
    command.args(["-c", &text, "kup"]).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).output().unwrap()
}

#[test]
fn a_node_that_kup_has_never_seen_has_nothing_but_units() {
    let home = tempfile::tempdir().unwrap();
    let units = "unit:kup-R-install.w1-1=active\nunit:kup-R-install.w1-2=failed\n";
    assert_eq!(ask(&home.path().join("kup")), format!("owner=\n{units}"));
}

#[test]
fn a_node_whose_systemd_does_not_answer_says_nothing() {
    let home = tempfile::tempdir().unwrap();
    let output = run(home.path(), "#!/bin/sh\nexit 1\n");
    assert!(!output.status.success());
}

#[test]
fn what_is_left_is_told_and_stays_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let (attempts, backups) = (format!("attempts/{RUN}"), format!("backups/{RUN}"));
    fs::create_dir_all(home.path().join(&attempts)).unwrap();
    fs::create_dir_all(home.path().join(&backups)).unwrap();
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    write("owner", "cluster=c run=r epoch=2 operator=anna @ home\n");
    write(&format!("{backups}/pre-image.tar"), "bytes");
    for (attempt, seq) in [("a.w1.1", 7), ("b.w1.1", 8), ("c.w1.1", 9)] {
        write(&format!("{attempts}/{attempt}.intent"), &format!("epoch=2\nseq={seq}\nboot=b\n"));
    }
    write(&format!("{attempts}/a.w1.1.exit"), "status=0\n");
    write(&format!("{attempts}/.intent.unfinished"), "half");
    // What a unit starts holds the lock on its intent.
    let alive = fs::File::open(home.path().join(format!("{attempts}/b.w1.1.intent"))).unwrap();
    alive.try_lock().unwrap();
    let said = ask(home.path());
    let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with("unit:")).collect();
    let expected = [
        "owner=cluster=c run=r epoch=2 operator=anna @ home".to_owned(),
        format!("intent:{RUN}/a.w1.1=7"),
        format!("attempt:{RUN}/a.w1.1=ended"),
        format!("intent:{RUN}/b.w1.1=8"),
        format!("attempt:{RUN}/b.w1.1=running"),
        format!("intent:{RUN}/c.w1.1=9"),
        format!("attempt:{RUN}/c.w1.1=lost"),
    ];
    assert_eq!(lines[..7], expected);
    assert!(lines[7].starts_with(&format!("backups:{RUN}=")), "{said}");
    assert_eq!(lines.len(), 8, "{said}");
    assert!(!home.path().join("lock").exists(), "it only looks");
}
