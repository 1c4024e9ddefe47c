//! Backups whose secrets are encrypted to somebody's key.

use std::fs;
use std::path::{Path, PathBuf};

use kup_steps::sim::SimWorld;
use serde_json::Value;

use crate::cli_backup_create::listed;
use crate::cli_program::{Home, Ran, newborn, wall_clock, without_lists};

pub(crate) const SPEC: &str = "sim:1x1@v1.29.4";
const START: &str = "start v1.30.1 --cluster sim:1x1@v1.29.4 --sim-dir lab -y";
const ANNA: &str = "AGE-SECRET-KEY-1XVTVSY6YQD2G029XGQF952S3ZSMLSH3EHJXWJX30J6NN4CWCQPYSKVHFPS\n";
const OF_ANNA: &str = "age1799ycj3v48vkrpl06n3vxukvradwn2lzgfvpapvc8ht2hm4x4vfsukzyed";
const BERND: &str = "AGE-SECRET-KEY-14338HSNRHJSL8Q62U6USRA4ZCH288EYY4Y4SUG0J09R9U4GELTYSL9TQH9\n";

/// A home with a finished run over a cluster that lives apart, and the files of two keys.
pub(crate) fn finished(flags: &str) -> (Home, String) {
    let home = Home::new();
    fs::write(home.path("anna.key"), ANNA).unwrap();
    fs::write(home.path("bernd.key"), BERND).unwrap();
    let ran = home.run(&format!("{START} {flags}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let run = home.runs().remove(0);
    (home, run)
}

fn encrypted() -> (Home, String) {
    finished(&format!("--backup-recipient {OF_ANNA}"))
}

pub(crate) fn picture(home: &Home) -> String {
    without_lists(&SimWorld::open(&home.path("lab"), wall_clock()).unwrap().picture().unwrap())
}

/// Returns the texts of a control plane's files that nobody may read.
fn secrets(home: &Home) -> Vec<String> {
    let machine = fs::read(home.path("lab/machines/cp1.json")).unwrap();
    let machine: Value = serde_json::from_slice(&machine).unwrap();
    let paths = ["pki/ca.key", "pki/sa.key", "pki/etcd/ca.key", "admin.conf"];
    let text = |path| machine["files"][format!("/etc/kubernetes/{path}")]["text"].as_str();
    paths.into_iter().filter_map(text).map(str::to_owned).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// Says which file of the state directory has a secret in it.
pub(crate) fn leak(home: &Home) -> Option<PathBuf> {
    let secrets = secrets(home);
    assert!(secrets.len() >= 3);
    let has = |path: &PathBuf| {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        secrets.iter().any(|secret| text.contains(secret.trim()))
    };
    files(&home.path("state")).into_iter().find(has)
}

/// Takes all copies of the run away from the nodes.
pub(crate) fn forget(home: &Home, run: &str) {
    for node in ["cp1", "w1"] {
        fs::remove_dir_all(home.path(&format!("lab/disk/{node}/var/lib/kup/backups/{run}")))
            .unwrap();
    }
}

fn sealed_files(home: &Home, run: &str) -> Vec<PathBuf> {
    let all = files(&home.path(&format!("state/runs/{run}/blobs")));
    all.into_iter().filter(|path| path.extension().is_some_and(|it| it == "age")).collect()
}

/// Says that a command was refused, and that neither the cluster nor the history has changed.
#[track_caller]
pub(crate) fn refused(home: &Home, run: &str, words: &str) -> Ran {
    let before = (picture(home), home.history(run).len());
    let ran = home.run(words);
    assert_ne!(ran.code, Some(0), "{words}");
    assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
    assert_eq!((picture(home), home.history(run).len()), before, "{words}");
    ran
}

#[test]
fn a_secret_lies_in_the_state_directory_where_nothing_was_asked_for() {
    let (home, _) = finished("");
    assert!(leak(&home).is_some(), "the others would find nothing in any case");
}

#[test]
fn no_secret_is_readable_in_the_state_directory_and_what_is_there_is_proved_with_and_without_a_key()
{
    let (home, run) = encrypted();
    assert_eq!(leak(&home), None);
    assert!(sealed_files(&home, &run).len() >= 3);
    let all = listed(&home, &run);
    let secret = |it: &&Value| it["form"] == "encrypted";
    let n_secret = all.iter().filter(secret).count();
    assert!(n_secret >= 3 && n_secret < all.len(), "ConfigMaps are none: {n_secret}");
    assert!(home.must(&format!("backup list {run}")).contains("(encrypted)"));
    let said = home.must("backup verify --nodes");
    assert!(
        said.contains(&format!("{n_secret} of {} are encrypted, and their files", all.len())),
        "{said}"
    );
    let said = home.must("backup verify --backup-identity anna.key");
    assert!(said.contains(&format!("{0} of {0} are as they were kept", all.len())), "{said}");
    let said = home.must("backup verify --backup-identity bernd.key");
    assert!(said.contains("encrypted, as written"), "{said}");
    assert!(home.must("doctor").contains("0 problems"));
    let history = home.must(&format!("history {run}"));
    assert!(history.contains("BackupsGuarded") && history.contains(OF_ANNA), "{history}");
    let snapshot =
        history.lines().find(|it| it.contains("StepCompleted") && it.contains("snapshot"));
    assert!(snapshot.unwrap().contains("encrypted: it came whole"), "{snapshot:?}");
}

#[test]
fn a_rollback_needs_no_key_where_the_nodes_have_their_copies() {
    let (home, run) = encrypted();
    home.must(&format!("rollback {run} -y"));
    assert_eq!(picture(&home), newborn(SPEC));
    assert_eq!(leak(&home), None);
}

#[test]
fn a_rollback_without_the_nodes_copies_asks_for_the_key_before_anything_is_touched() {
    let (home, run) = encrypted();
    forget(&home, &run);
    for words in ["", " --backup-identity bernd.key"] {
        for how in ["-y", "--dry-run"] {
            let ran = refused(&home, &run, &format!("rollback {run} {how}{words}"));
            assert_eq!(ran.code, Some(2), "{}", ran.stderr);
            assert!(ran.stderr.contains("backups that are encrypted"), "{}", ran.stderr);
            assert!(ran.stderr.contains("--backup-identity FILE"), "{}", ran.stderr);
        }
    }
    let ran = refused(&home, &run, &format!("rollback {run} -y --backup-identity gone.key"));
    assert!(ran.stderr.contains("cannot use gone.key"), "{}", ran.stderr);
    home.must(&format!("rollback {run} -y --backup-identity anna.key"));
    assert_eq!(picture(&home), newborn(SPEC));
    assert_eq!(leak(&home), None);
}

#[test]
fn an_encrypted_backup_that_was_changed_is_refused_before_anything_is_touched() {
    let (home, run) = encrypted();
    forget(&home, &run);
    for file in sealed_files(&home, &run) {
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }
    for key in ["", " --backup-identity anna.key"] {
        let ran = refused(&home, &run, &format!("rollback {run} -y{key}"));
        assert_eq!(ran.code, Some(12), "{}", ran.stderr);
        assert!(ran.stderr.contains("is damaged"), "{}", ran.stderr);
        let ran = home.run(&format!("backup verify{key}"));
        assert_eq!(ran.code, Some(12), "{}", ran.stdout);
        assert!(ran.stdout.contains("DAMAGED"), "{}", ran.stdout);
    }
    assert_eq!(home.run("doctor").code, Some(12));
}

#[test]
fn an_encrypted_backup_is_restored_with_its_key_only() {
    let (home, run) = encrypted();
    let all = listed(&home, &run);
    for what in ["/etc/kubernetes", "snapshot of etcd"] {
        let is_of = |it: &&Value| it["what"].as_str().unwrap().starts_with(what);
        let id = all.iter().find(is_of).unwrap()["id"].as_str().unwrap().to_owned();
        let ran = refused(&home, &run, &format!("backup restore {id} --to out"));
        assert!(
            ran.stderr.contains("is encrypted") && !home.path("out").exists(),
            "{}",
            ran.stderr
        );
        home.must(&format!("backup restore {id} --to out --backup-identity anna.key"));
        assert!(!files(&home.path("out")).is_empty());
        fs::remove_dir_all(home.path("out")).unwrap();
    }
}

#[test]
fn a_run_that_was_killed_goes_on_encrypting_without_any_flag() {
    let home = Home::new();
    let run = home.killed_run(&format!("{START} --backup-recipient {OF_ANNA}"), 30);
    let before = sealed_files(&home, &run).len();
    home.must(&format!("resume {run}"));
    assert!(sealed_files(&home, &run).len() > before);
    assert_eq!(leak(&home), None);
}

#[test]
fn an_encrypted_run_comes_to_a_new_machine_and_goes_back_from_there() {
    let (home, run) = encrypted();
    home.must(&format!("export {run} run.tar"));
    fs::remove_dir_all(home.path("state")).unwrap();
    forget(&home, &run);
    home.must("import run.tar");
    assert_eq!(leak(&home), None);
    assert!(home.must("doctor").contains("0 problems"));
    refused(&home, &run, &format!("rollback {run} -y"));
    home.must(&format!("rollback {run} -y --backup-identity anna.key"));
    assert_eq!(picture(&home), newborn(SPEC));
}

#[test]
fn encrypted_backups_are_pruned_like_others() {
    let (home, run) = encrypted();
    assert!(!sealed_files(&home, &run).is_empty());
    home.must(&format!("commit {run} -y"));
    assert!(sealed_files(&home, &run).is_empty());
    assert!(home.must("doctor").contains("0 problems"));
}

#[test]
fn a_backup_run_encrypts_too() {
    let home = Home::new();
    let words = "backup create --cluster sim:1x1@v1.29.4 --sim-dir lab";
    let ran = home.run(&format!("{words} --backup-recipient {OF_ANNA}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains(OF_ANNA), "{}", ran.stderr);
    assert_eq!(leak(&home), None);
    assert!(home.must("backup verify").contains("are encrypted"));
}

#[test]
fn who_cannot_be_encrypted_to_is_refused_and_leaves_no_run() {
    let home = Home::new();
    for (recipient, why) in [("age1nobody", "`age1nobody`"), (ANNA.trim(), "an identity was given")]
    {
        let ran = home.run(&format!("{START} --backup-recipient {recipient}"));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(why) && !ran.stderr.contains(ANNA.trim()), "{}", ran.stderr);
    }
    assert_eq!(home.runs(), Vec::<String>::new());
}

#[test]
fn a_saved_plan_says_how_backups_are_kept() {
    let home = Home::new();
    let plan = "plan v1.30.1 --cluster sim:1x1@v1.29.4 --sim-dir lab --out plan";
    let shown = home.must(&format!("{plan} --backup-recipient {OF_ANNA}"));
    assert!(
        shown.contains("are encrypted before they reach") && shown.contains(OF_ANNA),
        "{shown}"
    );
    home.must("start --plan plan -y");
    assert_eq!(leak(&home), None);
}

#[test]
fn an_encrypted_snapshot_of_etcd_is_restored_with_its_key_only() {
    let home = Home::new();
    fs::write(home.path("anna.key"), ANNA).unwrap();
    fs::write(home.path("etcdutl"), "#!/bin/sh\necho etcdutl version: 3.5.30\n").unwrap();
    let start = "start v1.34.9 --cluster sim:1x0@v1.33.13 --sim-dir lab --etcdutl etcdutl -y";
    home.must(&format!("{start} --backup-recipient {OF_ANNA}"));
    let run = home.runs().remove(0);
    let words = format!("rollback {run} --restore-etcd --dry-run");
    let ran = refused(&home, &run, &words);
    assert!(ran.stderr.contains("backups that are encrypted"), "{}", ran.stderr);
    assert!(home.must(&format!("{words} --backup-identity anna.key")).contains("R3"));
}
