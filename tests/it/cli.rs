//! What operators may get wrong, and what they read: one clear error, the right exit code, and nothing changed.

#![allow(clippy::disallowed_methods, reason = "kup is started in a shell")]

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli_program::{Home, Ran, pause};

const SIM: &str = "--cluster sim:1x1@v1.35.6";

/// Says that a command is refused with an exit code and a text, and that nothing came of it.
#[track_caller]
fn refused(words: &str, (code, text): (i32, &str)) {
    let home = Home::new();
    refuses(&home, words, (code, text));
    assert_eq!(home.runs(), Vec::<String>::new(), "kup {words} left a run");
}

#[track_caller]
fn refuses(home: &Home, words: &str, (code, text): (i32, &str)) -> Ran {
    let ran = home.run(words);
    assert_eq!(ran.code, Some(code), "kup {words}: {}", ran.stderr);
    assert!(ran.stderr.contains(text), "kup {words}: {}", ran.stderr);
    assert_eq!(ran.stderr.matches("Error: ").count(), 1, "kup {words}: {}", ran.stderr);
    assert!(ran.stderr.contains("State: nothing was changed"), "kup {words}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "kup {words}");
    ran
}

#[test]
fn versions_that_cannot_be_reached_are_refused() {
    for (version, why) in [
        ("v1.36.99", "does not offer kubeadm 1.36.99"),
        ("1.36.x", "cannot upgrade to this version"),
        ("stable", "cannot upgrade to this version"),
        ("1.99", "no release of v1.99"),
        ("v1.34.3", "is older than the cluster's v1.35.6"),
        ("v1.35.6", "the cluster is at v1.35.6 already"),
        ("v2.0.0", "is of another major version"),
    ] {
        refused(&format!("start {version} {SIM} -y"), (2, why));
    }
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    for (flags, why) in [
        ("--max-unavailable 0", "`0` is not a number of workers"),
        ("--max-unavailable 200%", "is not a number of workers"),
        ("--first w1", "`w1` is not a control plane"),
        ("--first x", "`x` is not a control plane"),
    ] {
        refused(&format!("start v1.36.2 {SIM} -y {flags}"), (2, why));
    }
    for cluster in ["sim:0x1@v1.35.6", "sim:1x1@v1.35", "sim:x", "kind"] {
        refused(&format!("start v1.36.2 --cluster {cluster} -y"), (2, "cannot make this cluster"));
    }
}

#[test]
fn words_that_nobody_knows_end_with_the_code_of_wrong_use() {
    for words in [
        "",
        "upgrade",
        "start",
        "start v1.36.2 --drain-timeout 1d",
        "resume --retry a",
        "history -o xml",
    ] {
        let home = Home::new();
        assert_eq!(home.run(words).code, Some(2), "kup {words}");
        assert_eq!(home.runs(), Vec::<String>::new());
    }
}

#[test]
fn without_a_terminal_a_run_begins_only_with_a_yes() {
    refused(&format!("start v1.36.2 {SIM}"), (2, "there is no terminal"));
}

#[test]
fn a_cluster_that_cannot_be_found_is_named() {
    refused("start v1.36.2 -y", (2, "kubeconfig"));
    refused("start v1.36.2 -y --kubeconfig missing.conf", (2, "there is no file missing.conf"));
    let home = Home::new();
    std::fs::write(home.path("broken.conf"), "certainly: [not a kubeconfig").unwrap();
    refuses(&home, "start v1.36.2 -y --kubeconfig broken.conf", (2, "broken.conf"));
    std::fs::write(home.path("away.conf"), KUBECONFIG).unwrap();
    refuses(&home, "start v1.36.2 -y --kubeconfig away.conf", (10, "https://127.0.0.1:1"));
    refuses(&home, "plan v1.36.2 --kubeconfig away.conf", (10, "https://127.0.0.1:1"));
    refuses(&home, "start v1.36.2 -y --kubeconfig away.conf --context x", (2, "`x`"));
    assert_eq!(home.runs(), Vec::<String>::new());
}

const KUBECONFIG: &str = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: k, context: {cluster: c, user: u}}]
current-context: k
";

#[test]
fn a_run_that_is_not_there_is_not_guessed() {
    for words in
        ["resume X", "rollback X", "show X", "history X", "logs X --step a", "abandon X --reason x"]
    {
        refused(&words.replace('X', "20200101-aaaaaaa"), (2, "20200101-aaaaaaa"));
    }
    refused("resume", (2, "run"));
}

