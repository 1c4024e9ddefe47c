//! An upgrade that nobody remembers: `kubeadm upgrade` was interrupted, by hand or under a kup whose journal is gone. A new plan sees where it
//! stands and ends it.

use std::sync::Arc;
use std::time::Duration;

use kup_core::engine::Rest;
use kup_core::event::{Event, PauseReason, Verdict};
use kup_steps::facts::VERSIONED;
use kup_steps::planner::PlanProblem;
use kup_tests::walk::camera::Shot;
use kup_tests::walk::life::{End, Will};
use kup_tests::walk::process::{Moment, Undisturbed};
use kup_tests::walk::site::{Route, Site};

use super::{Fate, SUCCEEDED, at, count, forward, lives};

const FAULT: &str = "kubeadm or a package manager killed, and the journal lost";
const WHERE: &str = "while a node or the API works";

/// What an operator must mend first: a package manager that was interrupted, as nobody knows any more who began that; a key that was
/// written without its certificate, for which there is no copy.
fn asks_for_a_repair(site: &Site, end: &End) -> bool {
    let End::Rest(Rest::Paused(PauseReason::Gate { gate })) = end else { return false };
    let evidence = match site.state().gates.get(gate) {
        Some(Verdict::Block { evidence, .. }) => evidence.clone(),
        Some(Verdict::Pass { .. } | Verdict::Warn { .. }) | None => String::new(),
    };
    match gate.as_str() {
        "no-other-upgrade" | "package-manager" => true,
        "control-plane-healthy" => evidence.contains("key and certificate"),
        _ => false,
    }
}

/// Package lists of a repository that somebody has switched are the node's own affair: what is installed was fetched with lists of kup's own.
fn without_lists(picture: &str) -> String {
    let line = |line: &str| match line.contains(": repository ") {
        true => line.split(", lists ").next().unwrap_or_default().to_owned(),
        false => line.to_owned(),
    };
    picture.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether nothing was cordoned yet: a cordon of a run that is lost is somebody else's.
fn is_before_cordons(shot: &Shot) -> bool {
    let is_cordon = |event: &Event| matches!(event, Event::AttemptStarted(it) if it.step.as_str().contains("cordon"));
    !shot.entries.iter().any(|entry| is_cordon(&entry.event))
}

#[tokio::test]
async fn an_upgrade_that_was_interrupted_anywhere_and_forgotten_is_ended_by_a_new_plan() {
    for route in
        [Route::new("sim:2x1@v1.29.4", "v1.30.1"), Route::new("sim:3x0@v1.35.6", "v1.36.2")]
    {
        let walk = forward(&route, 1).await;
        let mut ended = 0;
        for n in at(&walk.shots, &[Moment::Waiting]) {
            let shot = &walk.shots[n];
            if !is_before_cordons(shot) {
                break;
            }
            let site = walk.site.revive(shot);
            Fate::UnitsKilled.befall(&site);
            let site = match site.planned_anew(&route).await {
                Ok(site) => site,
                Err(PlanProblem::Equal(_)) => continue,
                Err(problem) => panic!("shot {n}: {problem}"),
            };
            let end = lives(&site, Arc::new(Undisturbed), Will::Go).await;
            if asks_for_a_repair(&site, &end) {
                count(FAULT, WHERE, "asked for a repair first");
                continue;
            }
            assert_eq!(end, SUCCEEDED, "shot {n}: {:#?}", site.last_entries());
            let picture = without_lists(&site.picture());
            let steps: Vec<_> = site.plan().steps().map(|(_, it)| it.id.to_string()).collect();
            let after = without_lists(&walk.after);
            assert_eq!(picture, after, "{} shot {n}: {steps:?}", route.target);
            count(FAULT, WHERE, "succeeded");
            ended += 1;
        }
        assert!(ended > 30, "{ended} ended");
    }
}

/// Lets kubeadm run on until `is_there` of the world's picture, and kills it then.
fn killed_when(site: &Site, node: &str, is_there: impl Fn(&str) -> bool) -> bool {
    for _ in 0..4_000 {
        if is_there(&site.world.picture().unwrap()) {
            site.world.kill_attempts(node).unwrap();
            return true;
        }
        site.forward(Duration::from_millis(2));
    }
    false
}

/// Whether kubeadm has moved one of these manifests away and not yet another one in.
fn is_between_two_renames(picture: &str, node: &str, components: &[&str]) -> bool {
    components.iter().any(|it| {
        let file = format!("{node}: file /etc/kubernetes/manifests/{it}.yaml");
        !picture.contains(&file)
    })
}

/// Returns the first shot in which an attempt of this step is at work.
fn at_work<'a>(shots: &'a [Shot], step: &str) -> &'a Shot {
    let is_of = |it: &Event| matches!(it, Event::AttemptStarted(it) if it.step.as_str() == step);
    let is_under_way = |shot: &&Shot| {
        shot.moment == Moment::Waiting && shot.entries.last().is_some_and(|last| is_of(&last.event))
    };
    shots.iter().find(is_under_way).unwrap()
}

