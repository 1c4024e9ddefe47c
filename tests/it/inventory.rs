//! `kup inventory`: what people and programs read of a cluster as it is.

#![allow(clippy::disallowed_methods, reason = "kup is started in a shell")]

use serde_json::Value;

use crate::cli_program::Home;

const SIM: &str = "--cluster sim:3x2@v1.35.6";

#[test]
fn programs_read_every_part_with_the_time_of_its_observation() {
    let home = Home::new();
    let ran = home.run(&format!("inventory {SIM} -o json"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let seen: Value = serde_json::from_str(&ran.stdout).unwrap();
    let is_time = |value: &Value| value.as_str().is_some_and(|it| it.ends_with('Z'));
    assert!(is_time(&seen["taken_at"]), "{seen}");
    assert_eq!(seen["version"], "v1.35.6");
    assert_eq!(seen["control_plane_endpoint"], "10.77.0.10:6443");
    let nodes = seen["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 5);
    for node in nodes {
        assert!(is_time(&node["seen_at"]), "{node}");
        assert!(node["clock_ahead_seconds"].as_i64().is_some_and(|it| it.abs() < 60), "{node}");
        assert_eq!(node["facts"]["package_manager"], "apt");
        assert_eq!(node["survey"]["cgroup_version"], 2);
        let offers = node["offers"]["minors"].as_object().unwrap();
        assert_eq!(offers.keys().collect::<Vec<_>>(), ["v1.35", "v1.36"]);
    }
    assert_eq!(seen["etcd"]["kind"], "stacked");
    assert_eq!(seen["etcd"]["members"][0]["status"]["version"], "3.6.6");
    assert_eq!(seen["api"]["budgets"][0]["name"], "db");
    assert_eq!(home.runs(), Vec::<String>::new());
    let left = std::fs::read_dir(home.path("state")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.starts_with("inventory-")).collect();
    assert_eq!(left, Vec::<String>::new(), "the simulated cluster is left behind");
}

#[test]
fn people_read_tables() {
    let ran = Home::new().run(&format!("inventory {SIM}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for words in [
        "kubeadm-config names v1.35.6, the API server is v1.35.6",
        "Control planes are reached at 10.77.0.10:6443",
        "cp3   control plane  Ready",
        "v1.35.20, v1.36.20",
        "etcd beside the API servers, no alarms",
        "leader    well",
        "disruption budgets                   1",
    ] {
        assert!(ran.stdout.contains(words), "no `{words}` in:\n{}", ran.stdout);
    }
}
