//! Plans as operators read, save and do them, and what they say to gates that stand in the way.

use kup_steps::sim::SimWorld;
use serde_json::{Value, json};

use crate::cli_program::{Home, Ran, wall_clock};

const SIM: &str = "--cluster sim:1x1@v1.35.6 --sim-dir sim";
const BLOCKED: &str = "--manual Calico-first";

#[track_caller]
fn refuses(home: &Home, words: &str, (code, text): (i32, &str)) -> Ran {
    let ran = home.run(words);
    assert_eq!(ran.code, Some(code), "kup {words}: {}", ran.stderr);
    assert!(ran.stderr.contains(text), "kup {words}: {}", ran.stderr);
    assert!(ran.stderr.contains("State: nothing was changed"), "kup {words}: {}", ran.stderr);
    assert_eq!(home.runs(), Vec::<String>::new(), "kup {words}");
    ran
}

/// A home with a simulated cluster and a plan in the file `plan`.
fn with_plan() -> Home {
    let home = Home::new();
    home.must(&format!("plan v1.36.2 {SIM} --out plan"));
    home
}

fn events(home: &Home, kind: &str) -> Vec<Value> {
    let history = home.history(&home.runs().remove(0));
    history.into_iter().filter(|entry| entry["type"] == kind).collect()
}

#[test]
fn what_blocks_is_shown_with_its_code_and_remedy() {
    let home = Home::new();
    let ran = refuses(&home, &format!("plan v1.36.2 {SIM} {BLOCKED}"), (4, "blocked by K134"));
    assert!(ran.stdout.contains("  BLOCK   K134 manual-steps: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n          remedy: do it, then say so"), "{}", ran.stdout);
    refuses(&home, &format!("start v1.36.2 {SIM} {BLOCKED} -y"), (4, "blocked by K134"));
    home.must(&format!("plan v1.36.2 {SIM} {BLOCKED} --manual-done Calico"));
    refuses(
        &home,
        &format!("plan v1.36.2 {SIM} {BLOCKED} --manual-done x"),
        (2, "begins with `x`"),
    );
}

#[test]
fn an_ignored_gate_stands_in_the_history_with_a_name() {
    let home = Home::new();
    home.must(&format!("start v1.36.2 {SIM} {BLOCKED} --ignore k134 -y"));
    let checked = events(&home, "GateChecked");
    let its = checked.iter().find(|entry| entry["gate"] == "manual-steps").unwrap();
    assert!(its["verdict"]["Block"]["evidence"].is_string(), "{its}");
    let ignored = events(&home, "GateIgnored");
    assert_eq!(ignored.len(), 1, "{ignored:?}");
    assert_eq!((&ignored[0]["gate"], &ignored[0]["code"]), (&its["gate"], &"K134".into()));
    assert_eq!(ignored[0]["evidence"], its["verdict"]["Block"]["evidence"]);
    assert!(ignored[0]["operator"].as_str().unwrap().contains('@'), "{ignored:?}");
    let text = home.must("history @last");
    assert!(text.contains("manual-steps (K134), by "), "{text}");
    assert!(home.must("show @last").contains("\nIgnored: K134 manual-steps, by "));
}