/// Interrupts a step that takes one of these manifests away, and has a new plan end the upgrade.
async fn taken_away_and_put_back(route: &Route, step: &str, components: &[&str]) {
    let walk = forward(route, 1).await;
    let site = walk.site.revive(at_work(&walk.shots, step));
    let is_there = |picture: &str| is_between_two_renames(picture, "cp2", components);
    assert!(killed_when(&site, "cp2", is_there), "kubeadm took nothing away");
    site.forward(Duration::from_secs(120));
    let site = site.planned_anew(route).await.unwrap();
    let waves: Vec<String> = site.plan().waves.iter().map(|wave| wave.name.clone()).collect();
    assert_eq!(waves[0], "repair", "{waves:?}");
    let end = lives(&site, Arc::new(Undisturbed), Will::Go).await;
    assert_eq!(end, SUCCEEDED, "{:#?}", site.last_entries());
    assert_eq!(site.picture(), walk.after);
    count("kubeadm killed between two renames, and the journal lost", WHERE, "succeeded");
}

#[tokio::test]
async fn a_manifest_that_kubeadm_took_away_by_hand_is_put_back_before_the_first_hop() {
    let route = Route::new("sim:3x0@v1.29.4", "v1.30.1");
    taken_away_and_put_back(&route, "kubeadm-node.cp2", &VERSIONED).await;
}

#[tokio::test]
async fn a_manifest_of_etcd_that_kubeadm_took_away_is_put_back_too() {
    let route = Route::new("sim:3x0@v1.35.6", "v1.36.2");
    taken_away_and_put_back(&route, "kubeadm-etcd.cp2", &["etcd"]).await;
}

#[tokio::test]
async fn the_kubelets_configuration_that_kubeadm_has_not_written_is_written_before_the_first_hop() {
    let route = Route::new("sim:1x1@v1.19.4", "v1.20.1");
    let walk = forward(&route, 1).await;
    let site = walk.site.revive(at_work(&walk.shots, "kubeadm-apply.cp1"));
    let is_there = |picture: &str| {
        picture.contains("cluster version v1.20.1") && !picture.contains("kubelet-config-1.20")
    };
    assert!(killed_when(&site, "cp1", is_there), "kubeadm wrote both at once");
    site.forward(Duration::from_secs(120));
    let site = site.planned_anew(&route).await.unwrap();
    let waves: Vec<String> = site.plan().waves.iter().map(|wave| wave.name.clone()).collect();
    assert_eq!(waves[0], "repair", "{waves:?}");
    let end = lives(&site, Arc::new(Undisturbed), Will::Go).await;
    assert_eq!(end, SUCCEEDED, "{:#?}", site.last_entries());
    assert_eq!(site.picture(), walk.after);
    count("kubeadm killed after it wrote kubeadm-config, and the journal lost", WHERE, "succeeded");
}
