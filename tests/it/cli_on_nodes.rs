//! Backups whose secrets never leave their nodes.

use std::fs;

use crate::cli_backup_create::listed;
use crate::cli_guard::{SPEC, finished, forget, leak, picture, refused};
use crate::cli_program::{Home, newborn};

#[test]
fn where_secrets_stay_on_their_nodes_none_is_here_and_the_nodes_copies_lead_back() {
    let (home, run) = finished("--backups-stay-on-nodes");
    assert_eq!(leak(&home), None);
    let all = listed(&home, &run);
    assert!(all.iter().all(|it| it["kind"] != "etcd-snapshot"), "no snapshot comes here");
    let there = all.iter().filter(|it| it["form"] == "on-node").count();
    assert!(there >= 2, "{all:?}");
    let said = home.must("backup verify --nodes");
    assert!(said.contains(&format!("{there} of {} are on their node only", all.len())), "{said}");
    assert!(
        said.contains(&format!("{there} of {there} copies on nodes are as they were")),
        "{said}"
    );
    assert!(home.must("doctor").contains("0 problems"));
    let id = all.iter().find(|it| it["form"] == "on-node").unwrap()["id"].as_str().unwrap();
    let ran = refused(&home, &run, &format!("backup restore {id} --to out"));
    assert!(ran.stderr.contains("on its node only"), "{}", ran.stderr);
    home.must(&format!("export {run} run.tar"));
    fs::remove_dir_all(home.path("state")).unwrap();
    home.must("import run.tar");
    home.must(&format!("rollback {run} -y"));
    assert_eq!(picture(&home), newborn(SPEC));
    assert_eq!(leak(&home), None);
}

#[test]
fn where_secrets_stayed_on_a_node_that_lost_them_a_rollback_is_refused() {
    let (home, run) = finished("--backups-stay-on-nodes");
    forget(&home, &run);
    let ran = refused(&home, &run, &format!("rollback {run} -y"));
    assert_eq!(ran.code, Some(12), "{}", ran.stderr);
    assert!(ran.stderr.contains("nor whole at /var/lib/kup/backups/"), "{}", ran.stderr);
    let ran = home.run("backup verify --nodes");
    assert_eq!(ran.code, Some(12), "{}", ran.stdout);
}

#[test]
fn a_plan_says_that_no_snapshot_leads_back_where_secrets_stay() {
    let home = Home::new();
    let shown = home.must("plan v1.36.2 --cluster sim:1x0@v1.35.6 --backups-stay-on-nodes");
    assert!(shown.contains("No secret leaves its node") && shown.contains("no R3"), "{shown}");
    assert!(!shown.contains("take a snapshot of etcd"), "{shown}");
    assert!(shown.contains("leave --backups-stay-on-nodes out"), "{shown}");
}

#[test]
fn a_backup_run_that_leaves_everything_on_its_node_is_proved_there() {
    let home = Home::new();
    home.must("backup create --cluster sim:1x1@v1.29.4 --sim-dir lab --backups-stay-on-nodes");
    let run = home.runs().remove(0);
    assert_eq!(leak(&home), None);
    let all = listed(&home, &run);
    assert_eq!(all.iter().filter(|it| it["form"] == "on-node").count(), 2, "{all:?}");
    assert!(all.iter().all(|it| it["kind"] == "copy"));
    assert!(home.must("backup verify --nodes").contains("2 of 2 copies on nodes are as they were"));
}
