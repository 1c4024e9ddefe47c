//! A run whose machine is gone, brought to another one.

use std::os::unix::fs::PermissionsExt;

use kup_steps::sim::SimWorld;

use crate::cli_program::{Home, Ran, wall_clock};

const REACH: &str = "--cluster sim:1x1@v1.29.4 --sim-dir";

/// Runs a command with another state directory, as on another machine.
fn elsewhere(home: &Home, words: &str) -> Ran {
    home.run(&format!("--state-dir {} {words}", home.path("other").display()))
}

fn picture(home: &Home) -> String {
    SimWorld::open(&home.path("lab"), wall_clock()).unwrap().picture().unwrap()
}

/// A home with a finished run over a cluster that lives apart, and a picture of that cluster from before.
fn finished() -> (Home, String) {
    let home = Home::new();
    let lab = home.path("lab");
    let ran = home.run(&format!("start v1.30.1 {REACH} {} -y", lab.display()));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = home.runs().remove(0);
    (home, run)
}

#[test]
fn an_exported_run_is_rolled_back_from_another_machine() {
    let (home, run) = finished();
    home.must(&format!("export {run} run.tar"));
    let mode = home.path("run.tar").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(home.run(&format!("export {run} run.tar")).code, Some(2), "it is there already");
    std::fs::remove_dir_all(home.path("state")).unwrap();
    let ran = elsewhere(&home, "import run.tar");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("kup rollback {run} --dry-run")), "{}", ran.stderr);
    assert!(elsewhere(&home, "doctor --nodes").stdout.contains("0 problems"));
    let ran = elsewhere(&home, "import run.tar");
    assert!(ran.stderr.contains("Nothing was changed"), "{}", ran.stderr);
    let ran = elsewhere(&home, &format!("rollback {run} -y"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(picture(&home).contains("v1.29.4") && !picture(&home).contains("kubelet v1.30.1"));
}

#[test]
fn a_paused_run_is_resumed_from_a_copy_of_its_folder() {
    let home = Home::new();
    let lab = home.path("lab");
    home.run(&format!("start v1.30.1 {REACH} {} --until control-plane -y", lab.display()));
    let run = home.runs().remove(0);
    std::fs::rename(home.path("state"), home.path("copied")).unwrap();
    let ran = elsewhere(&home, &format!("import copied/runs/{run}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("kup resume {run}")), "{}", ran.stderr);
    let ran = elsewhere(&home, &format!("resume {run}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn what_is_damaged_or_no_run_is_refused_and_leaves_nothing() {
    let (home, run) = finished();
    let journal = home.journal(&run);
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    std::fs::write(home.path("no.tar"), "no tar at all").unwrap();
    for (from, code) in [
        (format!("state/runs/{run}"), 12),
        ("state".into(), 2),
        ("no.tar".into(), 2),
        ("gone".into(), 2),
    ] {
        let ran = elsewhere(&home, &format!("import {from}"));
        assert_eq!(ran.code, Some(code), "{from}: {}", ran.stderr);
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
        let left = std::fs::read_dir(home.path("other")).unwrap().map(|it| it.unwrap().file_name());
        assert!(left.into_iter().all(|name| !name.to_string_lossy().starts_with("import-")));
    }
    assert_eq!(elsewhere(&home, "history").stdout, "There are no runs yet.\n");
    assert_eq!(home.run(&format!("export {run} run.tar")).code, Some(12));
    assert!(!home.path("run.tar").exists());
}
