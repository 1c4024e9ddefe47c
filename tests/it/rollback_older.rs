//! Which later runs stand in the way of rolling an older one back.

use kup_steps::sim::SimWorld;

use crate::cli_program::{Home, newborn, wall_clock, without_lists};

const SPEC: &str = "sim:1x1@v1.29.4";

/// Starts a run, and returns its name.
fn started(home: &Home, version: &str) -> String {
    let before = home.runs();
    home.must(&format!("start {version} --cluster {SPEC} --sim-dir lab -y"));
    home.runs().into_iter().find(|run| !before.contains(run)).unwrap()
}

fn picture(home: &Home) -> String {
    without_lists(&SimWorld::open(&home.path("lab"), wall_clock()).unwrap().picture().unwrap())
}

#[test]
fn a_later_run_bars_the_way_until_it_went_back_itself() {
    let home = Home::new();
    let (older, later) = (started(&home, "v1.30.1"), started(&home, "v1.31.1"));
    let ran = home.run(&format!("rollback {older} -y"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("`kup rollback {later}` first")), "{}", ran.stderr);
    home.must(&format!("rollback {later} -y"));
    assert!(picture(&home).contains("kube-proxy:v1.30.1"));
    home.must(&format!("rollback {older} -y"));
    assert_eq!(picture(&home), newborn(SPEC));
}

#[test]
fn a_later_run_that_was_abandoned_half_way_bars_it_for_good_and_says_so() {
    let home = Home::new();
    let older = started(&home, "v1.30.1");
    let known = home.runs();
    let words = format!("start v1.31.1 --cluster {SPEC} --sim-dir lab -y --until control-plane");
    home.run(&words);
    let later = home.runs().into_iter().find(|run| !known.contains(run)).unwrap();
    home.run(&format!("abandon {later} --reason enough"));
    let ran = home.run(&format!("rollback {older} -y"));
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("was abandoned, and what it did stays"), "{}", ran.stderr);
}