#[test]
fn a_dry_run_and_a_plan_leave_nothing() {
    let home = Home::new();
    let said = home.run(&format!("start v1.36.2 {SIM} --dry-run"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("nothing was changed"), "{}", said.stderr);
    let plan = home.must(&format!("plan v1.36.2 {SIM}"));
    assert!(plan.contains("install kubeadm=1.36.2-1.1"), "{plan}");
    let plan: Value =
        serde_json::from_str(&home.must(&format!("plan v1.36.2 {SIM} -o json"))).unwrap();
    assert_eq!(plan["plan"]["to"], "v1.36.2");
    assert!(home.must(&format!("plan v1.36.2 {SIM} -o yaml")).starts_with("schema: 1\n"));
    assert_eq!(home.runs(), Vec::<String>::new());
    let left = std::fs::read_dir(home.path("state")).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = left.filter(|it| it.to_string_lossy().starts_with("plan-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn killed_runs_are_told_apart_and_their_histories_say_who_took_over() {
    let home = Home::new();
    let start = format!("start v1.36.2 {SIM} -y --until control-plane");
    let first = home.killed_run(&start, 3);
    let second = home.killed_run(&start, 3);
    refuses(&home, "resume 20", (2, &first));
    refuses(&home, &format!("logs {first} --step nothing.w1"), (2, "has no step `nothing.w1`"));
    refuses(&home, &format!("resume {first} --retry nothing --reason x"), (2, "nothing"));
    refuses(&home, &format!("resume {first} --skip w9 --reason x"), (2, "w9"));
    refuses(&home, &format!("resume {first} --skip cp1 --reason x"), (2, "only workers"));
    assert_eq!(home.must("history").lines().count(), 3);
    let runs = home.must("history -o json");
    let runs: Vec<Value> = runs.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(runs.iter().filter(|it| it["run"] == *first || it["run"] == *second).count(), 2);
    home.must(&format!("abandon {second} --reason because"));
    refuses(&home, &format!("rollback {second} -y"), (2, "abandoned"));
    let reached = home.run(&format!("resume {first}"));
    assert_eq!(reached.code, Some(3), "{}", reached.stderr);
    home.must(&format!("resume {first}"));
    let text = home.must(&format!("history {first}"));
    assert!(text.contains("-- the process before had died; "), "{text}");
    assert!(text.contains("another one took over, epoch 2 --"), "{text}");
}

#[test]
fn until_pauses_and_a_resume_finishes() {
    let home = Home::new();
    let paused = home.run(&format!("start v1.36.2 {SIM} -y --until control-plane"));
    assert_eq!(paused.code, Some(3), "{}", paused.stderr);
    assert!(paused.stderr.contains("Hint: kup resume "), "{}", paused.stderr);
    let run = home.runs().remove(0);
    let show: Value = serde_json::from_str(&home.must("show @last -o json")).unwrap();
    assert_eq!((&show["run"], &show["status"]), (&Value::from(run.as_str()), &"paused".into()));
    home.must(&format!("resume {run}"));
    let again = home.run(&format!("resume {run}"));
    assert_eq!(again.code, Some(0));
    assert!(again.stderr.contains("There is nothing to resume"), "{}", again.stderr);
    let history = home.history(&run);
    let types: Vec<&str> = history.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(types.iter().filter(|it| **it == "RunPaused").count(), 1);
    assert_eq!(types.last(), Some(&"RunFinished"));
    assert!(home.must(&format!("history {run} -o yaml")).starts_with("- seq: 1\n"));
    assert!(home.must(&format!("show {run} -o yaml")).contains("status: succeeded"));
    let log = home.must(&format!("logs {run} --step kubeadm-preflight.cp1"));
    assert!(log.contains("to upgrade the cluster version to \"v1.36.2\""), "{log}");
}

/// `kup start ... 2>&1 | tee log`: the Ctrl-C that rests kup ends `tee` first.
#[test]
fn a_run_goes_on_when_nobody_reads_what_it_says() {
    let home = Home::new();
    let mut command = home.command(&format!("start v1.36.2 {SIM} -y"));
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    child.stderr.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Sends SIGHUP to a run as soon as it has begun, and returns its exit code.
#[track_caller]
fn hung_up(prefix: &str) -> Option<i32> {
    let home = Home::new();
    let words = format!("start v1.36.2 {SIM} -y");
    let kup = home.command(&words);
    let mut shell = Command::new("sh");
    shell.env("HOME", home.path("")).env("KUP_STATE_DIR", home.path("state"));
    let mut child = shell
        .args(["-c", &format!("{prefix} exec \"$@\" 2>/dev/null"), "sh"])
        .arg(kup.get_program())
        .args(words.split_whitespace())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let run = loop {
        if let Some(run) = home.runs().pop() {
            break run;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no run began");
        pause(1);
    };
    // It listens before its second write.
    home.grows(&run, 3, &mut child);
    let hup = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(hup.success());
    child.wait().unwrap().code()
}

fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1
}

#[test]
fn a_terminal_that_is_closed_rests_a_run_unless_nohup_says_otherwise() {
    // Who runs the tests may have said nohup, too, and children inherit that.
    let expected = if ignores_hangups() { 0 } else { 129 };
    assert_eq!(hung_up(""), Some(expected));
    assert_eq!(hung_up("trap '' HUP;"), Some(0));
}