#[test]
fn only_what_blocks_and_may_be_ignored_is_ignored() {
    let home = Home::new();
    refuses(&home, &format!("plan v1.36.2 {SIM} --ignore K999"), (2, "there is no gate `K999`"));
    let never = format!("start v1.36.2 {SIM} -y --ignore K134,K191");
    refuses(&home, &never, (2, "K191 (no-unfinished-run) may not be ignored"));
    let ran = home.run(&format!("plan v1.36.2 {SIM} --ignore K109"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("Note: K109 (disk-room) does not block"), "{}", ran.stderr);
}

#[test]
fn detailed_exit_codes_are_those_of_terraform() {
    let home = Home::new();
    for (words, plain, detailed) in [
        ("v1.36.2".to_owned(), 0, 2),
        ("v1.35.6".to_owned(), 0, 0),
        (format!("v1.36.2 {BLOCKED}"), 4, 1),
        ("v1.34.1".to_owned(), 2, 1),
    ] {
        let words = format!("plan {words} {SIM}");
        assert_eq!(home.run(&words).code, Some(plain), "{words}");
        assert_eq!(
            home.run(&format!("{words} --detailed-exitcode")).code,
            Some(detailed),
            "{words}"
        );
    }
}

#[test]
fn a_cluster_that_is_there_already_has_nothing_to_do() {
    let home = Home::new();
    let text = home.must(&format!("plan v1.35.6 {SIM}"));
    assert_eq!(text, "The cluster is at v1.35.6 already: there is nothing to do.\n");
    let json: Value =
        serde_json::from_str(&home.must(&format!("plan v1.35.6 {SIM} -o json"))).unwrap();
    assert_eq!(json, serde_json::json!({ "schema": 1, "to": "v1.35.6", "changes": false }));
}

#[test]
fn programs_read_hops_nodes_costs_and_gates() {
    let home = Home::new();
    let words = "plan v1.36.2 --cluster sim:1x2@v1.33.4 -o json";
    let plan: Value = serde_json::from_str(&home.must(words)).unwrap();
    assert_eq!((&plan["schema"], &plan["changes"]), (&1.into(), &true.into()));
    let hops = plan["hops"].as_array().unwrap();
    let to: Vec<&str> = hops.iter().map(|hop| hop["to"].as_str().unwrap()).collect();
    assert_eq!((to.len(), to.last()), (3, Some(&"v1.36.2")));
    let classes: Vec<&Value> = hops.iter().map(|hop| &hop["way_back"]["class"]).collect();
    assert_eq!(classes, ["none", "none", "none"], "etcd goes to 3.6 with v1.34");
    for gate in plan["gates"].as_array().unwrap() {
        assert!(gate["code"].as_str().unwrap().starts_with('K'), "{gate}");
        assert!(["pass", "warn"].contains(&gate["verdict"].as_str().unwrap()), "{gate}");
    }
    let visit = &hops[0]["waves"][0]["visits"][0];
    assert!(visit["seconds"].as_u64().unwrap() > 0 && visit["basis"] == "guess", "{visit}");
    assert_eq!(plan["totals"]["nodes"], 3);
}

#[test]
fn times_are_learnt_from_runs_that_are_over() {
    let home = Home::new();
    home.must(&format!("start v1.36.2 {SIM} -y"));
    let plan: Value = serde_json::from_str(
        &home.must("plan v1.36.2 --cluster sim:1x1@v1.35.6 --sim-dir other -o json"),
    )
    .unwrap();
    let waves = plan["hops"][0]["waves"].as_array().unwrap();
    let steps = waves.iter().flat_map(|wave| wave["visits"].as_array().unwrap());
    let steps: Vec<&Value> = steps.flat_map(|visit| visit["steps"].as_array().unwrap()).collect();
    let drain = steps.iter().find(|step| step["id"] == "drain.w1").unwrap();
    assert_eq!(drain["basis"], "measured", "{drain}");
}

#[test]
fn a_saved_plan_is_what_is_done() {
    let home = with_plan();
    refuses(&home, "start --plan plan", (2, "there is no terminal"));
    home.must("start --plan plan -y");
    let saved: Value = serde_json::from_slice(&std::fs::read(home.path("plan")).unwrap()).unwrap();
    assert_eq!(events(&home, "RunStarted")[0]["plan"], saved["plan"]);
    assert_eq!(events(&home, "RunFinished")[0]["outcome"], "Succeeded");
    let again = home.run("start --plan plan -y");
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert!(again.stderr.contains("kubelet: was v1.35.6, is v1.36.2"), "{}", again.stderr);
}

#[test]
fn a_plan_whose_facts_have_changed_is_refused_with_both_values() {
    let home = with_plan();
    SimWorld::open(&home.path("sim"), wall_clock()).unwrap().foreign_cordon("w1").unwrap();
    let ran = refuses(&home, "start --plan plan -y", (3, "w1: cordon: was none, is cordoned"));
    assert!(ran.stderr.contains(&format!("`kup plan v1.36.2 {SIM} --out plan`")), "{}", ran.stderr);
}

#[test]
fn a_plan_of_another_cluster_or_a_file_that_is_none_is_refused() {
    let home = with_plan();
    std::fs::rename(home.path("sim"), home.path("old")).unwrap();
    refuses(&home, "start --plan plan -y", (10, "is gone"));
    home.must(&format!("plan v1.36.2 {SIM}"));
    refuses(&home, "start --plan plan -y", (2, "for another cluster"));
    refuses(&home, "start --plan missing -y", (2, "cannot use the plan in missing"));
    let text = std::fs::read_to_string(home.path("plan")).unwrap();
    for (old, new, why) in [
        ("v1.36.2", "v1.36.3", "changed by hand"),
        ("\"format\": 1", "\"format\": 9", "use the newer kup"),
        ("{", "", "not a saved plan"),
    ] {
        std::fs::write(home.path("plan"), text.replacen(old, new, 1)).unwrap();
        refuses(&home, "start --plan plan -y", (2, why));
    }
}

#[test]
fn what_stands_in_a_saved_plan_is_not_said_again() {
    let home = with_plan();
    for words in ["v1.36.2", "--max-unavailable 2", "--ignore K109", "--force", "--cluster sim"] {
        let ran = home.run(&format!("start --plan plan -y {words}"));
        assert_eq!(ran.code, Some(2), "{words}: {}", ran.stderr);
        assert!(ran.stderr.contains("cannot be used with"), "{words}: {}", ran.stderr);
    }
    assert_eq!(home.runs(), Vec::<String>::new());
}

#[test]
fn a_plan_that_could_not_be_done_is_not_saved() {
    let home = Home::new();
    let lost = "plan v1.36.2 --cluster sim:1x1@v1.35.6 --out plan";
    refuses(&home, lost, (2, "--sim-dir"));
    let blocked = format!("plan v1.36.2 {SIM} {BLOCKED} --out plan");
    refuses(&home, &blocked, (4, "The plan is not saved"));
    refuses(&home, &format!("plan v1.36.2 {SIM} --out nowhere/plan"), (1, "nowhere/plan"));
    assert!(!home.path("plan").exists());
}

#[test]
fn what_is_said_to_kubeadm_is_checked_first() {
    let home = Home::new();
    std::fs::write(home.path("wrong.yaml"), "kind: ClusterConfiguration\n").unwrap();
    for (flags, why) in [
        ("--patches patches", "`patches` is not an absolute path"),
        ("--config missing.yaml", "cannot use missing.yaml"),
        ("--config wrong.yaml", "it is `ClusterConfiguration`"),
    ] {
        refuses(&home, &format!("plan v1.36.2 {SIM} {flags}"), (2, why));
    }
    let plan = home.must(&format!("plan v1.36.2 {SIM} -o json --certificate-renewal=false"));
    assert!(plan.contains("--certificate-renewal=false"), "{plan}");
    assert_eq!(home.run(&format!("plan v1.36.2 {SIM} --skip-addon calico")).code, Some(2));
}

#[test]
fn gates_and_exit_codes_are_explained() {
    let home = Home::new();
    let list = home.must("explain");
    for code in ["K101", "K134", "K191"] {
        assert!(list.contains(&format!("\n{code}  ")), "{list}");
    }
    let one = home.must("explain k134");
    assert!(one.starts_with("K134 manual-steps\n") && one.contains("--ignore K134"), "{one}");
    assert!(home.must("explain no-unfinished-run").contains("may not be ignored"));
    let one: Value = serde_json::from_str(&home.must("explain K191 -o json")).unwrap();
    assert_eq!(one["may_be_ignored"], false);
    let codes: Value = serde_json::from_str(&home.must("explain exit-codes -o json")).unwrap();
    assert_eq!(codes.as_array().unwrap().len(), 15);
    assert_eq!(home.run("explain K9").code, Some(2));
}

#[test]
fn what_kubeadm_will_change_is_shown_as_diffs_and_nothing_is_changed() {
    let home = Home::new();
    let words = "--cluster sim:3x2@v1.33.4 --sim-dir sim";
    home.must(&format!("plan v1.34.1 {words}"));
    let picture = || SimWorld::open(&home.path("sim"), wall_clock()).unwrap().picture().unwrap();
    let before = picture();
    let text = home.must(&format!("plan v1.34.1 {words} --diff"));
    for line in [
        "--- /etc/kubernetes/manifests/kube-scheduler.yaml\ton cp1, cp2, cp3",
        "-    image: registry.k8s.io/kube-scheduler:v1.33.4",
        "+    image: registry.k8s.io/kube-scheduler:v1.34.1",
        "--- ConfigMap kube-system/kubeadm-config",
        "+    kubernetesVersion: v1.34.1",
        "--- DaemonSet kube-system/kube-proxy",
        "+      - image: registry.k8s.io/kube-proxy:v1.34.1",
        "--- /etc/kubernetes/manifests/etcd.yaml\ton cp1",
        "! not shown, on w1, w2: the kubelet's flags: kubeadm is asked on control planes only",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    assert!(!text.contains("later hops"), "{text}");
    let without = home.must(&format!("plan v1.34.1 {words} --diff --skip-addon kube-proxy"));
    assert!(!without.contains("--- DaemonSet"), "{without}");
    assert_eq!(picture(), before);
}

#[test]
fn of_several_hops_the_first_is_shown_and_nodes_that_wait_are_named() {
    let home = Home::new();
    let words = "--cluster sim:1x2@v1.30.4 --workers-skip-hops --diff";
    let text = home.must(&format!("plan v1.33.2 {words}"));
    for line in [
        "What kubeadm will change on the way to v1.31.20, the first of 3 hops",
        "! not shown, on w1, w2: kubeadm does not come to it in this hop",
        "! not shown: what later hops change. It is known when this one is done: `kup plan --diff` again",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let json = home.must(&format!("plan v1.33.2 {words} -o json"));
    let plan: Value = serde_json::from_str(&json).unwrap();
    let differences = &plan["differences"];
    assert_eq!(differences["to"], "v1.31.20");
    let whats = |key: &str| {
        let all = differences[key].as_array().unwrap().iter();
        all.map(|it| (it["what"].as_str().unwrap().to_owned(), it["nodes"].clone()))
            .collect::<Vec<_>>()
    };
    let scheduler = "/etc/kubernetes/manifests/kube-scheduler.yaml".to_owned();
    assert!(whats("changes").contains(&(scheduler, json!(["cp1"]))), "{differences}");
    let wait = "kubeadm does not come to it in this hop".to_owned();
    assert!(whats("untold").contains(&(wait, json!(["w1", "w2"]))), "{differences}");
}
